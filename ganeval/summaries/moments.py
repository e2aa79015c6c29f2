"""Mean and scatter of features: the summary behind the Frechet distance, merged by Chan's formula in float64."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError, TooFewSamplesError

Float64 = npt.NDArray[np.float64]
UNKNOWN_N = 2**31
"""Count of moments whose number of rows is unknown (another tool's file): their covariance is taken as full rank."""


@dataclass(frozen=True)
class Moments:
    """Count, mean and centred scatter of a set of feature rows: a commutative monoid under `merge`.

    Attributes:
        n: Number of rows, >= 0.
        mean: (D,) float64.
        scatter: (D, D) float64, sum over rows of (x - mean)(x - mean)^T; zeros while n < 2.
    """

    n: int
    mean: Float64
    scatter: Float64

    @staticmethod
    def empty(dim: int) -> "Moments":
        """The neutral element."""
        return Moments(0, np.zeros(dim), np.zeros((dim, dim)))

    @staticmethod
    def of(features: npt.NDArray[np.floating]) -> "Moments":
        """Summarises one batch of rows, (n, D), in float64 about its own mean.

        Raises:
            DataError: a row holds NaN or inf; the message names the first one.
        """
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim != 2:
            raise ValueError(f"features must be (n, D), got shape {rows.shape}")
        check_finite(rows)
        if len(rows) == 0:
            return Moments.empty(rows.shape[1])
        mean = rows.mean(axis=0)
        centred = rows - mean
        return Moments(len(rows), mean, centred.T @ centred)

    @property
    def dim(self) -> int:
        """Feature width D."""
        return len(self.mean)

    def merge(self, other: "Moments") -> "Moments":
        """Moments of both sets together. Chan, Golub & LeVeque 1979, eq. (2.1): exact, no cancellation of big sums."""
        if self.dim != other.dim:
            raise ValueError(f"cannot merge moments of {self.dim} and {other.dim} dimensions")
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        n = self.n + other.n
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.n / n)
        scatter = self.scatter + other.scatter + np.outer(delta, delta) * (self.n * other.n / n)
        return Moments(n, mean, scatter)

    def covariance(self, ddof: int = 1) -> Float64:
        """(D, D) covariance with divisor n - ddof.

        Raises:
            TooFewSamplesError: n <= ddof.
        """
        if self.n <= ddof:
            raise TooFewSamplesError(
                f"A covariance needs at least {ddof + 1} images; got {self.n}. Add images or drop the metric."
            )
        return self.scatter / (self.n - ddof)


def check_finite(rows: npt.NDArray[np.floating]) -> None:
    """Raises DataError naming the first row with a NaN or an infinity."""
    bad = ~np.isfinite(rows).all(axis=1)
    if bad.any():
        raise DataError(
            f"Features of {int(bad.sum())} of {len(rows)} images are NaN or infinite (first: row "
            f"{int(np.argmax(bad))}); a score over them would be meaningless. "
            "Check the network's weights and the images."
        )
