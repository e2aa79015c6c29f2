"""How often an unchanged model passes a rule: what a margin promises, worked out before anything is measured.

A margin made of a baseline's own spread is random itself. Of three training seeds the standard deviation is known to
within a factor of six, and a margin of 2 t standard errors passed an unchanged model 80 times in 100, not 95. So the
chance of passing is averaged over what the spreads of both sides may have been: the predictive distribution.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from scipy import special

from ganeval.stats.student_t import NORMAL_FROM, quantile, upper_tail
from ganeval.summaries.moments import Float64

NODES = 96  # of the Gauss-Legendre rule over each side's spread; twice as many change the chance by less than 1e-5
AIM = 0.95  # of unchanged models that pass a rule with a margin of `seeds_factor`
MOST_SEEDS = 50
NEGLIGIBLE = 1e9  # times as large: the smaller of two standard errors counts for nothing


class Spread(NamedTuple):
    """How a side's value and its standard error scatter from one draw of it to another.

    Attributes:
        size: True standard error, in that of the baseline.
        degrees: Degrees of freedom behind its estimate; inf where that hardly scatters by itself.
        skewness: How the estimate moves with the value (`ganeval.stats.influence.SamplingError`).
    """

    size: float
    degrees: float = math.inf
    skewness: float = 0.0


def passes_difference(margin: float, degrees: float, level: float) -> float:
    """Chance that an unchanged model passes, of a difference with one standard error: paired images.

    Args:
        margin: In standard errors of delta.
        degrees: Degrees of freedom behind them.
        level: One-sided, of the gate.
    """
    return 1.0 - upper_tail(margin - quantile(1.0 - level, degrees), degrees)


def passes(margin: float, baseline: Spread, candidate: Spread, level: float) -> float:
    """The same of two independent sides, averaged over what the baseline and its standard error may be.

    With z and y the errors of both values in true standard errors, and u^2, v^2 chi-squared over their degrees, the
    standard errors come out as u (1 + g z) and s v (1 + h y): s is the candidate's size, g and h are half the
    skewnesses. Delta s y - z passes where it is below margin u (1 + g z) by t times the root of both, squared and
    added. A baseline that came out low by chance thus has a low standard error and a narrow margin as well. To first
    order in z and y that is A y - B z < margin u - t S, S^2 = u^2 + (s v)^2, A = s + t (s v)^2 h / S and
    B = 1 + margin u g - t u^2 g / S, which is normal.

    Args:
        margin: In standard errors of the baseline, as they came out.
        baseline: Of size 1.
        candidate: As an unchanged model has it.
        level: One-sided, of the gate.
    """
    if candidate.size > NEGLIGIBLE:
        return passes_difference(margin / candidate.size, candidate.degrees, level)
    margin = min(margin, NEGLIGIBLE**2)
    a, b, t, weights = _grid(baseline.degrees, candidate.degrees, candidate.size, level)
    g, h = 0.5 * baseline.skewness, 0.5 * candidate.skewness
    both, own = np.sqrt(a + b), margin * np.sqrt(a)
    of_candidate = candidate.size + t * b * h / both
    of_baseline = 1.0 + g * (own - t * a / both)
    return float(np.sum(weights * special.ndtr((own - t * both) / np.hypot(of_candidate, of_baseline))))


def passes_seeds(margin: float, baseline: int, candidate: int, level: float) -> float:
    """The same for training seeds, Welch's t on their values.

    Args:
        margin: In standard deviations of the baseline's seeds, as they came out.
        baseline: Its training seeds k, >= 2.
        candidate: Training seeds l of the candidate, >= 2.
        level: One-sided, of the gate.
    """
    size = math.sqrt(baseline / candidate)
    return passes(margin * math.sqrt(baseline), Spread(1.0, baseline - 1), Spread(size, candidate - 1), level)


@functools.lru_cache(maxsize=64)
def seeds_factor(seeds: int, level: float) -> float:
    """The margin, in standard deviations of the baseline's seeds, that 95 in 100 unchanged models pass.

    In standard errors of a difference, sd sqrt(2 / k), it is 9.6, 5.0 and 3.9 at 3, 5 and 10 seeds a side.

    Args:
        seeds: Training seeds on each side, >= 2.
        level: One-sided, of the gate.
    """
    low, high = 0.0, 1.0
    while passes_seeds(high, seeds, seeds, level) < AIM:
        low, high = high, 2.0 * high
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if passes_seeds(middle, seeds, seeds, level) < AIM else (low, middle)
    return high


def seeds_needed(margin: float, level: float, aim: float) -> int | None:
    """Training seeds a side with which `aim` of unchanged models pass; None where `MOST_SEEDS` are too few.

    Args:
        margin: In standard deviations of the baseline's seeds.
        level: One-sided, of the gate.
        aim: In (0, 1).
    """
    counts = range(3, MOST_SEEDS + 1)
    return next((seeds for seeds in counts if passes_seeds(margin, seeds, seeds, level) >= aim), None)


@functools.lru_cache(maxsize=256)
def _grid(theirs: float, mine: float, size: float, level: float) -> tuple[Float64, Float64, Float64, Float64]:
    """(i, 1) variance of the baseline, (1, j) of the candidate, (i, j) t quantiles, (i, j) weights.

    Args:
        theirs: Degrees of freedom of the baseline; one node where they are so many that nothing scatters.
        mine: Of the candidate.
        size: True standard error of the candidate, the baseline's being 1.
        level: One-sided.
    """
    nodes = [_variances(degrees) for degrees in (theirs, mine)]
    a, b = nodes[0][0][:, None], size**2 * nodes[1][0][None, :]
    degrees = 1.0 / np.maximum((a**2 / theirs + b**2 / mine) / (a + b) ** 2, 1.0 / NORMAL_FROM)
    known = np.geomspace(degrees.min(), degrees.max(), 60)
    quantiles = [quantile(1.0 - level, float(one)) for one in known]
    t = np.interp(np.log(degrees), np.log(known), quantiles)
    return a, b, t, nodes[0][1][:, None] * nodes[1][1][None, :]


def _variances(degrees: float) -> tuple[Float64, Float64]:
    """Nodes and weights of chi-squared over its degrees of freedom."""
    if degrees >= NORMAL_FROM:
        return np.ones(1), np.ones(1)
    points, widths = np.polynomial.legendre.leggauss(NODES)
    return np.asarray(special.chdtri(degrees, 0.5 * (1.0 - points)) / degrees), np.asarray(0.5 * widths)
