"""Images in an LMDB, as BasicSR, LSUN and StyleGAN forks keep them: name -> image file, in a folder with a `data.mdb`.

The library maps the file into memory and follows its page numbers unchecked, so that a damaged or shrinking database of
a stranger ends the process. Here its B+ tree (LMDB 0.9: `struct MDB_page` and `MDB_node` of mdb.c) is walked once, with
every number checked, and values are read by their place in the file.
"""

import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from ganeval.errors import BadImageError, DataError
from ganeval.escaping import encodable
from ganeval.files.read_write import open_regular
from ganeval.sources.base import Raw
from ganeval.sources.decoding.formats import HEAD, IMAGE_EXTENSIONS, sniff
from ganeval.sources.folder import file_raw
from ganeval.sources.listing import ALL, NO_EXTENSION, ListedSource, Selection
from ganeval.sources.read_once import check_size

DATA_FILE: Final = "data.mdb"
LMDB_EXTENSIONS: Final = (".mdb", ".lmdb")

NO_IMAGE: Final = "value that is no image"
COUNTS: Final = frozenset({"length", "num-samples", "nsamples", "__len__", "__keys__", "keys", "meta"})
"""Keys under which writers of databases keep how many images there are, or what they are called."""

_MAGIC: Final = 0xBEEFC0DE
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<QHHHH")  # page number, padding, flags, end of the pointers, begin of the nodes
_META: Final = struct.Struct(
    "<II16x48x4xHH32xQ8xQ"
)  # magic, version; of the main tree flags, depth and root; transaction
_NODE: Final = struct.Struct("<HHHH")  # low and high half of the size, flags, size of the key
_BRANCH, _LEAF, _OVERFLOW = 1, 2, 4  # flags of pages
_BIG, _TREE = 1, 2  # flags of nodes: the value lies in overflow pages; it is a tree
_NO_ROOT: Final = (1 << 64) - 1
_PAGE_SIZES: Final = (1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16)
_DEPTH: Final = 32


@dataclass(frozen=True)
class _Value:
    """Where a value lies in the file."""

    begin: int
    size: int


