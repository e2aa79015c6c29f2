"""Image files that are damaged, unusual, or made to break a decoder."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

from tests.hostile.case import NAMES, PAIRED, Box, error, file, picture, score, skip
from tests.image_files import GREY, RGB, RGBA, chunk, png, saved, tiff

B = picture("b")
IMAGE = Image.fromarray(B)
PNG = saved(IMAGE, "PNG")
JPEG = saved(IMAGE, "JPEG", quality=90)
HEAD = b"\x89PNG\r\n\x1a\n"
END = chunk(b"IEND", b"")


def clean(pixels: np.ndarray):
    """The pixels that a decoder must find, as a plain PNG."""
    return file("fake/b.png", saved(Image.fromarray(np.asarray(pixels, np.uint8)), "PNG"))


def says_to_be(width: int, height: int, bits: int = 8, colour: int = RGB) -> bytes:
    """A PNG of a few bytes whose header promises any size."""
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return HEAD + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + END


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """The clean PNG with chunks behind its header."""
    return PNG[:33] + b"".join(chunk(*one) for one in chunks) + PNG[33:]


def text_bomb() -> bytes:
    return with_chunks((b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 27), 9)))


def exif(orientation: int) -> bytes:
    made = Image.Exif()
    made[274] = orientation
    return made.tobytes()


def palette_with_alpha() -> bytes:
    image = Image.fromarray(B[..., 0] % 4, "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 200, 100, 0])
    return saved(image, "PNG", transparency=bytes([255, 0, 128, 255]))


def palette_on_white() -> np.ndarray:
    colours = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [200, 100, 0]], np.float64)
    alpha = np.array([255, 0, 128, 255])[:, None] / 255
    return np.rint(colours * alpha + 255 * (1 - alpha))[B[..., 0] % 4]


def under_alpha() -> bytes:
    hidden = np.dstack([B, np.where(np.arange(16) < 8, 255, 0)[None].repeat(16, 0)]).astype(np.uint8)
    return saved(Image.fromarray(hidden, "RGBA"), "PNG")


def animated(kind: str, **options) -> bytes:
    return saved(IMAGE, kind, save_all=True, append_images=[Image.fromarray(picture("c"))], **options)


def few_colours() -> np.ndarray:
    """At most 256 colours, which a GIF holds exactly."""
    return B // 64 * 64


def gif_frame_outside() -> bytes:
    """A screen of 1 x 1 and a frame of 65,535 x 65,535."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    return head + b"," + struct.pack("<4HB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\x00;"


def webp_canvas() -> bytes:
    """An extended WebP whose canvas is 16,384 x 16,384."""
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16383).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def tiff_loop() -> bytes:
    """A TIFF whose only directory says that it is followed by itself."""
    data = bytearray(saved(IMAGE, "TIFF"))
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    struct.pack_into("<I", data, at + 2 + 12 * count, at)
    return bytes(data)


def tiff_of(width: int, height: int) -> bytes:
    data = bytearray(saved(IMAGE, "TIFF"))
    (at,) = struct.unpack_from("<I", data, 4)
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], 12):
        (tag,) = struct.unpack_from("<H", data, entry)
        if tag in (256, 257, 278):
            struct.pack_into("<HHII", data, entry, tag, 4, 1, width if tag == 256 else height)
    return bytes(data)


def of_size(height: int, width: int):
    """All four pairs of one size, as PNG, or as BMP for the clean input."""

    def make(kind: str):
        def fill(box: Box) -> None:
            for folder, seed in ((box.fake, 5), (box.real, 6)):
                for name in NAMES:
                    (folder / f"{name}.png").unlink()
                    rng = np.random.default_rng([seed, *name.encode()])
                    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(folder / f"{name}.{kind}")

        return fill

    return {"make": make("png"), "clean": make("bmp")}


def jpeg_as_decoded() -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(JPEG)).convert("RGB"))


def many_chunks(kind: bytes, count: int = 5_000_000) -> bytes:
    """The clean PNG with empty chunks before its pixels."""
    return PNG[:33] + chunk(kind, b"") * count + PNG[33:]


