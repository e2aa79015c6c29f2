"""The delete-block jackknife: bias, standard error and interval of any statistic from G recomputations.

Images are put into G = 20 blocks by a fixed seeded permutation (position in ascending image index -> permuted position
-> modulo G), so that a set always has the same blocks and a sorted folder does not put one class into one block. The
statistic is computed G times, each time without one block. With two sets (real, fake) block g leaves both at once: to
first order the two biases and the two variances add up, which is what they should do, at G instead of 2 G computations.

Sources: Quenouille 1956; Tukey 1958; for blocks of unequal size Busing, Meijer & van der Leeden 1999, "Delete-m
jackknife for unequal m" (Statistics and Computing 9, 3-8), eq. (4) and (6).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganeval.summaries.moments import Float64, Moments

BLOCKS = 20
BLOCK_SEED = 20

Blocks = npt.NDArray[np.int64]


def block_numbers(n: int, blocks: int = BLOCKS) -> Blocks:
    """(n,) block of each row, rows in ascending image index; sizes differ by at most one.

    numpy's legacy RandomState, because its stream is frozen for good.
    """
    return np.asarray(np.random.RandomState(BLOCK_SEED).permutation(n) % blocks, dtype=np.int64)


def block_shares(blocks: Sequence[Blocks]) -> Float64:
    """(G,) share of the data in each block, averaged over the sets that lose the block together."""
    shares = [np.bincount(numbers) / len(numbers) for numbers in blocks]
    return np.asarray(np.mean(shares, axis=0), dtype=np.float64)


@dataclass(frozen=True)
class Jackknife:
    """What G deletions say about a statistic.

    Attributes:
        value: The statistic of all images.
        bias: Estimate of its expectation minus the truth, to first order in 1/n.
        stderr: Standard error.
        blocks: Number of deletions G.
        deleted: (G,) the statistic without each block.
    """

    value: float
    bias: float
    stderr: float
    blocks: int
    deleted: tuple[float, ...]

    @property
    def debiased(self) -> float:
        """The value less its bias."""
        return self.value - self.bias


def jackknife(value: float, deleted: Sequence[float] | Float64, shares: Float64 | None = None) -> Jackknife:
    """Bias and standard error from the values without each block.

    With h = 1 / share and pseudo-values p_g = h_g value - (h_g - 1) deleted_g: debiased = sum of p_g / h_g, variance =
    mean of (p_g - debiased)^2 / (h_g - 1). With equal blocks this is the familiar
    bias = (G - 1)(mean deleted - value), variance = (G - 1)/G sum (deleted - mean)^2.

    Args:
        value: The statistic of all rows.
        deleted: (G,) the statistic without block g.
        shares: (G,) share of the data in each block, summing to one; equal where None.

    Raises:
        ValueError: fewer than two blocks, or shares that do not match.
    """
    left = np.asarray(deleted, dtype=np.float64)
    count = len(left)
    part = np.full(count, 1.0 / count) if shares is None else shares
    if count < 2 or len(part) != count or not np.isclose(part.sum(), 1.0) or (part <= 0).any():
        raise ValueError(f"a jackknife needs two or more blocks with shares that sum to one; got {count}, {shares}")
    h = 1.0 / part
    # The pseudo-value less `value`: (h - 1)(value - deleted); written so that equal numbers give exactly zero.
    pseudo = (h - 1.0) * (value - left)
    shift = float((pseudo / h).sum())
    variance = float(np.mean((pseudo - shift) ** 2 / (h - 1.0)))
    return Jackknife(value, -shift, variance**0.5, count, tuple(left.tolist()))


def delete_block_jackknife(n: int, statistic: Callable[[npt.NDArray[np.bool_]], float], blocks: int) -> Jackknife:
    """The jackknife of any statistic of kept rows; slow but general.

    Args:
        n: Number of rows.
        statistic: (n,) mask of kept rows -> value.
        blocks: Number of blocks G, 2 <= G <= n; G = n leaves out one row at a time.
    """
    if not 2 <= blocks <= n:
        raise ValueError(f"cannot put {n} rows into {blocks} blocks")
    numbers = block_numbers(n, blocks)
    deleted = [statistic(numbers != g) for g in range(blocks)]
    return jackknife(statistic(np.ones(n, dtype=bool)), deleted, block_shares([numbers]))


def deleted_moments(rows: npt.NDArray[np.floating], whole: Moments, numbers: Blocks) -> Iterator[Moments]:
    """Moments of a set without block g, for each g: Chan's formula solved for the part that stays.

    With c the mean of all rows, s and Q the sum and the scatter of the block about c: the rest has mean c - s / n' and
    scatter Q_all - Q - s s^T / n'. Costs the Gram matrices of the blocks, together as much as the moments themselves.

    Args:
        rows: (n, D) in ascending image index.
        whole: Moments of all rows.
        numbers: (n,) block of each row.
    """
    for g in range(int(numbers.max()) + 1):
        block = np.asarray(rows[numbers == g], dtype=np.float64) - whole.mean
        n, total = whole.n - len(block), block.sum(axis=0)
        # The outer product joins the block as one more row: one symmetric product does both.
        block = np.concatenate([block, total[None] / math.sqrt(n)])
        yield Moments(n, whole.mean - total / n, whole.scatter - block.T @ block)
