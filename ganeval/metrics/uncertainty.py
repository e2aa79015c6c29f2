"""From a value, its bias and its standard error to an `Estimate`: when an interval is shown, and the words when not."""

import math
from dataclasses import dataclass, replace

from ganeval.metrics.base import Estimate
from ganeval.stats.intervals import near_zero_interval, shown_distance_interval, t_interval
from ganeval.stats.jackknife import Jackknife

MIN_N = 20  # images a side; below, neither 20 blocks nor a central limit theorem can be had
FROM_ZERO = 2.0  # standard errors between a distance and zero below which no interval is shown
NEAR_ZERO = 3.0  # below which that interval is too wide, and another one is taken where the variance at zero is known
SHARED = 8.0  # times its variance: influences cancel where sets share images; of 1,350 independent pairs 5.4 was most
NEAR_END = "no interval: too near 0 or 1 for these n"  # of a share; its standard error is smaller there than elsewhere


@dataclass(frozen=True)
class Spread:
    """How sure a number is, before it is decided what may be shown.

    Attributes:
        centre: Where the interval is centred: the debiased value, or the value itself.
        stderr: Standard error of `centre`.
        degrees: Degrees of freedom of Student's t; inf for a normal interval.
        method: In words.
        biased: True where `centre` is a bias-corrected value and is to be shown.
    """

    centre: float
    stderr: float
    degrees: float
    method: str
    biased: bool

    @property
    def stored_degrees(self) -> float | None:
        """As rows hold them: None for a normal distribution."""
        return None if math.isinf(self.degrees) else self.degrees


def too_few(*counts: int) -> str:
    """Why no uncertainty can be had at these counts; "" where it can."""
    smallest = min(counts)
    return f"no interval: {smallest} images, fewer than {MIN_N}" if smallest < MIN_N else ""


def join(*notes: str) -> str:
    """Notes in one line."""
    return "; ".join(filter(None, notes))


def _without_interval(value: float, spread: Spread, resolution: float, lowest: str) -> Estimate | None:
    """The estimate where no interval can be shown, with the reason in its note; None where one can."""
    if not math.isfinite(spread.stderr) or spread.stderr <= resolution:
        return Estimate(value, note="no interval: the images do not vary enough for one")
    if spread.centre >= FROM_ZERO * spread.stderr:
        return None
    debiased = spread.centre if spread.biased else None
    words = f"no interval: within {FROM_ZERO:g} standard errors of {lowest}, too close for one"
    return Estimate(value, spread.stderr, None, debiased, spread.method, words, spread.stored_degrees)


def distance_estimate(
    value: float, spread: Spread, note: str = "", *, resolution: float, degenerate: float | None = None
) -> Estimate:
    """A squared distance with its interval, or with the reason why there is none.

    If the two distributions almost agree, the limit distribution of a squared distance is of second order, and the
    interval would be too wide and off centre (Rippl, Munk & Sturm 2016, arXiv 1507.04090). Where the variance of that
    limit is known, the interval goes by it below three standard errors, unless the sets share images. Elsewhere none is
    shown within two standard errors of zero, and the lower end of one that is shown allows for that choice. The
    standard error is up to a factor of root two too large there.

    Args:
        value: The metric.
        spread: What is known of it.
        note: Other things the reader must know.
        resolution: Standard errors up to this are rounding.
        degenerate: Variance between equal distributions, as large as the standard error counts it; None if unknown.
    """
    debiased = spread.centre if spread.biased else None
    near = max(resolution, spread.centre / NEAR_ZERO) < spread.stderr
    if near and degenerate is not None and degenerate < SHARED * spread.stderr**2:
        ends = near_zero_interval(spread.centre, spread.stderr, degenerate)
        if ends[0] < ends[1]:
            method = f"{spread.method}; near zero: by the variance of each distance"
            return Estimate(value, spread.stderr, ends, debiased, method, note, spread.stored_degrees)
    bare = _without_interval(value, spread, resolution, "equal distributions")
    if bare is not None:
        return replace(bare, note=join(note, bare.note))
    ends = shown_distance_interval(spread.centre, spread.stderr, spread.degrees, FROM_ZERO)
    if spread.centre < NEAR_ZERO * spread.stderr:
        note = join(
            note, f"less than {NEAR_ZERO:g} standard errors from zero: the interval is wider than it needs to be"
        )
    return Estimate(value, spread.stderr, ends, debiased, spread.method, note, spread.stored_degrees)


def entropy_estimate(value: float, log: Jackknife, stderr: float | None = None) -> Estimate:
    """A score that is exp of an entropy, with its interval, from bias and standard error of its logarithm.

    The bias is taken off and the interval is made on the log scale, where the statistic is a mean and a smooth function
    of means; both are carried back by exp, the standard error by the factor of the debiased score.

    Args:
        value: The score.
        log: Jackknife of its logarithm; the limit distribution degenerates at 0, a score of 1.
        stderr: Standard error of the logarithm by influence, in place of the jackknife's.
    """
    how = f"of the logarithm; bias: block jackknife, G={log.blocks}; SE: "
    if stderr is None:
        spread = Spread(log.debiased, log.stderr, log.blocks - 1, how + "the same, Student t", True)
    else:
        spread = Spread(log.debiased, stderr, math.inf, how + "influence function, normal", True)
    debiased = math.exp(log.debiased)
    bare = _without_interval(value, spread, 1e-12, "a score of 1")
    if bare is not None:
        known = bare.stderr is not None
        return replace(
            bare,
            stderr=debiased * spread.stderr if known else None,
            debiased=debiased if known else None,
        )
    low, high = t_interval(spread.centre, spread.stderr, spread.degrees)
    ends = math.exp(low), math.exp(high)
    return Estimate(value, debiased * spread.stderr, ends, debiased, spread.method, degrees=spread.stored_degrees)
