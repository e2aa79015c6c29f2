"""From the bytes of an image file to uint8 RGB pixels, by one table of rules that is part of every protocol.

Other libraries call Pillow's `convert("RGB")` and stop there, which drops alpha (showing whatever colour lies under
transparent pixels), clips 16-bit greys at 255, keeps only the high byte of 16-bit colours and leaves photos lying on
their side. Each of those changes a score without a word; here each has a rule, and each use of a rule is a note.

What cannot be seen: JPEG, GIF, BMP and PPM carry no checksum, so bytes that were changed in place, in a file of the
right length, decode to other pixels.
"""

import hashlib
import re
import struct
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import ImageFile

from ganeval.errors import BadImageError, DataError
from ganeval.files.lookalikes import other_kind
from ganeval.sources.base import Decoded, Pixels
from ganeval.sources.decoding.exif import ORIENTATION_TAG, UPRIGHT, orientation_of, upright
from ganeval.sources.decoding.formats import FORMATS, Format, open_image, picture_name, sniff
from ganeval.sources.decoding.sixteen_bit import (
    FULL,
    Deep,
    Samples,
    as_stored,
    by_strips,
    deep,
    rawmode_of,
    read_deep_colour,
    refuse_tiff_layout,
    tiff_tag,
    with_colour_key,
)

DECODE_POLICY: Final = (
    "decode-v1: grey x3, alpha over white, 16-bit round(v/257), CMYK (255-C)(255-K)/255, EXIF applied, ICC ignored, "
    "first frame"
)
"""How the table below is written in a protocol. Any change to the pixels of any file needs a new version."""


_SIXTEEN: Final = "16-bit round(v/257)"


def decode_policy(peak: int | None = None) -> str:
    """How a protocol states the decoding of a run.

    Args:
        peak: The 16-bit sample that means white, as the user stated it; None for 65,535.
    """
    return DECODE_POLICY if peak in (None, FULL) else DECODE_POLICY.replace(_SIXTEEN, f"16-bit round(255v/{peak})")


def stated_peak(policy: str | None) -> int | None:
    """The peak that `decode_policy` was given, from what it gave; None for the default."""
    found = re.search(r"16-bit round\(255v/(\d{1,5})\)", policy or "")
    return None if found is None else int(found[1])


@dataclass(frozen=True)
class Rule:
    """One row of the decode policy.

    Attributes:
        note: The word in `Decoded.notes`, or "" where the file is refused with BadImageError.
        when: Which files it is about.
        then: What happens to them.
    """

    note: str
    when: str
    then: str


RULES: Final[tuple[Rule, ...]] = (
    Rule("grey", "one channel, with or without alpha", "repeated to three"),
    Rule("palette", "indexed colours", "looked up; transparency in the palette is alpha"),
    Rule(
        "alpha",
        "some pixel is not opaque (alpha channel, tRNS chunk, GIF transparency)",
        "composited on white: round((c·a + 255·(255-a)) / 255)",
    ),
    Rule("16-bit", "16-bit samples, alpha included (PNG, TIFF, PPM)", "round(v / 257), before any compositing"),
    Rule(
        "cmyk",
        "CMYK (JPEG, TIFF)",
        "round((255-C)·(255-K) / 255) and so on; four channels of a JPEG are always taken as inverted, as Adobe "
        "writes them and browsers read them",
    ),
    Rule("ycbcr", "YCbCr that the reader does not convert itself (TIFF)", "JFIF: BT.601, full range"),
    Rule("exif", "EXIF orientation 2 to 8", "turned and mirrored upright"),
    Rule("icc", "an embedded ICC profile", "ignored: the numbers are taken as sRGB, as FID libraries do"),
    Rule("gamma", "a PNG whose gAMA chunk is not that of sRGB (1/2.2)", "ignored: the numbers are taken as sRGB"),
    Rule("animated", "more than one frame or page", "the first one"),
    Rule("mislabelled", "the extension of another format than the content's", "read by content"),
    Rule("", "truncated or damaged data, or a PNG chunk whose checksum fails", "never padded"),
    Rule("", "float, signed, 12-bit or 32-bit samples; Lab, HSV", "their range is not in the file"),
    Rule("", "16-bit TIFF stored plane by plane, premultiplied, or with white as zero", "Pillow would show it wrongly"),
    Rule("", "more than MAX_PIXELS pixels", "before anything is decoded"),
    Rule(
        "",
        "not PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, AVIF, HEIC, JPEG 2000, QOI, TGA, PCX, SGI, Sun raster or DDS by its "
        "first bytes, or of a kind that the installed Pillow was built without (HEIC: without pillow-heif)",
        "whatever its name says",
    ),
)


