"""One cell of a board: the training seeds of an entry pooled to mean ± sd, and whether two cells can be told apart."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ganeval.leaderboard.student import quantile

Interval = tuple[float, float]
NORMAL = 1.959963984540054  # of a normal law, as LEVEL asks; the module `statistics` takes as long to load as a board


@dataclass(frozen=True)
class Cell:
    """A number on a board.

    Attributes:
        mean: Over training seeds; of one result its value.
        sd: Standard deviation over seeds (n - 1 in the denominator), None with one.
        n: Seeds.
        low: Lower end of the 95% interval: Student's t over seeds, or that of the one result; None without.
        high: Upper end.
        stderr: Of the one result; None with several, or where it has none.
    """

    mean: float
    sd: float | None
    n: int
    low: float | None
    high: float | None
    stderr: float | None


def single(value: float, stderr: float | None, interval: Interval | None) -> Cell:
    """The cell of one result, with the result's own uncertainty: that of sampling, not of training."""
    low, high = interval or (None, None)
    return Cell(value, None, 1, low, high, stderr)


def pooled(values: Sequence[float]) -> Cell:
    """The cell of two or more training seeds; their spread holds that of sampling too."""
    n = len(values)
    mean = math.fsum(values) / n
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = quantile(n - 1) * sd / math.sqrt(n)
    return Cell(mean, sd, n, mean - half, mean + half, None)


def difference(a: Cell, b: Cell) -> Interval | None:
    """95% interval of b - a, or None where the numbers do not allow one.

    * Several seeds on both sides: Welch's t on the seeds (Welch 1947, Biometrika 34, 28-35), degrees rounded down.
    * Several on one side, one on the other: the spread of the many is taken for both, or the standard error of the one
      where that is larger; n - 1 degrees.
    * One on both sides: the standard errors of both results, as if independent, normal.
    """
    delta = b.mean - a.mean
    if a.sd is not None and b.sd is not None:
        of_a, of_b = a.sd**2 / a.n, b.sd**2 / b.n
        variance = of_a + of_b
        if variance == 0.0:
            return None
        degrees = variance**2 / (of_a**2 / (a.n - 1) + of_b**2 / (b.n - 1))
        half = quantile(math.floor(degrees + 1e-9)) * math.sqrt(variance)
    elif a.sd is not None or b.sd is not None:
        (sd, n), lone = ((a.sd, a.n), b) if a.sd is not None else ((b.sd or 0.0, b.n), a)
        if sd == 0.0:
            return None
        half = quantile(n - 1) * math.hypot(sd / math.sqrt(n), max(sd, lone.stderr or 0.0))
    elif a.stderr and b.stderr:
        half = NORMAL * math.hypot(a.stderr, b.stderr)
    else:
        return None
    return delta - half, delta + half


def beats(a: Cell, b: Cell, better: str) -> bool:
    """Whether a is better than b beyond doubt: the 95% interval of the difference leaves zero out.

    Args:
        a: One cell.
        b: Another of the same column.
        better: "lower" or "higher"; anything else is never better.
    """
    interval = difference(a, b)
    if interval is None:
        return False
    return interval[0] > 0.0 if better == "lower" else interval[1] < 0.0 if better == "higher" else False


def ranks(cells: Sequence[Cell], better: str) -> list[str]:
    """Rank of each cell: 1 + the number of cells that beat it, with "=" where another cannot be told from it.

    "Cannot be told apart" is not transitive: a and b may tie, b and c too, and a still beat c. Counting those that beat
    an entry gives a 1, b 1 and c 2, each with "=", and needs no order among ties.
    """
    wins = [0] * len(cells)  # of others over this one
    tied = [False] * len(cells)
    for i, j in itertools.combinations(range(len(cells)), 2):
        if beats(cells[i], cells[j], better):
            wins[j] += 1
        elif beats(cells[j], cells[i], better):
            wins[i] += 1
        else:
            tied[i] = tied[j] = True
    return [f"{1 + won}{'=' if tie else ''}" for won, tie in zip(wins, tied, strict=True)]
