"""One cell of a board: the training seeds of an entry pooled to mean ± sd, or one result with its own uncertainty."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ganeval.stats.student_t import quantile

Interval = tuple[float, float]


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
        degrees: Degrees of freedom behind `stderr`; None for a normal distribution.
    """

    mean: float
    sd: float | None
    n: int
    low: float | None
    high: float | None
    stderr: float | None
    degrees: float | None = None


def single(value: float, stderr: float | None, interval: Interval | None, degrees: float | None = None) -> Cell:
    """The cell of one result, with the result's own uncertainty: that of sampling, not of training."""
    low, high = interval or (None, None)
    return Cell(value, None, 1, low, high, stderr, degrees)


def pooled(values: Sequence[float]) -> Cell:
    """The cell of two or more training seeds; their spread holds that of sampling too."""
    n = len(values)
    mean = math.fsum(values) / n
    sd = math.hypot(*(value - mean for value in values)) / math.sqrt(n - 1)
    half = quantile(0.975, n - 1) * sd / math.sqrt(n)
    return Cell(mean, sd, n, mean - half, mean + half, None)
