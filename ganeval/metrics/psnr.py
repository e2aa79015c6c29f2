"""Peak signal-to-noise ratio of two images, in decibels.

What it measures: squared error of the pixels, on a logarithmic scale.
Why it can mislead: rewards blur over sharp detail that is slightly displaced; says little about what people see.
Definition: 10 log10(255² / MSE), with the MSE over all pixels and channels of one image. A set's PSNR is the mean of
    these; pooling the MSE over the set first is another, lower number.
Matches: scikit-image `peak_signal_noise_ratio(data_range=255)` on each image, within 1e-6 dB.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ganeval.metrics.base import Margin, Output, Params, PixelMetric, over_pixels

if TYPE_CHECKING:
    from jaxtyping import Float

PEAK = 255.0  # the largest value of an 8-bit channel; also the scale of BT.601 luma, whose own largest value is 235


def compute_psnr(
    fake: Float[np.ndarray, "B C H W"], real: Float[np.ndarray, "B C H W"], params: Params
) -> Float[np.ndarray, " B"]:
    """PSNR of each pair, dB, >= 0; +inf where the two images are identical.

    Args:
        fake: float64 or uint8, 0..255.
        real: The same shape.
        params: Unused.
    """
    del params
    with np.errstate(divide="ignore"):
        return np.asarray(10.0 * np.log10(PEAK**2 / mean_square(fake, real)))


def mean_square(fake: Float[np.ndarray, "B C H W"], real: Float[np.ndarray, "B C H W"]) -> Float[np.ndarray, " B"]:
    """Mean squared error of each pair. For images of whole numbers the sum of the squares is exact."""
    planes = zip(np.reshape(fake, (-1, *fake.shape[2:])), np.reshape(real, (-1, *real.shape[2:])), strict=True)
    differences = (np.subtract(one, other, dtype=np.float64) for one, other in planes)
    squares = [float(np.vdot(difference, difference)) for difference in differences]
    return np.asarray(np.reshape(squares, fake.shape[:2]).sum(axis=1) / math.prod(fake.shape[1:]))


PSNR = PixelMetric(
    name="psnr",
    summary="peak signal-to-noise ratio, mean over images",
    output=Output(
        "psnr",
        better="higher",
        range=(0.0, float("inf")),
        title="PSNR",
        unit="dB",
        compared={"": 1},
        gateable=True,
        margin=Margin(0.1, "dB"),
        first_gate={"": 1},
        headline=7,
        question="pair",
    ),
    symmetric=True,
    min_side=1,
    version=1,
    compute=compute_psnr,
    masked=over_pixels(compute_psnr),
    takes_bytes=True,
    plain={"": 1},
)
