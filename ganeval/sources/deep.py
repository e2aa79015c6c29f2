"""16-bit samples at full depth: what Pillow cannot show, and the TIFF layouts that it would show wrongly.

Pillow has no 16-bit colour mode (as of 13.0): its unpackers keep the high byte of each sample, which is floor(v / 256)
instead of round(v / 257). The low bytes can still be had: unpacking the same data in the other byte order keeps them,
and unpacking grey + alpha (2 x 16 bits) as 4 x 8 bits keeps all four bytes.
"""

import io
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import ImageFile

from ganeval.errors import BadImageError
from ganeval.sources.formats import Format

Samples = npt.NDArray[np.uint8]  # (H, W, C): C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha

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
    height = len(arrays[0])
    step = max(1, STRIP // max(1, arrays[0][:1].size))
    first = rule(*(array[:step] for array in arrays))
    whole = np.empty((height, *first.shape[1:]), np.uint8)
    whole[:step] = first
    for start in range(step, height, step):
        whole[start : start + step] = rule(*(array[start : start + step] for array in arrays))
    return whole


def scale_16_bit(wide: npt.NDArray[np.uint16]) -> Samples:
    """round(v / 257): 0 -> 0, 65535 -> 255. 257 is odd, so there are no ties and (v + 128) // 257 is exact."""
    return ((wide.astype(np.uint32) + 128) // 257).astype(np.uint8)


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


def read_deep_colour(data: bytes, image: ImageFile.ImageFile, row: Format) -> Samples | None:
    """Decodes 16-bit RGB, RGBA or grey + alpha at full depth and scales it to 8 bits.

    Args:
        data: The whole file.
        image: The same, opened and not yet loaded.
        row: Its format.

    Returns:
        (H, W, 2 to 4), or None for any other kind of image.
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

    def rule(high: Samples, low: Samples) -> Samples:
        wide = high.astype(np.uint16) * 256 + low
        return with_colour_key(scale_16_bit(wide), wide, key)

    return by_strips(rule, high, low)


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
