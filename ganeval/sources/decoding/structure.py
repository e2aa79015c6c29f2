"""How many parts an image file may have: a decoder in Python walks them one by one, so they must be in proportion.

Pillow reads each chunk, block, marker and directory entry in Python before it decodes a pixel, keeps most of them, and
joins some by copying all that it has. Five million empty chunks of a PNG of 60 MB take a minute and a gigabyte; the
65,535 tags of a TIFF may all point to the same megabyte. Each format is walked here first, in a fraction of the time.
"""

import re
import struct
from collections.abc import Callable, Mapping
from typing import Final

MAX_PARTS: Final = 1 << 16
"""Most chunks of a PNG, markers of a JPEG, tags of a TIFF: 65,536, which is 512 MiB of libpng's chunks of 8 KiB."""

MAX_TEXT: Final = 1 << 20
"""Most bytes of comments and other extensions of a GIF, 1 MiB, which is also Pillow's limit of a text in a PNG."""

MAX_EXIF: Final = 1 << 22
"""Most bytes of EXIF in a JPEG, 4 MiB: 64 segments, of which each is joined to all before it."""

MAX_SCANS: Final = 100
"""Most scans of a progressive JPEG; each goes over all pixels. Encoders make about ten."""

MAX_STRIPS: Final = 1 << 19
"""Most strips or tiles of a TIFF, 524,288: twice the tiles of 16 × 16 pixels of the largest picture."""

MAX_HEADER: Final = 1 << 16
"""Most bytes before the pixels of a PPM, comments included: they are read one by one."""


def check_structure(kind: str, data: bytes) -> None:
    """Refuses a file whose parts are out of all proportion; what is damaged is left to the decoder.

    Args:
        kind: Name of the format.
        data: The whole file.

    Raises:
        ValueError: too many parts; counted.
    """
    check = _CHECKS.get(kind)
    if check is not None:
        try:
            check(data)
        except (struct.error, IndexError):
            return  # cut off: the decoder says where


def _png(data: bytes) -> None:
    at = 8
    for _ in range(MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if kind == b"IEND" or at >= len(data):
            return
    raise ValueError(f"more than {MAX_PARTS:,} chunks")


def _gif(data: bytes) -> None:
    """The blocks up to the second picture, as far as the decoder looks."""
    flags = data[10]
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    text = pictures = 0
    while data[at] != 0x3B and pictures < 2:
        if data[at] == 0x21:  # extension: introducer, label, then sub-blocks up to an empty one
            end = _behind_blocks(data, at + 2, MAX_PARTS)
            text += end - at
            if text > MAX_TEXT:
                raise ValueError(f"more than {MAX_TEXT:,} bytes of comments and extensions")
            at = end
        elif data[at] == 0x2C:
            local = data[at + 9]
            at += 10 + (3 << ((local & 7) + 1) if local & 0x80 else 0)
            at = _behind_blocks(data, at + 1, MAX_PARTS + len(data) // 128)
            pictures += 1
        else:
            at += 1  # the decoder passes over it
            text += 1
            if text > MAX_TEXT:
                raise ValueError(f"more than {MAX_TEXT:,} bytes between its blocks")


def _behind_blocks(data: bytes, at: int, most: int) -> int:
    """Where a chain of sub-blocks ends."""
    for _ in range(most):
        size = data[at]
        at += size + 1
        if not size:
            return at
    raise ValueError(f"more than {most:,} blocks of data")


def _jpeg(data: bytes) -> None:
    at, garbage, exif, components = 2, 0, bytearray(), 0
    for _ in range(MAX_PARTS):
        start = data.find(b"\xff", at)
        if start < 0:
            return
        garbage += start - at
        if garbage > MAX_HEADER:
            raise ValueError(f"more than {MAX_HEADER:,} bytes between its markers")
        at = start + 1
        while data[at] == 0xFF:
            at += 1
            garbage += 1
            if garbage > MAX_HEADER:
                raise ValueError(f"more than {MAX_HEADER:,} bytes between its markers")
        marker = data[at]
        at += 1
        if marker == 0xDA:
            # One scan of all components at once is the whole picture; the decoder looks for no other.
            if data[at + 2] < components:
                _scans(data, at)
            break
        if marker in _ALONE:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if marker in _FRAMES:
            components = 256 if marker in _PROGRESSIVE else data[at + 7]
        if marker == 0xE1 and data[at + 2 : at + 8] == b"Exif\0\0":
            exif += data[at + 8 : at + length]
            if len(exif) > MAX_EXIF:
                raise ValueError(f"more than {MAX_EXIF:,} bytes of EXIF")
        at += length
    else:
        raise ValueError(f"more than {MAX_PARTS:,} markers")
    if exif:
        _check_quietly(bytes(exif))


_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})  # markers without a length


