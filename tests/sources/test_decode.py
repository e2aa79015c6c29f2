"""Every row of the decode policy on an image made for it, with the pixels worked out by hand."""

import io
import struct

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile, ImageOps

from ganeval.errors import BadImageError, DataError
from ganeval.sources.decoding.quantise import quantise
from ganeval.sources.decoding.quantise_tensor import quantise_tensor
from ganeval.sources.decoding.rules import DECODE_POLICY, RULES, decode, rgb_from_array
from ganeval.sources.limits import MAX_PIXELS
from tests.image_files import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, chunk, png, saved, tiff

rng = np.random.default_rng(7)


def pixels(data, name="x"):
    return decode(data, name).pixels


def chw(samples):
    return np.moveaxis(np.asarray(samples), -1, 0)


COLOURS = rng.integers(0, 256, (11, 13, 3), dtype=np.uint8)
DEEP = rng.integers(0, 65536, (11, 13, 4), dtype=np.uint16)
DEEP[0, 0] = 65535
DEEP[0, 1] = 0


def to_8_bit(wide):
    return np.rint(np.asarray(wide, np.float64) / 257)


def on_white(colour, alpha):
    return np.rint((colour * alpha + 255.0 * (255 - alpha)) / 255)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_rgb_comes_back_bit_for_bit(kind):
    got = decode(saved(Image.fromarray(COLOURS), kind), f"a.{kind.lower()}")
    np.testing.assert_array_equal(got.pixels, chw(COLOURS))
    assert got.pixels.dtype == np.uint8
    assert got.pixels.flags.c_contiguous
    assert got.notes == frozenset()


def test_lossless_webp_comes_back_bit_for_bit():
    np.testing.assert_array_equal(pixels(saved(Image.fromarray(COLOURS), "WEBP", lossless=True)), chw(COLOURS))


