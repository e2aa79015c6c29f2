"""Is the mean of paired differences zero? The sign-flip permutation p of any number of pairs."""

import numpy as np

from ganeval.stats.sign_flips import EXACT_UP_TO, exact_sign_flip_p
from ganeval.summaries.moments import Float64

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
    if n <= EXACT_UP_TO:
        return exact_sign_flip_p(d.tolist())
    # Patterns that give the same sum in exact arithmetic may differ in the last digits; those count as ties.
    observed = abs(float(d.sum())) - 1e-12 * float(np.abs(d).sum())
    rng = np.random.default_rng(seed)
    per_draw, extreme = max(1, 2**22 // n), 0
    for start in range(0, draws, per_draw):
        signs = rng.integers(0, 2, (min(per_draw, draws - start), n), dtype=np.int8)
        # sum of +-d = 2 (sum of the chosen) - sum of all
        extreme += int((np.abs(2.0 * (signs @ d) - d.sum()) >= observed).sum())
    return (extreme + 1) / (draws + 1)
