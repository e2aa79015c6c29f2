"""Which file formats are read, told by their first bytes, and the checks on their structure that Pillow leaves out.

Pillow's own opener warns about large images through a process-wide filter, allocates a WebP canvas before its size is
known, ignores the checksums of PNG pixel data and follows whatever plugins are installed. Here the format is one of
seven rows, the size is read from the header before anything is allocated, and a PNG must pass its own checksums.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from ganeval.errors import BadImageError
from ganeval.sources.limits import MAX_PIXELS

Size = tuple[int, int]  # width, height


def _png_size(data: bytes) -> Size:
    """Walks every chunk and checks the CRC-32 of the critical ones (PNG specification, 5.3): a cut or a flip shows."""
    at, last = 8, b""
    while last != b"IEND":
        length, last = struct.unpack_from(">I4s", data, at)
        body_end = at + 8 + length
        (stored,) = struct.unpack_from(">I", data, body_end)
        # An upper-case first letter marks a critical chunk; writers of ancillary ones are less careful.
        if last[0] & 0x20 == 0 and zlib.crc32(memoryview(data)[at + 4 : body_end]) != stored:
            raise ValueError(f"the checksum of PNG chunk {last!r} at byte {at} does not match")
        at = body_end + 4
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif_size(data: bytes) -> Size:
    """The larger of the screen and the first frame: Pillow grows the canvas to hold a frame that sticks out."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while data[at] == 0x21:  # extension: introducer, label, then sub-blocks up to an empty one
        at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    left, top, frame_width, frame_height = struct.unpack_from("<4H", data, at + 1)
    return max(width, left + frame_width), max(height, top + frame_height)


def _webp_size(data: bytes) -> Size:
    """RIFF must hold as many bytes as it says; the canvas size by chunk type (WebP container specification)."""
    (riff_size,) = struct.unpack_from("<I", data, 4)
    if len(data) < riff_size + 8:
        raise ValueError(f"the file holds {len(data)} of {riff_size + 8} bytes")
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


@dataclass(frozen=True)
class Format:
    """One readable file format.

    Attributes:
        name: What doctor and provenance print ("png").
        extensions: Lower-case file name endings that mean it.
        starts: What the file's first bytes may be.
        plugin: Pillow's reader.
        size: Reads (width, height) from the header and checks the structure, or None where Pillow's reader allocates
            nothing before its size is known and checks enough.
    """

    name: str
    extensions: tuple[str, ...]
    starts: tuple[bytes, ...]
    plugin: Callable[[io.BytesIO], ImageFile.ImageFile]
    size: Callable[[bytes], Size] | None = None

    def matches(self, data: bytes) -> bool:
        """True when the first bytes are this format's."""
        return data.startswith(self.starts) and (self.name != "webp" or data[8:12] == b"WEBP")


FORMATS: tuple[Format, ...] = (
    Format("png", (".png", ".apng"), (b"\x89PNG\r\n\x1a\n",), PngImagePlugin.PngImageFile, _png_size),
    Format("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), (b"\xff\xd8\xff",), JpegImagePlugin.JpegImageFile),
    Format("webp", (".webp",), (b"RIFF",), WebPImagePlugin.WebPImageFile, _webp_size),
    Format("gif", (".gif",), (b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile, _gif_size),
    Format("bmp", (".bmp", ".dib"), (b"BM",), BmpImagePlugin.BmpImageFile),
    Format("tiff", (".tif", ".tiff"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), TiffImagePlugin.TiffImageFile),
    Format(
        "ppm", (".ppm", ".pgm", ".pbm", ".pnm"), tuple(b"P%d" % d for d in range(1, 7)), PpmImagePlugin.PpmImageFile
    ),
)

IMAGE_EXTENSIONS: frozenset[str] = frozenset(ending for row in FORMATS for ending in row.extensions)
"""File name endings that make a file an image of a folder or archive, compared in lower case."""


def sniff(data: bytes) -> Format | None:
    """The format of a file by its first bytes, whatever it is called; None for no known one."""
    return next((row for row in FORMATS if row.matches(data)), None)


def open_image(data: bytes, row: Format) -> ImageFile.ImageFile:
    """Parses the header of `data`; pixels are not decoded yet.

    Raises:
        BadImageError: more than MAX_PIXELS.
        Exception: whatever the structure check or Pillow raises on a damaged header.
    """
    if row.size is not None:
        _check_pixels(row.size(data))
    image = row.plugin(io.BytesIO(data))
    _check_pixels(image.size)
    return image


def _check_pixels(size: Size) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise BadImageError(
            f"{width} × {height} = {width * height:,} pixels; at most {MAX_PIXELS:,} are read. Shrink or leave it out"
        )