def test_jpeg_is_what_pillow_decodes():
    data = saved(Image.fromarray(COLOURS), "JPEG", quality=90)
    np.testing.assert_array_equal(pixels(data), chw(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_of_any_depth_spreads_to_the_full_range_and_repeats(bits):
    stored = rng.integers(0, 2**bits, (6, 9, 1), dtype=np.uint8)
    got = decode(png(stored, GREY, bits), "a.png")
    for channel in got.pixels:
        np.testing.assert_array_equal(channel, stored[..., 0] * (255 // (2**bits - 1)))
    assert got.notes == {"grey"}


def test_every_16_bit_grey_scales_by_257_and_does_not_wrap():
    stored = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    got = decode(png(stored, GREY, 16), "a.png")
    np.testing.assert_array_equal(got.pixels[0], to_8_bit(stored[..., 0]))
    assert got.notes == {"grey", "16-bit"}


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "channels"), [(RGB, 3), (RGBA, 4), (GREY_ALPHA, 2)])
def test_16_bit_png_colour_is_rounded_from_both_bytes(colour, channels, interlaced):
    stored = DEEP[..., :channels]
    got = decode(png(stored, colour, 16, interlaced=interlaced, filtered=not interlaced), "a.png")
    expected = to_8_bit(stored)
    if channels in (2, 4):
        expected = on_white(expected[..., :-1], expected[..., -1:])
    np.testing.assert_array_equal(got.pixels, chw(np.broadcast_to(expected, (11, 13, 3))))
    assert "16-bit" in got.notes
    # The high byte alone, which Pillow keeps, would be another picture.
    assert (expected != (stored[..., : expected.shape[-1]] >> 8)).any()


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_tiff_colour_is_rounded_in_either_byte_order(order, deflate, channels):
    stored = DEEP[..., :channels]
    expected = to_8_bit(stored)
    if channels == 4:
        expected = on_white(expected[..., :3], expected[..., 3:])
    got = decode(tiff(stored, order=order, deflate=deflate), "a.tif")
    np.testing.assert_array_equal(got.pixels, chw(expected))
    assert "16-bit" in got.notes


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey_tiff_scales_in_either_byte_order(order):
    got = pixels(tiff(DEEP[..., :1], order=order, photometric=1))
    np.testing.assert_array_equal(got[1], to_8_bit(DEEP[..., 0]))


def test_16_bit_pgm_scales():
    stored = DEEP[..., 0]
    data = b"P5 13 11 65535\n" + stored.astype(">u2").tobytes()
    np.testing.assert_array_equal(pixels(data)[2], to_8_bit(stored))


def test_alpha_is_composited_on_white_exactly():
    colour, alpha = (axis.ravel() for axis in np.meshgrid(np.arange(256), np.arange(256)))
    stored = np.stack([colour, 255 - colour, colour // 2, alpha], axis=-1).astype(np.uint8).reshape(256, 256, 4)
    got = decode(png(stored, RGBA, 8), "a.png")
    expected = on_white(stored[..., :3].astype(float), stored[..., 3:].astype(float))
    np.testing.assert_array_equal(got.pixels, chw(expected))
    assert got.notes == {"alpha"}


def test_what_lies_under_transparent_pixels_is_never_seen():
    hidden = np.concatenate([COLOURS, np.zeros((11, 13, 1), np.uint8)], axis=-1)
    assert (pixels(png(hidden, RGBA, 8)) == 255).all()


def test_an_opaque_alpha_channel_changes_nothing_and_is_no_note():
    opaque = np.concatenate([COLOURS, np.full((11, 13, 1), 255, np.uint8)], axis=-1)
    got = decode(png(opaque, RGBA, 8), "a.png")
    np.testing.assert_array_equal(got.pixels, chw(COLOURS))
    assert got.notes == frozenset()


def test_grey_with_alpha_is_composited_then_repeated():
    stored = rng.integers(0, 256, (5, 6, 2), dtype=np.uint8)
    got = decode(png(stored, GREY_ALPHA, 8), "a.png")
    np.testing.assert_array_equal(got.pixels[0], on_white(stored[..., 0].astype(float), stored[..., 1].astype(float)))
    assert got.notes == {"grey", "alpha"}


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_is_matched_in_the_bits_of_the_file(bits):
    stored = np.arange(2 ** min(bits, 4), dtype=np.uint16).reshape(1, -1, 1)
    got = decode(png(stored, GREY, bits, chunks=[(b"tRNS", struct.pack(">H", 1))]), "a.png")
    scale = 255 / (2**bits - 1)
    np.testing.assert_array_equal(
        got.pixels[0, 0], np.where(stored[0, :, 0] == 1, 255, np.rint(stored[0, :, 0] * scale))
    )
    assert "alpha" in got.notes


@pytest.mark.parametrize("bits", [8, 16])
def test_a_transparent_colour_is_matched_in_all_channels(bits):
    stored = np.array([[[1, 2, 3], [1, 2, 4], [0, 0, 0]]], np.uint16) * (256 if bits == 16 else 1) + (bits == 16)
    key = struct.pack(">3H", *stored[0, 0])
    got = pixels(png(stored, RGB, bits, chunks=[(b"tRNS", key)]))
    np.testing.assert_array_equal(got[:, 0, 0], [255, 255, 255])
    np.testing.assert_array_equal(got[:, 0, 1], np.rint(stored[0, 1] / (257 if bits == 16 else 1)))


def test_palette_is_looked_up_with_its_transparency():
    stored = np.array([[[0], [1], [2]]], np.uint8)
    table = bytes([10, 20, 30, 40, 50, 60, 70, 80, 90])
    got = decode(png(stored, PALETTE, 8, chunks=[(b"PLTE", table), (b"tRNS", bytes([255, 0, 128]))]), "a.png")
    expected = [[10, 255, on_white(70, 128)], [20, 255, on_white(80, 128)], [30, 255, on_white(90, 128)]]
    np.testing.assert_array_equal(got.pixels[:, 0], expected)
    assert got.notes == {"palette", "alpha"}


def test_opaque_palette_is_no_alpha():
    stored = np.array([[[1], [0]]], np.uint8)
    got = decode(png(stored, PALETTE, 8, chunks=[(b"PLTE", bytes([1, 2, 3, 4, 5, 6]))]), "a.png")
    np.testing.assert_array_equal(got.pixels[:, 0], [[4, 1], [5, 2], [6, 3]])
    assert got.notes == {"palette"}


def test_cmyk_tiff_follows_the_stated_formula_everywhere():
    c, k = (axis.astype(np.uint8) for axis in np.meshgrid(np.arange(256), np.arange(256)))
    stored = np.stack([c, 255 - c, c // 3, k], axis=-1)
    got = decode(saved(Image.frombytes("CMYK", (256, 256), stored.tobytes()), "TIFF"), "a.tif")
    ink = stored.astype(float)
    np.testing.assert_array_equal(got.pixels, chw(np.rint((255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255)))
    assert got.notes == {"cmyk"}


def test_cmyk_jpeg_as_adobe_writes_it_is_not_a_negative():
    flat = np.broadcast_to(np.array([200, 30, 60, 20], np.uint8), (16, 16, 4))
    data = saved(Image.frombytes("CMYK", (16, 16), flat.tobytes()), "JPEG", quality=100)
    assert b"Adobe" in data
    expected = np.rint((255 - np.array([200.0, 30, 60])) * 235 / 255)
    assert np.abs(pixels(data)[:, 8, 8] - expected).max() <= 2


def oriented(orientation):
    """A 2 x 3 picture stored so that `orientation` makes it upright again, and the upright pixels."""
    exif = Image.Exif()
    exif[274] = orientation
    return exif.tobytes()


# What (row, column) of the stored 2 x 3 picture [[1, 2, 3], [4, 5, 6]] becomes (Exif 2.3, tag 274).
UPRIGHT = {
    1: [[1, 2, 3], [4, 5, 6]], 2: [[3, 2, 1], [6, 5, 4]], 3: [[6, 5, 4], [3, 2, 1]], 4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]], 6: [[4, 1], [5, 2], [6, 3]], 7: [[6, 3], [5, 2], [4, 1]], 8: [[3, 6], [2, 5], [1, 4]],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "16-bit PNG", "16-bit TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_exif_orientations_stand_upright(orientation, kind):
    stored = np.repeat(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[..., None], 3, axis=-1)
    exif = oriented(orientation)
    match kind:
        case "16-bit PNG":  # the EXIF chunk after the pixels, where PNG allows it too
            data = png(stored.astype(np.uint16) * 257, RGB, 16)
            data = data[:-12] + chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")) + data[-12:]
        case "16-bit TIFF":
            data = tiff(stored.astype(np.uint16) * 257, tags=[(274, (3, 1, orientation))])
        case "TIFF":
            data = tiff(stored, tags=[(274, (3, 1, orientation))])
        case _:
            data = saved(Image.fromarray(stored), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    got = decode(data, "x")
    for channel in got.pixels:
        np.testing.assert_array_equal(channel, UPRIGHT[orientation])
    assert ("exif" in got.notes) == (orientation != 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_orientation_agrees_with_pillow(orientation):
    data = saved(Image.fromarray(COLOURS), "JPEG", exif=oriented(orientation))
    np.testing.assert_array_equal(pixels(data), chw(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))))


@pytest.mark.parametrize("exif", [b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + bytes(20), b"junk"])
def test_damaged_exif_neither_refuses_nor_turns_the_image(exif):
    data = png(COLOURS, RGB, 8, chunks=[(b"eXIf", exif)])
    np.testing.assert_array_equal(pixels(data), chw(COLOURS))


def test_icc_profile_is_ignored_and_noted():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    got = decode(saved(Image.fromarray(COLOURS), "PNG", icc_profile=profile), "a.png")
    np.testing.assert_array_equal(got.pixels, chw(COLOURS))
    assert got.notes == {"icc"}


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts(kind):
    first = Image.new("RGB", (8, 8), (255, 0, 0))
    others = [Image.new("RGB", (8, 8), (0, 255, 0)), Image.new("RGB", (8, 8), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    got = decode(saved(first, kind, save_all=True, append_images=others, **options), "x")
    np.testing.assert_array_equal(got.pixels, chw(np.asarray(first)))
    assert "animated" in got.notes


def test_a_still_gif_is_not_animated():
    assert decode(saved(Image.new("RGB", (8, 8), (1, 2, 3)), "GIF"), "a.gif").notes == {"palette"}


def test_gif_transparency_becomes_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([9, 8, 7, 200, 100, 50])
    image.putpixel((1, 0), 1)
    got = decode(saved(image, "GIF", transparency=0), "a.gif")
    assert "alpha" in got.notes
    np.testing.assert_array_equal(got.pixels[:, 0, 1], [200, 100, 50])
    np.testing.assert_array_equal(got.pixels[:, 3, 3], [255, 255, 255])


def test_content_wins_over_a_wrong_extension():
    got = decode(saved(Image.fromarray(COLOURS), "PNG"), "a.jpg")
    np.testing.assert_array_equal(got.pixels, chw(COLOURS))
    assert got.notes == {"mislabelled"}


FULL = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "PPM"])
def test_a_file_cut_anywhere_is_refused(kind):
    data = saved(FULL, kind)
    for cut in [0, 1, 4, 20, 50, *(len(data) * i // 10 for i in range(1, 10)), len(data) - 20, len(data) - 2]:
        with pytest.raises(BadImageError, match=r"'cut\.bin'"):
            decode(data[:cut], "cut.bin")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_a_file_cut_anywhere_is_refused_or_whole(kind):
    """GIF's last byte only says that nothing follows, BMP pads its last line: such a cut loses no pixel."""
    data = saved(FULL, kind)
    whole = pixels(data)
    refused = 0
    for cut in range(0, len(data), 7):
        try:
            np.testing.assert_array_equal(pixels(data[:cut]), whole)
        except BadImageError:
            refused += 1
    assert refused >= len(data) // 7 - 1


def test_one_flipped_bit_in_a_png_is_refused():
    data = bytearray(saved(FULL, "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(BadImageError, match="checksum of PNG chunk b'IDAT'"):
        decode(bytes(data), "x.png")


def test_random_damage_gives_pixels_or_bad_image_and_nothing_else():
    seeds = {kind: saved(FULL, kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "PPM")}
    outcomes = set()
    for data in seeds.values():
        for _ in range(60):
            damaged = bytearray(data)
            for position in rng.integers(0, min(len(data), 400), 4):
                damaged[position] = rng.integers(0, 256)
            try:
                outcomes.add(decode(bytes(damaged), "x").pixels.dtype == np.uint8)
            except BadImageError:
                outcomes.add("bad")
    assert outcomes == {True, "bad"}


def test_text_called_png_is_refused_by_its_content():
    with pytest.raises(BadImageError, match=r"'notes\.png': not an image: it starts with b'Dear reader,'"):
        decode(b"Dear reader, this is no picture.", "notes.png")


def test_zero_bytes_are_refused():
    with pytest.raises(BadImageError, match="empty \\(0 bytes\\)"):
        decode(b"", "a.png")


def huge(kind):
    """A small file that declares 100,000 x 100,000 pixels, or as many as its format can say."""
    match kind:
        case "png":
            data = png(COLOURS[:1], RGB, 8)
            return data[:8] + chunk(b"IHDR", struct.pack(">II", 100_000, 100_000) + data[24:29]) + data[33:]
        case "gif":  # a small screen with a frame that sticks out
            data = saved(Image.new("L", (4, 4)), "GIF")
            at = data.index(b",\0\0\0\0\x04\0\x04\0")
            return data[: at + 5] + struct.pack("<HH", 10_000, 10_000) + data[at + 9 :]
        case "webp":
            body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x3f\0" * 2
            return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
        case "bmp":
            data = saved(Image.new("RGB", (4, 4)), "BMP")
            return data[:18] + struct.pack("<ii", 100_000, 100_000) + data[26:]
        case "tiff":
            return tiff(COLOURS, tags=[(256, (4, 1, 100_000)), (257, (4, 1, 100_000))])
        case "jpeg":
            data = bytearray(saved(Image.new("RGB", (4, 4)), "JPEG"))
            at = data.index(b"\xff\xc0")
            data[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
            return bytes(data)
        case "ppm":
            return b"P6 100000 100000 255\n"
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["png", "gif", "webp", "bmp", "tiff", "jpeg", "ppm"])
def test_a_bomb_is_refused_by_our_limit_and_without_pillows_warning(kind):
    with pytest.raises(BadImageError, match=f"at most {MAX_PIXELS:,} are read"):
        decode(huge(kind), f"bomb.{kind}")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(DEEP[..., :1].astype(np.float32) / 65535, photometric=1), "32-bit samples of sample format 3"),
        (saved(Image.new("I", (4, 4), 9), "TIFF"), "sample format 2"),
        (saved(Image.new("LAB", (4, 4)), "TIFF"), "'LAB'"),
        (tiff(DEEP[..., :1], photometric=0), "white as zero"),
        (tiff(DEEP, tags=[(338, (3, 1, 1))]), "premultiplied"),
    ],
    ids=["float", "32-bit", "lab", "white-is-zero", "premultiplied"],
)
def test_samples_of_unknown_range_are_refused_not_guessed(data, reason):
    with pytest.raises(BadImageError, match=reason):
        decode(data, "x.tif")


def test_notes_come_from_the_table_and_the_policy_has_a_version():
    notes = [rule.note for rule in RULES if rule.note]
    assert len(notes) == len(set(notes))
    assert DECODE_POLICY.startswith("decode-v1: ")
    seen = decode(png(DEEP[..., :2], GREY_ALPHA, 16), "x.jpg").notes
    assert seen == {"16-bit", "grey", "alpha", "mislabelled"}
    assert seen <= set(notes)


def test_arrays_follow_the_same_rules_as_files():
    rgba = np.concatenate([COLOURS, rng.integers(0, 256, (11, 13, 1), dtype=np.uint8)], axis=-1)
    np.testing.assert_array_equal(rgb_from_array(rgba).pixels, pixels(png(rgba, RGBA, 8)))
    assert rgb_from_array(rgba[..., :1]).notes == {"grey"}


def test_quantise_is_round_of_clamp_and_the_two_versions_agree_bit_for_bit():
    x = np.concatenate([np.linspace(-0.5, 1.5, 40_001), np.arange(511) / 510, [np.inf, -np.inf]])
    for kind in (np.float16, np.float32, np.float64):
        values = x.astype(kind)
        got = quantise(values)
        np.testing.assert_array_equal(got, quantise_tensor(torch.from_numpy(values)).numpy())
        exact = np.clip(values.astype(np.float64), 0, 1) * 255
        assert np.abs(got - exact).max() <= 0.5 + 1e-5
    assert quantise(np.array([0.5, 1.5 / 255, 2.5 / 255])).tolist() == [128, 2, 2]  # ties go to even


def test_quantise_refuses_nan():
    values = np.array([0.5, np.nan, np.nan], np.float32)
    with pytest.raises(DataError, match="2 of 3 pixel values are NaN"):
        quantise(values)
    with pytest.raises(DataError, match="2 of 3 pixel values are NaN"):
        quantise_tensor(torch.from_numpy(values))
