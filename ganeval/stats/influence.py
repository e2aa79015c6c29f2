"""Influence functions: what each image contributes to a distance, and the standard error that follows from that.

The influence of row x is the derivative of the statistic when a little more weight is put on x. A statistic is, to
first order, its truth plus the mean influence of each sample, so its variance is var(IF) / n, summed over the sides.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ganeval.stats.counts import check_count
from ganeval.stats.eigenvalues import congruent, symmetric_eigenvectors
from ganeval.summaries.moments import Float64, Moments

FLOOR = 1e-12  # of the largest eigenvalue: smaller ones are rounding, and their inverse root would be noise
CHUNK = 4096  # rows widened to float64 at a time: 4096 x 2048 x 8 B = 67 MB


def influence_stderr(*sides: npt.NDArray[np.floating]) -> float:
    """Standard error of a statistic of independent sides: root of the sum of var(IF) / n (ddof = 1).

    Args:
        sides: (n,) influence of each row, one array for each side that is random, n >= 2.

    Raises:
        TooFewSamplesError: fewer than two rows.
    """
    check_count("A standard error", min(map(len, sides), default=2), 2, "values")
    return math.sqrt(sum(float(side.var(ddof=1)) / len(side) for side in sides))


class SamplingError(NamedTuple):
    """How far a number is from its truth over draws of one set, and how its standard error moves with it.

    Attributes:
        stderr: Standard error.
        skewness: A value that came out one standard error too high has a standard error that came out skewness / 2 of
            itself too high. Of a plain mean it is the skewness of that mean.
        degrees: Degrees of freedom behind the standard error; inf where it hardly scatters by itself.
        cautious: The standard error is too large rather than too small.
    """

    stderr: float
    skewness: float = 0.0
    degrees: float = math.inf
    cautious: bool = False


def sampling_error(influences: Float64, second: float) -> SamplingError:
    """The error of a statistic of one random set, from its first and second influences.

    The variance V / n, V = E IF(x)^2, is a statistic as well. Its own influence is IF(y)^2 - V + 2 E IF(x) IF(x, y), so
    that value and variance have the covariance [E IF(x)^3 + 2 E IF(x) IF(x, y) IF(y)] / n (von Mises 1947; Helmers
    1991, "On the Edgeworth expansion and the bootstrap approximation for a Studentized U-statistic", Annals of
    Statistics 19, 470-484).

    Args:
        influences: (n,) influence of each row, centred, n >= 2.
        second: Mean over pairs of rows of IF(x) IF(x, y) IF(y).
    """
    stderr = influence_stderr(influences)
    if stderr == 0.0:
        return SamplingError(0.0)
    n = len(influences)
    return SamplingError(stderr, (float(np.mean(influences**3)) + 2.0 * second) / (n**2 * stderr**3))


@dataclass(frozen=True)
class Transport:
    """The optimal linear maps between two fitted Gaussians: the gradient of the Frechet distance by the covariances.

    Each map T is symmetric and kept as a factor F with T = F^T F, so that x^T T x = |F x|^2.

    Attributes:
        fake_to_real: (K, D) factor of T with T S_g T = S_r; the derivative of -2 tr (S_r S_g)^{1/2} by S_g is -T.
        real_to_fake: (K, D) factor of its (pseudo-)inverse: the same by S_r.
    """

    fake_to_real: Float64
    real_to_fake: Float64


def transport(real: Moments, fake: Moments, alive: npt.NDArray[np.bool_]) -> Transport:
    """T = L (L^T S_g L)^{-1/2} L^T with S_r = L L^T, and its inverse L^{-T} (L^T S_g L)^{1/2} L^{-1}.

    Olkin & Pukelsheim 1982, "The distance between two random vectors with given dispersion matrices"; any root L will
    do, so the Cholesky factor leaves one symmetric eigendecomposition. Where a covariance is rank-deficient L is the
    symmetric root and the inverses are pseudo-inverses: rows that are already in the sets stay in their span, so the
    derivative by their weights is still the right one.

    Args:
        real: n >= 2.
        fake: n >= 2.
        alive: (D,) dimensions that vary on both sides; the others have no part in the cross term.
    """
    from scipy import linalg

    S_r, S_g = (side.covariance()[np.ix_(alive, alive)] for side in (real, fake))
    d = len(S_r)
    forward, backward = np.zeros((d, real.dim)), np.zeros((d, real.dim))
    if d:
        L = _cholesky(S_r) if real.n > d else None
        if L is not None:
            inner, axes = symmetric_eigenvectors(congruent(L, S_g))
            onto, back = axes.T @ L.T, linalg.solve_triangular(L, axes, lower=True, trans="T").T
        else:
            values, vectors = symmetric_eigenvectors(S_r)
            roots = _roots(values, min(real.n - 1, d))
            R = (vectors * roots) @ vectors.T
            inner, axes = symmetric_eigenvectors(R @ S_g @ R)
            onto, back = axes.T @ R, axes.T @ (vectors * _inverse(roots)) @ vectors.T
        quarter = np.sqrt(_roots(inner, min(real.n - 1, fake.n - 1, d)))
        forward[:, alive] = _inverse(quarter)[:, None] * onto
        backward[:, alive] = quarter[:, None] * back
    return Transport(forward, backward)


def _cholesky(S: Float64) -> Float64 | None:
    """Lower factor of S, or None where S is so near to singular that its inverse would be rounding."""
    try:
        L = np.asarray(np.linalg.cholesky(S))
    except np.linalg.LinAlgError:
        return None
    pivots = np.diag(L)
    return L if float(pivots.min()) ** 2 > FLOOR * float(pivots.max()) ** 2 else None


def _roots(eigenvalues: Float64, rank: int) -> Float64:
    """Square roots of ascending eigenvalues; those beyond the rank or below the floor are zero."""
    kept = np.where(eigenvalues > FLOOR * max(float(eigenvalues[-1]), 0.0), eigenvalues, 0.0)
    kept[: len(kept) - rank] = 0.0
    return np.asarray(np.sqrt(kept))


def _inverse(values: Float64) -> Float64:
    return np.asarray(np.divide(1.0, values, out=np.zeros_like(values), where=values > 0))


def frechet_influence_of_rows(rows: npt.NDArray[np.floating], own: Moments, other: Moments, factor: Float64) -> Float64:
    """(n,) influence of each row on the Frechet distance, centred; positive where the row raises it.

    IF(x) = 2 (x - m)^T (m - m') + (x - m)^T (I - T) (x - m) less its mean, T = F^T F. Rippl, Munk & Sturm 2016
    (arXiv 1507.04090), theorem 2.2, for the derivative. S has divisor n - 1, hence the factor n / (n - 1).

    Args:
        rows: (n, D), the rows of the side that varies.
        own: Their moments.
        other: Moments of the other side.
        factor: (K, D) F of the transport map from this side to the other.
    """
    check_count("The influence of images", own.n, 2)
    slope, curve = 2.0 * (own.mean - other.mean), own.n / (own.n - 1)
    values = np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        x = np.asarray(rows[start : start + CHUNK], dtype=np.float64) - own.mean
        moved = x @ factor.T
        squares = np.einsum("nd,nd->n", x, x) - np.einsum("nd,nd->n", moved, moved)
        values[start : start + CHUNK] = x @ slope + curve * squares
    return np.asarray(values - values.mean())


def mmd_influence(within: Float64, across: Float64, n_other: int) -> Float64:
    """(n,) influence of each row on the unbiased MMD^2, centred; positive where the row raises it.

    h(x_i) = 2 [ mean over j != i of k(x_i, x_j) - mean over the other side of k(x_i, y) ]: the first projection of the
    U-statistic (Serfling 1980, section 5.3.4; Sutherland et al. 2017, arXiv 1611.04488, for MMD).

    Args:
        within: (n,) row sums of the own Gram matrix without its diagonal.
        across: (n,) row sums against the other side.
        n_other: Rows of the other side.
    """
    check_count("The influence of images", len(within), 2)
    check_count("The influence of images", n_other, 1, "images on the other side")
    values = 2.0 * (within / (len(within) - 1) - across / n_other)
    return np.asarray(values - values.mean())