def gif_with(extension: bytes) -> bytes:
    data = saved(Image.fromarray(few_colours()).quantize(256), "GIF")
    at = 13 + (3 << ((data[10] & 7) + 1))
    return data[:at] + extension + data[at:]


def jpeg_with(segments: bytes) -> bytes:
    return JPEG[:2] + segments + JPEG[2:]


def tags_of_the_same_bytes(size: int) -> bytes:
    """A TIFF of so many bytes, most of whose tags hold all of it."""
    count = 20_000
    tags = b"".join(struct.pack("<HHII", 1000 + tag, 1, size, 8) for tag in range(count))
    directory = struct.pack("<H", count) + tags + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(size - 8 - len(directory))


def many_strips(count: int) -> bytes:
    """A TIFF of 16 x 16 grey pixels in so many strips."""
    tags = [(256, 3, 1, 16), (257, 3, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, count, 8)]
    tags += [(277, 3, 1, 1), (278, 3, 1, 1), (279, 4, count, 8)]
    at = 8 + 4 * count
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", at) + struct.pack("<I", 8) * count + directory + bytes(256)


def empty_rows(count: int) -> bytes:
    """A BMP of runs with so many ends of empty rows."""
    head = struct.pack("<IiiHHIIiiII", 40, 16, 16, 1, 8, 1, 0, 0, 0, 256, 0)
    body = bytes(2) * count
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(body), 0, 0, 54 + 1024) + head + bytes(1024) + body


def exif_of_the_same_bytes() -> bytes:
    """1 MiB of EXIF over several segments, whose tags all hold the same half of it."""
    whole = tags_of_the_same_bytes(1 << 20)
    parts = [whole[at : at + 60_000] for at in range(0, len(whole), 60_000)]
    return b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 8) + b"Exif\0\0" + part for part in parts)


