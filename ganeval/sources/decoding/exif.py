"""EXIF orientation: reads the one tag that moves pixels, and undoes it.

Read here rather than through Pillow because a damaged EXIF block must neither print a warning nor refuse sound pixels.
"""

import struct
from typing import Final

from ganeval.sources.base import Pixels

UPRIGHT: Final = 1
ORIENTATION_TAG: Final = 274


def orientation_of(exif: bytes) -> int:
    """Reads the orientation from the first directory of an EXIF block.

    Args:
        exif: With or without the leading "Exif" mark; empty where the image has none.

    Returns:
        1 to 8; 1 (upright) when the tag is absent or makes no sense.
    """
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return UPRIGHT
    try:
        (at,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", block, entry)
            if tag == ORIENTATION_TAG:
                return int(value) if kind == 3 and 1 <= value <= 8 else UPRIGHT
    except struct.error:
        return UPRIGHT
    return UPRIGHT


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turns pixels (3, H, W) so that the picture stands as it was taken.

    Source: Exif 2.3, 4.6.4 A: the value names the visual edges that the 0th row and the 0th column are.
    """
    if orientation >= 5:
        pixels = pixels.swapaxes(1, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return pixels[:, ::rows, ::columns]
