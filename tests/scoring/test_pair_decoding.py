"""Pairs whose two images were stored or decoded differently: the right number, or words beside it, never silence."""

import json
import math
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

import ganeval
from ganeval.errors import DataError, UsageError
from ganeval.gate.scorer import Setting
from ganeval.results.protocol import Protocol
from ganeval.sources.decoding.rules import DECODE_POLICY, decode, decode_policy, stated_peak
from tests.image_files import RGB, RGBA, png, tiff


@pytest.fixture
def save(tmp_path):
    """Writes a folder of images, name -> array or Image, and gives its path."""

    def write(folder, images, **options):
        path = tmp_path / folder
        path.mkdir()
        for name, image in images.items():
            (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path / name, **options)
        return path

    return write


def grey(seed, size=(48, 40)):
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def noisy(image, seed=99):
    moved = image.astype(int) + np.random.default_rng(seed).integers(-20, 21, image.shape)
    return np.clip(moved, 0, 255).astype(np.uint8)


def rgb(image):
    return np.stack([image] * 3, axis=-1)


def psnr(a, b):
    return 10 * math.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2))


def studio(image):
    """BT.601 luma of RGB (H, W, 3), rounded as MATLAB does."""
    return np.floor(16 + image @ np.array([65.481, 128.553, 24.966]) / 255 + 0.5)


# ---- luma of grey pictures


def test_a_grey_original_is_its_own_luma(save):
    real = grey(0)
    fake = noisy(real)
    row = ganeval.score(
        save("sr", {"a.png": fake}), paired=save("hr", {"a.png": real}), metrics="psnr", channel="y", crop_border=4
    )["psnr"]

    assert row.value == pytest.approx(psnr(fake[4:-4, 4:-4], real[4:-4, 4:-4]), abs=1e-9)
    assert row.protocol.version == 2
    assert row.protocol.params["luma"] == "BT.601, 16..235; an original of one channel is its own luma, 0..255"
    assert "1 of 1 originals are stored in one channel: their own luma" in row.note


def test_ssim_of_a_grey_original_is_that_of_its_values(save):
    real = grey(1, (180, 176))
    folders = save("sr", {"a.png": noisy(real)}), save("hr", {"a.png": real})
    luma, plain = (
        ganeval.score(folders[0], paired=folders[1], metrics="ssim,ms_ssim", channel=channel)
        for channel in ("y", "rgb")
    )

    for key in ("ssim", "ms_ssim"):
        assert luma[key].value == pytest.approx(plain[key].value, abs=1e-12)
        assert luma[key].protocol.version == 2
        assert plain[key].protocol.version == 1


@pytest.mark.parametrize(
    "stored",
    [
        Image.fromarray(grey(2)),
        Image.fromarray(np.dstack([grey(2), np.full_like(grey(2), 255)]), "LA"),
        Image.fromarray(grey(2).astype(np.uint16) * 257),
        Image.fromarray(np.where(grey(2) < 128, np.uint8(0), np.uint8(255))).convert("1"),
    ],
    ids=["L", "LA", "I;16", "1"],
)
def test_every_way_to_store_one_channel_is_its_own_luma(save, stored):
    shown = np.asarray(stored.convert("L")) if stored.mode in ("L", "LA", "1") else grey(2)
    fake = noisy(grey(2))
    row = ganeval.score(save("sr", {"a.png": fake}), paired=save("hr", {"a.png": stored}), metrics="psnr", channel="y")[
        "psnr"
    ]

    assert row.value == pytest.approx(psnr(fake, shown), abs=1e-9)


def test_arrays_of_one_channel_are_their_own_luma():
    real = grey(3)
    fake = noisy(real)
    row = ganeval.score(fake[None, ..., None], paired=real[None, ..., None], metrics="psnr", channel="y")["psnr"]

    assert row.value == pytest.approx(psnr(fake, real), abs=1e-9)


