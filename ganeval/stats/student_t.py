"""Student's t and the normal distribution without scipy: the one place for their tails and quantiles.

Boards print in the time that scipy takes to import, so these are closed forms and continued fractions of `math` alone.
The gate, the intervals and `--check` use them too, so that the package has one Student's t. The tests compare it with
scipy's.
"""

import functools
import math

NORMAL_FROM = 1e6  # degrees of freedom from which the normal distribution is taken; it is off by less than 2e-6


def upper_tail(t: float, degrees: float) -> float:
    """P(T > t), to about 1e-13 of itself.

    Args:
        t: Any number.
        degrees: Degrees of freedom, > 0; inf gives the normal distribution.

    Raises:
        ValueError: no positive degrees of freedom.
    """
    if not degrees > 0.0:
        raise ValueError(f"Student's t needs positive degrees of freedom; got {degrees}")
    if degrees >= NORMAL_FROM:
        return 0.5 * math.erfc(t / math.sqrt(2.0))
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    # Abramowitz & Stegun, "Handbook of Mathematical Functions", 26.7.1: a regularized incomplete beta function.
    tail = 0.5 * _beta(degrees / (degrees + t * t), t * t / (degrees + t * t), 0.5 * degrees)
    return tail if t >= 0.0 else 1.0 - tail


def two_sided_p(t: float, degrees: float) -> float:
    """P(|T| >= |t|)."""
    return 2.0 * upper_tail(abs(t), degrees)


@functools.lru_cache(maxsize=4096)
def quantile(share: float, degrees: float) -> float:
    """The t below which a `share` of the distribution lies, by bisection, to about 1e-14.

    Args:
        share: In (0, 1).
        degrees: As in `upper_tail`.

    Raises:
        ValueError: a share outside (0, 1), or no positive degrees of freedom.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"a quantile is of a share between 0 and 1; got {share}")
    if share < 0.5:
        return -quantile(1.0 - share, degrees)
    beyond = 1.0 - share
    low, high = 0.0, 1.0
    while upper_tail(high, degrees) > beyond:
        low, high = high, 2.0 * high
    while high - low > 1e-15 * high:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if upper_tail(middle, degrees) > beyond else (low, middle)
    return 0.5 * (low + high)


def sum_degrees(*errors: tuple[float, float]) -> float:
    """Degrees of freedom of a sum of independent errors, each (standard error, degrees): Welch 1947, Biometrika 34."""
    # Only their ratios count, and the fourth power of 1e78 is too large.
    largest = max((stderr for stderr, _ in errors), default=0.0) or 1.0
    total = math.fsum((stderr / largest) ** 2 for stderr, _ in errors)
    spread = math.fsum((stderr / largest) ** 4 / degrees for stderr, degrees in errors)
    return math.inf if spread == 0.0 else total**2 / spread


def _beta(x: float, rest: float, a: float) -> float:
    """I_x(a, 1/2), `rest` being 1 - x without rounding; the continued fraction of DLMF 8.17.22 by Lentz's method."""
    if rest == 0.0:
        return 1.0
    if x == 0.0:
        return 0.0
    log_x = math.log(x) if x < 0.5 else math.log1p(-rest)
    front = math.exp(a * log_x + 0.5 * math.log(rest) - _log_beta(a))
    if x < (a + 1.0) / (a + 2.5):
        return front / a * _fraction(x, a, 0.5)
    return 1.0 - front / 0.5 * _fraction(rest, 0.5, a)


def _log_beta(a: float) -> float:
    """Logarithm of B(a, 1/2); a series where the difference of two large log-gammas would lose digits."""
    if a < 100.0:
        return math.lgamma(a) + 0.5 * math.log(math.pi) - math.lgamma(a + 0.5)
    return 0.5 * math.log(math.pi / a) + 1.0 / (8.0 * a) - 1.0 / (192.0 * a**3) + 1.0 / (640.0 * a**5)


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 100_000):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + factor * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + factor / c
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1.0) < 1e-16:
            break
    return value
