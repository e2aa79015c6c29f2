"""95% intervals: Student t, the same for distances and shares, and the accelerated bootstrap (BCa) of a mean."""

import math

import numpy as np

from ganeval.stats.student_t import NORMAL_FROM, quantile, upper_tail
from ganeval.summaries.moments import Float64

Interval = tuple[float, float]


def _t_log_beyond(t: float, degrees: float) -> float:
    """Logarithm of P(T > t)."""
    from scipy import special

    return float(special.log_ndtr(-t)) if degrees >= NORMAL_FROM else math.log(upper_tail(t, degrees))


def t_interval(centre: float, stderr: float, degrees: float, level: float = 0.95) -> Interval:
    """Centre ± t * stderr.

    Args:
        centre: The estimate.
        stderr: Its standard error, >= 0.
        degrees: Degrees of freedom, > 0; inf gives the normal interval.
        level: Coverage aimed at, in (0, 1).
    """
    half = quantile(0.5 + level / 2, degrees) * stderr
    return centre - half, centre + half


def root_interval(centre: float, stderr: float, degrees: float, level: float = 0.95) -> Interval:
    """T interval of a squared distance, made on the scale of its root: centre ± t SE + (t SE)^2 / (4 centre).

    The standard error of a square grows with its root, so that a draw that came out low also has a low SE and its plain
    interval ends too soon above; on the root scale the SE is steady.

    Args:
        centre: The squared distance, > t * stderr / 2, so that the lower end is a square too.
        stderr: Its standard error, >= 0.
        degrees: Degrees of freedom.
        level: Coverage aimed at, in (0, 1).
    """
    low, high = t_interval(centre, stderr, degrees, level)
    shift = (high - centre) ** 2 / (4.0 * centre)
    return low + shift, high + shift


def shown_distance_interval(
    centre: float, stderr: float, degrees: float, shown_from: float, level: float = 0.95
) -> Interval:
    """Interval of a squared distance that is shown only where `centre` is far enough from zero.

    Of small distances only those draws are shown that came out high, and an interval that forgets this misses: of a
    distance of one standard error, shown in 14% of draws, it held 59%. So its lower end is never above the distance m
    at which, among the draws that are shown, only 1 - level come out as high as this one:
    P(T > c - m) / P(T > s - m) = 1 - level, in standard errors, c the centre, s = `shown_from`, and zero where no m has
    so small a share. Truncated law: Lee, Sun, Sun & Taylor 2016 (Annals of Statistics 44, 907-927), section 5. No
    draw of so small a distance ends above it, so that all of 1 - level may go below; from 5 standard errors on this
    end is above that of `root_interval` and nothing changes.

    Args:
        centre: The squared distance, >= shown_from * stderr.
        stderr: Its standard error, > 0.
        degrees: Degrees of freedom.
        shown_from: Standard errors between the centre and zero below which nothing is shown, >= t / 2.
        level: Coverage aimed at, in (0, 1).
    """
    low, high = root_interval(centre, stderr, degrees, level)
    away = centre / stderr

    def excess(m: float) -> float:
        return _t_log_beyond(away - m, degrees) - _t_log_beyond(shown_from - m, degrees) - math.log(1.0 - level)

    if excess(0.0) >= 0.0:
        return 0.0, high
    from scipy import optimize  # half a second that only small distances need

    return min(low, float(optimize.brentq(excess, 0.0, away)) * stderr), high


def near_zero_interval(centre: float, stderr: float, degenerate: float, level: float = 0.95) -> Interval:
    """Interval of a squared distance whose variance at zero is known: all m >= 0 with (centre - m)^2 <= z^2 V(m).

    To first order the variance grows with the distance, V(m) = degenerate + slope m, and stderr^2 = V(centre) gives the
    slope; from a centre below one standard error that would be a quotient of two small numbers. A test of each m by its
    own variance is valid at zero as well as far from it, so that nothing has to be withheld.

    Args:
        centre: Estimate of the squared distance; may be negative.
        stderr: Its standard error, > 0.
        degenerate: Variance at zero, >= 0.
        level: Coverage aimed at, in (0, 1).

    Returns:
        Its lower end is 0 at least; the upper one is below it where no distance is compatible with so low a centre.
    """
    z = quantile(0.5 + level / 2, math.inf)
    slope = max(stderr**2 - degenerate, 0.0) / max(centre, stderr)
    middle = centre + 0.5 * z * z * slope
    half = z * math.sqrt(max(degenerate + slope * centre + 0.25 * z * z * slope * slope, 0.0))
    return max(middle - half, 0.0), middle + half


def share_interval(share: float, stderr: float, degrees: float, level: float = 0.95) -> Interval:
    """T interval of a share, made on the logit scale, where it stays within (0, 1) and follows the skewness near them.

    Args:
        share: In (0, 1).
        stderr: Its standard error, >= 0.
        degrees: Degrees of freedom.
        level: Coverage aimed at, in (0, 1).
    """
    from scipy import special

    logit = math.log(share / (1.0 - share))
    low, high = t_interval(logit, stderr / (share * (1.0 - share)), degrees, level)
    return float(special.expit(low)), float(special.expit(high))


def mean_interval(values: Float64, level: float = 0.95) -> Interval:
    """Student t interval of a mean, n - 1 degrees of freedom.

    Args:
        values: (n,) finite, n >= 2.
        level: Coverage aimed at, in (0, 1).
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"an interval of a mean needs two values; got {n}")
    return t_interval(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n), n - 1, level)


def bca_interval(values: Float64, level: float = 0.95, resamples: int = 9999, seed: int = 2020) -> Interval:
    """Bias-corrected accelerated bootstrap interval of a mean (Efron 1987, JASA 82, 171-185).

    Follows the skewness of the values where the t interval is symmetric. Resamples are drawn from `seed`. Where all
    values are equal the interval is that value. Below about 20 values it is too narrow: use `mean_interval` there.

    Args:
        values: (n,) finite, n >= 2.
        level: Coverage aimed at, in (0, 1).
        resamples: Bootstrap draws.
        seed: Of the draws.
    """
    from scipy import special

    n = len(values)
    if n < 2:
        raise ValueError(f"a bootstrap interval needs two values; got {n}")
    mean = float(values.mean())
    centred = values - mean
    spread = float((centred**2).sum())
    if spread == 0.0 or np.allclose(centred, 0.0, atol=1e-15 * max(abs(mean), 1e-300)):
        return mean, mean
    rng = np.random.default_rng(seed)
    per_draw = max(1, 2**22 // n)  # 4 M indices, 32 MB, at a time
    sizes = [min(per_draw, resamples - start) for start in range(0, resamples, per_draw)]
    draws = np.concatenate([centred[rng.integers(0, n, (size, n))].mean(axis=1) for size in sizes])
    # Ties at the estimate count half, so that few distinct values do not push the correction to one side.
    below = float(((draws < 0).sum() + 0.5 * (draws == 0).sum()) / resamples)
    shift = float(special.ndtri(min(max(below, 0.5 / resamples), 1 - 0.5 / resamples)))
    acceleration = float((centred**3).sum()) / (6.0 * spread**1.5)
    ends = shift + special.ndtri([0.5 - level / 2, 0.5 + level / 2])
    low, high = np.quantile(draws, special.ndtr(shift + ends / (1.0 - acceleration * ends)))
    return mean + float(low), mean + float(high)
