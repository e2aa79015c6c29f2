"""A set in several tar files, as WebDataset writes them: one source, in the order of the files.

Named by a folder that holds tar files and no images, or by a pattern: `train-{000..015}.tar`, locally or remote. An
image is called by its shard and its member. Processes that share a set take neighbouring images, and so whole shards.
"""

import bisect
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ganeval.errors import DataError, UsageError
from ganeval.sources.archive import open_archive
from ganeval.sources.base import ImageSource, Item, Raw

_RANGE: Final = re.compile(r"\{(\d+)\.\.(\d+)\}")
MAX_SHARDS: Final = 100_000


def is_pattern(subject: str) -> bool:
    """Whether a name stands for several ("part-{00..15}.tar")."""
    return _RANGE.search(subject) is not None


def expand(pattern: str) -> list[str]:
    """The names that a pattern stands for, in order; numbers keep the width they are written in.

    Raises:
        UsageError: a range that runs backwards, or more names than any set has.
    """
    pieces: list[list[str]] = []
    end = 0
    for match in _RANGE.finditer(pattern):
        first, last = int(match[1]), int(match[2])
        if last < first or last - first >= MAX_SHARDS:
            raise UsageError(f"{pattern!r}: {match[0]} must run upwards over at most {MAX_SHARDS:,} shards.")
        pieces += [[pattern[end : match.start()]], [f"{n:0{len(match[1])}d}" for n in range(first, last + 1)]]
        end = match.end()
    return ["".join(parts) for parts in itertools.product(*pieces, [pattern[end:]])]


def tar_files(folder: Path) -> list[Path]:
    """The tar files of a folder, sorted; empty where it holds anything else that is not hidden."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    tars = [entry for entry in entries if entry.is_file() and entry.name.lower().endswith((".tar", ".tar.gz", ".tgz"))]
    sidecars = [entry for entry in entries if entry.suffix.lower() in (".json", ".txt", ".idx")]
    return tars if tars and len(tars) + len(sidecars) == len(entries) else []


class ShardedSource(ImageSource):
    """The images of several archives, one archive after the other.

    Args:
        shards: Opened; closed with this source.
        names: Of the shards, without duplicates; they begin the names of the images.
        name: What the user typed.
    """

    def __init__(self, shards: Sequence[ImageSource], names: Sequence[str], name: str) -> None:
        self.name = name
        self._shards = list(shards)
        self._starts = list(itertools.accumulate((len(shard) for shard in shards), initial=0))
        self.items = [
            Item(f"{shard_name}/{item.name}", item.label)
            for shard, shard_name in zip(shards, names, strict=True)
            for item in shard.items
        ]

    def read(self, index: int) -> Raw:
        """Reads one member of one shard."""
        shard = bisect.bisect_right(self._starts, index) - 1
        return self._shards[shard].read(index - self._starts[shard])

    def close(self) -> None:
        """Closes the shards."""
        for shard in self._shards:
            shard.close()


def open_shards(paths: Sequence[Path], name: str) -> ShardedSource:
    """Opens tar files as one source.

    Args:
        paths: In order.
        name: What the user typed.

    Raises:
        DataError: one is missing or damaged; those that were opened are closed again.
    """
    opened: list[ImageSource] = []
    try:
        for path in paths:
            opened.append(open_archive(path, str(path)))  # noqa: PERF401 - what was opened must be closed
    except DataError:
        for source in opened:
            source.close()
        raise
    return ShardedSource(opened, [path.name.partition(".")[0] for path in paths], name)
