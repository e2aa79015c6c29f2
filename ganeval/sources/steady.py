"""Reads a stranger's file once: regular, no link, of a bounded size, and the same from the first byte to the last.

Between the listing of a folder and the reading of its files minutes may pass. A pipe that took a file's place would
block for ever, a link would lead elsewhere, and a file that is being written gives the bytes of no picture at all.
"""

import os
import stat
from pathlib import Path
from typing import Final

from ganeval.errors import BadImageError, DataError
from ganeval.sources.limits import MAX_FILE_BYTES

# Without waiting (a pipe has no end), without following a link at the last step; 0 where a system has no such flag.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
)


def check_size(size: int, name: str) -> None:
    """Refuses a file that is too large to be an image, before a byte of it is read."""
    if size > MAX_FILE_BYTES:
        raise BadImageError(
            f"{name!r}: {size:,} bytes; at most {MAX_FILE_BYTES:,} are read as one image. Leave it out with "
            "--on-bad skip."
        )


def read_whole(path: str, name: str) -> tuple[bytes, os.stat_result]:
    """All bytes of an image file, and its status when it was opened.

    Args:
        path: No link at its last step.
        name: For messages.

    Raises:
        BadImageError: no regular file, too large, or changed while it was read.
        OSError: it cannot be opened or read.
    """
    with open(os.open(path, _FLAGS), "rb") as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise BadImageError(f"{name!r} was a file when it was listed and is none now. {_ADVICE}")
        check_size(before.st_size, name)
        data = file.read(before.st_size + 1)  # one more byte shows growth; a file without end is never read to it
        after = os.fstat(file.fileno())
    if len(data) != before.st_size or _moment(before) != _moment(after):
        raise BadImageError(f"{name!r} changed while it was read. {_ADVICE}")
    return data, before


def read_start(path: str, count: int) -> bytes:
    """The first bytes of a file; none of what is no regular file or cannot be read."""
    try:
        with open(os.open(path, _FLAGS), "rb") as file:
            return file.read(count) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError:
        return b""


def require_file(path: Path, said: str) -> None:
    """Refuses what would block or never end when it is opened: a pipe, a device, a socket.

    Raises:
        DataError: it exists and is no regular file.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{said!r} is no regular file (a pipe, a device or a folder). Copy its content to a file.")


_ADVICE: Final = "Run again when nothing writes there, or leave it out with --on-bad skip."


def _moment(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
