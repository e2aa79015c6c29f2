"""A source whose images are damaged on purpose, image by image or by copying some over others."""

import numpy as np

from ganeval.doctor.damage import Damage
from ganeval.sources.arrays import pixels_digest
from ganeval.sources.base import Decoded, ImageSource, Raw


class Damaged(ImageSource):
    """Images of another source after one kind of damage, under the same names.

    Args:
        source: Clean images; the caller closes it.
        damage: What to do to them.
        seed: Decides which images are copied over which, if the damage repeats some.
    """

    def __init__(self, source: ImageSource, damage: Damage, seed: int) -> None:
        self.name = f"{source.name}, {damage.words}"
        self.items = source.items
        self._source = source
        self._damage = damage
        self._taken = np.arange(len(source))
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(source))
        self._spoilt = set(order[: round(damage.share * len(source))].tolist())
        count = min(round(damage.repeat * len(source)), len(source) - 1)
        if count:
            kept = order[count:]
            self._taken[order[:count]] = kept[np.arange(count) % len(kept)]

    def read(self, index: int) -> Raw:
        """Reads item `index`, damaged if it belongs to the fraction."""
        if index < 0:
            index += len(self.items)
        pixels = self._source.read(int(self._taken[index])).decode().pixels
        if self._damage.pixels is not None and index in self._spoilt:
            pixels = np.ascontiguousarray(self._damage.pixels(pixels))
        return Raw(pixels_digest(pixels), lambda: Decoded(pixels), "damaged")
