"""Which file formats are read, told by their first bytes, and the checks on their structure that Pillow leaves out.

Pillow's own opener warns about large images through a process-wide filter, allocates a WebP canvas before its size is
known, ignores the checksums of PNG pixel data and tries every plugin that is installed, also those that run programs
(EPS) or hold no still picture of 8-bit colours (FITS, icons, films). Here the format is one row of a table, as far as
the installed Pillow has a decoder for it; the size is read from the header before anything is allocated, and a PNG
must pass its own checksums.
"""

import importlib.util
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    DdsImagePlugin,
    GifImagePlugin,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PcxImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    QoiImagePlugin,
    SgiImagePlugin,
    SunImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from ganeval.errors import BadImageError
from ganeval.sources.decoding.structure import check_structure
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


def _jpeg2000_size(data: bytes) -> Size:
    """Width and height of the SIZ marker (ISO/IEC 15444-1, A.5.1); colours must have at most 8 bits.

    Of deeper colours Pillow keeps the high byte alone; deep greys it gives whole.
    """
    at = 0
    while data[at : at + 2] != b"\xff\x4f":  # a box: its length, its kind, its content (I.4)
        length, kind = struct.unpack_from(">I4s", data, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        header = 16 if struct.unpack_from(">I", data, at)[0] == 1 else 8
        if kind != b"jp2c" and length < 8:
            raise ValueError("it holds no codestream")
        at += header if kind == b"jp2c" else length
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    (components,) = struct.unpack_from(">H", data, at + 40)
    depths = {(data[at + 42 + 3 * i] & 0x7F) + 1 for i in range(components)}
    signed = any(data[at + 42 + 3 * i] & 0x80 for i in range(components))
    if signed or (components > 1 and max(depths) > 8):
        raise ValueError(
            f"{components} components of {'/'.join(map(str, sorted(depths)))} bits{' with a sign' if signed else ''}; "
            "expected 8-bit colours or grey"
        )
    return right - left, bottom - top


def _sgi_size(data: bytes) -> Size:
    """Width and height; one byte a sample, because Pillow keeps the high byte alone of two."""
    if data[3] != 1:
        raise ValueError(f"samples of {data[3]} bytes; expected 1")
    width, height = struct.unpack_from(">HH", data, 6)
    return width, height


def _dds_size(data: bytes) -> Size:
    """Width and height; blocks of floats (BC6H) say nothing of black and white."""
    if data[84:88] in (b"BC6H", b"BC6S") or (data[84:88] == b"DX10" and data[128] in (94, 95, 96)):
        raise ValueError("compressed floats (BC6H); expected 8-bit colours")
    height, width = struct.unpack_from("<II", data, 12)
    return width, height


def _is_webp(data: bytes) -> bool:
    return data[8:12] == b"WEBP"


def _is_avif(data: bytes) -> bool:
    """The brand of the file, or one that it is compatible with (ISO/IEC 14496-12, 4.3); HEIC has the same container."""
    if data[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    brands = {data[8:12], *(data[i : i + 4] for i in range(16, end, 4))}
    return bool(brands & {b"avif", b"avis"}) and not brands & {b"heic", b"heix"}


_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def _is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and not _is_avif(data)


def _open_heic(stream: io.BytesIO) -> ImageFile.ImageFile:
    """By pillow-heif, which is not imported before there is such a file; never through Pillow's list of openers.

    It turns the picture as the container says, gives the primary one of several, and drops the low bits of deep ones.
    """
    from pillow_heif import HeifImageFile

    image: ImageFile.ImageFile = HeifImageFile(stream)  # type: ignore[no-untyped-call]
    if image.info.get("bit_depth", 8) > 8:
        raise ValueError(f"samples of {image.info['bit_depth']} bits; expected 8-bit colours")
    return image


def _is_pcx(data: bytes) -> bool:
    return len(data) > 3 and data[1] in (0, 2, 3, 5) and data[2] == 1


def _is_tga(data: bytes) -> bool:
    """A TGA file begins with no mark: every field of its header must make sense."""
    if len(data) < 18 or data[1] > 1 or data[2] not in (1, 2, 3, 9, 10, 11):
        return False
    indexed = data[2] in (1, 9)
    colours = data[1] == 1 and data[7] in (15, 16, 24, 32)
    plain = data[1] == 0 and not any(data[3:8])
    sides = int.from_bytes(data[12:14], "little") > 0 and int.from_bytes(data[14:16], "little") > 0
    depth = data[16] in ((8,) if indexed or data[2] in (3, 11) else (15, 16, 24, 32))
    return (colours if indexed else colours or plain) and sides and (depth or data[16] == 16) and data[17] < 64


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
        looks_right: What else the first bytes must pass.
        codec: What Pillow must have been built with, "" for nothing: `PIL.features` knows it by this name.
        package: What must be installed besides, "" for nothing.
    """

    name: str
    extensions: tuple[str, ...]
    starts: tuple[bytes, ...]
    plugin: Callable[[io.BytesIO], ImageFile.ImageFile]
    size: Callable[[bytes], Size] | None = None
    looks_right: Callable[[bytes], bool] | None = None
    codec: str = ""
    package: str = ""

    @property
    def readable(self) -> bool:
        """Whether this Python can read it."""
        with_codec = not self.codec or bool(features.check(self.codec))
        return with_codec and (not self.package or importlib.util.find_spec(self.package) is not None)

    def matches(self, data: bytes) -> bool:
        """True when the first bytes are this format's."""
        return data.startswith(self.starts) and (self.looks_right is None or self.looks_right(data))


_ALL: Final = (
    Format("png", (".png", ".apng"), (b"\x89PNG\r\n\x1a\n",), PngImagePlugin.PngImageFile, _png_size),
    Format("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), (b"\xff\xd8\xff",), JpegImagePlugin.JpegImageFile),
    Format("webp", (".webp",), (b"RIFF",), WebPImagePlugin.WebPImageFile, _webp_size, _is_webp, "webp"),
    Format("gif", (".gif",), (b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile, _gif_size),
    Format("bmp", (".bmp", ".dib"), (b"BM",), BmpImagePlugin.BmpImageFile),
    Format("tiff", (".tif", ".tiff"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), TiffImagePlugin.TiffImageFile),
    Format(
        "ppm", (".ppm", ".pgm", ".pbm", ".pnm"), tuple(b"P%d" % d for d in range(1, 7)), PpmImagePlugin.PpmImageFile
    ),
    Format("avif", (".avif", ".avifs"), (b"",), AvifImagePlugin.AvifImageFile, None, _is_avif, "avif"),
    Format("heic", (".heic", ".heif", ".hif"), (b"",), _open_heic, None, _is_heic, package="pillow_heif"),
    Format(
        "jpeg2000",
        (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
        (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"),
        Jpeg2KImagePlugin.Jpeg2KImageFile,
        _jpeg2000_size,
        codec="jpg_2000",
    ),
    Format("qoi", (".qoi",), (b"qoif",), QoiImagePlugin.QoiImageFile),
    Format("sgi", (".sgi",), (b"\x01\xda",), SgiImagePlugin.SgiImageFile, _sgi_size),
    Format("sun", (".ras",), (b"\x59\xa6\x6a\x95",), SunImagePlugin.SunImageFile),
    Format("dds", (".dds",), (b"DDS ",), DdsImagePlugin.DdsImageFile, _dds_size),
    Format("pcx", (".pcx",), (b"\x0a",), PcxImagePlugin.PcxImageFile, None, _is_pcx),
    Format("tga", (".tga",), (b"",), TgaImagePlugin.TgaImageFile, None, _is_tga),
)

FORMATS: tuple[Format, ...] = tuple(row for row in _ALL if row.readable)
"""What is read here. A Pillow that was built without a codec reads less, as does an environment without pillow-heif."""

IMAGE_EXTENSIONS: frozenset[str] = frozenset(ending for row in FORMATS for ending in row.extensions)
"""File name endings that make a file an image of a folder or archive, compared in lower case."""

_UNREAD: Final = {
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
    "OpenEXR": (b"\x76\x2f\x31\x01",),
    "Radiance HDR": (b"#?RADIANCE", b"#?RGBE"),
    "PFM": (b"PF\n", b"Pf\n"),
    "Photoshop": (b"8BPS",),
    "PostScript": (b"%!PS",),
    "icon": (b"\0\0\1\0", b"\0\0\2\0", b"icns"),
    "SVG": (b"<svg",),
    "JPEG XR": (b"II\xbc",),
    "BPG": (b"BPG\xfb",),
    "FLIF": (b"FLIF",),
}
_NAMES: Final = {"jpeg2000": "JPEG 2000", "webp": "WebP", "sun": "Sun raster"}
HEAD: Final = 64
"""First bytes of a file that are enough for `picture_name`."""


def sniff(data: bytes) -> Format | None:
    """The format of a file by its first bytes, whatever it is called; None for no known one."""
    return next((row for row in FORMATS if row.matches(data)), None)


def picture_name(start: bytes) -> str | None:
    """What kind of picture a file is by its first `HEAD` bytes ("AVIF", "HEIC"), read here or not; None for no picture.

    Only marks of four bytes and more count: two letters may begin any text.
    """
    for row in _ALL:
        marked = max(map(len, row.starts)) >= 3 or row.name in ("avif", "heic")
        if marked and row.matches(start):
            return _NAMES.get(row.name, row.name.upper())
    return next((name for name, marks in _UNREAD.items() if start.startswith(marks)), None)


def open_image(data: bytes, row: Format) -> ImageFile.ImageFile:
    """Parses the header of `data`; pixels are not decoded yet.

    Raises:
        BadImageError: more than MAX_PIXELS.
        Exception: whatever the structure check or Pillow raises on a damaged header.
    """
    check_structure(row.name, data)
    if row.size is not None:
        _check_pixels(row.size(data))
    image = row.plugin(io.BytesIO(data))
    _check_pixels(image.size)
    return image


def _check_pixels(size: Size) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise BadImageError(
            f"{width} × {height} = {width * height:,} pixels; at most {MAX_PIXELS:,} are read. Shrink it"
        )
