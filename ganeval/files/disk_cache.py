"""What ganeval keeps on disk for itself: one cache folder, and files in it that are trusted by their hash alone."""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ganeval.files.read_write import write_atomically

T = TypeVar("T")


def cache_home() -> Path:
    """`$GANEVAL_CACHE`, else `ganeval` in the user's cache folder (`$XDG_CACHE_HOME`, `%LOCALAPPDATA%`, `~/.cache`)."""
    if own := os.environ.get("GANEVAL_CACHE"):
        return Path(own)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "ganeval"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "ganeval" / "Cache"
    return Path.home() / ".cache" / "ganeval"


def content_key(*parts: object) -> str:
    """The name of what was computed: a hash over all that it was computed from, as JSON.

    Args:
        parts: Version of the format, metric, parameters, hashes of the images, ...
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Kept(Generic[T]):
    """The place on disk of a value that is computed once.

    Attributes:
        folder: Where values are kept; None to keep none.
        key: Of `content_key`.
        to_json: The value as JSON.
        from_json: The value from JSON, None if it cannot be used.
    """

    folder: Path | None
    key: str
    to_json: Callable[[T], object]
    from_json: Callable[[object], T | None]

    def read(self) -> T | None:
        """The value if it was computed before, else None."""
        return None if self.folder is None else self.from_json(read_json(self.folder, self.key))

    def write(self, value: T) -> None:
        """Keeps the value; a cache that cannot be written costs time, not the number."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                write_json(self.folder, self.key, self.to_json(value))


def write_checked(folder: Path, key: str, data: bytes, kind: str = "safetensors") -> None:
    """Writes `data` under a key, whole or not at all, with its own hash in the file's name; replaces what was there.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / f"{key}-{hashlib.sha256(data).hexdigest()[:32]}.{kind}"
    write_atomically(path, data)
    for other in folder.glob(f"{key}-*.{kind}"):
        if other != path:
            other.unlink(missing_ok=True)


def read_checked(folder: Path, key: str, kind: str = "safetensors") -> bytes | None:
    """What was written under a key, None if there is nothing whose hash is that of its name."""
    for path in sorted(folder.glob(f"{key}-*.{kind}")):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest()[:32] == path.stem.rpartition("-")[2]:
            return data
    return None


def write_json(folder: Path, key: str, value: object) -> None:
    """`write_checked` of a JSON value."""
    write_checked(folder, key, json.dumps(value).encode(), "json")


def read_json(folder: Path, key: str) -> object:
    """What `write_json` wrote; None if there is nothing, or not JSON."""
    data = read_checked(folder, key, "json")
    try:
        return None if data is None else json.loads(data)
    except (ValueError, RecursionError):
        return None