def decode(data: bytes, name: str, white: int = FULL) -> Decoded:
    """Decodes one image file.

    Args:
        data: The whole file.
        name: Where it came from, for the message and for the check of its extension.
        white: The 16-bit sample that means white, where a format doesn't state it (PNG, TIFF).

    Returns:
        uint8 (3, H, W) and the notes of the rules that applied.

    Raises:
        BadImageError: the file falls under one of the refusing rules.
        DataError: a 16-bit sample is larger than `white`: not the file is at fault, but the option.
    """
    row = sniff(data)
    if row is None:
        raise BadImageError(_unknown(data, name))
    try:
        return _decode(data, row, name, white)
    except BadImageError as error:
        raise BadImageError(f"{name!r}: {error}.") from None
    except DataError as error:
        raise DataError(f"{name!r}: {error}.") from None
    except MemoryError:
        raise
    except Exception as error:  # a decoder that is fed hostile bytes may raise anything; all of it means "bad image"
        cut = isinstance(error, struct.error | IndexError | EOFError)
        reason = "it ends too early" if cut else str(error) or type(error).__name__
        raise BadImageError(
            f"{name!r}: cannot decode this {row.name} file of {len(data):,} bytes: {reason}. Write it again."
        ) from error


def rgb_from_array(samples: Samples | npt.NDArray[np.uint16], white: int = FULL) -> Decoded:
    """Turns one array (H, W, C), C = 1, 3 or 4, into RGB by the same rules.

    Args:
        samples: uint8, or uint16 of at most `white`.
        white: The uint16 value that means white.
    """
    notes: set[str] = set()
    if samples.dtype == np.uint8:
        return Decoded(np.ascontiguousarray(_to_rgb(samples.astype(np.uint8, copy=False), notes)), frozenset(notes))
    notes.add("16-bit")
    found = deep(as_stored, samples.astype(np.uint16), key=None, alpha=samples.shape[-1] == 4, white=white)
    return Decoded(np.ascontiguousarray(_to_rgb(found.shown, notes)), frozenset(notes), found.peak)


def _decode(data: bytes, row: Format, name: str, white: int) -> Decoded:
    notes = set()
    ending = PurePosixPath(name).suffix.lower()
    if ending not in row.extensions and any(ending in other.extensions for other in FORMATS):
        notes.add("mislabelled")
    with open_image(data, row) as image:
        if getattr(image, "is_animated", False):
            notes.add("animated")
        if row.name == "tiff":
            refuse_tiff_layout(image)
            # Pillow's TIFF reader turns the image upright while it loads, and then forgets that it did.
            orientation, turned = UPRIGHT, tiff_tag(image, ORIENTATION_TAG, UPRIGHT) in range(2, 9)
        found = read_deep_colour(data, image, row, white)
        if found is not None:
            notes.add("16-bit")
        samples = _read_samples(image, row, notes, white) if found is None else found
        shown, peak = (samples.shown, samples.peak) if isinstance(samples, Deep) else (samples, None)
        if row.name != "tiff":
            orientation = orientation_of(image.info.get("exif") or b"")
            # pillow-heif turns the picture, and keeps what the tag was.
            turned = orientation != UPRIGHT or image.info.get("original_orientation", UPRIGHT) in range(2, 9)
        if turned:
            notes.add("exif")
        profile = None
        if embedded := image.info.get("icc_profile"):
            notes.add("icc")
            profile = _profile(embedded)
        elif row.name == "png" and "srgb" not in image.info and _other_gamma(image.info.get("gamma")):
            notes.add("gamma")
    return Decoded(np.ascontiguousarray(upright(_to_rgb(shown, notes), orientation)), frozenset(notes), peak, profile)


