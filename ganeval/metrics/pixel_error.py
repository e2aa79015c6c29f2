"""Mean absolute, mean squared and root mean squared error of the pixels of two images, on the 0..255 scale.

What it measures: how far the values of the pixels are apart, without a model of what people see.
Why it can mislead: rewards blur over sharp detail that is slightly displaced. The scale is part of the number: papers
    that scale pixels to 0..1 print mae / 255 and mse / 65025.
Definition: the mean of |fake - real|, of (fake - real)², and the root of the latter, over all pixels and channels of
    one image. A set's number is the mean over its images; the root of a set's mse is larger than the mean of the roots.
Matches: scikit-image `mean_squared_error` and scikit-learn `mean_absolute_error` on each image, within 1e-12 relative.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ganeval.metrics.base import Margin, Output, Params, PixelMetric, over_pixels
from ganeval.metrics.psnr import PEAK, mean_square

if TYPE_CHECKING:
    from jaxtyping import Float


def compute_mae(
    fake: Float[np.ndarray, "B C H W"], real: Float[np.ndarray, "B C H W"], params: Params
) -> Float[np.ndarray, " B"]:
    """Mean absolute error of each pair, 0 to 255.

    Args:
        fake: float64 or uint8, 0..255.
        real: The same shape.
        params: Unused.
    """
    del params
    if fake.dtype == real.dtype == np.uint8:  # the sum is exact, as that of whole numbers in float64 is
        gaps = np.maximum(fake, real) - np.minimum(fake, real)
        return np.asarray(gaps.sum(axis=(1, 2, 3), dtype=np.int64) / math.prod(fake.shape[1:]))
    return np.asarray(np.abs(np.subtract(fake, real, dtype=np.float64)).mean(axis=(1, 2, 3)))


def compute_mse(
    fake: Float[np.ndarray, "B C H W"], real: Float[np.ndarray, "B C H W"], params: Params
) -> Float[np.ndarray, " B"]:
    """Mean squared error of each pair, 0 to 65025; arguments as for `compute_mae`."""
    del params
    return mean_square(fake, real)


def compute_rmse(
    fake: Float[np.ndarray, "B C H W"], real: Float[np.ndarray, "B C H W"], params: Params
) -> Float[np.ndarray, " B"]:
    """Root mean squared error of each pair, 0 to 255; arguments as for `compute_mae`."""
    return np.asarray(np.sqrt(compute_mse(fake, real, params)))


# PSNR's margin of 0.1 dB is 2.3% of the squared error and 1.15% of its root.
MAE = PixelMetric(
    name="mae",
    summary="mean absolute error of the pixels, 0..255, mean over images",
    output=Output("mae", better="lower", range=(0.0, PEAK), title="MAE", gateable=True, margin=Margin(0.01, "%")),
    symmetric=True,
    min_side=1,
    version=1,
    compute=compute_mae,
    masked=over_pixels(compute_mae),
    takes_bytes=True,
)

MSE = PixelMetric(
    name="mse",
    summary="mean squared error of the pixels, 0..255, mean over images",
    output=Output("mse", better="lower", range=(0.0, PEAK**2), title="MSE", gateable=True, margin=Margin(0.02, "%")),
    symmetric=True,
    min_side=1,
    version=1,
    compute=compute_mse,
    masked=over_pixels(compute_mse),
    takes_bytes=True,
)

RMSE = PixelMetric(
    name="rmse",
    summary="root mean squared error of the pixels of each image, 0..255, mean over images",
    output=Output("rmse", better="lower", range=(0.0, PEAK), title="RMSE", gateable=True, margin=Margin(0.01, "%")),
    symmetric=True,
    min_side=1,
    version=1,
    compute=compute_rmse,
    masked=over_pixels(compute_rmse),
    takes_bytes=True,
)
