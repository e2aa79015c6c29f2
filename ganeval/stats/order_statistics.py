"""How far apart two samples of one normal distribution are on the line: the null expectation of a Wasserstein distance.

It isn't C (1 / n + 1 / m). The mean of n times the distance grows like log log n (Bobkov & Ledoux 2019,
"One-dimensional empirical measures, order statistics, and Kantorovich transport distances"), and of unequal counts the
steps of the shorter quantile function add to it.
"""

import functools

import numpy as np

from ganeval.summaries.moments import Float64

REACH, NODES = 9.0, 73  # standard deviations around an order statistic, and points of the trapezoid rule over them
CHUNK = 8192  # order statistics at a time


def normal_scores(n: int) -> Float64:
    """(n,) expectations of the order statistics of n standard normal values, ascending, to about 1e-9.

    E x_(i) is the mean of z with weights Phi^(i-1) (1 - Phi)^(n-i) phi; the trapezoid rule converges exponentially.

    Args:
        n: >= 1.
    """
    from scipy import special

    upper = np.empty(n - n // 2)  # the others follow by symmetry
    offsets = np.linspace(-REACH, REACH, NODES)
    for start in range(0, len(upper), CHUNK):
        i = np.arange(start, min(start + CHUNK, len(upper))) + n // 2 + 1.0
        centre = special.ndtri((i - 0.375) / (n + 0.25))  # Blom 1958; only the middle of the grid
        share = i / (n + 1.0)
        spread = np.sqrt(share * (1.0 - share) / (n + 2.0) * 2.0 * np.pi) * np.exp(0.5 * centre**2)
        z = centre[:, None] + np.minimum(spread, 1.0)[:, None] * offsets
        logs = (i[:, None] - 1.0) * special.log_ndtr(z) + (n - i[:, None]) * special.log_ndtr(-z) - 0.5 * z**2
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        upper[start : start + len(i)] = (weights * z).sum(axis=1) / weights.sum(axis=1)
    if n % 2:
        upper[0] = 0.0
    return np.concatenate([-upper[::-1][: n // 2], upper])


@functools.lru_cache(maxsize=256)
def normal_null(n: int, m: int) -> float:
    """Expected squared 2-Wasserstein distance of n and m independent standard normal values.

    With F^-1 and G^-1 their quantile functions, E of the integral of (F^-1 - G^-1)^2 is 2 less twice the integral of
    the product of their expectations, which are steps of `normal_scores`.

    Args:
        n: >= 1.
        m: >= 1.
    """
    a, b = normal_scores(n), normal_scores(m)
    cuts = np.unique(np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n]))
    widths = np.diff(cuts, prepend=0) / (n * m)
    return float(2.0 - 2.0 * ((a[(cuts - 1) // m] * b[(cuts - 1) // n]) @ widths))
