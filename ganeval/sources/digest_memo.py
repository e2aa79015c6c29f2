"""Digests of a folder's files between runs, so that a file that did not change is neither read nor hashed again.

As in git's index, a file counts as unchanged while its size, its inode and its times of modification and of status
change are what they were when it was hashed, on the same file system. A program can set the first time but not the
second. A file that changed within two seconds of being hashed is not remembered: clocks of file systems are coarse.
Nor is one on a file system that may invent the second time (`volumes`): there every file is read.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import filelock
import orjson

from ganeval.files.read_write import write_atomically
from ganeval.sources.local_file_systems import is_invented, volume_of

FORMAT: Final = "ganeval-digests-2"
SETTLED_NS: Final = 2_000_000_000
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Known:
    """What is remembered of one file.

    Attributes:
        digest: sha256 of its bytes.
        format: Name of its format by its first bytes.
    """

    digest: bytes
    format: str


class DigestMemo:
    """The remembered files of one folder.

    Args:
        cache: Where memos are kept.
        folder: The folder; its resolved path names the memo.
    """

    def __init__(self, cache: Path, folder: Path) -> None:
        self._volume = volume_of(folder)
        resolved = os.fsencode(folder.resolve())
        self._path = cache / f"{hashlib.sha256(resolved).hexdigest()[:32]}.json"
        self._old: dict[str, list[object]] = {}
        self.reload()
        self._new: dict[str, list[object]] = {}

    def reload(self) -> None:
        """Reads what other processes wrote."""
        self._old = _read(self._path)

    def find(self, name: str, stat: os.stat_result) -> Known | None:
        """What is known of a file, None where it may have changed."""
        entry, signature = self._old.get(name), self._signature(stat)
        if entry is None or signature is None or entry[:-2] != signature:
            return None
        self._new[name] = entry
        return Known(bytes.fromhex(str(entry[-2])), str(entry[-1]))

    def keep(self, name: str, stat: os.stat_result, digest: bytes, format_: str) -> None:
        """Remembers a file that was read when it had this status."""
        signature = self._signature(stat)
        if signature is not None and time.time_ns() - max(stat.st_ctime_ns, stat.st_mtime_ns) > SETTLED_NS:
            self._new[name] = [*signature, digest.hex(), format_]

    def _signature(self, stat: os.stat_result) -> list[object] | None:
        """What tells this state of this file from all others, None where nothing does."""
        if self._volume is None or stat.st_dev != self._volume[0] or is_invented(stat):
            return None
        return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev, str(self._volume[1])]

    def save(self) -> None:
        """Writes the memo where something was learnt; one that cannot be written costs time alone."""
        if not self._new.keys() - self._old.keys() and all(self._old[n] == e for n, e in self._new.items()):
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{self._path}.lock"):
                body = orjson.dumps({**_read(self._path), **self._new})
                head = f"{FORMAT} {hashlib.sha256(body).hexdigest()}\n".encode()
                write_atomically(self._path, head + body)
        except OSError:
            return


def _read(path: Path) -> dict[str, list[object]]:
    """What an earlier run wrote, empty where there is nothing or not all of it."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return {}
    if head != f"{FORMAT} {hashlib.sha256(body).hexdigest()}".encode():
        return {}
    try:
        entries = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return entries if isinstance(entries, dict) and all(map(_is_entry, entries.values())) else {}


def _is_entry(entry: object) -> bool:
    """Five numbers, the identity of a volume, a sha256 in hexadecimal digits, the name of a format."""
    match entry:
        case [int(), int(), int(), int(), int(), str(), str(digest), str()]:
            return len(digest) == 64 and set(digest) <= _HEX
    return False
