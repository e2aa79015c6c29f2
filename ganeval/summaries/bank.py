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
            ValueError: widths differ, or an image index stands in both.
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
        """Blocks one at a time, (indices, rows), by their smallest index: bounded memory for a bank on disk."""
        for block in sorted(self.blocks, key=lambda b: int(b.indices.min())):
            yield block.indices, block.load()
