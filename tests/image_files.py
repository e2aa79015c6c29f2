"""Writes image files from their specifications: depths, layouts and damage that no library writes."""

import io
import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG colour types
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(samples, colour, bits, *, chunks=(), interlaced=False, filtered=False):
    """Writes a PNG of any colour type and depth from its specification; `samples` is (H, W, C) of stored values."""
    height, width, channels = samples.shape
    step = max(1, channels * bits // 8)

    def packed(row):
        if bits == 16:
            return row.astype(">u2").tobytes()
        if bits == 8:
            return row.astype(np.uint8).tobytes()
        flat = ((row.reshape(-1, 1) >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).ravel()
        return np.packbits(flat).tobytes()

    def lines(image):
        before = bytes(len(packed(image[0])))
        for number, row in enumerate(image):
            raw = packed(row)
            kind = number % 5 if filtered else 0
            yield bytes([kind]) + bytes((raw[i] - _predict(kind, raw, before, i, step)) % 256 for i in range(len(raw)))
            before = raw

    passes = [samples[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [samples]
    data = b"".join(line for image in passes if image.size for line in lines(image))
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _predict(kind, raw, before, i, step):
    left = raw[i - step] if i >= step else 0
    corner = before[i - step] if i >= step else 0
    up = before[i]
    guess = left + up - corner
    paeth = min((left, up, corner), key=lambda value: abs(guess - value))
    return (0, left, up, (left + up) // 2, paeth)[kind]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def tiff(samples, *, order="<", photometric=2, deflate=False, tags=()):
    """Writes a one-strip TIFF of uint8, uint16 or float32 samples (H, W, C)."""
    height, width, channels = samples.shape
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    data = zlib.compress(data) if deflate else data
    bits, kind = samples.dtype.itemsize * 8, 3 if samples.dtype.kind == "f" else 1
    bits_at = 8 + len(data)
    values = {
        256: (3, 1, width), 257: (3, 1, height), 258: (3, channels, bits if channels == 1 else bits_at),
        259: (3, 1, 8 if deflate else 1), 262: (3, 1, photometric), 273: (4, 1, 8), 277: (3, 1, channels),
        278: (3, 1, height), 279: (4, 1, len(data)), 339: (3, 1, kind), **dict(tags),
    }  # fmt: skip
    if channels == 4 and photometric == 2:
        values.setdefault(338, (3, 1, 2))
    directory = struct.pack(order + "H", len(values))
    for tag, (form, count, value) in sorted(values.items()):
        directory += struct.pack(order + "HHI", tag, form, count)
        short = form == 3 and count * 2 <= 4
        directory += struct.pack(order + "HH", value, 0) if short else struct.pack(order + "I", value)
    extra = struct.pack(order + f"{channels}H", *[bits] * channels)
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return mark + struct.pack(order + "I", bits_at + len(extra)) + data + extra + directory + bytes(4)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
