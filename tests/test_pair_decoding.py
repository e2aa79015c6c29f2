"""Pairs whose two images were stored or decoded differently: the right number, or words beside it, never silence."""

import json
import math
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

import ganeval
from ganeval.errors import DataError
from tests.image_files import RGB, png


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
    assert "1 grey original is stored as RGB: BT.601, 16..235" in row.note
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


def test_a_set_that_was_decoded_otherwise_than_its_reference_says_so(save):
    plain = {f"{i:02d}.png": colour(i) for i in range(12)}
    fakes = save("fakes", plain)
    reference = save("real", {name: with_alpha(image) for name, image in plain.items()})
    row = ganeval.score(fakes, reference=reference, metrics="kd", engine="torch")["kd"]

    assert "alpha composited on white in 0 of 12 generated and 12 of 12 reference images" in row.note
