"""The quality setting that a JPEG file was written with, read from its quantisation table without decoding a pixel."""

import functools
import io
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import JpegImagePlugin

# ITU-T T.81 (1992), table K.1: the luminance table that libjpeg scales by its quality setting.
LUMINANCE: Final = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.int64,
)


def table_of(quality: int) -> npt.NDArray[np.int64]:
    """The (8, 8) luminance table of libjpeg's quality 1 to 100 (jcparam.c, jpeg_quality_scaling)."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((LUMINANCE * scale + 50) // 100, 1, 255)


@functools.cache
def _tables() -> npt.NDArray[np.float64]:
    """(100, 64) logarithms of the tables of quality 1 to 100."""
    return np.log(np.stack([table_of(quality).reshape(-1) for quality in range(1, 101)]).astype(np.float64))


def quality_of_table(table: Sequence[int]) -> int:
    """The quality 1 to 100 whose table is nearest in ratio; other encoders' own tables get the nearest of libjpeg's.

    Args:
        table: 64 divisors of the luminance, row by row.
    """
    wanted = np.log(np.maximum(np.asarray(table, dtype=np.float64), 1))
    return int(np.abs(_tables() - wanted).sum(axis=1).argmin()) + 1


def jpeg_quality(data: bytes) -> int | None:
    """The quality of a JPEG file, 1 to 100; None where its header holds no whole table.

    Args:
        data: The stored file; anything but a JPEG gives None.
    """
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    try:
        with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
            table = list(image.quantization.get(0, ()))
    except Exception:  # a header that Pillow cannot parse: decoding says what is wrong with the file
        return None
    return quality_of_table(table) if len(table) == 64 else None
