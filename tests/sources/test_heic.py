"""HEIC by pillow-heif, where it is installed: the rules of every other format hold, and files that lie are refused."""

import contextlib
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import BadImageError
from ganeval.sources.decoding.formats import FORMATS, picture_name, sniff
from ganeval.sources.decoding.rules import decode
from ganeval.sources.folder import FolderSource

START = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
needs_package = pytest.mark.skipif("heic" not in {row.name for row in FORMATS}, reason="pillow-heif is not installed")


def heic(pixels=PIXELS, **options):
    """A file as near to lossless as HEVC comes through YCbCr."""
    heif = pytest.importorskip("pillow_heif")
    mode = "L" if pixels.ndim == 2 else {3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    mode, pixels = (f"{mode};16", pixels.astype("<u2")) if pixels.dtype == np.uint16 else (mode, pixels)
    stream = io.BytesIO()
    made = heif.from_bytes(mode=mode, size=pixels.shape[1::-1], data=pixels.tobytes())
    made.save(stream, quality=-1, chroma=444, **options)
    return stream.getvalue()


def off(data, expected):
    return int(np.abs(decode(data, "a.heic").pixels.astype(int) - expected.transpose(2, 0, 1)).max())


@needs_package
def test_colours_greys_and_alpha_are_those_of_every_format():
    grey = PIXELS[..., 0]
    alpha = np.dstack([PIXELS, np.where(np.arange(40) < 20, 255, 0).astype(np.uint8)[None].repeat(24, 0)])
    shown = np.where(alpha[..., 3:] == 255, PIXELS, 255)

    assert off(heic(), PIXELS) <= 2
    assert off(heic(grey), grey[..., None].repeat(3, 2)) == 0
    assert decode(heic(grey), "a.heic").notes == {"grey"}
    assert off(heic(alpha), shown) <= 2
    assert "alpha" in decode(heic(alpha), "a.heic").notes


@needs_package
def test_a_turned_picture_stands_upright_once_and_the_row_says_so():
    exif = Image.Exif()
    exif[274] = 6
    found = decode(heic(exif=exif.tobytes()), "a.heic")

    assert found.pixels.shape == (3, 40, 24)
    assert "exif" in found.notes
    assert np.abs(found.pixels.astype(int) - np.rot90(PIXELS, -1).transpose(2, 0, 1)).max() <= 2


@needs_package
def test_of_several_pictures_the_primary_one_is_read():
    heif = pytest.importorskip("pillow_heif")
    both = heif.HeifFile()
    for pixels in (255 - PIXELS, PIXELS):
        both.add_frombytes("RGB", (40, 24), pixels.tobytes())
    stream = io.BytesIO()
    both.save(stream, quality=-1, chroma=444, primary_index=1)

    assert off(stream.getvalue(), PIXELS) <= 2
    assert "animated" in decode(stream.getvalue(), "a.heic").notes


@needs_package
def test_deep_samples_are_refused_and_not_cut_to_eight_bits():
    with pytest.raises(BadImageError, match="samples of 10 bits; expected 8-bit"):
        decode(heic(PIXELS.astype(np.uint16) * 257), "a.heic")


@needs_package
@pytest.mark.parametrize("ending", ["heic", "HEIC", "heif", "hif", "png"])
def test_a_folder_of_photos_of_a_phone_is_a_set(tmp_path, ending):
    (tmp_path / f"IMG_1.{ending}").write_bytes(heic())
    source = FolderSource(tmp_path)

    assert len(source) == 1
    assert source.read(0).format == "heic"
    assert ("mislabelled" in source.read(0).decode().notes) == (ending == "png")


@needs_package
@pytest.mark.parametrize("spoil", ["cut", "flip", "head", "zeros"])
def test_damage_gives_pixels_or_our_error(spoil):
    whole, rng = heic(), np.random.default_rng(1)
    for case in range(25):
        data = bytearray(whole)
        if spoil == "cut":
            data = data[: int(rng.integers(30, len(data)))]
        elif spoil == "zeros":
            start = int(rng.integers(24, len(data)))
            data[start : start + 40] = bytes(len(data[start : start + 40]))
        else:
            for place in rng.integers(24, 400 if spoil == "head" else len(data), 1 + case % 5):
                data[place] ^= int(rng.integers(1, 256))
        with contextlib.suppress(BadImageError):
            assert decode(bytes(data), "a.heic").pixels.dtype == np.uint8


@needs_package
def test_a_size_beyond_the_limit_is_refused_before_it_is_decoded():
    data = bytearray(heic())
    at = data.index(b"ispe") + 8
    data[at : at + 8] = (30_000).to_bytes(4, "big") * 2

    with pytest.raises(BadImageError, match=r"at most 67,108,864|cannot decode this heic"):
        decode(bytes(data), "a.heic")


def test_it_is_known_by_its_first_bytes_and_not_taken_for_avif_or_video():
    avif = b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif"

    assert picture_name(START) == "HEIC"
    assert picture_name(avif) == "AVIF"
    assert sniff(avif) is None or sniff(avif).name == "avif"
    assert picture_name(b"\0\0\0\x18ftypisom\0\0\0\0isommp42") is None


def test_reading_a_folder_without_such_a_file_does_not_import_the_package(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    code = (
        "import sys; from pathlib import Path; from ganeval.sources.folder import FolderSource; "
        f"FolderSource(Path({str(tmp_path)!r})).read(0).decode(); sys.exit('pillow_heif' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_without_the_package_the_pictures_are_counted_and_the_extra_named(tmp_path, monkeypatch):
    from ganeval.sources import listing
    from ganeval.sources.decoding import formats

    few = tuple(row for row in FORMATS if row.name != "heic")
    monkeypatch.setattr(formats, "FORMATS", few)
    monkeypatch.setattr(listing, "IMAGE_EXTENSIONS", frozenset(ending for row in few for ending in row.extensions))
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    (tmp_path / "b.heic").write_bytes(START + bytes(50))
    source = FolderSource(tmp_path)

    assert source.skipped == {"HEIC picture, a format that is not decoded here": 1}
    assert "pip install 'ganeval[heif]' reads HEIC" in source.notes[0]
