"""The exact sign-flip test of few paired differences, and the smallest p that so many pairs can reach. Pure Python."""

import math
from collections.abc import Sequence

EXACT_UP_TO = 15  # pairs: 2^15 = 32,768 sign patterns are all looked at


def exact_sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p of a zero mean: the fraction of all 2^n sign patterns with a sum at least as far from zero.

    Exact under the hypothesis that every difference is as likely to be +d as -d (Fisher 1935, The Design of
    Experiments, section 21).

    Args:
        differences: (n,) finite, 1 <= n <= `EXACT_UP_TO`. A pair without difference is no evidence either way.
    """
    if not 1 <= len(differences) <= EXACT_UP_TO:
        raise ValueError(f"all sign patterns of 1 to {EXACT_UP_TO} differences are looked at; got {len(differences)}")
    # Patterns that give the same sum in exact arithmetic may differ in the last digits; those count as ties.
    observed = abs(math.fsum(differences)) - 1e-12 * math.fsum(map(abs, differences))
    sums = [differences[0]]  # by symmetry the first sign may stay
    for value in differences[1:]:
        sums = [total + value for total in sums] + [total - value for total in sums]
    return sum(abs(total) >= observed for total in sums) / len(sums)


def smallest_p(n: int) -> float:
    """The smallest two-sided p that a sign-flip test of n pairs can reach: 2 / 2^n."""
    return min(1.0, math.ldexp(2.0, -n))


def fewest_pairs(level: float = 0.05) -> int:
    """Pairs that differ, of which a sign-flip test can be significant at `level`: 6 at 5%."""
    return math.ceil(1.0 - math.log2(level))


def out_of_reach(n: int, level: float = 0.05) -> str:
    """Why n pairs cannot be significant at `level`, however they differ; "" where they can.

    Args:
        n: Pairs that differ.
        level: Of the two-sided test, in (0, 1).
    """
    if smallest_p(n) <= level:
        return ""
    return (
        f"cannot be significant: with {n} pairs the smallest two-sided p is 2/2^{n} = {smallest_p(n):.4g}, above "
        f"{level:g}; {fewest_pairs(level)} pairs are the fewest that can"
    )
