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
import numpy as np
import numpy.typing as npt

from ganeval.files.read_write import write_atomically
from ganeval.sources.local_file_systems import is_invented, volume_of

FORMAT: Final = "ganeval-digests-3"
SETTLED_NS: Final = 2_000_000_000

# 68 bytes a file, as a set may have millions. Of two names with one key, the state still differs: the second is read.
_ENTRY: Final = np.dtype([("key", "<u8"), ("state", "V16"), ("digest", "V32"), ("format", "S12")])
Entries = npt.NDArray[np.void]


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
        self.path = cache / hashlib.sha256(resolved).hexdigest()[:32]
        self._old = _read(self.path)
        self._new = bytearray()  # entries learnt in this run; appending to it is safe in several threads

    def reload(self) -> None:
        """Reads what other processes wrote."""
        self._old = _read(self.path)

    def find(self, name: str, stat: os.stat_result) -> Known | None:
        """What is known of a file, None where it may have changed."""
        state = self._state(name, stat)
        key = _key(name)
        place = int(np.searchsorted(self._old["key"], np.uint64(key)))
        if state is None or place == len(self._old):
            return None
        entry = self._old[place]
        if int(entry["key"]) != key or entry["state"].tobytes() != state:
            return None
        return Known(entry["digest"].tobytes(), entry["format"].decode("utf-8", "replace"))

    def keep(self, name: str, stat: os.stat_result, digest: bytes, format_: str) -> None:
        """Remembers a file that was read when it had this status."""
        state = self._state(name, stat)
        if state is not None and time.time_ns() - max(stat.st_ctime_ns, stat.st_mtime_ns) > SETTLED_NS:
            self._new += np.array([(_key(name), state, digest, format_)], dtype=_ENTRY).tobytes()

    def _state(self, name: str, stat: os.stat_result) -> bytes | None:
        """What tells this state of this file from all others, None where nothing does."""
        if self._volume is None or stat.st_dev != self._volume[0] or is_invented(stat):
            return None
        facts = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev, str(self._volume[1]), name)
        return hashlib.sha256(repr(facts).encode()).digest()[:16]

    def save(self) -> None:
        """Writes the memo where something was learnt; one that cannot be written costs time alone."""
        learnt = np.frombuffer(bytes(self._new), dtype=_ENTRY)
        if not len(learnt):
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{self.path}.lock"):
                entries = np.concatenate([learnt[::-1], _read(self.path)])  # the last that was learnt of a file counts
                body = entries[np.unique(entries["key"], return_index=True)[1]].tobytes()
                write_atomically(self.path, _head(body) + body)
        except OSError:
            return
        self._new.clear()


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "little")


def _head(body: bytes) -> bytes:
    return f"{FORMAT} {hashlib.sha256(body).hexdigest()}\n".encode()


def _read(path: Path) -> Entries:
    """What an earlier run wrote, in the order of the keys; empty where there is nothing or not all of it."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return np.empty(0, dtype=_ENTRY)
    if head + b"\n" != _head(body) or len(body) % _ENTRY.itemsize:
        return np.empty(0, dtype=_ENTRY)
    entries = np.frombuffer(body, dtype=_ENTRY)
    return entries if (entries["key"][1:] > entries["key"][:-1]).all() else entries[:0]
