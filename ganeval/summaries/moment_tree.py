"""Moments of a large set, summed in an order that any number of processes keeps: pairwise, by the places of the images.

Float64 sums depend on their order in the last digits. Here images 0..255 make one chunk, 256..511 the next; two
neighbouring chunks make a node, two neighbouring nodes the next one up. Who computes a chunk does not matter, so one
process and many give the same bits from the same features. What waits are at most two nodes a level.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from ganeval.summaries.moments import Moments

CHUNK: Final = 256  # images; shares of processes begin at multiples of it
Node = tuple[int, int]  # level, and number within it


class MomentTree:
    """Chunks of one set, merged as far as neighbours are there.

    Args:
        dim: Feature width.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.nodes: dict[Node, Moments] = {}
        self._chunk = -1
        self._rows: list[npt.NDArray[np.float32]] = []

    def add(self, places: npt.NDArray[np.int64], rows: npt.NDArray[np.float32]) -> None:
        """Adds rows of images.

        Args:
            places: Of the images in the whole set, ascending, and behind those of all earlier calls.
            rows: Their features, (n, D).
        """
        chunks = places // CHUNK
        starts = np.flatnonzero(np.diff(chunks, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            if chunks[start] != self._chunk:
                self.close()
                self._chunk = int(chunks[start])
            self._rows.append(rows[start:end])

    def close(self) -> None:
        """Sums the last chunk, to which no row will be added."""
        if self._rows:
            self.put((0, self._chunk), Moments.of(np.concatenate(self._rows)))
            self._rows = []

    def put(self, node: Node, moments: Moments) -> None:
        """Adds a node, and merges it with its neighbour where that is there.

        Raises:
            ValueError: it is there already, or of another width.
        """
        if node in self.nodes or moments.dim != self.dim:
            raise ValueError(f"node {node} of width {moments.dim} where {self.dim} was expected, or given twice")
        level, number = node
        while (other := self.nodes.pop((level, number ^ 1), None)) is not None:
            left, right = (moments, other) if number % 2 == 0 else (other, moments)
            level, number, moments = level + 1, number // 2, left.merge(right)
        self.nodes[level, number] = moments

    def total(self) -> Moments:
        """The moments of all rows: what is left is merged from the first image to the last."""
        self.close()
        total = Moments.empty(self.dim)
        for _, moments in self.ordered():
            total = total.merge(moments)
        return total

    def ordered(self) -> Iterator[tuple[Node, Moments]]:
        """What is left, from the first image to the last."""
        for level, number in sorted(self.nodes, key=lambda node: node[1] << node[0]):
            yield (level, number), self.nodes[level, number]