def scans(count: int) -> bytes:
    """A progressive JPEG whose first scan comes again and again."""
    data = saved(IMAGE, "JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    end = min(at for at in (data.find(b"\xff\xda", first + 2), data.find(b"\xff\xc4", first + 2)) if at > 0)
    return data[:end] + data[first:end] * count + data[end:]


DEEP = np.random.default_rng(3).integers(0, 65536, (16, 16, 3), dtype=np.uint16)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_16 = DEEP[..., :1]
CMYK = np.dstack([255 - B, np.zeros((16, 16), np.uint8)])

CASES = (
    error(
        "PNG of five million empty chunks", file("fake/b.png", lambda: many_chunks(b"teSt")), "more than 65,536 chunks"
    ),
    error(
        "PNG of five million empty text chunks",
        file("fake/b.png", lambda: many_chunks(b"iTXt")),
        "more than 65,536 chunks",
    ),
    error(
        "PNG of a million empty frames",
        file("fake/b.png", lambda: many_chunks(b"fdAT", 1_000_000)),
        "more than 65,536 chunks",
    ),
    error(
        "PNG with a hundred packed texts of 1 MiB",
        file("fake/b.png", lambda: with_chunks(*[(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20), 9))] * 100)),
        "b.png",
    ),
    error(
        "PNG with an international text of 128 MiB, packed",
        file("fake/b.png", lambda: with_chunks((b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(1 << 27), 9)))),
        "b.png",
    ),
    error(
        "GIF with 60 MB of comments",
        file("fake/b.gif", lambda: gif_with((b"\x21\xfe" + (b"\xff" + bytes(255)) * 4000 + b"\0") * 60)),
        "more than 1,048,576 bytes of comments",
    ),
    error(
        "GIF with a comment of 20 million blocks of a byte",
        file("fake/b.gif", lambda: gif_with(b"\x21\xfe" + b"\1x" * 20_000_000 + b"\0")),
        "more than 65,536 blocks",
    ),
    error(
        "GIF with 50 MB between its blocks",
        file("fake/b.gif", lambda: gif_with(bytes(50_000_000))),
        "bytes between its blocks",
    ),
    error(
        "JPEG with 10 million empty segments",
        file("fake/b.jpg", lambda: jpeg_with(b"\xff\xe5\0\2" * 10_000_000)),
        "more than 65,536 markers",
    ),
    error(
        "JPEG with 50 MB between its markers",
        file("fake/b.jpg", lambda: jpeg_with(b"\xff\xe5\0\2" + bytes(50_000_000))),
        "bytes between its markers",
    ),
    error(
        "JPEG with 50 MB of padding before a marker",
        file("fake/b.jpg", lambda: jpeg_with(b"\xff" * 50_000_000)),
        "bytes between its markers",
    ),
    error("JPEG of 5,000 scans", file("fake/b.jpg", lambda: scans(5_000)), "at most 100 are decoded"),
    error(
        "JPEG whose EXIF tags all hold the same MiB",
        file("fake/b.jpg", lambda: jpeg_with(exif_of_the_same_bytes())),
        "a directory whose values are",
    ),
    error(
        "JPEG with 100 MB of EXIF",
        file("fake/b.jpg", lambda: jpeg_with((b"\xff\xe1\xff\xffExif\0\0" + bytes(65527)) * 1500)),
        "bytes of EXIF",
    ),
    error(
        "TIFF whose 20,000 tags all hold the same MiB",
        file("fake/b.tif", lambda: tags_of_the_same_bytes(1 << 20)),
        "a directory whose values are",
    ),
    error(
        "TIFF of 16 x 16 pixels in 5 million strips",
        file("fake/b.tif", lambda: many_strips(5_000_000)),
        "at most 524,288 are read",
    ),
    error(
        "BMP of 16 x 16 pixels with 20 million ends of rows",
        file("fake/b.bmp", lambda: empty_rows(20_000_000)),
        "bytes of runs for 16 × 16 pixels",
    ),
    error(
        "PPM with a comment of 50 MB",
        file("fake/b.ppm", lambda: b"P6\n#" + bytes(50_000_000) + b"\n16 16 255\n" + bytes(768)),
        "a header of more than 65,536 bytes",
    ),
    error("PNG cut in half", file("fake/b.png", PNG[: len(PNG) // 2]), "b.png", "ends too early"),
    skip(
        "PNG cut in half, with --on-bad skip",
        file("fake/b.png", PNG[: len(PNG) // 2]),
        skipped=1,
        clean=lambda box: box.drop("b"),
    ),
    error("JPEG cut in half", file("fake/b.jpg", JPEG[: len(JPEG) // 2]), "b.jpg", "cannot decode this jpeg"),
    error("PNG with one flipped bit", file("fake/b.png", flipped(PNG, len(PNG) // 2)), "checksum"),
    error("a file of 0 bytes", file("fake/b.png", b""), "the file is empty (0 bytes)"),
    error("text called .png", file("fake/b.png", b"hello"), "not an image"),
    error("SVG with a script, called .png", file("fake/b.png", b"<svg onload='x()'/>"), "not an image"),
    error(
        "PostScript called .png, which Ghostscript would run",
        lambda box: box.swap("fake/b.png", b"%%!PS\n(%s) (w) file closefile" % str(box.canary).encode()),
        "PostScript, a format that is not decoded here",
    ),
    score("PNG called .jpg", file("fake/b.jpg", PNG)),
    score("JPEG called .png", file("fake/b.png", JPEG), clean=clean(jpeg_as_decoded())),
    score("PNG with a zip file behind its end", file("fake/b.png", PNG + b"PK\x03\x04" + bytes(10_000))),
    score("PNG with 20,000 empty chunks", file("fake/b.png", lambda: with_chunks(*[(b"teSt", b"")] * 20_000))),
    score("1 x 1 pixels", **of_size(1, 1)),
    score("1 x 10,000 pixels", **of_size(10_000, 1)),
    score("10,000 x 1 pixels", **of_size(1, 10_000)),
    error("two images of a pair differ in size", file("fake/b.png", saved(IMAGE.resize((17, 16)), "PNG")), "17x16"),
    error(
        "decompression bomb: PNG of 30,000 x 30,000",
        file("fake/b.png", says_to_be(30_000, 30_000)),
        "at most 67,108,864",
    ),
    error(
        "decompression bomb: PNG of 4,294,967,295 x 4,294,967,295",
        file("fake/b.png", says_to_be(0xFFFFFFFF, 0xFFFFFFFF)),
        "at most 67,108,864",
    ),
    error(
        "PNG that says 8,000 x 8,000 and holds one row", file("fake/b.png", says_to_be(8000, 8000)), "b.png", memory=450
    ),
    error("decompression bomb: 128 MiB of text in a PNG", file("fake/b.png", text_bomb), "too large"),
    error("GIF whose frame is 65,535 x 65,535", file("fake/b.gif", gif_frame_outside()), "at most 67,108,864"),
    error("WebP whose canvas is 16,384 x 16,384", file("fake/b.webp", webp_canvas()), "at most 67,108,864"),
    error("TIFF that says 60,000 x 60,000", file("fake/b.tif", tiff_of(60_000, 60_000)), "at most 67,108,864"),
    error(
        "PPM that says 99,999 x 99,999", file("fake/b.ppm", b"P6 99999 99999 255\n" + bytes(99)), "at most 67,108,864"
    ),
    error(
        "BMP that says 60,000 x 60,000",
        file(
            "fake/b.bmp", b"BM" + struct.pack("<IIIIiiHHIIIIII", 99, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
        ),
        "at most 67,108,864",
    ),
    score("TIFF whose directories form a loop", file("fake/b.tif", tiff_loop())),
    score(
        "16-bit grey PNG", file("fake/b.png", png(GREY_16, GREY, 16)), clean=clean(np.rint(GREY_16 / 257).repeat(3, 2))
    ),
    score("16-bit RGB PNG", file("fake/b.png", png(DEEP, RGB, 16)), clean=clean(np.rint(DEEP / 257))),
    score("16-bit RGB TIFF", file("fake/b.tif", tiff(DEEP)), clean=clean(np.rint(DEEP / 257))),
    score("CMYK TIFF", file("fake/b.tif", saved(Image.fromarray(CMYK, "CMYK"), "TIFF"))),
    score("palette with alpha", file("fake/b.png", palette_with_alpha()), clean=clean(palette_on_white())),
    score(
        "a picture hidden under full transparency",
        file("fake/b.png", under_alpha()),
        clean=clean(np.where(np.arange(16)[None, :, None] < 8, B, 255)),
    ),
    score("RGBA, opaque", file("fake/b.png", png(np.dstack([B, np.full((16, 16), 255, np.uint8)]), RGBA, 8))),
    score("animated PNG: the first frame counts", file("fake/b.png", animated("PNG"))),
    score("animated WebP: the first frame counts", file("fake/b.webp", animated("WEBP", lossless=True))),
    score(
        "animated GIF: the first frame counts",
        file(
            "fake/b.gif",
            saved(
                Image.fromarray(few_colours()).convert("P", palette=Image.Palette.ADAPTIVE),
                "GIF",
                save_all=True,
                append_images=[Image.new("P", (16, 16), 1)],
            ),
        ),
        clean=clean(few_colours()),
    ),
    score("turned by EXIF orientation 6", file("fake/b.png", saved(IMAGE.rotate(90), "PNG", exif=exif(6)))),
    score("EXIF that is nonsense", file("fake/b.png", with_chunks((b"eXIf", b"II*\0\xff\xff\xff\xff")))),
    score("ICC profile", file("fake/b.png", saved(IMAGE, "PNG", icc_profile=PROFILE))),
    score(
        "ICC profile that is nonsense",
        file("fake/b.png", with_chunks((b"iCCP", b"x\0\0" + zlib.compress(b"no profile")))),
    ),
    error(
        "32-bit float TIFF with NaN",
        file("fake/b.tif", tiff(np.full((16, 16, 1), np.nan, np.float32), photometric=1)),
        "sample format 3",
    ),
    error("Lab TIFF", file("fake/b.tif", saved(Image.fromarray(B, "LAB"), "TIFF")), "kind 'LAB'"),
    error(
        "nothing but bad images, with --on-bad skip",
        lambda box: [box.put(f"fake/{n}.png", b"x") for n in NAMES],
        "No pair of ",
        command=f"{PAIRED} --on-bad skip",
    ),
)
