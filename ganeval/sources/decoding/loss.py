"""Whether an image file was compressed with loss, by the marks of its format."""

from typing import Final, Literal

ALWAYS: Final = frozenset({"jpeg", "avif", "heic"})
"""Formats whose files lose something; AVIF and HEIC can be lossless, and seldom are."""
_TIFF: Final = frozenset({6, 7, 34_933, 50_001})  # JPEG, old and new, and WebP
_COMPRESSION: Final = 259


def is_lossy(kind: str, data: bytes) -> bool:
    """True where the format says so; False for lossless files, and where it does not say.

    Args:
        kind: Name of the format.
        data: The whole file, which was decoded.
    """
    if kind == "webp":
        return _webp(data)
    if kind == "jpeg2000":
        coding = data.find(b"\xff\x52\x00")  # the marker COD; behind twelve bytes the wavelet, of which 0 is 9-7
        return coding >= 0 and data[coding + 13 : coding + 14] == b"\0"
    return kind in ALWAYS or (kind == "tiff" and _tiff(data))


def _webp(data: bytes) -> bool:
    """Whether the first picture is coded as VP8 and not as VP8L."""
    place = 12
    for _ in range(64):  # of so many chunks one is a picture
        kind, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8 "
        place += 24 if kind == b"ANMF" else 8 + size + size % 2  # a frame holds chunks behind its header
    return False


def _tiff(data: bytes) -> bool:
    """Whether the first page is compressed so; of classic TIFF."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"

    def number(place: int, size: int) -> int:
        return int.from_bytes(data[place : place + size], order)

    if number(2, 2) != 42:
        return False
    page = number(4, 4)
    entries = range(page + 2, page + 2 + 12 * number(page, 2), 12)
    return any(number(entry, 2) == _COMPRESSION and number(entry + 8, 2) in _TIFF for entry in entries)
