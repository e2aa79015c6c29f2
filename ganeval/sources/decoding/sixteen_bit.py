"""16-bit samples at full depth: what Pillow cannot show, and the TIFF layouts that it would show wrongly.

Pillow has no 16-bit colour mode (as of 13.0): its unpackers keep the high byte of each sample, which is floor(v / 256)
instead of round(v / 257). The low bytes can still be had: unpacking the same data in the other byte order keeps them,
and unpacking grey + alpha (2 x 16 bits) as 4 x 8 bits keeps all four bytes.
"""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import ImageFile

from ganeval.errors import BadImageError, DataError
from ganeval.sources.decoding.formats import Format

Samples = npt.NDArray[np.uint8]  # (H, W, C): C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha
Join = Callable[..., npt.NDArray[np.uint16]]  # rows of stored arrays -> samples (h, W, C)

BITS_TAG: Final = 258
PHOTOMETRIC_TAG: Final = 262
PLANAR_TAG: Final = 284
SAMPLE_FORMAT_TAG: Final = 339

# Raw mode of the file -> raw modes that give the high and the low bytes.
_HIGH_LOW: Final[dict[str, tuple[str, str]]] = {
    "RGB;16B": ("RGB;16B", "RGB;16L"),
    "RGB;16L": ("RGB;16L", "RGB;16B"),
    "RGBA;16B": ("RGBA;16B", "RGBA;16L"),
    "RGBA;16L": ("RGBA;16L", "RGBA;16B"),
    "LA;16B": ("RGBA", "RGBA"),
}


STRIP: Final = 1 << 22
"""Values that are computed with at a time: wider numbers than bytes are never made of a whole image."""


def by_strips(rule: Callable[..., Samples], *arrays: npt.NDArray[Any]) -> Samples:
    """Applies a rule for pixels to some rows at a time.

    Args:
        rule: Arrays (h, W, ...) -> (h, W, C); pixels do not depend on each other.
        arrays: (H, W, ...), all of one H.
    """
    whole: Samples | None = None
    start = 0
    for rows in _strips(*arrays):
        part = rule(*rows)
        if whole is None:
            whole = np.empty((len(arrays[0]), *part.shape[1:]), np.uint8)
        whole[start : start + len(part)] = part
        start += len(part)
    if whole is None:
        raise ValueError("an image of no rows")
    return whole


