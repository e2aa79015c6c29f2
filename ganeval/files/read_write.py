"""The one way to files: what is read is regular and of a bounded size, what is written is there whole or not at all.

A file from elsewhere may be a pipe that no one writes to, a device without an end, a link that leads out of its folder,
or large enough to fill the memory. The errors raised here are `OSError`s whose `strerror` is a plain sentence, so that
the reader of each kind of file puts it into a message that says which option named the file and what to do.
"""

import contextlib
import errno
import hashlib
import io
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ganeval.errors import DataError

MAX_SETTINGS: Final = 1 << 24
"""Largest file of settings (TOML, recipe.json), 16 MiB."""

MAX_JSON: Final = 1 << 28
"""Largest JSON document or table that is read as a whole, 256 MiB: ten times that in memory as Python objects."""

MAX_LINE: Final = 1 << 24
"""Largest line of a file of rows, 16 MiB: a row with the values of 500,000 images."""

MAX_STATISTICS: Final = 1 << 32
"""Largest statistics file of another tool that is read as a whole, 4 GiB."""

_PLAIN: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)  # 0 where a system has no such flag
# Without waiting: opening a pipe for reading waits for a writer.
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _PLAIN
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)


class UnfitFileError(OSError):
    """A file that is there and is not read: not a regular one, too large, or one that changes meanwhile."""

    def __init__(self, reason: str, path: Path) -> None:
        super().__init__(errno.EINVAL, reason, str(path))

    def __str__(self) -> str:
        return str(self.strerror)


def open_regular(path: Path, within: Path | None = None, *, follow: bool = True) -> io.BufferedReader:
    """Opens a regular file for reading, without waiting.

    Args:
        path: The file.
        within: The folder that the file belongs to. A link that leads out of it is refused.
        follow: False where a link at the last step is not followed at all.

    Raises:
        UnfitFileError: a pipe, a device, a socket or a folder, or a link that leads out of `within`.
        OSError: it cannot be opened.
    """
    if within is not None:
        real = path.resolve(strict=True)
        if not real.is_relative_to(within.resolve()):
            raise UnfitFileError(f"it is a link that leads out of {within}", path)
        path, follow = real, False  # no link can take its place between the check and the opening
    # Opening a device may do something; what is not regular is not opened at all.
    if follow and not stat.S_ISREG(os.stat(path).st_mode):
        raise UnfitFileError(_IRREGULAR, path)
    descriptor = os.open(path, _READ if follow else _READ | _NO_LINK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnfitFileError(_IRREGULAR, path)
    return os.fdopen(descriptor, "rb")


_IRREGULAR: Final = "it is not a regular file (a pipe, a device or a folder)"


def read_bytes(path: Path, limit: int, within: Path | None = None) -> bytes:
    """The whole of a regular file.

    Args:
        path: The file.
        limit: Bytes; a larger file is refused before a byte of it is read.
        within: As for `open_regular`.

    Raises:
        UnfitFileError: as for `open_regular`, or it is too large, or it changed while it was read.
        OSError: it cannot be opened or read.
    """
    return read_unchanged(path, limit, within)[0]


def read_text(path: Path, limit: int, within: Path | None = None) -> str:
    """The whole of a regular file of text.

    Raises:
        UnicodeDecodeError: its bytes are not UTF-8.
        OSError: as for `read_bytes`.
    """
    return read_bytes(path, limit, within).decode("utf-8")


def read_unchanged(
    path: Path, limit: int, within: Path | None = None, *, follow: bool = True
) -> tuple[bytes, os.stat_result]:
    """As `read_bytes`, with the file's status when it was opened."""
    with open_regular(path, within, follow=follow) as file:
        before = os.fstat(file.fileno())
        if before.st_size > limit:
            raise UnfitFileError(f"it holds {before.st_size:,} bytes; at most {limit:,} are read", path)
        data = file.read(before.st_size + 1)  # one more byte shows growth; a file without an end is not read to it
        after = os.fstat(file.fileno())
    if len(data) != before.st_size or _moment(before) != _moment(after):
        raise UnfitFileError("it changed while it was read", path)
    return data, before


def _moment(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def lines(file: io.BufferedReader) -> Iterator[bytes]:
    """The lines of a file; of one that is longer than MAX_LINE the beginning, so that memory stays bounded."""
    while line := file.readline(MAX_LINE):
        yield line
        while len(line) == MAX_LINE and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE)


def sha256_of(path: Path) -> str:
    """sha256 of a regular file of any size, 64 hex digits.

    Raises:
        OSError: as for `open_regular`.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a temporary file in the same folder, flushes, renames: readers see the old file or the new one, whole.

    The file gets the mode that the umask leaves, as every file that a program creates.

    Raises:
        OSError: it cannot be written; nothing half-written stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = beside(path)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def beside(path: Path) -> Path:
    """A hidden name in the same folder that no one else has taken or can guess."""
    return path.parent / f".{secrets.token_hex(8)}.part"


def append(path: Path, data: bytes) -> None:
    """Appends to a regular file, created where it is not there; a link at the last step is not followed.

    Raises:
        OSError: it cannot be written, or is not a regular file.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UnfitFileError("it is a link, a pipe or a device, not a regular file", path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_LINK | _PLAIN
    with os.fdopen(os.open(path, flags, 0o666), "ab") as file:
        file.write(data)


def write_output(path: Path, content: bytes | str) -> None:
    """Writes what a person asked for to the file that the person named, whole or not at all.

    A pipe or a device (`/dev/stdout`, `>(jq .)`) is written to and not replaced.

    Raises:
        DataError: it cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
        else:
            write_atomically(path, data)
    except OSError as error:
        raise DataError(f"Cannot write {path}: {error.strerror}. Choose another file.") from error


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A hidden folder beside `path`, for what becomes `path` when the block ends and is removed when it fails.

    Args:
        path: The folder to be; absent, or empty.

    Raises:
        OSError: it cannot be made or renamed.
    """
    import shutil

    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    part = beside(path.absolute())
    part.mkdir()
    try:
        yield part
        if path.is_dir():
            path.rmdir()
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
