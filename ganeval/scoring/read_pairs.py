"""Pairs of images: read ahead and decoded by several threads, cropped to whole multiples, of equal size."""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ganeval.errors import BadImageError, DataError
from ganeval.scoring.masks import Mask, Masks
from ganeval.sources.base import ImageSource, Pixels
from ganeval.sources.decoding_differences import Both, Seen
from ganeval.sources.read_ahead import WORKERS, read_ahead

P = TypeVar("P", np.uint8, np.bool_)
Size = tuple[int, int]  # height, width

SCALES = (2, 3, 4, 8, 16)  # of super-resolution
WAITING_PIXELS = 2**24  # 6 bytes a pixel of a pair: 100 MB for images that were decoded and wait


@dataclass(frozen=True)
class Pair:
    """Two decoded images of one picture.

    Attributes:
        position: Place in the list of pairs.
        stem: Name of the original without extension; of two single images that of the fake.
        fake: uint8 (3, H, W).
        real: The same shape.
        digests: sha256 of the stored bytes, fake and real.
        seen: What decoding did to the fake and to the real image.
        mask: The pixels that count, (H, W); None for all.
        mask_digest: sha256 of the stored mask, b"" without one.
        values: Key of a request -> value, of metrics that look at the pixels alone.
    """

    position: int
    stem: str
    fake: Pixels
    real: Pixels
    digests: tuple[bytes, bytes]
    seen: Both
    mask: Mask | None = None
    mask_digest: bytes = b""
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.fake.shape[1], self.fake.shape[2]

    @property
    def area(self) -> int:
        """Pixels of one of the two."""
        return self.size[0] * self.size[1]


Measure = Callable[[Pair], Mapping[str, float]]
"""What metrics that look at the pixels alone make of a pair; called by several threads at a time."""


def _load(
    position: int,
    fake: ImageSource,
    real: ImageSource,
    indices: tuple[int, int],
    multiple: int,
    measure: Measure,
    masks: Masks | None,
) -> Pair | BadImageError:
    """Reads and decodes both images, crops them and compares their sizes."""
    try:
        raws = fake.read(indices[0]), real.read(indices[1])
        images = raws[0].decode(), raws[1].decode()
    except BadImageError as error:
        return error
    named = fake.items[indices[0]] if fake.single else real.items[indices[1]]
    pair = Pair(
        position,
        named.stem,
        mod_crop(images[0].pixels, multiple),
        mod_crop(images[1].pixels, multiple),
        (raws[0].digest, raws[1].digest),
        (Seen.of(raws[0], images[0]), Seen.of(raws[1], images[1])),
    )
    if pair.fake.shape != pair.real.shape:
        raise DataError(_unequal(pair))
    if not pair.area:
        height, width = images[1].pixels.shape[1:]
        raise DataError(
            f"Pair {pair.stem!r} is {width}x{height} (width x height), less than --mod-crop {multiple}. Give the scale "
            "of the model."
        )
    if masks is not None:
        mask, digest = masks.read(indices[0])
        pair = replace(pair, mask=mod_crop(mask[None], multiple)[0], mask_digest=digest)
    return replace(pair, values=measure(pair))


def mod_crop(pixels: npt.NDArray[P], multiple: int) -> npt.NDArray[P]:
    """Cuts the right and the bottom edge, so that width and height are multiples: what super-resolution code calls so.

    A model that enlarges by 3 what was reduced by 3 gives 249 of 250 pixels; its original has to lose the last one.
    """
    if multiple < 2:
        return pixels
    _, height, width = pixels.shape
    return np.ascontiguousarray(pixels[:, : height - height % multiple, : width - width % multiple])


def read_pairs(
    fake: ImageSource,
    real: ImageSource,
    indices: Sequence[tuple[int, int]],
    ahead: int,
    multiple: int = 0,
    measure: Measure = lambda pair: {},
    masks: Masks | None = None,
) -> Generator[Pair | BadImageError, None, None]:
    """Decoded pairs in order, or the error where an image cannot be decoded.

    Args:
        fake: The images to score.
        real: Their originals.
        indices: What `pair_up` gives.
        ahead: Pairs in memory at most; fewer of large images (`WAITING_PIXELS`, and one more a thread).
        multiple: Both images of a pair are cropped to multiples of it, 0 for not at all.
        masks: Which pixels count; None for all.
        measure: Called for each pair by the thread that decoded it, so that all cores share the work.

    Raises:
        DataError: two images of a pair differ in size.
    """
    workers = max(WORKERS, os.cpu_count() or 1)
    return read_ahead(
        lambda position: _load(position, fake, real, indices[position], multiple, measure, masks),
        len(indices),
        ahead=max(workers, ahead),
        pixels=lambda loaded: 0 if isinstance(loaded, BadImageError) else loaded.area,
        limit=WAITING_PIXELS,
        workers=workers,
    )


def wide(size: Size) -> str:
    """A size as people write it: width x height."""
    return f"{size[1]}x{size[0]}"


def _unequal(pair: Pair) -> str:
    """What is wrong with two sizes, and the likely cause where the images give it away."""
    fake, real = (image.shape[1:] for image in (pair.fake, pair.real))
    text = (
        f"Pair {pair.stem!r}: the fake is {wide(fake)}, the real {wide(real)} (width x height); expected equal sizes."
    )
    if fake == (real[1], real[0]):
        return f"{text} {_turned(pair.seen)}"
    for one, other, word in ((fake, real, "smaller"), (real, fake, "larger")):
        factor = other[0] // one[0]
        if factor > 1 and other == (one[0] * factor, one[1] * factor):
            return (
                f"{text} The fake is exactly {factor} times {word}: one side may be the low-resolution input. "
                "Give the images that the model wrote, and originals of their size."
            )
    if scales := [scale for scale in SCALES if fake == tuple(side - side % scale for side in real)]:
        others = f" (or {', '.join(map(str, scales[1:]))})" if scales[1:] else ""
        return (
            f"{text} The real image is {real[1] - fake[1]} wider and {real[0] - fake[0]} higher, as where a model "
            f"enlarges what was reduced by {scales[0]}{others}: give its scale, and the originals are cropped to "
            f"multiples of it: --mod-crop {scales[0]}."
        )
    return f"{text} Crop or resize one side, the whole set in the same way."


def _turned(seen: Both) -> str:
    """Why width and height are exchanged."""
    rotated = ["exif" in image.facts.notes for image in seen]
    if rotated[0] == rotated[1]:
        return "Width and height are exchanged: one of the two was turned by 90 degrees. Turn the whole set back."
    one, other = ("fake", "real image") if rotated[0] else ("real image", "fake")
    return (
        f"The {one} has an EXIF rotation and was turned upright; the {other} has none, so it was probably made from "
        f"the pixels as they are stored. Write the {'fakes' if rotated[0] else 'originals'} upright without the tag "
        "(PIL.ImageOps.exif_transpose, or `mogrify -auto-orient`)"
        + (" and compare again." if rotated[0] else " and run the model on those, or turn the fakes the same way.")
    )
