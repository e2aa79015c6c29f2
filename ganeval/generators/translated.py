"""Image-to-image generators as image sources: each image of another source, put through the generator."""

import dataclasses
import threading
from collections.abc import Callable
from typing import Final

import numpy as np

from ganeval.errors import DataError
from ganeval.sources.arrays import pixels_digest
from ganeval.sources.base import ImageSource, Pixels, Raw

Translate = Callable[[Pixels], Pixels]

OVERLAP: Final = 32
"""Pixels around a tile that the generator sees as well: `srgan.bsds500` looks 24 pixels far."""


def in_tiles(translate: Translate, side: int) -> Translate:
    """Translates an image tile by tile, so that memory goes by the tile and not by the image.

    The output is that of the whole image, up to rounding, if no output pixel depends on input pixels more than OVERLAP
    away. A generator that normalises over the image, as InstanceNorm does, gives each tile a look of its own.

    Args:
        translate: Enlarges by a whole factor, or not at all.
        side: Pixels of an input tile, a multiple of OVERLAP: a generator that halves its input up to five times then
            halves every tile as it halves the image.

    Raises:
        DataError: when called; an output that isn't a whole factor as large as its input.
    """

    def translated(pixels: Pixels) -> Pixels:
        _, height, width = pixels.shape
        rows: list[Pixels] = []
        for top in range(0, height, side):
            above, below = max(0, top - OVERLAP), min(height, top + side + OVERLAP)
            row: list[Pixels] = []
            for left in range(0, width, side):
                before, after = max(0, left - OVERLAP), min(width, left + side + OVERLAP)
                made = translate(np.ascontiguousarray(pixels[:, above:below, before:after]))
                factor = made.shape[1] // (below - above)
                if made.shape[1:] != (factor * (below - above), factor * (after - before)) or not factor:
                    raise DataError(
                        f"The generator made {made.shape[1]}x{made.shape[2]} pixels of a tile of {below - above}x"
                        f"{after - before}; tiles need an output that is 1, 2, 3, ... times its input. Drop --tile."
                    )
                y, x = factor * (top - above), factor * (left - before)
                row.append(made[:, y : y + factor * min(side, height - top), x : x + factor * min(side, width - left)])
            rows.append(np.concatenate(row, axis=2))
        return np.concatenate(rows, axis=1)

    return translated


class TranslatedSource(ImageSource):
    """Every image of a source, translated when it is read; names, labels and order are the source's.

    Args:
        source: The inputs.
        translate: uint8 (3, H, W) -> uint8 (3, H', W'); called by one thread at a time.
        name: What the user typed.
    """

    def __init__(self, source: ImageSource, translate: Translate, name: str) -> None:
        self.name = name
        self.items = source.items
        self.skipped = source.skipped
        self.notes = source.notes
        self._source = source
        self._translate = translate
        self._lock = threading.Lock()

    def read(self, index: int) -> Raw:
        """Translates item `index`."""
        decoded = self._source.read(index).decode()
        with self._lock:
            pixels = self._translate(decoded.pixels)
        translated = dataclasses.replace(decoded, pixels=np.ascontiguousarray(pixels))
        return Raw(pixels_digest(translated.pixels), lambda: translated, "generated")

    def close(self) -> None:
        """Closes the inputs."""
        self._source.close()
