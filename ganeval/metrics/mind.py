"""Monge Inception Distance: sliced 2-Wasserstein distance of features, far less biased at small n than Frechet.

What it measures: any difference of the two feature laws, averaged over random directions.
Why it can mislead: a difference that lives in few directions is diluted; another seed gives a slightly other value.
Definition: Berthet et al. 2026 (arXiv 2605.06797): alpha / M sum_i W_2^2(u_i.X, u_i.Y), alpha = 3 d, M unit directions.
Matches: torch-fidelity (development version) `metric_mind.py` for equal counts: the same directions for the same seed.
    For unequal counts ganeval integrates the exact quantile functions where torch-fidelity throws images away.
"""

import numpy as np
import torch

from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

BLOCK = 128  # directions at a time: 128 x 50,000 x 8 B = 51 MB a side


def unit_directions(count: int, dim: int, seed: int) -> Float64:
    """(count, dim) unit vectors, uniform on the sphere, in float32 from torch's CPU stream."""
    generator = torch.Generator(device="cpu").manual_seed(seed)
    directions = torch.randn(count, dim, generator=generator, dtype=torch.float32)
    return np.asarray((directions / directions.norm(dim=1, keepdim=True).clamp_min(1e-12)).numpy(), dtype=np.float64)


def wasserstein2_squared(a: Float64, b: Float64) -> Float64:
    """Squared 2-Wasserstein distance of empirical laws on the line, column by column.

    The integral over q of (F_a^-1(q) - F_b^-1(q))^2; both quantile functions are steps, so it is a finite sum over the
    merged breakpoints i/n and j/m. With n = m it is the mean squared difference of the sorted values.

    Args:
        a: (n, M) values, M columns at once.
        b: (m, M) values.

    Returns:
        (M,) distances.
    """
    a, b = np.sort(a, axis=0), np.sort(b, axis=0)
    n, m = len(a), len(b)
    if n == m:
        return np.asarray(((a - b) ** 2).mean(axis=0))
    # Breakpoints in units of 1 / (n m): exact integers, so that equal ones merge exactly.
    cuts = np.unique(np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n]))
    widths = np.diff(cuts, prepend=0) / (n * m)
    return np.asarray(widths @ (a[(cuts - 1) // m] - b[(cuts - 1) // n]) ** 2)


def project(rows: np.ndarray, directions: Float64) -> Float64:
    """(n, M) products of float32 rows with M directions (D, M), widened to float64 a few thousand rows at a time."""
    parts = [np.asarray(rows[i : i + 4096], dtype=np.float64) @ directions for i in range(0, len(rows), 4096)]
    return np.concatenate(parts)


def mind(real: np.ndarray, fake: np.ndarray, projections: int, seed: int) -> float:
    """3 d times the mean squared 2-Wasserstein distance over random directions, >= 0, lower is better.

    Args:
        real: (n_r, D) rows.
        fake: (n_f, D) rows.
        projections: Number of directions M.
        seed: Seed of the directions.
    """
    dim = real.shape[1]
    directions = unit_directions(projections, dim, seed)
    total = 0.0
    for start in range(0, projections, BLOCK):
        block = directions[start : start + BLOCK].T
        total += float(wasserstein2_squared(project(real, block), project(fake, block)).sum())
    return float(3.0 * dim * total / projections)


def compute_mind(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`mind` from two summaries."""
    if real is None or real.bank is None or fake.bank is None:
        raise ValueError("mind needs the feature rows of both sides")
    value = mind(real.bank.rows(), fake.bank.rows(), int(params["projections"]), int(params["direction_seed"]))
    return {"mind": Estimate(value)}


MIND = SetMetric(
    name="mind",
    summary="Sliced 2-Wasserstein distance of the features, times 3 d (Monge Inception Distance)",
    outputs=(Output("mind", "lower", (0.0, float("inf"))),),
    needs=frozenset({"bank"}),
    reference=True,
    symmetric=True,
    min_n=2,
    version=1,
    compute=compute_mind,
    params={"projections": 1000, "direction_seed": 2020, "alpha": "3d"},
)
