"""Which entries no other beats in quality and in cost at once."""

import math
from collections.abc import Sequence


def front(quality: Sequence[float | None], cost: Sequence[float | None]) -> list[bool]:
    """True for each point that no other dominates: at least as good in both, and better in one.

    Args:
        quality: More is better; None where unknown.
        cost: Less is better; None where unknown.

    Returns:
        False for points of which one number is unknown, and for all where fewer than two points are known: a front of
        one says nothing.
    """
    known = [(q, c, i) for i, (q, c) in enumerate(zip(quality, cost, strict=True)) if q is not None and c is not None]
    found = [False] * len(quality)
    if len(known) < 2:
        return found
    known.sort(key=lambda point: (-point[0], point[1]))
    cheapest_better = cheapest = math.inf  # among those of better quality; among all so far
    best_quality, cheapest_equal = math.inf, math.inf
    for q, c, i in known:
        if q != best_quality:
            best_quality, cheapest_better, cheapest_equal = q, cheapest, c
        cheapest = min(cheapest, c)
        found[i] = c < cheapest_better and c == cheapest_equal
    return found
