"""Is B better than A? The difference of two estimates with its uncertainty, verdict and what could have been seen.

Pure functions: summaries or per-image values in, a `Difference` out. Delta is B - A; the verdict is B's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.formatting import counted
from ganeval.metrics.base import (
    Better,
    DifferenceError,
    Estimate,
    SetMetric,
    copies_note,
    many_copies,
    too_many_copies,
)
from ganeval.metrics.difference_stderr import in_one_order, influence_difference_stderr
from ganeval.stats.intervals import bca_interval, mean_interval, t_interval
from ganeval.stats.paired_tests import sign_flip_p
from ganeval.stats.sign_flips import EXACT_UP_TO, out_of_reach
from ganeval.stats.student_t import quantile, sum_degrees, two_sided_p
from ganeval.summaries.base import SetSummary
from ganeval.summaries.copies import rows_in
from ganeval.summaries.moments import Float64

Order = npt.NDArray[np.int64]
Verdict = Literal["better", "worse", "no difference detected", "cannot tell"]
LEVEL = 0.05
POWER = 0.8
MOST_IMAGES = 1e9  # that are named as a number that would do
BCA_FROM = 100  # pairs; below, the bootstrap is too narrow (.926 to .933 of 95%) and Student's t is used (.944 to .948)


@dataclass(frozen=True)
class Difference:
    """B - A for one metric.

    Attributes:
        delta: B's value less A's (debiased values where both have one).
        verdict: B's: "better" or "worse" where the 95% interval leaves zero out, "no difference detected" where it does
            not, "cannot tell" where there is no valid interval.
        stderr: Standard error of delta, or None.
        degrees: Degrees of freedom behind it, for Student's t; None for a normal distribution.
        ci95: 95% interval of delta, or None.
        p: Two-sided, of no difference, or None.
        mde: Smallest difference that would be seen four times in five at these counts, or None.
        n_needed: Images a side that would show a difference of the size of delta four times in five, or None.
        paired: True where image i of A was set against image i of B.
        method: How.
        note: What the reader must know.
        wins: Pairs in which B is better; None for set metrics.
        losses: Pairs in which B is worse; None for set metrics.
        unbounded: Those among the losses in which A alone is identical to its original (PSNR is infinite), so that B is
            worse by no finite number: delta leaves them out.
        unbounded_wins: The same among the wins, in which B alone is identical.
    """

    delta: float
    verdict: Verdict
    stderr: float | None = None
    ci95: tuple[float, float] | None = None
    p: float | None = None
    mde: float | None = None
    n_needed: int | None = None
    paired: bool = False
    method: str = ""
    note: str = ""
    wins: int | None = None
    losses: int | None = None
    degrees: float | None = None
    unbounded: int = 0
    unbounded_wins: int = 0


def verdict_of(ci95: tuple[float, float] | None, better: Better) -> Verdict:
    """What an interval of B - A says of B."""
    if ci95 is None or better == "neither":
        return "cannot tell"
    low, high = ci95
    if low <= 0.0 <= high:
        return "no difference detected"
    return "better" if (low > 0.0) == (better == "higher") else "worse"


def detectable(degrees: float) -> float:
    """The smallest effect that is seen four times in five, in standard errors: 2.80 for a normal distribution.

    Args:
        degrees: Degrees of freedom behind the standard error; inf for a normal distribution.
    """
    return quantile(1 - LEVEL / 2, degrees) + quantile(POWER, degrees)


def images_needed(delta: float, mde: float, n: int) -> int | None:
    """Images a side at which a difference of this size has 80% power; standard errors fall like 1/sqrt(n).

    None where no number would do, or only one beyond a billion.
    """
    if delta == 0.0 or mde == 0.0 or mde > abs(delta) * math.sqrt(MOST_IMAGES / n):
        return None
    return math.ceil(n * (mde / abs(delta)) ** 2)


def from_stderr(
    delta: float,
    stderr: float,
    n: int,
    better: Better,
    *,
    paired: bool,
    method: str,
    note: str = "",
    degrees: float = math.inf,
) -> Difference:
    """A difference whose standard error is known, with Student's t interval.

    Args:
        delta: B - A.
        stderr: Of delta; 0 when both sets are the same images.
        n: Images a side.
        better: Which direction of the metric is good.
        paired: True where images were set against each other.
        method: In words.
        note: In words.
        degrees: Degrees of freedom behind the standard error; inf for a normal distribution.
    """
    if stderr == 0.0:
        same = "image by image" if paired else "and so does every division of their images"
        words = f"the two sets give the same number {same}" if delta == 0.0 else "no spread between images"
        verdict: Verdict = "no difference detected" if delta == 0.0 else "cannot tell"
        return Difference(delta, verdict, paired=paired, method=method, note="; ".join(filter(None, [note, words])))
    ci95 = t_interval(delta, stderr, degrees, 1 - LEVEL)
    mde = detectable(degrees) * stderr
    return Difference(
        delta=delta,
        verdict=verdict_of(ci95, better),
        stderr=stderr,
        ci95=ci95,
        p=two_sided_p(delta / stderr, degrees),
        mde=mde,
        n_needed=images_needed(delta, mde, n),
        paired=paired,
        method=method,
        note=note,
        degrees=None if math.isinf(degrees) else degrees,
    )


def set_differences(
    metric: SetMetric,
    real: SetSummary,
    a: SetSummary,
    b: SetSummary,
    estimates: Mapping[str, tuple[Estimate, Estimate]],
    order: Order | None,
) -> dict[str, Difference]:
    """The differences of a set metric between two generated sets against one reference.

    Where the metric has influences (fd, kd, cmmd, mind) the standard error is that of their difference: shared images
    and the shared reference cancel (15 times sharper than unpaired for near-identical models in simulation). Precision,
    recall, density and coverage are compared on random halves, which needs no standard error of either set. A metric
    that declares neither has both standard errors added as if independent, which counts the reference and the pairing
    twice.

    Args:
        metric: The declaration.
        real: The reference.
        a: Summary of A.
        b: Summary of B.
        estimates: Output -> the metric on A and on B.
        order: order[i] is the index in A of the image that is paired with image i of B; None where unpaired.

    Raises:
        DataError: a set lacks the feature rows that are needed.
    """
    copied = _not_independent(real, a, b)
    paired = order is not None and (metric.influences is not None or metric.difference_errors is not None)

    def cannot_tell(output: str, why: str) -> Difference:
        one, other = estimates[output]
        note = why or other.note or one.note or "no valid standard error"
        return Difference(_centre(other, one) - _centre(one, other), "cannot tell", paired=paired, note=note)

    needed = metric.difference_errors is None
    rest = (
        {}
        if copied
        else {
            output: pair
            for output, pair in estimates.items()
            if not needed or all(one.stderr is not None for one in pair)
        }
    )
    if not rest:
        return {output: cannot_tell(output, copied) for output in estimates}
    if what := metric.lacking(real, a) or metric.lacking(real, b):
        raise DataError(f"The difference of {metric.name} needs {what}.")
    errors = _difference_errors(metric, real, a, b, rest, order)
    better = {output.name: output.better for output in metric.outputs}
    n = min(a.moments.n, b.moments.n)
    found: dict[str, Difference] = {}
    for output, (one, other) in rest.items():
        error = errors.found[output]
        if isinstance(error, str):
            found[output] = cannot_tell(output, error)
            continue
        delta = _centre(other, one) - _centre(one, other)
        found[output] = from_stderr(
            delta,
            error.stderr,
            n,
            better[output],
            paired=errors.paired,
            method=errors.method,
            note=error.note,
            degrees=error.degrees,
        )
    return {output: found.get(output) or cannot_tell(output, "") for output in estimates}


def _not_independent(real: SetSummary, a: SetSummary, b: SetSummary) -> str:
    """Why no standard error holds: copies within a set, or images of the reference among those of A or B; else ""."""
    sides = [("reference", real), ("A's", a), ("B's", b)]
    if too_many_copies(sides):
        return f"{copies_note(sides)}: too many for a standard error, which takes images as independent draws"
    for name, side in sides[1:]:
        if real.bank is None or side.bank is None:
            continue
        n, shared = side.moments.n, rows_in(side.bank.rows(), real.bank.rows())
        if many_copies(shared, n):
            return (
                f"{shared:,} of {name} {n:,} images are images of the reference: too many for a standard error, which "
                "takes the sets as independent draws"
            )
    return ""


def _centre(estimate: Estimate, other: Estimate) -> float:
    """The debiased value where both have one, else the value."""
    return estimate.value if estimate.debiased is None or other.debiased is None else estimate.debiased


@dataclass(frozen=True)
class _Errors:
    """Output -> error of a difference or why there is none, and how it was had."""

    found: Mapping[str, DifferenceError | str]
    paired: bool
    method: str


def _difference_errors(
    metric: SetMetric,
    real: SetSummary,
    a: SetSummary,
    b: SetSummary,
    estimates: Mapping[str, tuple[Estimate, Estimate]],
    order: Order | None,
) -> _Errors:
    paired, kind = order is not None, "unpaired" if order is None else "paired"
    real, (a, b) = real.canonical, in_one_order(a, b, order)
    if metric.influences is not None:
        stderr = influence_difference_stderr(metric, real, a, b, paired)
        how = f"influence of each image, second order counted once, {kind}; reference shared"
        return _Errors(dict.fromkeys(estimates, DifferenceError(stderr, math.inf)), paired, how)
    if metric.difference_errors is not None:
        found = metric.difference_errors(real, a, b, paired, metric.params)
        return _Errors(found, paired, f"random halves, {kind}; reference shared")
    parts = {
        output: [(e.stderr or 0.0, math.inf if e.degrees is None else e.degrees) for e in pair]
        for output, pair in estimates.items()
    }
    added = {
        output: DifferenceError(math.hypot(*(stderr for stderr, _ in own)), sum_degrees(*own))
        for output, own in parts.items()
    }
    return _Errors(added, False, "standard errors of both added as independent")


def paired_difference(a: Float64, b: Float64, better: Better) -> Difference:
    """The mean of per-image differences B - A, with a BCa interval and an exact or drawn sign-flip p.

    Pairs with an infinite value are in no mean. Where both sides have one, that changes nothing; where only one side is
    identical to its original, it is better there by no finite number, so that there is no verdict the other way.

    Args:
        a: (n,) values of A; +inf stands for an image identical to its original.
        b: (n,) values of B for the same images.
        better: Which direction of the metric is good.
    """
    finite = np.isfinite(a) & np.isfinite(b)
    d = b[finite] - a[finite]
    left_out = int((~finite).sum())
    note = (
        f"{counted(left_out, 'pair')} with an infinite value {'is' if left_out == 1 else 'are'} left out"
        if left_out
        else ""
    )
    sign = 1.0 if better == "higher" else -1.0
    only_a, only_b = int((np.isinf(a) & ~np.isinf(b)).sum()), int((np.isinf(b) & ~np.isinf(a)).sum())
    found = _mean_difference(d, better, note)
    wins, losses = only_b + int((sign * d > 0).sum()), only_a + int((sign * d < 0).sum())
    found = replace(found, wins=wins, losses=losses, unbounded=only_a, unbounded_wins=only_b)
    against = only_a if found.verdict != "worse" else 0
    against += only_b if found.verdict != "better" else 0
    if not against or found.verdict == "cannot tell":
        return found
    words = (
        f"in {counted(only_a, 'pair')} only A is identical to its original, in {only_b:,} only B: no difference is "
        "finite there"
    )
    return replace(found, verdict="cannot tell", note="; ".join(filter(None, [found.note, words])))


def _mean_difference(d: Float64, better: Better, note: str) -> Difference:
    """The same of finite differences, without wins and losses."""
    if not len(d):
        return Difference(0.0, "cannot tell", paired=True, note=note or "no pair")
    delta, n = float(d.mean()), len(d)
    stderr = float(d.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    if stderr == 0.0:
        words = "all differences are zero" if delta == 0.0 else "all differences are equal: their spread is unknown"
        verdict: Verdict = "no difference detected" if delta == 0.0 else "cannot tell"
        note = "; ".join(filter(None, [note, words, out_of_reach(n) if delta else ""]))
        return Difference(delta, verdict, paired=True, note=note)
    p, unreachable = sign_flip_p(d), out_of_reach(int((d != 0).sum()))
    ci95 = bca_interval(d) if n >= BCA_FROM else mean_interval(d)
    # Interval and test must agree before a verdict is given: with few pairs the bootstrap is too narrow.
    verdict = "cannot tell" if unreachable else verdict_of(ci95 if p <= LEVEL else (-math.inf, math.inf), better)
    note = "; ".join(filter(None, [note, unreachable]))
    kind = "BCa" if n >= BCA_FROM else "Student t"
    how = f"per-image differences, n={n}: {kind} interval, sign-flip p ({'exact' if n <= EXACT_UP_TO else 'drawn'})"
    mde = detectable(n - 1) * stderr
    needed = images_needed(delta, mde, n)
    return Difference(delta, verdict, stderr, ci95, p, mde, needed, True, how, note, degrees=n - 1)
