"""A source that is read several times: what was read once is known by its digest and read again only when asked for.

A second pass over it, with all features in the store, reads no file and draws no image.
"""

from ganeval.sources.base import Decoded, ImageSource, Raw


class Remembered(ImageSource):
    """The same images as another source.

    Args:
        source: Where they come from; closed by whoever opened it.
    """

    def __init__(self, source: ImageSource) -> None:
        self.name = source.name
        self.items = source.items
        self.origin = source.origin
        self.skipped = source.skipped
        self.notes = source.notes
        self._source = source
        self._known: dict[int, Raw] = {}

    def read(self, index: int) -> Raw:
        """Reads item `index` the first time; afterwards gives its digest, and reads again only to decode."""
        if index < 0:
            index += len(self.items)
        if index not in self._known:
            raw = self._source.read(index)
            # The bytes themselves are let go: 50,000 images would fill the memory.
            self._known[index] = Raw(raw.digest, lambda: self._decoded(index), raw.format)
            return raw
        return self._known[index]

    def _decoded(self, index: int) -> Decoded:
        return self._source.read(index).decode()
