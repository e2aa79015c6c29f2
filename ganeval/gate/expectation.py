"""How often an unchanged model passes a rule: what a margin promises, worked out before anything is measured.

A margin made of a baseline's own spread is random itself. Of three training seeds the standard deviation is known to
within a factor of six, and a margin of 2 t standard errors passed an unchanged model 80 times in 100, not 95. So the
chance of passing is averaged over what the spreads of both sides may have been: the predictive distribution.
"""

import functools
import math

import numpy as np
from scipy import special

from ganeval.stats.student_t import quantile, upper_tail
from ganeval.summaries.moments import Float64

NODES = 96  # of the Gauss-Legendre rule over each side's spread; twice as many change the chance by less than 1e-5
AIM = 0.95  # of unchanged models that pass a rule with a margin of `seeds_factor`
MOST_SEEDS = 50


def passes_samples(margin: float, degrees: float, level: float) -> float:
    """Chance that an unchanged model passes: that delta plus t standard errors stays below the margin.

    Args:
        margin: In standard errors of delta.
        degrees: Degrees of freedom behind them.
        level: One-sided, of the gate.
    """
    return 1.0 - upper_tail(margin - quantile(1.0 - level, degrees), degrees)


def passes_seeds(margin: float, baseline: int, candidate: int, level: float) -> float:
    """The same for training seeds, Welch's t on their values: averaged over the spread that each side may show.

    With u^2 and v^2 the variances of both sides over the true one, chi-squared over their degrees of freedom, delta
    passes where z tau + t sqrt(u^2 / k + v^2 / l) < margin u, z normal, tau^2 = 1 / k + 1 / l.

    Args:
        margin: In standard deviations of the baseline's seeds, as they came out.
        baseline: Its training seeds k, >= 2.
        candidate: Training seeds l of the candidate, >= 2.
        level: One-sided, of the gate.
    """
    baseline_variance, needed, weights = _seed_grid(baseline, candidate, level)
    z = (margin * np.sqrt(baseline_variance) - needed) / math.sqrt(1.0 / baseline + 1.0 / candidate)
    return float(weights @ special.ndtr(z) @ weights)


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
def _seed_grid(baseline: int, candidate: int, level: float) -> tuple[Float64, Float64, Float64]:
    """(m, 1) variance of the baseline, (m, m) t standard errors of delta, (m,) weights, in true variances of a seed."""
    points, widths = np.polynomial.legendre.leggauss(NODES)
    beyond, weights = 0.5 * (1.0 - points), 0.5 * widths
    sides = [special.chdtri(k - 1, beyond) / (k - 1) for k in (baseline, candidate)]
    a, b = sides[0][:, None] / baseline, sides[1][None, :] / candidate
    degrees = (a + b) ** 2 / (a**2 / (baseline - 1) + b**2 / (candidate - 1))
    known = np.geomspace(min(baseline, candidate) - 1, baseline + candidate - 2, 60)
    quantiles = [quantile(1.0 - level, float(one)) for one in known]
    t = np.interp(np.log(degrees), np.log(known), quantiles)
    return sides[0][:, None], t * np.sqrt(a + b), weights
