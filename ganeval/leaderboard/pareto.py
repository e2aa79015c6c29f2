"""Which entries nobody beats in quality and in cost at once."""

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
    points = [(q, c) if q is not None and c is not None else None for q, c in zip(quality, cost, strict=True)]
    known = [point for point in points if point is not None]
    if len(known) < 2:
        return [False] * len(points)
    return [point is not None and not any(_dominates(other, point) for other in known) for point in points]


def _dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a[0] >= b[0] and a[1] <= b[1] and a != b
