"""Files that commands write: whole or not at all."""

from pathlib import Path

from ganeval.cache import write_atomically
from ganeval.errors import DataError


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise DataError(f"Cannot write {path}: {error.strerror}. Choose another file.") from error
