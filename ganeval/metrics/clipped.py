"""Clipped Density and Clipped Coverage: density and coverage that outliers cannot move, on a calibrated scale.

What it measures: fidelity and coverage; .8 is what a set of 80% good and 20% bad images gets.
Why it can mislead: depends on k, on the backbone and on both counts. Images that are bad in the same way as some real
    outliers are not told from good ones.
Definition: Salvy, Talbot & Thirion 2025 (arXiv 2507.01761), k = 5. Density: the radius of each real
    ball is at most the median radius, each generated image counts at most k balls, over the same for the real images,
    at most 1. Coverage: each real ball counts at most k generated images; the mean is then read on the scale of what m
    good images of M would give, whose share is the number. In both, an image on the sphere of a ball is inside.
Matches: the authors' `ClippedDensityCoverage(K=5)` (nicolassalvy/ClippedDensityCoverage at 9920dae), exactly up to
    ties: their code has the sphere inside for density, and outside for coverage. So a real image with k copies, whose
    ball has no radius, is never covered there, not even by itself. Like theirs, the scale is 0 for fewer than k good
    images.
"""

import numpy as np

from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.metrics.neighbours import CHUNK, Points, approximate, neighbour_radii, prepare, within
from ganeval.metrics.prdc import TIE
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64


def clipped_scores(real: np.ndarray, fake: np.ndarray, k: int) -> tuple[float, float]:
    """Clipped Density and Clipped Coverage of two sets of rows, both in [0, 1].

    Args:
        real: (n_r, D) rows, n_r > k.
        fake: (n_f, D) rows, n_f >= k.
        k: Neighbour that a ball reaches.
    """
    a, b = prepare(real, fake)
    squared = neighbour_radii(a, (k,))[k]
    clipped = np.minimum(squared, np.median(np.sqrt(squared)) ** 2)
    ideal = np.minimum(_balls(a, a, clipped, own=False) / k, 1.0).mean()
    found = np.minimum(_balls(b, a, clipped) / k, 1.0).mean()
    members = np.minimum(_members(a, b, squared) / k, 1.0).mean()
    scale = expected_coverage(len(real), len(fake), k)
    return min(float(found / ideal), 1.0), int(np.searchsorted(scale, members)) / len(scale)


def _balls(points: Points, centres: Points, squared: Float64, *, own: bool = True) -> Float64:
    """(n,) how many balls hold each point, the sphere included; without its own ball where `own` is False."""
    counts = np.empty(len(points))
    for start in range(0, len(points), CHUNK):
        part = slice(start, min(start + CHUNK, len(points)))
        inside = within(points, part, centres, approximate(points, part, centres), squared * (1.0 + TIE))
        counts[part] = inside.sum(axis=1)
    return counts if own else counts - 1.0


def _members(centres: Points, points: Points, squared: Float64) -> Float64:
    """(n,) how many points each ball holds, the sphere included."""
    counts = np.empty(len(centres))
    for start in range(0, len(centres), CHUNK):
        part = slice(start, min(start + CHUNK, len(centres)))
        limits = squared[part, None] * (1.0 + TIE)
        inside = within(centres, part, points, approximate(centres, part, points), limits)
        counts[part] = inside.sum(axis=1)
    return counts


def expected_coverage(n_real: int, n_fake: int, k: int) -> Float64:
    """(n_fake + 1,) the unscaled coverage to be expected where m = 0 .. n_fake of the generated images are good.

    A ball up to the k-th of n_real - 1 neighbours holds a share of the distribution that is Beta(k, n_real - k)
    distributed, so that of m good images a number J lies in it that is beta-binomial. With k - (k - J)+ for min(J, k),
    the mean of min(J, k) / k needs only the probabilities of J < k, instead of all m as the authors sum.
    """
    from scipy.special import betaln, gammaln

    m = np.arange(n_fake + 1, dtype=np.float64)[:, None]
    j = np.arange(k, dtype=np.float64)[None, :]
    possible = j <= m
    left = np.where(possible, m - j, 0.0)
    log_binomial = gammaln(m + 1.0) - gammaln(j + 1.0) - gammaln(left + 1.0)
    log_p = log_binomial + betaln(k + j, n_real - k + left) - betaln(k, n_real - k)
    missing = np.where(possible, (k - j) * np.exp(log_p), 0.0).sum(axis=1)
    expected = 1.0 - missing / k
    expected[:k] = 0.0
    return np.asarray(expected, dtype=np.float64)


def clipped_of_rows(real: np.ndarray, fake: np.ndarray, params: Params) -> dict[str, float]:
    """Both of two sets of rows, the values alone."""
    return dict(zip(("clipped_density", "clipped_coverage"), clipped_scores(real, fake, int(params["k"])), strict=True))


def compute_clipped(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """Both from two summaries, without intervals."""
    if real is None or real.bank is None or fake.bank is None:
        raise ValueError("clipped density and coverage need the feature rows of both sides")
    found = clipped_of_rows(real.bank.rows(), fake.bank.rows(), params)
    note = "no interval: its standard error with both sets random is not known"
    return {name: Estimate(value, note=note) for name, value in found.items()}


CLIPPED = SetMetric(
    name="clipped",
    summary="Clipped Density and Clipped Coverage (k = 5): calibrated, and outliers do not move them",
    outputs=(
        Output("clipped_density", "higher", (0.0, 1.0), "Clipped Density", on_itself=1.0),
        Output("clipped_coverage", "higher", (0.0, 1.0), "Clipped Coverage", on_itself=1.0),
    ),
    needs=frozenset({"bank"}),
    reference=True,
    symmetric=False,
    min_n=6,
    version=2,  # 1 had the sphere of a ball outside for coverage
    compute=compute_clipped,
    params={"k": 5},
    of_rows=clipped_of_rows,
)
