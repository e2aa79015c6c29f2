"""Arrays in `.npy` and `.npz` files of strangers: nothing is allocated, mapped or run before the header was checked.

numpy's own reader allocates whatever a header promises, and a file that is mapped into memory kills the process when
it shrinks while it is read. Here the size of the file must agree with the header first, and every image is read by
position, so that a file that changed is an error.
"""

import math
import struct
import threading
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from ganeval.errors import BadImageError, DataError
from ganeval.files.read_write import open_regular
from ganeval.sources.limits import MAX_RATIO, is_bomb

_VERSIONS: Final = ((1, 0), (2, 0), (3, 0))
_LOCAL_HEADER: Final = 30  # bytes before the name in a zip member's own header (APPNOTE 4.3.7)


@dataclass(frozen=True)
class Header:
    """What the header of an array says (numpy: NEP 1), checked against the bytes behind it.

    Attributes:
        shape: Sides, none negative.
        fortran: True where the first index runs fastest.
        dtype: Of one value; holds no Python objects.
        begin: Bytes before the first value.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    begin: int

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def array(self, data: bytes) -> npt.NDArray[Any]:
        """The array, not copied and not writable.

        Raises:
            ValueError: `data` is not as long as the header says.
        """
        if len(data) != self.nbytes:
            raise ValueError(f"{len(data):,} bytes of values; its header says {self.nbytes:,}")
        return np.frombuffer(data, self.dtype).reshape(self.shape, order="F" if self.fortran else "C")


class Stream(Protocol):
    """What a header is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        ...

    def tell(self) -> int:
        """Bytes read so far."""
        ...


def header_fields(stream: Stream) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first index runs fastest, and type, as a header says them; the stream is left behind it.

    Raises:
        ValueError: no header.
        Exception: whatever numpy's parser makes of nonsense.
    """
    version = np.lib.format.read_magic(cast(IO[bytes], stream))
    if version not in _VERSIONS:
        raise ValueError(f"version {version} of numpy's format")
    read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return tuple(shape), fortran, dtype


def read_header(stream: Stream, size: int, what: str) -> Header:
    """Reads the header at the beginning of a stream.

    Args:
        stream: Left behind the header.
        size: Bytes of header and values, as the file system or the archive has them.
        what: For messages.

    Raises:
        ValueError: no header, one of Python objects, or more values than there are bytes.
        Exception: whatever numpy's parser makes of nonsense.
    """
    shape, fortran, dtype = header_fields(stream)
    if dtype.hasobject:
        raise ValueError("the array holds Python objects")
    header = Header(shape, fortran, dtype, stream.tell())
    if min(shape, default=0) < 0 or header.begin + header.nbytes > size:
        raise ValueError(f"{what} says {shape} {dtype}, which is not the {size:,} bytes it has")
    return header


def holds_statistics(path: Path) -> bool:
    """True for a `.npy` that holds a dict with mu and sigma, as old tools save it: looked at, never unpickled."""
    try:
        with open_regular(path) as file:
            dtype = header_fields(file)[2]
            start = file.read(1 << 20)
    except Exception:
        return False  # whoever opens it says what is wrong with it
    return bool(dtype.hasobject) and b"mu" in start and b"sigma" in start


class StoredArray:
    """An array whose values stay in their file until they are asked for, an image or a few at a time.

    Args:
        path: The file; kept open until `close`, or until nothing refers to the array any more.
        header: Of the array; C order.
        begin: Where its values begin in the file.
    """

    def __init__(self, path: Path, header: Header, begin: int) -> None:
        self.shape = header.shape
        self.dtype = header.dtype
        self._begin = begin
        self._step = math.prod(header.shape[1:]) * header.dtype.itemsize
        self._name = path.name
        self._lock = threading.Lock()
        self._file = open_regular(path)
        self._closer = weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: int | slice) -> npt.NDArray[Any]:
        """Reads one row or a contiguous slice of rows.

        Raises:
            BadImageError: the file is shorter than it was.
        """
        if not isinstance(key, slice):
            row: npt.NDArray[Any] = self._read(range(len(self))[key], 1)[0]
            return row
        rows = range(len(self))[key]
        if rows.step != 1:
            raise ValueError("only contiguous rows are read at once")
        return self._read(rows.start, len(rows))

    def _read(self, first: int, count: int) -> npt.NDArray[Any]:
        with self._lock:
            self._file.seek(self._begin + first * self._step)
            data = self._file.read(count * self._step)
        if len(data) != count * self._step:
            raise BadImageError(
                f"{self._name!r} became shorter while it was read: image {first} is no longer there. Run again when "
                "nothing writes there."
            )
        rows: npt.NDArray[Any] = np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])
        return rows

    def close(self) -> None:
        """Closes the file."""
        self._closer()


def open_npy(path: Path) -> npt.NDArray[Any] | StoredArray:
    """The array of a `.npy` file, read when asked for where its order allows that.

    Raises:
        Exception: as `read_header` does, and OSError.
    """
    with open_regular(path) as file:
        header = read_header(file, path.stat().st_size, path.name)
        return _stored(path, file, header, header.begin)


def open_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any] | StoredArray:
    """One array of a `.npz` file: left in the file where it is not compressed, unpacked into memory otherwise.

    Raises:
        DataError: it unpacks to out of all proportion.
        ValueError: encrypted, compressed in another way, or not what its header says.
        Exception: whatever zipfile makes of damage.
    """
    if info.flag_bits & 1:
        raise ValueError(f"{info.filename} is encrypted")
    if info.compress_type == zipfile.ZIP_STORED:
        with open_regular(path) as file:
            file.seek(info.header_offset)
            name_length, extra_length = struct.unpack_from("<HH", file.read(_LOCAL_HEADER), 26)
            begin = info.header_offset + _LOCAL_HEADER + name_length + extra_length
            if begin + info.file_size > path.stat().st_size:
                raise ValueError(f"{info.filename} reaches past the end of the file")
            file.seek(begin)
            header = read_header(_From(file, begin), info.file_size, info.filename)
            return _stored(path, file, header, begin + header.begin)
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise ValueError(f"{info.filename} is compressed by method {info.compress_type}, not stored (0) or deflate (8)")
    if is_bomb(info.file_size, info.compress_size):
        raise DataError(
            f"{str(path)!r}: {info.filename} unpacks to {info.file_size:,} bytes from {info.compress_size:,}; at most "
            f"{MAX_RATIO} : 1 is read. Save it without compression if it is really so flat."
        )
    with archive.open(info) as stream:
        header = read_header(stream, info.file_size, info.filename)
        return header.array(stream.read(header.nbytes))


def open_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    """Shape and type of one array of a `.npz` file.

    Raises:
        Exception: as `read_header` does, and whatever zipfile makes of damage.
    """
    with archive.open(info) as stream:
        return read_header(stream, info.file_size, info.filename)


@contextmanager
def npz_members(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """The arrays of a `.npz` file by name, while it is open.

    Raises:
        ValueError: two arrays of one name.
        Exception: whatever zipfile makes of damage.
    """
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            raise ValueError("two of its arrays have one name")
        yield archive, members


class _From:
    """A file that counts from where a member begins, which is all that numpy's header reader needs."""

    def __init__(self, file: IO[bytes], begin: int) -> None:
        self._file, self._begin = file, begin

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def tell(self) -> int:
        return self._file.tell() - self._begin


def _stored(path: Path, file: IO[bytes], header: Header, begin: int) -> npt.NDArray[Any] | StoredArray:
    if header.shape and not header.fortran:
        return StoredArray(path, header, begin)
    return header.array(file.read(header.nbytes))
