"""Student's t at whole degrees of freedom, in closed form: boards print before scipy could be imported."""

import functools
import math

LEVEL = 0.95


def within(t: float, degrees: int) -> float:
    """P(|T| <= |t|) of Student's t.

    Abramowitz & Stegun, "Handbook of Mathematical Functions", equations 26.7.3 (odd degrees) and 26.7.4 (even).

    Args:
        t: Any finite number.
        degrees: Degrees of freedom, >= 1.
    """
    if degrees < 1:
        raise ValueError(f"Student's t needs at least one degree of freedom; got {degrees}")
    angle = math.atan(abs(t) / math.sqrt(degrees))
    cosine, odd = math.cos(angle), degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for step in range(2 + odd, degrees - 1, 2):  # the factor of each term on the one before: (step - 1) / step cos^2
        term *= (step - 1) / step * cosine**2
        total += term
    area = math.sin(angle) * total
    return (angle + area) * 2.0 / math.pi if odd else area


@functools.lru_cache(maxsize=256)
def quantile(degrees: int, level: float = LEVEL) -> float:
    """The t with P(|T| <= t) = level, by bisection, to about 1e-12.

    Args:
        degrees: Degrees of freedom, >= 1.
        level: In (0, 1).
    """
    low, high = 0.0, 1.0
    while within(high, degrees) < level:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if within(middle, degrees) < level else (low, middle)
    return high
