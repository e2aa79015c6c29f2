"""Images cut out of strips and grids: input, output and target side by side, or a sheet of samples."""

import dataclasses
import hashlib
import threading
from collections import OrderedDict
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from ganeval.errors import BadImageError, DataError
from ganeval.sources.base import Decoded, ImageSource, Item, Raw
from ganeval.sources.listing import Tile

KEPT: Final = 8
"""Decoded sheets that are kept while their other tiles are read."""


class TileSource(ImageSource):
    """One tile of each image of a source, or all tiles, row by row.

    Args:
        source: The strips; closed with this source.
        tile: How they are cut.

    Raises:
        DataError: tiles of all images, and two of them have one name.
    """

    def __init__(self, source: ImageSource, tile: Tile) -> None:
        self.name = source.name
        self.origin = source.origin
        self.skipped = source.skipped
        self.notes = source.notes
        self.mixture = source.mixture
        self.single = source.single and tile.which is not None
        self._source, self._tile = source, tile
        self._each = 1 if tile.which is not None else tile.rows * tile.columns
        width = len(str(self._each))
        self.items = [
            item if self._each == 1 else Item(_numbered(item.name, f"{number + 1:0{width}d}"), item.label)
            for item in source.items
            for number in range(self._each)
        ]
        if len({item.name for item in self.items}) < len(self.items):
            raise DataError(f"Two tiles of {self.name} have one name. Rename the images that end in a number.")
        self._lock = threading.Lock()
        self._sheets: OrderedDict[int, Decoded] = OrderedDict()

    def shard(self, index: int) -> int | None:
        """That of the strip."""
        return self._source.shard(index // self._each)

    def read(self, index: int) -> Raw:
        """Reads a strip; its tile is known by the strip's digest and its place."""
        place, number = divmod(index, self._each)
        number = number if self._tile.which is None else self._tile.which - 1
        raw = self._source.read(place)
        spot = f"{self._tile.rows}x{self._tile.columns}:{number}"
        digest = hashlib.sha256(raw.digest + spot.encode()).digest()
        return Raw(digest, lambda: self._cut(place, raw, number), raw.format)

    def _cut(self, place: int, raw: Raw, number: int) -> Decoded:
        sheet = self._sheet(place, raw)
        rows, columns = self._tile.rows, self._tile.columns
        _, height, width = sheet.pixels.shape
        if height % rows or width % columns:
            raise BadImageError(
                f"{self._source.items[place].name!r} of {self.name!r} is {width}x{height} (width x height), which "
                f"{columns} columns and {rows} rows of tiles do not divide. Give --tile ROWSxCOLUMNS of the strip; "
                "sheets with borders between their tiles have to be cut first."
            )
        top, left = number // columns * (height // rows), number % columns * (width // columns)
        tile = sheet.pixels[:, top : top + height // rows, left : left + width // columns]
        return dataclasses.replace(sheet, pixels=np.ascontiguousarray(tile))

    def _sheet(self, place: int, raw: Raw) -> Decoded:
        """The decoded strip, which is kept while all of its tiles are wanted."""
        if self._each == 1:
            return raw.decode()
        with self._lock:
            if (known := self._sheets.get(place)) is not None:
                return known
        sheet = raw.decode()
        with self._lock:
            self._sheets[place] = sheet
            if len(self._sheets) > KEPT:
                self._sheets.popitem(last=False)
        return sheet

    def keep(self) -> None:
        """Keeps what the source learnt."""
        self._source.keep()

    def close(self) -> None:
        """Closes the source."""
        self._sheets.clear()
        self._source.close()


def tiled(source: ImageSource, tile: Tile | None) -> ImageSource:
    """The source, cut where that was asked for."""
    if tile is None:
        return source
    try:
        return TileSource(source, tile)
    except DataError:
        source.close()
        raise


def _numbered(name: str, number: str) -> str:
    """The name of a tile: "a/b.png" -> "a/b-2.png"."""
    ending = PurePosixPath(name).suffix
    return f"{name[: len(name) - len(ending)]}-{number}{ending}"
