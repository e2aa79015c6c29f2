"""A generator as an image source: images that are drawn when they are asked for, each from its own seed.

Image i depends on (seed, i) alone. A network may round differently in batches of another size, so images are always
drawn in the same blocks of BLOCK, whole ones even past the end: reading order, batch size, number of workers and n
change nothing.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.sources.arrays import pixels_digest
from ganeval.sources.base import Decoded, ImageSource, Item, Raw

BLOCK: Final = 64
_KEPT_BLOCKS: Final = 4  # 4 · 64 images of 256 px are 50 MB; readers work within one or two blocks of each other

Draw = Callable[[Sequence[int], int], Any]
"""(indices, seed) -> uint8 (B, 3, H, W) or (B, 1, H, W), numpy or a CPU tensor; image i from (seed, i) alone."""


@dataclass(frozen=True)
class LatentSpace:
    """A generator at latents that a metric chooses.

    Attributes:
        width: Numbers in one latent, N(0, 1).
        classes: How many classes it can be asked for; 0 for none.
        images: (float32 latents (B, width) on the CPU, class of each or ()) -> uint8 (B, 3 or 1, H, W) on the CPU.
    """

    width: int
    classes: int
    images: Callable[[Any, Sequence[int]], Any]


def image_seed(seed: int, index: int) -> int:
    """A seed of 63 bits for image `index`: neighbouring indices and seeds give unrelated ones (numpy SeedSequence)."""
    (word,) = np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)
    return int(word) >> 1


class GeneratorSource(ImageSource):
    """n images of a generator.

    Args:
        draw: Draws the images of the given indices. Called by one thread at a time. An index may reach past n.
        n: How many images there are.
        seed: Handed to `draw`.
        name: What the user typed.
        labels: Class name of each of the n images, or None.
        latents: The generator at chosen latents, None for one that is not asked by latents.

    Raises:
        DataError: n is below 1, or the number of labels is not n.
    """

    def __init__(
        self,
        draw: Draw,
        n: int,
        seed: int,
        name: str,
        labels: Sequence[str] | None = None,
        latents: LatentSpace | None = None,
    ) -> None:
        if n < 1 or (labels is not None and len(labels) != n):
            said = "no labels" if labels is None else f"{len(labels)} labels"
            raise DataError(f"{name!r}: {n} images and {said}; expected at least one image and one label for each.")
        self.name = name
        self.latents = latents
        self._draw = draw
        self._seed = seed
        self._lock = threading.Lock()
        self._blocks: OrderedDict[int, npt.NDArray[np.uint8]] = OrderedDict()
        self._drawn: dict[bytes, int] = {}  # digest of a block -> its number
        width = max(6, len(str(n - 1)))
        self.items = [Item(f"{i:0{width}d}", None if labels is None else labels[i]) for i in range(n)]

    def read(self, index: int) -> Raw:
        """Draws the block of image `index`, unless it is among the last few.

        Raises:
            DataError: `draw` gave something else than uint8 images, of which the message says the shape.
        """
        name = self.items[index].name  # raises IndexError past the end, as for every source
        index %= len(self.items)
        with self._lock:
            block = self._block(index // BLOCK, name)
        pixels = block[index % BLOCK]
        notes = frozenset({"grey"}) if pixels.shape[0] == 1 else frozenset[str]()
        decoded = Decoded(np.ascontiguousarray(np.broadcast_to(pixels, (3, *pixels.shape[1:]))), notes)
        return Raw(pixels_digest(decoded.pixels), lambda: decoded, "generated")

    def _block(self, number: int, name: str) -> npt.NDArray[np.uint8]:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        drawn = np.asarray(self._draw(range(number * BLOCK, (number + 1) * BLOCK), self._seed))
        if drawn.dtype != np.uint8 or drawn.ndim != 4 or drawn.shape[0] != BLOCK or drawn.shape[1] not in (1, 3):
            raise DataError(
                f"The generator {self.name!r} gave {drawn.dtype} {drawn.shape} for {BLOCK} images from {name} on; "
                f"expected uint8 ({BLOCK}, 3 or 1, height, width). Bring floats to bytes with quantise_tensor."
            )
        self._check_repeats(number, drawn)
        self._blocks[number] = drawn
        if len(self._blocks) > _KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return drawn

    def _check_repeats(self, number: int, drawn: npt.NDArray[np.uint8]) -> None:
        """A generator that returns one batch of different images again and again takes no notice of what it is given.

        One whose images are all equal, or a few that alternate, may have collapsed, or be a drawing by class: that is
        for metrics to show.
        """
        first = self._drawn.setdefault(hashlib.sha256(str(drawn.shape).encode() + drawn.tobytes()).digest(), number)
        if first == number or len({image.tobytes() for image in drawn}) < len(drawn):
            return
        here, there = (f"{block * BLOCK} to {(block + 1) * BLOCK - 1}" for block in (number, first))
        raise DataError(
            f"{self.name} drew images {here} that are images {there} again, byte for byte: it returns one batch at "
            "every call. Draw from the latents, indices or random generator that it is given."
        )
