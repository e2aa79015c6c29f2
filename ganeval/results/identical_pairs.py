"""Rows of PSNR whose mean leaves out pairs that are identical: do two of them speak of the same images?"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ganeval.results.result import IDENTICAL, PER_IMAGE, Result


class OneSided(NamedTuple):
    """Images whose value is infinite in some row of one side, but not in every row of both.

    No finite mean holds by how much the other side is worse there.

    Attributes:
        first: How many of the first side.
        second: How many of the second side; an image may count in both.
    """

    first: int
    second: int


NEITHER = OneSided(0, 0)


def one_sided(first: Sequence[Result], second: Sequence[Result]) -> OneSided:
    """Counts them; where rows do not tell which of their images are infinite, their number counts in full.

    Args:
        first: Rows of one metric.
        second: Rows of the same metric.
    """
    sides = [[_infinite(row) for row in side] for side in (first, second)]
    known = [images for side in sides for images in side if images is not None]
    everywhere = frozenset[str]().union(*known).intersection(*known) if len(known) == len(first) + len(second) else ()
    counts = []
    for rows, side in zip((first, second), sides, strict=True):
        some = frozenset[str]().union(*(images for images in side if images is not None))
        untold = max((_count(row) for row, images in zip(rows, side, strict=True) if images is None), default=0)
        counts.append(max(len(some.difference(everywhere)), untold))
    return OneSided(*counts)


def _infinite(row: Result) -> frozenset[str] | None:
    """The images, None where there are some and the row does not name them."""
    values = row.provenance.get(PER_IMAGE)
    if isinstance(values, Mapping):
        return frozenset(image for image, value in values.items() if value is None)
    return None if _count(row) else frozenset()


def _count(row: Result) -> int:
    count = row.provenance.get(IDENTICAL)
    return count if isinstance(count, int) else 0
