"""A set in several tar files, as WebDataset writes them: one source, in the order of the files.

Named by a folder that holds tar files and no images, or by a pattern: `train-{000..015}.tar`, locally or remote. An
image is called by its shard and its member. Processes that share a set take neighbouring images, and so whole shards.
"""

import bisect
import itertools
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ganeval.errors import DataError, UsageError
from ganeval.sources.all_labels import label_all
from ganeval.sources.archive import open_archive
from ganeval.sources.base import ImageSource, Raw
from ganeval.sources.groups import Mixture
from ganeval.sources.listing import ALL, Selection

_RANGE: Final = re.compile(r"\{([0-9]{1,12})\.\.([0-9]{1,12})\}")
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
    count = 1
    for match in _RANGE.finditer(pattern):
        first, last = int(match[1]), int(match[2])
        count *= last - first + 1
        if last < first or count > MAX_SHARDS:
            raise UsageError(f"{pattern!r}: {match[0]} must run upwards over at most {MAX_SHARDS:,} shards.")
        pieces += [[pattern[end : match.start()]], [f"{n:0{len(match[1])}d}" for n in range(first, last + 1)]]
        end = match.end()
    return ["".join(parts) for parts in itertools.product(*pieces, [pattern[end:]])]


TARS: Final = (".tar", ".tar.gz", ".tgz")


def shard_files(folder: Path, endings: tuple[str, ...], selection: Selection = ALL) -> list[Path]:
    """The tar or parquet files of a folder, sorted; empty where it holds anything else that is not hidden, or a text.

    Args:
        folder: Where they lie.
        endings: Of the files.
        selection: Says whether links that lead out of the folder are followed.

    Raises:
        DataError: the folder cannot be listed, or one of its files is a link that leads out of it.
    """
    shards = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name.lower()
                if name.startswith("."):
                    continue
                if name.endswith(endings) and entry.is_file():
                    shards.append(folder / entry.name)
                elif not name.endswith((".json", ".txt", ".idx", ".md")):
                    return []  # most often the first of many images
    except OSError as error:
        raise DataError(f"Cannot list folder {str(folder)!r}: {error.strerror}. Check its permissions.") from error
    shards.sort()
    outside = [one.name for one in shards if one.is_symlink() and not one.resolve().is_relative_to(folder.resolve())]
    if outside and selection.follow_links != "anywhere":
        raise DataError(
            f"{len(outside)} of {len(shards)} {endings[0][1:]} files in {str(folder)!r} are links that lead out of it "
            f"(first: {outside[0]!r}). Name the folder that they lead to, or a pattern (part-{{00..15}}{endings[0]}), "
            "or follow them with --follow-links-anywhere."
        )
    return shards


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
        self.skipped = sum((Counter(shard.skipped) for shard in self._shards), Counter[str]())
        self.notes = tuple(dict.fromkeys(note for shard in self._shards for note in shard.notes))
        self.mixture = _of_all([shard.mixture for shard in self._shards if shard.mixture is not None])
        self._starts = list(itertools.accumulate((len(shard) for shard in shards), initial=0))
        items = [
            (f"{shard_name}/{item.name}", item.label)
            for shard, shard_name in zip(shards, names, strict=True)
            for item in shard.items
        ]
        labelled = label_all([item for item, _ in items], [label for _, label in items], repr(name))
        self.items = labelled.items
        self.skipped += labelled.skipped
        self.notes += labelled.notes

    def shard(self, index: int) -> int:
        """Number of the shard that holds an image."""
        return bisect.bisect_right(self._starts, index) - 1

    def read(self, index: int) -> Raw:
        """Reads one member of one shard."""
        shard = self.shard(index)
        return self._shards[shard].read(index - self._starts[shard])

    def close(self) -> None:
        """Closes the shards."""
        for shard in self._shards:
            shard.close()


def _of_all(mixtures: Sequence[Mixture]) -> Mixture | None:
    """The groups of several shards as one."""
    counts = sum((Counter(mixture.groups) for mixture in mixtures), Counter[str]())
    return Mixture(dict(counts), mixtures[0].where) if mixtures else None


def open_shards(paths: Sequence[Path], name: str, selection: Selection = ALL) -> ShardedSource:
    """Opens tar files as one source.

    Args:
        paths: In order.
        name: What the user typed.
        selection: Which of their members are meant.

    Raises:
        DataError: one is missing or damaged, or two have one name; those that were opened are closed again.
    """
    names = [shard_name(path.name) for path in paths]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(f"{name!r} holds two tar files called {twice[0]!r}. Rename one: it begins its images' names.")
    opened: list[ImageSource] = []
    try:
        for path in paths:
            opened.append(open_archive(path, str(path), selection))  # noqa: PERF401 - what was opened must be closed
    except DataError:
        for source in opened:
            source.close()
        raise
    return ShardedSource(opened, names, name)


def shard_name(file: str) -> str:
    """A tar file's name without its ending ("part.01.tar.gz" -> "part.01")."""
    return re.sub(r"\.(tar|tar\.gz|tgz)$", "", file, flags=re.IGNORECASE)
