"""Image files whose 16-bit samples hold fewer bits, read with the value of white that the user stated."""

import dataclasses

from ganeval.sources.base import ImageSource, Raw
from ganeval.sources.decoding.rules import decode


class StatedWhite(ImageSource):
    """The images of a source, decoded with another 16-bit white than 65,535.

    Args:
        source: The images. Those that aren't files (arrays, data sets) are left as they are.
        white: The 16-bit sample that means white.
    """

    def __init__(self, source: ImageSource, white: int) -> None:
        self.name = source.name
        self.items = source.items
        self.origin = source.origin
        self.skipped = source.skipped
        self.notes = source.notes
        self.mixture = source.mixture
        self.single = source.single
        self._source = source
        self._white = white

    def read(self, index: int) -> Raw:
        """Reads item `index`; its digest is that of the file, which doesn't depend on how it is decoded."""
        raw, name = self._source.read(index), self.items[index].name
        stored = raw.stored
        if stored is None:
            return raw
        return dataclasses.replace(raw, decode=lambda: decode(stored, name, self._white))

    def keep(self) -> None:
        """Keeps what the source learnt."""
        self._source.keep()

    def close(self) -> None:
        """Closes the source."""
        self._source.close()