def test_a_fake_of_three_equal_channels_follows_its_grey_original(save):
    real = grey(4)
    fake = noisy(real)
    hr = save("hr", {"a.png": real})
    as_grey, as_rgb = (
        ganeval.score(save(name, {"a.png": image}), paired=hr, metrics="psnr", channel="y")["psnr"]
        for name, image in (("grey", fake), ("rgb", rgb(fake)))
    )

    assert as_rgb.value == as_grey.value == pytest.approx(psnr(fake, real), abs=1e-9)
    assert as_rgb.fingerprint == as_grey.fingerprint


def test_one_pixel_of_colour_does_not_change_the_scale_of_the_number(save):
    real = grey(5)
    fake = rgb(noisy(real))
    hr = save("hr", {"a.png": real})
    tinted = fake.copy()
    tinted[0, 0, 0] ^= 1
    plain, coloured = (
        ganeval.score(save(name, {"a.png": image}), paired=hr, metrics="psnr", channel="y")["psnr"]
        for name, image in (("plain", fake), ("tinted", tinted))
    )

    assert coloured.value == pytest.approx(plain.value, abs=0.01)
    assert "(1 of them against a fake in colour, weighted over the same range)" in coloured.note


def test_colour_originals_go_through_bt601_as_before_and_their_fingerprint_stays(save):
    rng = np.random.default_rng(6)
    real = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    fake = noisy(real)
    row = ganeval.score(save("sr", {"a.png": fake}), paired=save("hr", {"a.png": real}), metrics="psnr", channel="y")[
        "psnr"
    ]

    assert row.value == pytest.approx(psnr(studio(fake), studio(real)), abs=1e-9)
    assert row.protocol.version == 1
    assert dict(row.protocol.params) == {}
    assert "luma" not in row.note


def test_a_mixed_set_says_how_many_originals_went_which_way(save):
    colour = np.random.default_rng(7).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    originals = {"bridge.png": grey(8), "face.png": colour, "twin.png": rgb(grey(9))}
    fakes = {"bridge.png": noisy(grey(8)), "face.png": noisy(colour), "twin.png": noisy(grey(9))}
    row = ganeval.score(save("sr", fakes), paired=save("hr", originals), metrics="psnr", channel="y")["psnr"]

    expected = [
        psnr(fakes["bridge.png"], originals["bridge.png"]),
        psnr(studio(fakes["face.png"]), studio(colour)),
        psnr(studio(rgb(fakes["twin.png"])), studio(originals["twin.png"])),
    ]
    assert row.value == pytest.approx(np.mean(expected), abs=1e-9)
    assert "1 of 3 originals are stored in one channel: their own luma, 0..255" in row.note
    assert "1 grey original is stored in colour: BT.601, 16..235" in row.note
    assert "1 in colour: BT.601, 16..235" in row.note


# ---- two sides that were decoded differently


