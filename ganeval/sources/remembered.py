"""A source that is read several times: what was read once is known by its digest and read again only when asked for.

A second pass over it, with all features in the store, reads no file and draws no image.
"""

from ganeval.errors import BadImageError
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
            digest = raw.digest
            # The bytes themselves are let go: 50,000 images would fill the memory.
            self._known[index] = Raw(digest, lambda: self._decoded(index, digest), raw.format)
            return raw
        return self._known[index]

    def _decoded(self, index: int, digest: bytes) -> Decoded:
        """Pixels of an item that was read before; it must still be that very image."""
        raw = self._source.read(index)
        if raw.digest != digest:
            name = self.items[index].name
            raise BadImageError(
                f"{name!r} in {self.name!r} changed during the run. Run again when nothing writes there."
            )
        return raw.decode()
