"""What ganeval keeps on disk for itself: one cache folder, and files in it that are trusted by their hash alone."""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

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


def remembered(
    folder: Path | None,
    key: str,
    compute: Callable[[], T],
    to_json: Callable[[T], object],
    from_json: Callable[[object], T | None],
) -> T:
    """A value from disk if it was computed before; computed and kept otherwise.

    Args:
        folder: Where values are kept; None to keep none.
        key: Of `content_key`.
        compute: Gives the value; what it raises is raised, and nothing is kept.
        to_json: The value as JSON; None is not kept.
        from_json: The value from JSON, None if it cannot be used.
    """
    if folder is None:
        return compute()
    path = folder / f"{key}.json"
    known = from_json(read_json(path))
    if known is not None:
        return known
    found = compute()
    body = to_json(found)
    if body is not None:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the number
            write_json(path, body)
    return found


def write_checked(folder: Path, key: str, data: bytes) -> None:
    """Writes `data` under a key, with its own hash in the file's name; whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    write_atomically(folder / f"{key}-{hashlib.sha256(data).hexdigest()[:32]}.safetensors", data)


def read_checked(folder: Path, key: str) -> bytes | None:
    """What was written under a key, None where there is nothing that has the hash in its name."""
    for path in sorted(folder.glob(f"{key}-*.safetensors")):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest()[:32] == path.stem.rpartition("-")[2]:
            return data
    return None


def write_json(path: Path, value: object) -> None:
    """Writes a JSON value with its own hash; whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    body = json.dumps(value)
    write_atomically(path, json.dumps({"sha256": hashlib.sha256(body.encode()).hexdigest(), "body": body}).encode())


def read_json(path: Path) -> object:
    """What `write_json` wrote; None where there is nothing, or not what was written."""
    try:
        stored = json.loads(path.read_bytes())
        body = stored["body"]
        return json.loads(body) if hashlib.sha256(body.encode()).hexdigest() == stored["sha256"] else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