def colour(seed, size=(24, 32)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def with_alpha(image):
    alpha = np.full(image.shape[:2], 255, np.uint8)
    alpha[:, : image.shape[1] // 2] = 0
    return Image.fromarray(np.dstack([image, alpha]), "RGBA")


def oriented(image, orientation, folder, name):
    exif = Image.Exif()
    exif[274] = orientation
    folder.mkdir(exist_ok=True)
    Image.fromarray(image).save(folder / name, exif=exif.tobytes())
    return folder


def profiled(path, image):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(image).save(path, icc_profile=profile)


def with_gamma(path, image):
    path.write_bytes(png(image, RGB, 8, chunks=[(b"gAMA", struct.pack(">I", 100_000))]))


KINDS = {
    "alpha": lambda path, image: with_alpha(image).save(path),
    "transparent palette": lambda path, image: with_alpha(image).quantize(64).save(path),
    "16-bit": lambda path, image: path.write_bytes(png(image.astype(np.uint16) * 257, RGB, 16)),
    "palette": lambda path, image: Image.fromarray(image).quantize(64).save(path),
    "grey": lambda path, image: Image.fromarray(image).convert("L").save(path),
    "1-bit": lambda path, image: Image.fromarray(image).convert("1").save(path),
    "grey and alpha": lambda path, image: with_alpha(image).convert("LA").save(path),
    "cmyk": lambda path, image: Image.fromarray(image).convert("CMYK").save(path.with_suffix(".jpg")),
    "icc": profiled,
    "gamma": with_gamma,
    "jpeg": lambda path, image: Image.fromarray(image).save(path.with_suffix(".jpg")),
    "lossy WebP": lambda path, image: Image.fromarray(image).save(path.with_suffix(".webp"), quality=80),
    "JPEG in TIFF": lambda path, image: Image.fromarray(image).save(path.with_suffix(".tif"), compression="jpeg"),
    "animated": lambda path, image: Image.fromarray(image).save(
        path, save_all=True, append_images=[Image.fromarray(255 - image)]
    ),
}
SAID = {
    "alpha": "alpha composited on white",
    "transparent palette": "alpha composited on white",
    "16-bit": "16 bits reduced to 8",
    "palette": "palette looked up",
    "grey": "one channel",
    "1-bit": "one channel",
    "grey and alpha": "one channel",
    "cmyk": "CMYK converted without a profile",
    "icc": "colour profile ignored",
    "gamma": "PNG gamma ignored",
    "jpeg": "stored as JPEG",
    "lossy WebP": "compressed with loss",
    "JPEG in TIFF": "compressed with loss",
    "animated": "first frame taken",
}


@pytest.mark.parametrize("fakes_differ", [False, True], ids=["originals", "fakes"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_done_to_one_image_of_a_pair_alone_is_said_with_counts(kind, fakes_differ, tmp_path):
    folders = [tmp_path / "sr", tmp_path / "hr"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        for i in range(3):
            special = i < 2 and number == (0 if fakes_differ else 1)
            write = KINDS[kind] if special else lambda path, image: Image.fromarray(image).save(path)
            write(folder / f"{i}.png", colour(i))
    row = ganeval.score(folders[0], paired=folders[1], metrics="ssim")["ssim"]

    counts = "2 of 3 fakes and 0 of 3 originals" if fakes_differ else "0 of 3 fakes and 2 of 3 originals"
    assert f"{SAID[kind]} in {counts}" in row.note
    assert row.provenance["decoded"]["fake"] != row.provenance["decoded"]["real"]


def test_renders_on_black_against_transparent_originals_are_warned_of(command_line, save):
    shown = {f"{i}.png": np.where(np.arange(32)[None, :, None] < 16, 0, colour(i)).astype(np.uint8) for i in range(5)}
    renders = save("renders", shown)
    originals = save("originals", {name: with_alpha(image) for name, image in shown.items()})

    code, out, err = command_line("score", renders, "--paired", originals, "--metrics", "psnr", "--json", "-")

    (row,) = json.loads(out)["rows"]
    assert code == 0
    assert row["value"] < 4
    assert "decoded differently: alpha composited on white in 0 of 5 fakes and 5 of 5 originals" in row["note"]
    assert row["provenance"]["decoded"] == {"fake": {"png": 5}, "real": {"alpha": 5, "png": 5}}
    assert " ".join(err.split()).count("alpha composited on white in 0 of 5 fakes and 5 of 5 originals") == 1
    assert "composite both on one background" in " ".join(err.split())


def test_pairs_that_were_decoded_alike_say_nothing(command_line, save):
    images = {f"{i}.png": with_alpha(colour(i)) for i in range(3)}
    a, b = save("a", images), save("b", {name: with_alpha(colour(9)) for name in images})

    _, out, err = command_line("score", a, "--paired", b, "--metrics", "psnr", "--json", "-")

    (row,) = json.loads(out)["rows"]
    assert "decoded" not in row["note"]
    assert "warning" not in err


def test_a_rotation_that_one_side_has_is_said_of_squares(tmp_path, save):
    upright = colour(0, (32, 32))
    hr = oriented(upright, 6, tmp_path / "hr", "a.jpg")
    row = ganeval.score(save("sr", {"a.png": upright}), paired=hr, metrics="psnr")["psnr"]

    assert row.value < 12
    assert "EXIF rotation applied in 0 of 1 fakes and 1 of 1 originals" in row.note


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_size_error_names_the_rotation(orientation, tmp_path, save):
    hr = oriented(colour(0), orientation, tmp_path / "hr", "a.jpg")
    with pytest.raises(DataError) as caught:
        ganeval.score(save("sr", {"a.png": colour(0)}), paired=hr, metrics="psnr")

    assert "the fake is 32x24, the real 24x32" in str(caught.value)
    assert "The real image has an EXIF rotation and was turned upright; the fake has none" in str(caught.value)
    assert "mogrify -auto-orient" in str(caught.value)


def test_a_size_error_of_turned_images_without_a_tag_says_so(save):
    with pytest.raises(DataError, match="Width and height are exchanged: one of the two was turned by 90 degrees"):
        ganeval.score(
            save("sr", {"a.png": colour(0)}), paired=save("hr", {"a.png": colour(0, (32, 24))}), metrics="psnr"
        )


def test_limited_range_of_one_side_is_said(save):
    images = {f"{i}.png": colour(i) for i in range(2)}
    video = {name: np.rint(16 + image * (219 / 255)).astype(np.uint8) for name, image in images.items()}
    row = ganeval.score(save("sr", video), paired=save("hr", images), metrics="psnr")["psnr"]

    assert "the fakes span 16..235 and the originals 0..255, as limited-range video would" in row.note


def test_masks_of_0_and_1_are_told_of(save):
    masks = {f"{i}.png": (colour(i) > 127).astype(np.uint8) for i in range(2)}
    row = ganeval.score(
        save("sr", masks), paired=save("hr", {name: 1 - mask for name, mask in masks.items()}), metrics="psnr"
    )["psnr"]

    assert "the largest value of both sets is 1 of 255: dark pictures, or samples of fewer bits" in row.note


def test_it_is_not_held_against_a_network_that_its_original_is_a_jpeg(tmp_path):
    (tmp_path / "hr").mkdir()
    for i in range(2):
        Image.fromarray(colour(i, (32, 32))).save(tmp_path / "hr" / f"{i}.jpg")
    row = ganeval.score("reference_models.baselines:bicubic_x4", paired=tmp_path / "hr", metrics="psnr")["psnr"]

    assert "decoded differently" not in row.note
    assert row.provenance["decoded"] == {"fake": {"generated": 2}, "real": {"jpeg": 2}}


def test_a_set_that_was_decoded_otherwise_than_its_reference_says_so(save):
    plain = {f"{i:02d}.png": colour(i) for i in range(12)}
    fakes = save("fakes", plain)
    reference = save("real", {name: with_alpha(image) for name, image in plain.items()})
    row = ganeval.score(fakes, reference=reference, metrics="kd", engine="torch")["kd"]

    assert "alpha composited on white in 0 of 12 generated and 12 of 12 reference images" in row.note


# ---- samples of fewer bits in 16-bit files


def at_bits(image, bits):
    return np.rint(image * ((2**bits - 1) / 255)).astype(np.uint16)


@pytest.fixture
def deep(tmp_path):
    """Writes colour images with 16-bit samples, as PNG or TIFF."""

    def write(folder, images, kind="png"):
        path = tmp_path / folder
        path.mkdir()
        for name, image in images.items():
            data = png(image, RGB, 16) if kind == "png" else tiff(image)
            (path / f"{name}.{kind}").write_bytes(data)
        return path

    return write


def pictures(count=3):
    """stem -> (fake, original), 8 bits."""
    return {str(i): (noisy(colour(i), i + 50), colour(i)) for i in range(count)}


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_samples_of_fewer_bits_are_refused_until_white_is_stated(bits, kind, deep, command_line):
    pairs = pictures()
    fakes = deep("sr", {stem: at_bits(pair[0], bits) for stem, pair in pairs.items()}, kind)
    reals = deep("hr", {stem: at_bits(pair[1], bits) for stem, pair in pairs.items()}, kind)
    white = 2**bits - 1
    command = ("score", fakes, "--paired", reals, "--metrics", "psnr", "--json", "-")

    code, out, err = command_line(*command)
    assert (code, out) == (3, "")
    words = " ".join(err.split())
    assert f"The largest value of both sets is {white:,} of 65,535 (6 16-bit images)" in words
    assert f"this looks like {bits}-bit data" in words
    assert f"--peak {white}" in words

    code, out, err = command_line(*command, "--peak", white)
    (row,) = json.loads(out)["rows"]
    assert code == 0
    assert row["value"] == pytest.approx(np.mean([psnr(*pair) for pair in pairs.values()]), abs=1e-9)
    assert f"16-bit round(255v/{white})" in row["protocol"]["decode"]
    assert row["note"] == "no interval: n = 3 < 20, where it would rely on normality"


def test_stating_16_bits_scores_dark_pictures_as_they_are(deep):
    pairs = pictures()
    fakes, reals = (
        deep(name, {stem: at_bits(pair[k], 12) for stem, pair in pairs.items()}) for k, name in enumerate(("sr", "hr"))
    )
    row = ganeval.score(fakes, paired=reals, metrics="psnr", peak=65_535)["psnr"]

    assert row.value > 45  # 29 dB at 8 bits
    assert row.protocol.decode == DECODE_POLICY


def test_pictures_that_are_dark_by_chance_are_scored_with_a_warning(deep, command_line):
    dark = {stem: np.random.default_rng(int(stem)).integers(0, 3000, (16, 16, 3)).astype(np.uint16) for stem in "012"}
    reals = deep("hr", {stem: image + 10 for stem, image in dark.items()})

    code, out, err = command_line("score", deep("sr", dark), "--paired", reals, "--metrics", "psnr", "--json", "-")

    (row,) = json.loads(out)["rows"]
    assert code == 0
    said = "the largest value of both sets is 3,008 of 65,535 (6 16-bit images): dark pictures, or 12-bit data"
    assert said in row["note"]
    assert said in " ".join(err.split())


def test_one_bright_picture_shows_that_16_bits_are_meant(deep):
    images = {stem: at_bits(pair[1], 12) for stem, pair in pictures().items()}
    images["2"] = colour(2).astype(np.uint16) * 251
    row = ganeval.score(deep("sr", images), paired=deep("hr", images), metrics="ssim")["ssim"]

    assert "looks like" not in row.note
    assert "dark pictures" not in row.note


def test_8_bit_samples_that_are_stored_twice_are_no_fewer_bits(deep):
    images = {stem: (pair[1] // 16).astype(np.uint16) * 257 for stem, pair in pictures().items()}
    row = ganeval.score(deep("sr", images), paired=deep("hr", images), metrics="ssim")["ssim"]

    assert "bit data" not in row.note


def test_a_set_that_may_hold_fewer_bits_says_so_in_its_rows(deep):
    dark = {f"{i:02d}": np.random.default_rng(i).integers(0, 3000, (16, 16, 3)).astype(np.uint16) for i in range(12)}
    row = ganeval.score(
        deep("fakes", dark),
        reference=deep("reals", {stem: image[::-1] for stem, image in dark.items()}),
        metrics="kd",
        engine="torch",
    )["kd"]

    assert "the largest value of the generated images is 2,999 of 65,535 (12 16-bit images): dark pictures" in row.note


def test_one_set_of_fewer_bits_against_8_bit_originals_is_refused(deep, save):
    pairs = pictures()
    fakes = deep("sr", {stem: at_bits(pair[0], 12) for stem, pair in pairs.items()})
    reals = save("hr", {f"{stem}.png": pair[1] for stem, pair in pairs.items()})
    with pytest.raises(DataError, match=r"The largest value of the fakes is 4,095 of 65,535 \(3 16-bit images\)"):
        ganeval.score(fakes, paired=reals, metrics="psnr")

    row = ganeval.score(fakes, paired=reals, metrics="psnr", peak=4095)["psnr"]
    assert row.value == pytest.approx(np.mean([psnr(*pair) for pair in pairs.values()]), abs=1e-9)
    assert "16 bits reduced to 8 in 3 of 3 fakes and 0 of 3 originals" in row.note


def test_a_sample_above_the_stated_white_is_an_error_and_no_bad_image(deep):
    images = {stem: at_bits(pair[1], 12) for stem, pair in pictures().items()}
    folders = deep("sr", images), deep("hr", images)
    with pytest.raises(DataError, match=r"'0.png': it has a sample of 4,095, above peak=1023"):
        ganeval.score(folders[0], paired=folders[1], metrics="psnr", peak=1023, on_bad="skip")


@pytest.mark.parametrize("peak", [0, -1, 65_536])
def test_a_white_that_16_bits_do_not_hold_is_refused(peak, save):
    folder = save("a", {"a.png": colour(0)})
    with pytest.raises(UsageError, match="peak= takes a whole number from 1 to 65535"):
        ganeval.score(folder, paired=folder, metrics="psnr", peak=peak)


def test_a_peak_that_nothing_needs_is_said(save):
    row = ganeval.score(
        save("sr", {"a.png": colour(0)}), paired=save("hr", {"a.png": colour(1)}), metrics="psnr", peak=4095
    )["psnr"]

    assert "--peak 4095 had no effect: there is no 16-bit image" in row.note


def test_arrays_of_uint16_are_read_with_a_stated_white_alone(tmp_path):
    fake, real = (np.stack([at_bits(pair[k], 12) for pair in pictures().values()]) for k in range(2))
    np.save(tmp_path / "hr.npy", real)
    with pytest.raises(DataError, match=r"holds uint16; .* peak= .* The largest value is 4,095"):
        ganeval.score(fake, paired=tmp_path / "hr.npy", metrics="psnr")
    with pytest.raises(DataError, match="holds 4,095, above peak=1023"):
        ganeval.score(fake, paired=real, metrics="psnr", peak=1023)

    expected = np.mean([psnr(*pair) for pair in pictures().values()])
    for paired in (tmp_path / "hr.npy", real):
        assert ganeval.score(fake, paired=paired, metrics="psnr", peak=4095)["psnr"].value == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [4095, 65_535])
def test_an_opaque_alpha_of_either_depth_is_opaque(alpha):
    samples = at_bits(colour(0), 12)
    whole = np.dstack([samples, np.full(samples.shape[:2], alpha, np.uint16)])
    got = decode(png(whole, RGBA, 16), "a.png", 4095)

    np.testing.assert_array_equal(got.pixels, colour(0).transpose(2, 0, 1))
    assert got.notes == {"16-bit"}
    assert got.peak == 4095


def test_a_pgm_states_its_own_white():
    stored = at_bits(grey(0), 12)
    data = b"P5 40 48 4095\n" + stored.astype(">u2").tobytes()

    np.testing.assert_array_equal(decode(data, "a.pgm", 4095).pixels[0], grey(0))
    np.testing.assert_array_equal(decode(data, "a.pgm").pixels[0], grey(0))


def test_a_set_of_fewer_bits_is_refused_by_set_metrics_too_from_the_cache_as_well(deep):
    images = {stem: at_bits(pair[1], 12) for stem, pair in pictures(12).items()}
    fakes, reals = deep("fakes", images), deep("reals", {stem: image[::-1] for stem, image in images.items()})
    for _ in range(2):
        with pytest.raises(DataError, match=r"The largest value of .*fakes is 4,095 of 65,535 \(12 16-bit images\)"):
            ganeval.score(fakes, reference=reals, metrics="kd", engine="torch")

    stated = ganeval.score(fakes, reference=reals, metrics="kd", engine="torch", peak=4095)["kd"]
    dark = ganeval.score(fakes, reference=reals, metrics="kd", engine="torch", peak=65_535)["kd"]
    assert stated.fingerprint != dark.fingerprint
    assert stated.value != dark.value


def test_stated_white_gives_set_metrics_the_value_of_8_bits(deep, save):
    images = {stem: pair[1] for stem, pair in pictures(12).items()}
    twelve = [
        deep("f12", {stem: at_bits(image, 12) for stem, image in images.items()}),
        deep("r12", {stem: at_bits(image[::-1], 12) for stem, image in images.items()}),
    ]
    eight = [
        save("f8", {f"{stem}.png": image for stem, image in images.items()}),
        save("r8", {f"{stem}.png": image[::-1] for stem, image in images.items()}),
    ]
    a = ganeval.score(twelve[0], reference=twelve[1], metrics="kd", engine="torch", peak=4095)["kd"]
    b = ganeval.score(eight[0], reference=eight[1], metrics="kd", engine="torch")["kd"]

    assert a.value == pytest.approx(b.value, rel=1e-6)


def test_a_gate_scores_with_the_white_of_its_baseline():
    assert stated_peak(decode_policy(4095)) == 4095
    assert stated_peak(decode_policy()) is None
    assert decode_policy(65_535) == DECODE_POLICY
    protocol = Protocol("psnr", 1, decode=decode_policy(4095), channel="rgb", crop_border=0)
    assert Setting.of(protocol).peak == 4095


def test_a_stated_white_is_not_doubted(deep, command_line):
    images = {stem: at_bits(pair[1], 12) for stem, pair in pictures(4).items()}
    fakes, reals = deep("fakes", images), deep("reals", {stem: image[::-1] for stem, image in images.items()})

    names = []
    for peak in ([], ["--peak", "4095"], ["--peak", "65535"]):
        _, out, _ = command_line("doctor", fakes, "--against", reals, "--no-effects", "--json", "-", *peak)
        names.append({finding["name"] for finding in json.loads(out)["rows"]})
    assert ["depth" in found for found in names] == [True, False, False]

    _, out, err = command_line(
        "score", fakes, "--reference", reals, "--metrics", "kd", "--peak", "65535", "--engine", "torch", "--json", "-"
    )
    assert "bit data" not in json.loads(out)["rows"][0]["note"]
    assert "bit data" not in err


def test_doctor_finds_a_reference_of_fewer_bits(deep, save, command_line):
    fakes = save("fakes", {f"{stem}.png": pair[0] for stem, pair in pictures(4).items()})
    reals = deep("reals", {stem: at_bits(pair[1], 10) for stem, pair in pictures(4).items()})
    _, out, _ = command_line("doctor", fakes, "--against", reals, "--no-effects", "--json", "-")

    (finding,) = [finding for finding in json.loads(out)["rows"] if finding["name"] == "depth"]
    assert finding["severity"] == "serious"
    assert finding["says"].startswith("the largest value of the reference is 1,023 of 65,535 (4 16-bit images)")


def test_a_reference_file_names_the_white_it_was_built_with(deep, command_line, tmp_path):
    images = {stem: at_bits(pair[1], 12) for stem, pair in pictures(4).items()}
    fakes, built = deep("fakes", images), tmp_path / "r.safetensors"
    assert command_line("reference", "build", fakes, "-o", built, "--peak", "4095", "--engine", "torch")[0] == 0

    code, _, err = command_line("score", fakes, "--reference", built, "--metrics", "kd", "--engine", "torch")
    assert code == 6
    assert "Score with --peak 4095, as it was built, or build it again." in " ".join(err.split())


def test_two_colour_profiles_of_a_pair_are_told_of(save):
    profiles = [ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes() for kind in ("sRGB", "XYZ")]
    folders = [
        save(name, {"a.png": colour(0)}, icc_profile=profile)
        for name, profile in zip(("sr", "hr"), profiles, strict=True)
    ]
    row = ganeval.score(folders[0], paired=folders[1], metrics="ssim")["ssim"]
    same = ganeval.score(folders[1], paired=folders[1], metrics="ssim")["ssim"]

    assert "two different colour profiles, both ignored, in 1 of 1 pairs" in row.note
    assert "profile" not in same.note
