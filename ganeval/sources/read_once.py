"""Reads an untrusted file once: regular, no link, of a bounded size, and the same from the first byte to the last.

Between the listing of a folder and the reading of its files minutes may pass. A pipe that took a file's place would
block for ever, a link would lead elsewhere, and a file that is being written gives the bytes of no picture at all.
"""

import os
from pathlib import Path
from typing import Final

from ganeval.errors import BadImageError, DataError
from ganeval.files.lookalikes import START, absent
from ganeval.files.read_write import UnfitFileError, open_regular, read_unchanged
from ganeval.sources.limits import MAX_FILE_BYTES


def check_size(size: int, name: str) -> None:
    """Refuses a file that is too large to be an image, before a byte of it is read."""
    if size > MAX_FILE_BYTES:
        raise BadImageError(f"{name!r}: {size:,} bytes; at most {MAX_FILE_BYTES:,} are read as one image.")


def read_whole(path: str, name: str) -> tuple[bytes, os.stat_result]:
    """All bytes of an image file, and its status when it was opened.

    Args:
        path: No link at its last step.
        name: For messages.

    Raises:
        BadImageError: not a regular file, too large, or changed while it was read.
        OSError: it cannot be opened or read.
    """
    try:
        return read_unchanged(Path(path), MAX_FILE_BYTES, follow=False)
    except UnfitFileError as error:
        raise BadImageError(f"{name!r} was listed as an image file, but {error}. {_ADVICE}") from error


def read_start(path: str, count: int) -> bytes:
    """The first bytes of a file; none of what is not a regular file or cannot be read."""
    try:
        with open_regular(Path(path), follow=False) as file:
            return file.read(count)
    except OSError:
        return b""


def require_file(path: Path, said: str) -> None:
    """Refuses what would block or never end when it is opened, and what only stands for a file that is elsewhere.

    Raises:
        DataError: it exists and is a pipe, a device or a socket, a pointer of Git LFS, or a web page.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{said!r} is not a regular file (a pipe, a device or a folder). Copy its content to a file.")
    if kind := absent(read_start(os.path.realpath(path), START)):
        raise DataError(f"{said!r} is {kind}.")


_ADVICE: Final = "Run again when nothing writes there."
