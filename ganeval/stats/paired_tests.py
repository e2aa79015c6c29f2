"""Is the mean of paired differences zero? Sign-flip permutation p, its smallest reachable value, and Holm over many."""

import math
from collections.abc import Sequence

import numpy as np

from ganeval.summaries.moments import Float64

EXACT_UP_TO = 15  # pairs: 2^15 = 32,768 sign patterns are all looked at
DRAWS = 99_999


def sign_flip_p(differences: Float64, draws: int = DRAWS, seed: int = 2020) -> float:
    """Two-sided p of a zero mean: the share of sign patterns with a sum at least as far from zero as the observed one.

    Exact under the hypothesis that every difference is as likely to be +d as -d (Fisher 1935, The Design of
    Experiments, section 21). All 2^n patterns up to n = 15; above, `draws` random ones and the observed one, which
    counts too, so that p is never 0 and stays valid (Phipson & Smyth 2010, "Permutation P-values should never be
    zero").

    Args:
        differences: (n,) finite, n >= 1. Zeros keep their place: a pair without difference is no evidence either way.
        draws: Random patterns for n > 15.
        seed: Of the random patterns.
    """
    d = np.asarray(differences, dtype=np.float64)
    n = len(d)
    if n < 1 or not np.isfinite(d).all():
        raise ValueError(f"a sign-flip test needs finite differences; got {n} of them, {d[~np.isfinite(d)]}")
    # Patterns that give the same sum in exact arithmetic may differ in the last digits; those count as ties.
    observed = abs(float(d.sum())) - 1e-12 * float(np.abs(d).sum())
    if n <= EXACT_UP_TO:
        sums = np.zeros(1)
        for value in d[1:]:  # by symmetry the first sign may stay
            sums = np.concatenate([sums + value, sums - value])
        return float(np.mean(np.abs(sums + d[0]) >= observed))
    rng = np.random.default_rng(seed)
    per_draw, extreme = max(1, 2**22 // n), 0
    for start in range(0, draws, per_draw):
        signs = rng.integers(0, 2, (min(per_draw, draws - start), n), dtype=np.int8)
        # sum of +-d = 2 (sum of the chosen) - sum of all
        extreme += int((np.abs(2.0 * (signs @ d) - d.sum()) >= observed).sum())
    return (extreme + 1) / (draws + 1)


def smallest_p(n: int) -> float:
    """The smallest two-sided p that a sign-flip test of n pairs can reach: 2 / 2^n."""
    return min(1.0, math.ldexp(2.0, -n))


def out_of_reach(n: int, level: float = 0.05) -> str:
    """Why n pairs cannot be significant at `level`, whatever they show; "" where they can.

    Args:
        n: Pairs that differ.
        level: Of the two-sided test, in (0, 1).
    """
    if smallest_p(n) <= level:
        return ""
    needed = math.ceil(1.0 - math.log2(level))
    return (
        f"cannot be significant: with {n} pairs the smallest two-sided p is 2/2^{n} = {smallest_p(n):.4g}, above "
        f"{level:g}; {needed} pairs are the fewest that can"
    )


def holm(p_values: Sequence[float]) -> Float64:
    """(m,) adjusted p-values in the given order; each below 0.05 holds with a family-wise error of at most 5%.

    Holm 1979, "A simple sequentially rejective multiple test procedure": the i-th smallest times m - i + 1, made
    monotone and cut off at 1. Valid under any dependence.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p-values lie in [0, 1]; got {p.tolist()}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted
