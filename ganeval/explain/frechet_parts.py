"""The four parts of a Frechet distance, from which each tool's result follows without another matrix root."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ganeval.explain.features import mean_in_float32
from ganeval.metrics.frechet import frechet_of_summaries
from ganeval.summaries.bank import Rows
from ganeval.summaries.base import SetSummary


@dataclass(frozen=True)
class Parts:
    """|m_r - m_f|^2 + tr S_r + tr S_f - 2 tr (S_r S_f)^{1/2}, the covariances divided by n - 1.

    Attributes:
        gap: |m_r - m_f|^2 with means in float64.
        gap_float32: The same with means and differences in float32.
        trace_real: tr S_r.
        trace_fake: tr S_f.
        root: tr (S_r S_f)^{1/2}.
        n_real: Number of reference images; None if it is unknown, or for statistics whose divisor is fixed.
        n_fake: Number of scored images.
    """

    gap: float
    gap_float32: float
    trace_real: float
    trace_fake: float
    root: float
    n_real: int | None
    n_fake: int

    def value(self, mean: Literal["float64", "float32"] = "float64", ddof: Literal[0, 1] = 1) -> float:
        """The distance of a tool that averages in this type and divides by n - ddof."""
        real = 1.0 if ddof == 1 or self.n_real is None else (self.n_real - 1) / self.n_real
        fake = 1.0 if ddof == 1 else (self.n_fake - 1) / self.n_fake
        gap = self.gap if mean == "float64" else self.gap_float32
        return gap + real * self.trace_real + fake * self.trace_fake - 2.0 * math.sqrt(real * fake) * self.root


def parts_of(real: SetSummary, fake: SetSummary, *, fixed: bool = False) -> Parts:
    """Splits the distance into its parts, with one matrix root.

    Args:
        real: Moments of the reference, with rows unless `fixed`.
        fake: Moments and rows of the scored images.
        fixed: True for a reference from statistics of another tool, whose divisor is fixed.

    Raises:
        TooFewSamplesError: fewer than two images in a set.
    """
    a, b = real.moments, fake.moments
    value = frechet_of_summaries(real, fake)
    gap = float(((a.mean - b.mean) ** 2).sum())
    traces = [float(np.trace(side.scatter)) / (side.n - 1) for side in (a, b)]
    difference = _mean32(real) - _mean32(fake)
    return Parts(
        gap,
        float(difference.dot(difference)),
        traces[0],
        traces[1],
        (gap + sum(traces) - value) / 2.0,
        None if fixed or not real.counted else a.n,
        b.n,
    )


def _mean32(side: SetSummary) -> Rows:
    if side.bank is None:
        return side.moments.mean.astype(np.float32)
    return mean_in_float32(side.bank)
