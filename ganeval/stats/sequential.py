"""Looking several times without fooling oneself: planned looks, error spending, and intervals that hold at every look.

A test at the 5% level that is repeated at eight growing counts is wrong far more than 5% of the time. Error spending
hands out the 5% over the looks beforehand; the critical value of each look follows from what may be spent by then.
Needed where the *value* decides when to stop, as in a gate. A rule that stops by the standard error alone does not look
at the value, and the plain interval at its stop keeps its level to first order (Chow & Robbins 1965, "On the asymptotic
theory of fixed-width sequential confidence intervals for the mean").
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from ganeval.summaries.moments import Float64

FAR = 8.5  # standard deviations beyond which a normal distribution holds nothing that counts: 2e-17
NODES = 256  # of the Gauss-Legendre rule over the values at which the test goes on


def obrien_fleming(fraction: float, alpha: float) -> float:
    """2 - 2 Phi(z / sqrt(t)), z the upper alpha / 2 point: next to nothing early, nearly a plain test at the end.

    Lan & DeMets 1983, "Discrete sequential boundaries for clinical trials" (Biometrika 70, 659-663), alpha_1*.
    """
    return float(2.0 * special.ndtr(special.ndtri(alpha / 2.0) / math.sqrt(fraction)))


def planned_looks(first: int, maximum: int) -> tuple[int, ...]:
    """Counts to look at: `first`, twice that, and so on, the last one `maximum`.

    All looks together cost at most twice the last one, and the standard error falls by 1/sqrt(2) from one to the next.
    A last step of less than a half is joined to the one before.

    Args:
        first: Images at the first look, >= 1.
        maximum: Images at the last one, > first.
    """
    if not 1 <= first < maximum:
        raise ValueError(f"looks from {first} up to {maximum} images are no plan")
    counts = [first]
    while 2 * counts[-1] <= maximum / 1.5:
        counts.append(2 * counts[-1])
    return (*counts, maximum)


def _normal_density(z: Float64) -> Float64:
    return np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)


def critical_values(fractions: Sequence[float], alpha: float) -> Float64:
    """(K,) critical value of |z| at each look, with overall error `alpha`, spent as by O'Brien and Fleming.

    The score process z sqrt(t) of estimates on growing samples is a Brownian motion to first order; the chance to cross
    at look k and not before is found by carrying its density from look to look (Armitage, McPherson & Rowe 1969,
    "Repeated significance tests on accumulating data"; Jennison & Turnbull 2000, chapter 19).

    Args:
        fractions: (K,) information at each look over that of the last planned one: n_k / n_K. Ascending, in (0, 1]. A
            plan that is broken off early passes its first looks only.
        alpha: Overall error, both sides together.

    Returns:
        Critical values; inf where so little may be spent that nothing can be decided at that look.
    """
    t = np.asarray(fractions, dtype=np.float64)
    if not len(t) or not (np.diff(t, prepend=0.0) > 0).all() or t[-1] > 1.0 + 1e-12:
        raise ValueError(f"information fractions ascend within (0, 1]; got {list(fractions)}")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha lies in (0, 1); got {alpha}")
    from scipy import optimize  # half a second that only --until needs

    # Both sides are symmetric: each spends a half.
    spent = np.asarray([obrien_fleming(min(float(part), 1.0), alpha / 2) for part in t])
    values = np.empty(len(t))
    at, weight, before = np.zeros(1), np.ones(1), 0.0  # a point mass at time zero
    for k, (now, allowed) in enumerate(zip(t, np.diff(spent, prepend=0.0), strict=True)):
        step = math.sqrt(now - before)

        def crossing(z: float, now: float = now, step: float = step, law: Float64 = weight, at: Float64 = at) -> float:
            return float(law @ special.ndtr((at - z * math.sqrt(now)) / step))

        low, high = -FAR, FAR
        if allowed <= crossing(high):
            values[k] = math.inf
        else:
            values[k] = optimize.brentq(lambda z, allowed=allowed: crossing(z) - allowed, low, high, xtol=1e-12)
        top = min(values[k], FAR) * math.sqrt(now)
        nodes, widths = np.polynomial.legendre.leggauss(NODES)
        grid = top * nodes
        density = _normal_density((grid[:, None] - at[None, :]) / step) @ weight / step
        at, weight, before = grid, density * widths * top, float(now)
    return values
