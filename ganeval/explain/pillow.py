"""A source read as other tools do: by Pillow's `convert("RGB")` alone if ganeval's rules for files differ.

The readings differ only for images with one of the decoding notes below. All others keep their digest, so that both
readings share their features.
"""

import dataclasses
import hashlib
import io
from collections.abc import Collection
from typing import Final

import numpy as np
from PIL import Image

from ganeval.errors import BadImageError
from ganeval.sources.base import Decoded, ImageSource, Raw

DIFFERENT: Final = frozenset({"alpha", "16-bit", "cmyk", "ycbcr", "exif"})
"""Notes of the decode policy under which Pillow's own conversion may give other pixels."""

PILLOW_POLICY: Final = "pillow: Image.open(file).convert('RGB')"
_SALT: Final = b"pillow-convert-rgb\n"


class PillowSource(ImageSource):
    """A source whose selected images are read by `Image.open(file).convert("RGB")`.

    Args:
        source: The whole source.
        indices: Images to read by Pillow; images that don't come from files are unchanged.
    """

    def __init__(self, source: ImageSource, indices: Collection[int]) -> None:
        self.name = source.name
        self.items = source.items
        self.origin = source.origin
        self._source = source
        self._indices = frozenset(indices)

    def read(self, index: int) -> Raw:
        """Reads one image, by Pillow if it is one of `indices`."""
        raw = self._source.read(index)
        stored = raw.stored
        if index not in self._indices or stored is None:
            return raw
        name = self.items[index].name
        digest = hashlib.sha256(_SALT + raw.digest).digest()
        return dataclasses.replace(raw, digest=digest, decode=lambda: _convert(stored, name))


def _convert(data: bytes, name: str) -> Decoded:
    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except (OSError, ValueError, SyntaxError) as error:
        raise BadImageError(f"{name!r}: Pillow cannot convert it to RGB ({error}).") from error
    return Decoded(np.ascontiguousarray(pixels), frozenset({"pillow"}))