def _strips(*arrays: npt.NDArray[Any]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """Some rows of each array at a time."""
    step = max(1, STRIP // max(1, arrays[0][:1].size))
    for start in range(0, len(arrays[0]), step):
        yield tuple(array[start : start + step] for array in arrays)


FULL: Final = 65_535


@dataclass(frozen=True)
class Deep:
    """A 16-bit image, scaled to 8 bits.

    Attributes:
        shown: Its samples on 8 bits.
        peak: As in `Decoded`.
    """

    shown: Samples
    peak: int | None


def scale_16_bit(wide: npt.NDArray[np.uint16], white: int = FULL) -> Samples:
    """round(255 v / white), halves up: 0 -> 0, `white` -> 255.

    For 65,535 this is round(v / 257). In 32 bits: 2·255·65,535 + 65,535 is below 2^26.
    """
    return ((510 * wide.astype(np.uint32) + white) // (2 * white)).astype(np.uint8)


def deep(join: Join, *stored: npt.NDArray[Any], key: object, alpha: bool, white: int) -> Deep:
    """Scales 16-bit samples to 8 bits.

    Args:
        join: Makes some rows of samples (h, W, C) of the same rows of `stored`.
        stored: Arrays (H, W, ...): the samples, or their high and their low bytes.
        key: Transparent colour, as in `with_colour_key`.
        alpha: True where the last channel is one.
        white: The sample that means white.

    Raises:
        DataError: a sample is larger than `white`.
    """
    peak, alpha_peak, repeated = 0, 0, True
    for rows in _strips(*stored):
        wide = join(*rows)
        peak = max(peak, int((wide[..., :-1] if alpha else wide).max()))
        alpha_peak = max(alpha_peak, int(wide[..., -1].max())) if alpha else 0
        repeated = repeated and bool((wide >> 8 == wide & 255).all())
    if peak > white:
        raise DataError(
            f"it has a sample of {peak:,}, above --peak {white}. Give the largest value that the samples can have"
        )
    opaque = white if alpha_peak <= white else FULL  # what writes 12-bit colours may write an alpha of 16 bits

    def rule(*rows: npt.NDArray[Any]) -> Samples:
        wide = join(*rows)
        if not alpha:
            return with_colour_key(scale_16_bit(wide, white), wide, key)
        return np.concatenate([scale_16_bit(wide[..., :-1], white), scale_16_bit(wide[..., -1:], opaque)], axis=-1)

    return Deep(by_strips(rule, *stored), None if repeated else peak)


def as_stored(wide: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """The `Join` of samples that are stored whole."""
    return wide


def _of_bytes(high: Samples, low: Samples) -> npt.NDArray[np.uint16]:
    """The `Join` of high and low bytes."""
    return high.astype(np.uint16) * 256 + low


def with_colour_key(shown: Samples, stored: npt.NDArray[np.unsignedinteger[Any]], key: object) -> Samples:
    """Adds an alpha channel in which one colour is transparent.

    Args:
        shown: (H, W, C), C = 1 or 3.
        stored: (H, W, C), the samples in the units of `key`.
        key: A number or C numbers (PNG's tRNS chunk), or None for no transparent colour.
    """
    if key is None:
        return shown
    opaque = (stored != np.asarray(key)).any(axis=-1, keepdims=True)
    return np.concatenate([shown, opaque.astype(np.uint8) * np.uint8(255)], axis=-1)


def rawmode_of(image: ImageFile.ImageFile) -> str:
    """How the bytes of the first tile become samples; "" where the format has no such thing."""
    if not image.tile:
        return ""
    args: object = image.tile[0][3]
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def read_deep_colour(data: bytes, image: ImageFile.ImageFile, row: Format, white: int) -> Deep | None:
    """Decodes 16-bit RGB, RGBA or grey + alpha at full depth and scales it to 8 bits.

    Args:
        data: The whole file.
        image: The same, opened and not yet loaded.
        row: Its format.
        white: The sample that means white.

    Returns:
        (H, W, 2 to 4), or None for any other kind of image.

    Raises:
        DataError: a sample is larger than `white`.
    """
    rawmode = rawmode_of(image)
    if rawmode.endswith(";16N"):  # libtiff hands samples over in the machine's own order
        rawmode = rawmode[:-1] + ("L" if sys.byteorder == "little" else "B")
    if rawmode not in _HIGH_LOW:
        return None
    (high, info), (low, _) = (_unpack_as(data, row, raw) for raw in _HIGH_LOW[rawmode])
    image.info.update(info)  # with the chunks behind the pixels: a PNG's EXIF may stand there
    if rawmode == "LA;16B":  # (grey high, grey low, alpha high, alpha low)
        high, low = high[..., 0::2], high[..., 1::2]
    key = None if rawmode == "LA;16B" else info.get("transparency")
    return deep(_of_bytes, high, low, key=key, alpha=high.shape[-1] in (2, 4), white=white)


def _unpack_as(data: bytes, row: Format, rawmode: str) -> tuple[Samples, dict[Any, Any]]:
    """Decodes `data` with another raw mode in its tiles."""
    with row.plugin(io.BytesIO(data)) as image:
        tiles: list[Any] = []
        for tile in image.tile or ():
            args = (rawmode, *tile[3][1:]) if isinstance(tile[3], tuple) else rawmode
            tiles.append(type(tile)(*tile[:3], args) if hasattr(tile, "_fields") else (*tile[:3], args))
        image.tile = tiles
        image.load()
        return np.asarray(image), dict(image.info)


def tiff_tag(image: ImageFile.ImageFile, tag: int, default: object) -> Any:
    """One tag of an opened TIFF."""
    return image.tag_v2.get(tag, default)  # type: ignore[attr-defined]  # a TiffImageFile has it


def refuse_tiff_layout(image: ImageFile.ImageFile) -> None:
    """Refuses the TIFF layouts that Pillow opens but would show wrongly.

    Raises:
        BadImageError: samples that are not unsigned integers of 1, 2, 4, 8 or 16 bits; 16-bit samples in a layout of
            which Pillow reads only the high bytes, or does not undo what the file asks for.
    """
    bits = tiff_tag(image, BITS_TAG, (1,))
    bits = set(bits) if isinstance(bits, tuple) else {bits}
    kinds = tiff_tag(image, SAMPLE_FORMAT_TAG, (1,))
    kinds = set(kinds) if isinstance(kinds, tuple) else {kinds}
    if not bits <= {1, 2, 4, 8, 16} or kinds != {1}:
        raise BadImageError(
            f"TIFF with {'/'.join(map(str, sorted(bits)))}-bit samples of sample format "
            f"{'/'.join(map(str, sorted(kinds)))} (1 unsigned, 2 signed, 3 float), whose range the file does not say; "
            "expected unsigned integers of up to 8 bits or of 16. Scale it and write 8-bit PNG"
        )
    if 16 not in bits:
        return
    as_stored = rawmode_of(image).rstrip("NLB") in ("RGB;16", "RGBA;16", "I;16")
    white_is_zero = tiff_tag(image, PHOTOMETRIC_TAG, 1) == 0
    by_plane = tiff_tag(image, PLANAR_TAG, 1) == 2
    if white_is_zero or by_plane or not as_stored:
        raise BadImageError(
            "16-bit TIFF that is stored plane by plane, premultiplied, with spare channels or with white as zero; "
            "expected interleaved grey, RGB or RGBA. Write it as PNG"
        )
