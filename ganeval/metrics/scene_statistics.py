"""Statistics of natural scenes: locally normalised luma and generalised Gaussians fitted to it, for niqe and brisque.

In photographs the luma minus its local mean, over its local deviation, is close to a Gaussian; damage of many kinds
moves its distribution and that of the products of neighbours (Ruderman 1994; Mittal et al. 2012 and 2013).
"""

from functools import cache
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Value = TypeVar("Value", float, Float64)

TAPS = 7
SIGMA = 7 / 6
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # right, below and the two diagonals


def normalised(luma: Float64, constant: float, border: Literal["nearest", "constant"], resolution: float) -> Float64:
    """(luma - mean) / (deviation + constant), both under a Gaussian window of 7x7 pixels.

    Args:
        luma: (H, W).
        constant: Keeps flat places finite.
        border: What lies beyond the image: its nearest pixel, or zeros.
        resolution: Differences from the mean below this are none. In a flat place they are rounding, whose signs
            would be counted.
    """
    mean = _blurred(luma, border)
    deviation = np.sqrt(np.abs(_blurred(luma * luma, border) - mean * mean))
    difference = luma - mean
    difference[np.abs(difference) < resolution] = 0.0
    return difference / (deviation + constant)


def _blurred(image: Float64, border: Literal["nearest", "constant"]) -> Float64:
    import scipy.ndimage

    taps = np.exp(-((np.arange(TAPS) - TAPS // 2) ** 2) / (2 * SIGMA**2))
    taps /= taps.sum()
    columns = scipy.ndimage.correlate1d(image, taps, axis=0, mode=border)
    return scipy.ndimage.correlate1d(columns, taps, axis=1, mode=border)


class Sides(NamedTuple):
    """What asymmetric generalised Gaussians are fitted by, a value a set of samples; NaN where there are no samples.

    Attributes:
        left: Root mean square of the negative samples.
        right: Of the positive ones.
        ratio: Squared mean absolute value over the mean square, freed of the asymmetry: `shape_ratio` of the shape.
    """

    left: Float64
    right: Float64
    ratio: Float64

    @staticmethod
    def of(samples: Float64, *, zeros_right: bool = False) -> "Sides":
        """Of each set of samples.

        Args:
            samples: (sets, samples in each).
            zeros_right: Whether zeros count among the positive samples.
        """
        negative, positive = np.minimum(samples, 0.0), np.maximum(samples, 0.0)
        # einsum sums products without a map of them in memory.
        left_sum, right_sum = (np.einsum("ij,ij->i", half, half) for half in (negative, positive))
        n_left = np.count_nonzero(negative, axis=1)
        n_right = samples.shape[1] - n_left if zeros_right else np.count_nonzero(positive, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            left, right = np.sqrt(left_sum / n_left), np.sqrt(right_sum / n_right)
            mean_size = (positive.sum(axis=1) - negative.sum(axis=1)) / samples.shape[1]
            symmetric = mean_size**2 / ((left_sum + right_sum) / samples.shape[1])
            skew = left / right
            ratio = symmetric * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
        return Sides(left, right, ratio)


def shape_ratio(shape: Value) -> Value:
    """Squared mean absolute value over the mean square of a generalised Gaussian; grows with its shape, up to 3/4."""
    from scipy.special import gammaln

    ratio: Value = np.exp(2 * gammaln(2 / shape) - gammaln(1 / shape) - gammaln(3 / shape))
    return ratio


@cache
def _table() -> tuple[Float64, Float64]:
    shapes = np.arange(0.2, 10.001, 0.001)
    return shapes, shape_ratio(shapes)


def shape_of(ratio: Float64) -> Float64:
    """The shape, from 0.2 to 10 in steps of 0.001, whose ratio is nearest; as the authors' code looks it up."""
    shapes, ratios = _table()
    above = np.clip(np.searchsorted(ratios, ratio), 1, len(ratios) - 1)  # NaN goes to the end, as any number would
    nearer_below = ratio - ratios[above - 1] <= ratios[above] - ratio
    return np.where(np.isnan(ratio), np.nan, shapes[above - nearer_below])


def scale_over_deviation(shape: Value) -> Value:
    """Scale of a generalised Gaussian over its standard deviation."""
    from scipy.special import gammaln

    scale: Value = np.exp((gammaln(1 / shape) - gammaln(3 / shape)) / 2)
    return scale


def mean_over_scale(shape: Value) -> Value:
    """Mean absolute value of a generalised Gaussian over its scale."""
    from scipy.special import gammaln

    mean: Value = np.exp(gammaln(2 / shape) - gammaln(1 / shape))
    return mean
