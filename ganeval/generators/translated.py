"""Image-to-image generators as image sources: each image of another source, put through the generator."""

import dataclasses
import threading
from collections.abc import Callable

import numpy as np

from ganeval.sources.arrays import pixels_digest
from ganeval.sources.base import ImageSource, Pixels, Raw

Translate = Callable[[Pixels], Pixels]


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
