"""A number against the noise floor, in one of a few words: no worse than real against real, worse, inconclusive."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ganeval.metrics.base import Question
from ganeval.results.result import Result
from ganeval.stats.student_t import quantile

Verdict = Literal["no worse", "worse", "inconclusive"]
Z = 1.96
NEAR, FAR = 1.1, 1.4
"""A distance without a standard error is no worse than its floor up to the first ratio, worse from the second, and
inconclusive between them. Measured on 200 draws of digits (64 dimensions, n = 15 and 30 per set), where both sets are
real: the ratio had a standard deviation of 0.16, and was below 1.36 in 97.5% and below 1.39 in 99% of draws."""
WIDEST = 0.25
"""A share without a difference that shows is inconclusive where one of this size would not show either."""


@dataclass(frozen=True)
class Reading:
    """What a number means against real images.

    Attributes:
        verdict: None where there is nothing to hold the number against.
        words: The same for people, with the figure that it was held against.
    """

    verdict: Verdict | None
    words: str


def read(result: Result, question: Question) -> Reading:
    """Holds one number against the floor of its row.

    Args:
        result: A row with a value.
        question: What its metric answers.
    """
    if result.value is None or result.floor is None:
        return Reading(None, "")
    if question == "distance":
        return _distance(result, result.value, result.floor)
    if question in ("fidelity", "diversity"):
        return _fraction(result, question, result.value, result.floor)
    return Reading(None, "")


def _distance(result: Result, value: float, floor: float) -> Reading:
    """A distance with a standard error is held against 0, which its (debiased) value has between equal distributions.

    One that has none is mostly bias, which the floor shares: the ratio of the two is all that is known. The floor of an
    unbiased distance lies about 0, and no ratio to it means anything.
    """
    ratio = f"{value / floor:.2g}x" if floor > 0.0 and (result.debiased is not None or result.stderr is None) else ""
    times = f"{ratio} real against real"
    if result.stderr is not None:
        if result.ci95 is not None and result.ci95[0] > 0.0:
            return Reading("worse", times if ratio else "worse than real")
        return Reading("no worse", "no worse than real")
    if not ratio:
        return Reading("inconclusive", f"inconclusive (real: {floor:.3g})")
    if value <= NEAR * floor:
        return Reading("no worse", f"no worse than real ({ratio})")
    return Reading("worse", times) if value > FAR * floor else Reading("inconclusive", f"inconclusive ({ratio} real)")


def _fraction(result: Result, question: Question, value: float, floor: float) -> Reading:
    """A fraction of images is held against the floor by a test of their difference, Student's t where its row says so.

    Where its row has no standard error, 1 / sqrt(n) takes its place. Measured over 60 draws a case (ReLU mixtures of 16
    and 64 dimensions, n = 60 to 400, equal and collapsed), the standard deviations of precision, recall and coverage
    were 0.2 to 0.65 of that, and their means moved by less than 0.02 with n.
    """
    n = min(count for count in (result.n_fake, result.n_real) if count is not None)
    stderr = 1.0 / math.sqrt(n) if result.stderr is None else result.stderr
    factor = Z if result.stderr is None or result.degrees is None else quantile(0.975, result.degrees)
    margin = factor * stderr * math.sqrt(1.0 + n / (result.floor_n or n))
    if value < floor - margin:
        words = "looks less real" if question == "fidelity" else "diversity lost"
        return Reading("worse", f"{words} (real: {floor:.2f})")
    if margin > WIDEST:
        return Reading("inconclusive", f"inconclusive (real: {floor:.2f})")
    return Reading("no worse", f"no worse than real ({floor:.2f})")


def conclusion(readings: Sequence[tuple[Question, Reading]]) -> str:
    """All readings in one sentence; "" where there is none.

    Args:
        readings: The question of each number, and its reading.
    """
    found = {
        question: {reading.verdict for asked, reading in readings if asked == question} - {None}
        for question in ("distance", "fidelity", "diversity")
    }
    unreal, narrow = ("worse" in found[question] for question in ("fidelity", "diversity"))
    if unreal and narrow:
        return "The images look less real than the reference's, and are less diverse."
    if narrow:
        real = "look real but " if found["fidelity"] == {"no worse"} else ""
        return f"Diversity lost: the images {real}leave out part of the reference."
    if unreal:
        kept = "; their diversity is that of real images" if found["diversity"] == {"no worse"} else ""
        return f"The images look less real than the reference's{kept}."
    if "worse" in found["distance"]:
        return "The images differ from the reference by more than real images do."
    if "no worse" in found["distance"]:
        return "No difference from real images was detected."
    return "Inconclusive: too few images to detect a difference from real ones." if any(found.values()) else ""
