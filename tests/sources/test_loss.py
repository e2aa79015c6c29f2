"""Files that were compressed with loss are known by the marks of their formats."""

import io

import numpy as np
import pytest
from PIL import Image, features

from ganeval.sources.decoding.formats import sniff
from ganeval.sources.decoding.loss import is_lossy

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1))
ICC = b"\0" * 129


@pytest.mark.parametrize(
    ("kind", "options", "lossy"),
    [
        ("PNG", {}, False),
        ("JPEG", {}, True),
        ("WEBP", {"quality": 80}, True),
        ("WEBP", {"lossless": True}, False),
        ("WEBP", {"quality": 80, "icc_profile": ICC}, True),
        ("WEBP", {"lossless": True, "icc_profile": ICC}, False),
        ("WEBP", {"quality": 80, "save_all": True, "append_images": [PHOTO.rotate(90)]}, True),
        ("WEBP", {"lossless": True, "save_all": True, "append_images": [PHOTO.rotate(90)]}, False),
        ("TIFF", {}, False),
        ("TIFF", {"compression": "tiff_lzw"}, False),
        ("TIFF", {"compression": "jpeg"}, True),
        ("JPEG2000", {"irreversible": True}, True),
        ("JPEG2000", {"irreversible": False}, False),
        ("AVIF", {"quality": 80}, True),
        ("GIF", {}, False),
    ],
)
def test_loss_is_known_and_a_cut_file_is_no_error(kind, options, lossy):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    stream = io.BytesIO()
    PHOTO.save(stream, kind, **options)
    data = stream.getvalue()
    name = sniff(data).name

    assert is_lossy(name, data) == lossy
    for end in range(0, len(data), max(1, len(data) // 40)):
        is_lossy(name, data[:end])