def _scans(data: bytes, at: int) -> None:
    """Within the pixels 0xFF is followed by 0 or a restart mark, so this pair begins a scan."""
    scans = 1 + data.count(b"\xff\xda", at)
    if scans > MAX_SCANS:
        raise ValueError(f"{scans:,} scans; at most {MAX_SCANS} are decoded")


def _check_quietly(exif: bytes) -> None:
    """EXIF is a TIFF without pixels; one that is damaged is not looked at further."""
    try:
        _tiff(exif)
    except (struct.error, IndexError):
        return


_PLACES: Final = frozenset({273, 279, 324, 325})
"""Tags that say where each strip or tile is, and how long."""

_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value of each type (TIFF 6.0, section 2; BigTIFF from 16 on)."""


def _tiff(data: bytes) -> None:
    """The first directory: values that lie outside of their entry are copied, so together they may not exceed the file.

    The decoder looks at no other directory.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    entry, count_form, offset_form = (20, "Q", "Q") if big else (12, "H", "I")
    (at,) = struct.unpack_from(order + offset_form, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + count_form, data, at)
    if count > MAX_PARTS:
        raise ValueError(f"a directory of {count:,} entries; at most {MAX_PARTS:,} are read")
    at += struct.calcsize(order + count_form)
    total = 0
    for place in range(at, min(at + count * entry, len(data) - entry + 1), entry):
        tag, kind, values = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, place)
        if tag in _PLACES and values > MAX_STRIPS:
            raise ValueError(f"{values:,} strips or tiles; at most {MAX_STRIPS:,} are read")
        length = _SIZES.get(kind, 0) * values
        total += length if length <= len(data) else 0  # a longer one is not read
    if total > 2 * len(data) + MAX_HEADER:
        raise ValueError(f"a directory whose values are {total:,} bytes in a file of {len(data):,}")


def _bmp(data: bytes) -> None:
    """Runs of pixels take at most two bytes a pixel and two a row; ends of empty rows could go on for ever."""
    if len(data) < 34 or struct.unpack_from("<I", data, 14)[0] < 40:
        return
    width, height = struct.unpack_from("<ii", data, 18)
    (compression,) = struct.unpack_from("<I", data, 30)
    most = 4 * abs(width) * abs(height) + MAX_HEADER
    if compression in (1, 2) and len(data) > most:
        raise ValueError(f"{len(data):,} bytes of runs for {width} × {abs(height)} pixels; at most {most:,} are read")


def _jpeg2000(data: bytes) -> None:
    at = 0
    for _ in range(MAX_PARTS):
        if data[at : at + 2] == b"\xff\x4f" or data[at + 4 : at + 8] == b"jp2c":
            return
        (length,) = struct.unpack_from(">I", data, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        if length < 8:
            return  # to the end of the file, or damaged
        at += length
    raise ValueError(f"more than {MAX_PARTS:,} boxes")


def _ppm(data: bytes) -> None:
    head = re.sub(rb"#[^\r\n]*", b"", data[:MAX_HEADER])
    wanted = 3 if data[1:2] in b"14" else 4
    if len(data) > MAX_HEADER and len(head.split(None, wanted)) <= wanted:
        raise ValueError(f"a header of more than {MAX_HEADER:,} bytes")


_CHECKS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "png": _png,
    "gif": _gif,
    "jpeg": _jpeg,
    "tiff": _tiff,
    "ppm": _ppm,
    "bmp": _bmp,
    "jpeg2000": _jpeg2000,
}
