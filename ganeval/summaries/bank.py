"""All feature rows of a set, by image index, in blocks that may live in memory or in cache files.

Metrics that compare images with each other (kernel distance, precision and recall) need every row. A bank is a list
of blocks; a block on disk is read when asked for and not kept, so that memory stays flat however many images there are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ganeval.summaries.moments import check_finite

Rows = npt.NDArray[np.float32]
CHUNK = 1024  # rows given at a time
HELD = 2**15  # rows in memory while chunks are given: 32,768 x 2048 x 4 B = 268 MB


@dataclass(frozen=True)
class Block:
    """Some rows of a bank.

    Attributes:
        indices: (n,) int64, the image index of each row.
        load: Gives the rows, (n, D) float32; reads the disk each time for a cached block.
    """

    indices: npt.NDArray[np.int64]
    load: Callable[[], Rows] = field(repr=False)


@dataclass(frozen=True)
class FeatureBank:
    """Feature rows by image index: a commutative monoid under `merge` (a union of disjoint index sets).

    Attributes:
        dim: Feature width D.
        blocks: In no particular order; `rows` and `chunks` sort by index.
    """

    dim: int
    blocks: tuple[Block, ...] = ()

    @staticmethod
    def empty(dim: int) -> "FeatureBank":
        """The neutral element."""
        return FeatureBank(dim)

    @staticmethod
    def of(features: npt.NDArray[np.floating], indices: Sequence[int] | None = None) -> "FeatureBank":
        """A bank of one block in memory. `indices` defaults to 0..n-1."""
        rows = np.ascontiguousarray(features, dtype=np.float32)
        if rows.ndim != 2:
            raise ValueError(f"features must be (n, D), got shape {rows.shape}")
        check_finite(rows)
        index = np.arange(len(rows)) if indices is None else np.asarray(indices, dtype=np.int64)
        if len(index) != len(rows):
            raise ValueError(f"{len(index)} indices for {len(rows)} rows")
        return FeatureBank(rows.shape[1], (Block(index, lambda: rows),) if len(rows) else ())

    def __len__(self) -> int:
        return sum(len(block.indices) for block in self.blocks)

    def merge(self, other: "FeatureBank") -> "FeatureBank":
        """Both banks together.

        Raises:
            ValueError: feature dimensions differ, or both hold an image index.
        """
        if self.dim != other.dim:
            raise ValueError(f"cannot merge banks of {self.dim} and {other.dim} dimensions")
        merged = FeatureBank(self.dim, self.blocks + other.blocks)
        index = merged.indices()
        if len(np.unique(index)) != len(index):
            raise ValueError("cannot merge banks that share image indices: an image would count twice")
        return merged

    def indices(self) -> npt.NDArray[np.int64]:
        """(n,) image indices, ascending."""
        if not self.blocks:
            return np.empty(0, dtype=np.int64)
        return np.sort(np.concatenate([block.indices for block in self.blocks]))

    def rows(self) -> Rows:
        """All rows, (n, D) float32, in ascending image index. Costs n x D x 4 bytes."""
        if not self.blocks:
            return np.empty((0, self.dim), dtype=np.float32)
        order = np.argsort(np.concatenate([block.indices for block in self.blocks]), kind="stable")
        return np.concatenate([block.load() for block in self.blocks])[order]

    def chunks(self) -> Iterator[tuple[npt.NDArray[np.int64], Rows]]:
        """(indices, rows) of CHUNK rows at a time, in ascending image index, in bounded memory.

        The chunks do not depend on the blocks: what is summed over them has the same rounding for any shards.
        """
        index = self.indices()
        for first in range(0, len(index), HELD):
            held = index[first : first + HELD]
            rows = self._gather(held)
            for start in range(0, len(held), CHUNK):
                yield held[start : start + CHUNK], rows[start : start + CHUNK]

    def _gather(self, index: npt.NDArray[np.int64]) -> Rows:
        """Rows of the images from the first to the last of `index`, which leaves out none between them."""
        rows = np.empty((len(index), self.dim), dtype=np.float32)
        for block in self.blocks:
            wanted = (block.indices >= index[0]) & (block.indices <= index[-1])
            if wanted.any():
                rows[np.searchsorted(index, block.indices[wanted])] = block.load()[wanted]
        return rows

    def reordered(self, order: Sequence[int]) -> "FeatureBank":
        """The same rows under new image indices: row i of the result is row order[i] of `rows()`."""
        place = np.empty(len(order), dtype=np.int64)
        place[np.asarray(order, dtype=np.int64)] = np.arange(len(order))
        own = self.indices()
        moved = tuple(Block(place[np.searchsorted(own, block.indices)], block.load) for block in self.blocks)
        return FeatureBank(self.dim, moved)