class LmdbSource(ListedSource):
    """The images of an LMDB, called by their keys.

    Args:
        path: The folder of a `data.mdb`, or the database itself.
        name: What the user typed.
        selection: Which of the images are meant.

    Raises:
        DataError: no LMDB of version 0.9, damaged, or without images.
    """

    def __init__(self, path: Path, name: str, selection: Selection = ALL) -> None:
        super().__init__(name, "database", selection)
        file = path / DATA_FILE if path.is_dir() else path
        self._lock = threading.Lock()
        self._values: dict[str, _Value] = {}
        try:
            self._file = open_regular(file)
        except OSError as error:
            raise DataError(f"Cannot open {name!r}: {error.strerror or error}. Check the path.") from error
        try:
            for key, value in _Tree(self._file, file.stat().st_size).values():
                self._add(key, value)
            self._arrange(self._values, [], lambda other, count: b"")
        except DataError:
            self._file.close()
            raise
        except (ValueError, struct.error, OSError) as error:
            self._file.close()
            raise DataError(
                f"Cannot read the LMDB {name!r}: {error}. It is damaged, still being written, or of another version: "
                "copy it again, or export its images to a folder."
            ) from error

    def _add(self, key: bytes, value: _Value) -> None:
        text = encodable(key.decode("utf-8", "surrogateescape"))
        self._file.seek(value.begin)
        if sniff(self._file.read(min(HEAD, value.size))) is None:
            self.skipped[NO_EXTENSION if text.lower() in COUNTS else NO_IMAGE] += 1
            return
        called = any(text.lower().endswith(ending) for ending in IMAGE_EXTENSIONS)
        item = text if called else f"{text}.png"
        if item in self._values:
            raise DataError(f"{self.name!r} holds {item!r} more than once. Export its images to a folder.")
        self._values[item] = value

    def read(self, index: int) -> Raw:
        """Reads one value."""
        name = self.items[index].name
        value = self._values[name]
        check_size(value.size, name)
        with self._lock:
            self._file.seek(value.begin)
            data = self._file.read(value.size)
        if len(data) != value.size:
            raise BadImageError(f"{name!r} in {self.name!r}: the database became shorter while it was read.")
        return file_raw(data, name)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class _Tree:
    """The main B+ tree of a database.

    Args:
        file: The database.
        size: Its bytes.

    Raises:
        ValueError: no LMDB of this version.
        struct.error: cut short.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        head = self._at(0, 4096)
        magic, version, *_ = _META.unpack_from(head, _HEADER.size)
        if magic != _MAGIC or version != _VERSION:
            raise ValueError(f"it begins with {head[16:24]!r}, not with the mark of LMDB 0.9")
        (self._page,) = struct.unpack_from("<I", head, _HEADER.size + 24)
        if self._page not in _PAGE_SIZES:
            raise ValueError(f"pages of {self._page:,} bytes")
        metas = [_META.unpack_from(self._at(number * self._page, 4096), _HEADER.size) for number in (0, 1)]
        valid = [meta for meta in metas if meta[:2] == (_MAGIC, _VERSION)]
        _, _, flags, _, self._root, _ = max(valid, key=lambda meta: meta[5])  # of the last transaction
        if flags & ~0x08:  # 0x08: keys are numbers of this machine
            raise ValueError("it keeps several values under a key, or keys in another order")
        self._seen: set[int] = set()

    def _at(self, begin: int, size: int) -> bytes:
        self._file.seek(begin)
        data = self._file.read(size)
        if len(data) < size:
            raise ValueError(f"it ends at byte {begin + len(data):,} of {begin + size:,}")
        return data

    def values(self) -> Iterator[tuple[bytes, _Value]]:
        """Keys in order, and where their values lie.

        Raises:
            ValueError: pages that are none, or lead in a circle.
        """
        if self._root != _NO_ROOT:
            yield from self._below(self._root, 0)

    def _below(self, number: int, depth: int) -> Iterator[tuple[bytes, _Value]]:
        begin = number * self._page
        if number in self._seen or depth > _DEPTH or not 2 * self._page <= begin < self._size:
            raise ValueError(f"page {number:,} leads out of the file or in a circle")
        self._seen.add(number)
        page = self._at(begin, self._page)
        _, _, flags, lower, _ = _HEADER.unpack_from(page)
        if flags & 0xFF not in (_BRANCH, _LEAF) or not _HEADER.size <= lower <= self._page:
            raise ValueError(f"page {number:,} is neither a branch nor a leaf")
        places = struct.unpack_from(f"<{(lower - _HEADER.size) // 2}H", page, _HEADER.size)
        total = 0
        for place in places:
            low, high, kind, key_size = _NODE.unpack_from(page, place)
            if flags & _BRANCH:
                yield from self._below(low | high << 16 | kind << 32, depth + 1)
                continue
            size, key_end = low | high << 16, place + _NODE.size + key_size
            if kind & ~_BIG:
                raise ValueError(f"page {number:,} holds a tree in a tree")
            total += key_end - place + (8 if kind & _BIG else size)
            if total > self._page:
                raise ValueError(f"page {number:,} holds more than a page")
            key = page[place + _NODE.size : key_end]
            yield key, self._value(page, begin, key_end, size, big=bool(kind & _BIG))

    def _value(self, page: bytes, begin: int, key_end: int, size: int, *, big: bool) -> _Value:
        """Where a value lies: behind its key, or in pages of its own."""
        if not big:
            where = begin + key_end
        else:
            (number,) = struct.unpack_from("<Q", page, key_end)
            where = number * self._page + _HEADER.size
        if where + size > self._size or (not big and key_end + size > self._page):
            raise ValueError(f"a value at byte {where:,} reaches past the end")
        return _Value(where, size)
