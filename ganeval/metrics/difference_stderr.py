"""The standard error of a difference of two distances against one reference, right where both sets are equally good.

A distance is, to first order, its truth plus the mean influence of every image. The influences themselves are estimated
from the images, and that noise enters their variance twice over: each pair of images counts in the influence of both.
Where two sets are equally good little else is left, and the standard error came out at 1.2 times the spread (fd, kd,
cmmd, mind; n = 500, d = 64, 300 draws of real features), with false verdicts in 0 to 2% of draws.

With V1 / n the part of first order and V2 / n^2 that of second, the influences say V(n) = V1 / n + 2 V2 / n^2, and half
as many images say V(n / 2) / 2 = V1 / n + 4 V2 / n^2. So 1.5 V(n) - 0.5 V(n / 2) / 2 = V1 / n + V2 / n^2 is the
variance (Efron & Stein 1981, "The jackknife estimate of variance", Annals of Statistics 9, 586-596, for why the
jackknife and its like count the second order twice).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ganeval.metrics.base import SetMetric
from ganeval.stats.influence import influence_stderr
from ganeval.stats.jackknife import block_numbers
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64, Moments

LEAST = 0.5  # of V(n): what is left where all of it is of second order
FEWEST = 4  # images a side, below which there are no halves with a variance


def influence_difference_stderr(
    metric: SetMetric, real: SetSummary, a: SetSummary, b: SetSummary, paired: bool
) -> float:
    """Standard error of the metric of b less that of a.

    Args:
        metric: With influences.
        real: The reference, in canonical order.
        a: A's images; image i is the partner of image i of b where paired.
        b: B's images.
        paired: Image by image.

    Raises:
        DataError: a set lacks the feature rows that are needed.
    """
    whole = _variance(metric, real, a, b, paired)
    if min(side.moments.n for side in (real, a, b)) < FEWEST:
        return float(np.sqrt(whole))
    sides = (real, a, b)
    numbers = [block_numbers(side.moments.n, 2) for side in sides]
    halves = []
    for half in (0, 1):
        parts = [part_of(side, own == half) for side, own in zip(sides, numbers, strict=True)]
        halves.append(_variance(metric, parts[0], parts[1], parts[2], paired))
    return float(np.sqrt(second_order_once(whole, 0.5 * float(np.mean(halves)))))


def second_order_once(whole: float, halves: float) -> float:
    """The variance from that of all images and that of half as many, halved, of which each counts second order twice.

    Args:
        whole: V(n).
        halves: V(n / 2) / 2.
    """
    return min(max(1.5 * whole - 0.5 * halves, LEAST * whole), whole)


def _variance(metric: SetMetric, real: SetSummary, a: SetSummary, b: SetSummary, paired: bool) -> float:
    if metric.influences is None:
        raise TypeError(f"{metric.name} has no influences")
    (fake_a, real_a), (fake_b, real_b) = (metric.influences(real, side, metric.params) for side in (a, b))
    shared = () if real_a is None or real_b is None else (real_b - real_a,)
    return influence_stderr(*differences(fake_a, fake_b, paired), *shared) ** 2


def differences(a: Float64, b: Float64, paired: bool) -> tuple[Float64, ...]:
    """One array of differences where images are paired, two independent ones where not."""
    return (b - a,) if paired else (a, b)


def part_of(side: SetSummary, kept: npt.NDArray[np.bool_]) -> SetSummary:
    """Some images of a set; a set that is known by its moments only is fixed, and stays whole."""
    if side.bank is None:
        return side
    rows = side.bank.rows()[kept]
    return SetSummary(Moments.of(rows), FeatureBank.of(rows))


def in_one_order(a: SetSummary, b: SetSummary, order: npt.NDArray[np.int64] | None) -> tuple[SetSummary, SetSummary]:
    """Both sets, first and second, in an order that does not depend on names or on which of them is A.

    Halves and divisions go by place, so B against A has to have the places of A against B: or else one would be
    significant and the other not. The set with the larger mean (of the first feature that differs) comes second, and
    gives the order of the pairs; unpaired, each set has its own.

    Args:
        a: Summary of A.
        b: Summary of B.
        order: order[i] is the index in A of the partner of image i of B; None where unpaired.
    """
    if b.moments.mean.tolist() < a.moments.mean.tolist():
        a, b, order = b, a, None if order is None else np.argsort(order)
    if order is None or a.bank is None or b.bank is None:
        return a.canonical, b.canonical
    digests = b.digests
    places = list(range(len(order))) if digests is None else sorted(range(len(order)), key=lambda i: digests[i])
    return _reordered(a, [int(order[i]) for i in places]), _reordered(b, places)


def _reordered(side: SetSummary, places: Sequence[int]) -> SetSummary:
    bank = None if side.bank is None else side.bank.reordered(places)
    return dataclasses.replace(side, bank=bank, logits=None, labels=None, digests=None)