def _profile(embedded: bytes) -> str:
    """What tells one colour profile from another; sRGB is written in many ways, which mean the same."""
    named = any("sRGB".encode(coding) in embedded for coding in ("ascii", "utf-16-be"))
    return "sRGB" if named else hashlib.sha256(embedded).hexdigest()


def _other_gamma(gamma: object) -> bool:
    """True for a gamma that isn't sRGB's; an sRGB chunk or a colour profile wins over it (PNG, third edition, 4.3)."""
    return isinstance(gamma, float) and abs(gamma - 1 / 2.2) > 0.005


def _read_samples(image: ImageFile.ImageFile, row: Format, notes: set[str], white: int) -> Samples | Deep:
    """Decodes an image of at most 8 bits a sample, or a 16-bit grey, to (H, W, C)."""
    rawmode = rawmode_of(image)
    image.load()
    mode, key = image.mode, image.info.get("transparency")
    if mode.startswith("I;16") or (mode == "I" and row.name in ("png", "ppm")):  # Pillow < 12 has PNG's as "I"
        notes.add("16-bit")
        wide = np.asarray(image).astype(np.uint16)[..., None]
        stated = FULL if row.name == "ppm" else white  # a PPM states its largest value, and Pillow spreads it to 65,535
        return deep(as_stored, wide, key=key, alpha=False, white=stated)
    if mode in ("P", "PA"):
        notes.add("palette")
        return np.asarray(image.convert("RGBA"))
    if mode in ("CMYK", "YCbCr"):
        notes.add(mode.lower())
        return np.asarray(image.convert("RGB"))
    if mode in ("1", "L"):
        grey = np.asarray(image.convert("L"))[..., None]
        if key is not None:
            # tRNS counts in the file's own bits; the samples have been spread over 0..255. (For 1-bit greys Pillow 13
            # spreads the key as well, older ones do not.)
            key = (255 if key else 0) if mode == "1" else key * {"L;2": 85, "L;4": 17}.get(rawmode, 1)
        return with_colour_key(grey, grey, key)
    if mode == "RGB":
        colours = np.asarray(image)
        return with_colour_key(colours, colours, key)
    if mode in ("LA", "La", "RGBA", "RGBa"):  # a small "a" is premultiplied; Pillow divides it out
        return np.asarray(image.convert("LA" if mode in ("LA", "La") else "RGBA"))
    raise BadImageError(
        f"{row.name} with samples of kind {mode!r}, whose range the file does not say; expected 8-bit or 16-bit grey, "
        "palette, RGB or CMYK. Convert it to 8-bit PNG"
    )


def _to_rgb(samples: Samples, notes: set[str]) -> Pixels:
    """Composites on white and repeats grey: (H, W, C) -> (3, H, W)."""
    channels = samples.shape[-1]
    if channels in (2, 4):
        opaque = bool((samples[..., -1] == 255).all())
        if not opaque:
            notes.add("alpha")
        samples = samples[..., :-1] if opaque else by_strips(_on_white, samples)
    if channels <= 2:
        notes.add("grey")
        samples = np.broadcast_to(samples, (*samples.shape[:2], 3))
    return samples.transpose(2, 0, 1)


def _on_white(samples: Samples) -> Samples:
    alpha = samples[..., -1:].astype(np.uint16)
    # 255 is odd, so adding 127 before the integer division rounds to nearest without ties; the sum is below 2^16.
    shown: Samples = ((samples[..., :-1] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return shown


def _unknown(data: bytes, name: str) -> str:
    if not data:
        return f"{name!r}: the file is empty (0 bytes); expected an image. Write it again."
    if kind := other_kind(data):
        return f"{name!r}: not an image but {kind}."
    if picture := picture_name(data):
        return f"{name!r}: {picture}, a format that is not decoded here. Convert it to 8-bit PNG."
    return (
        f"{name!r}: not an image: it starts with {data[:12]!r}; expected one of "
        f"{', '.join(row.name for row in FORMATS)}. Convert it."
    )
