"""BRISQUE: a quality score of one image without an original, learned from people's ratings of damaged photographs.

What it measures: 36 statistics of the normalised luma of the whole image at two scales, from which a support vector
    machine predicts how badly people rate it; about 0 for a clean photograph and 100 for a ruined one.
Why it can mislead: it learned five kinds of damage (blur, noise, two kinds of JPEG, lost packets), none of which a
    generator makes. Values below 0 and above 100 occur. Small images give few samples, so statistics are noisy.
Definition: Mittal et al. 2012 (IEEE TIP 21(12)), as the package `brisque` has it: luma .2125 R + .7154 G + .0721 B,
    zeros beyond the border, the second scale by bicubic interpolation (a = -.75) without antialiasing.
Matches: brisque 0.2.0 `BRISQUE().score(image)`, given its support vectors, within 1e-11 relative on photographs without
    flat places. In flat ones the package counts the signs of rounding errors, which are zero here: in 16 of the 100
    photos of BSD100, enlarged, 1 to 4,581 of 30,976 samples of at most 4e-16 move its value by up to 4.2e-3. With those
    set to zero in its own map of samples, it gives the value given here to 1.2e-12. The authors' MATLAB code, and piq
    with it, round the luma, shrink with antialiasing and hold another machine (rho -153.591, here -155.845), so their
    numbers differ by a few units.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.metrics.base import ImageMetric, Margin, Output, Params
from ganeval.metrics.scene_statistics import (
    Float64,
    Sides,
    mean_over_scale,
    normalised,
    scale_over_deviation,
    shape_ratio,
)

LUMA = (0.2125, 0.7154, 0.0721)  # scikit-image's rgb2gray
CUBIC = (-0.09375, 0.59375, 0.59375, -0.09375)  # OpenCV's INTER_CUBIC half way between two pixels
RESOLUTION = 1e-12  # of luma 0..1 in float64
SHAPES = (0.02, 200.0)  # beyond these no ratio of float64 samples has a shape

# Smallest and largest value of each statistic in the training set: brisque 0.2.0, models/normalize.pickle.
SMALLEST = (
    0.336999, 0.019667, 0.23, -0.125959, 0.000167, 0.000616, 0.231, -0.125873, 0.000165, 0.0006, 0.241, -0.128814,
    0.000179, 0.000386, 0.243, -0.13308, 0.000182, 0.000421, 0.436998, 0.016929, 0.247, -0.200231, 0.000104, 0.000834,
    0.257, -0.200017, 0.000112, 0.000876, 0.257, -0.155072, 0.000112, 0.000356, 0.258, -0.154374, 0.000117, 0.000351,
)  # fmt: skip
LARGEST = (
    9.999411, 0.807472, 1.644021, 0.202917, 0.712384, 0.468672, 1.644021, 0.169548, 0.713132, 0.467896, 1.553016,
    0.101368, 0.687324, 0.533087, 1.554016, 0.101, 0.689177, 0.533133, 3.639918, 0.800955, 1.096995, 0.175286, 0.755547,
    0.39927, 1.095995, 0.155928, 0.751488, 0.402398, 1.041992, 0.093209, 0.623516, 0.532925, 1.042992, 0.093714,
    0.621958, 0.534484,
)  # fmt: skip


def compute_brisque(image: npt.NDArray[np.uint8], model: Mapping[str, Float64], params: Params) -> float:
    """BRISQUE of one image; lower is better.

    Args:
        image: (C, H, W), C = 3 (RGB) or 1, both sides at least 16 pixels.
        model: "vectors" (n, 36), "weights" (n,), "gamma" (1,) and "rho" (1,) of the support vector machine.
        params: Unused.

    Raises:
        DataError: the image has no texture.
    """
    del params
    luma = image[0] / 255.0 if len(image) == 1 else np.tensordot(LUMA, image / 255.0, axes=1)
    features = np.asarray([*_features(luma), *_features(_halved(luma))])
    if not np.isfinite(features).all():
        raise DataError("brisque needs some texture; the image is flat.")
    low, high = np.asarray(SMALLEST), np.asarray(LARGEST)
    scaled = 2.0 / (high - low) * (features - low) - 1.0
    distances = np.square(model["vectors"] - scaled).sum(axis=1)
    return float(model["weights"] @ np.exp(-model["gamma"] * distances) - model["rho"][0])


def _features(luma: Float64) -> list[float]:
    """Two statistics of the normalised luma, four of each product of neighbours."""
    whole = normalised(luma, 1 / 255, "constant", RESOLUTION)
    shape, left, right = _fitted(whole)
    found = [shape, (left**2 + right**2) / 2]
    for product in (
        whole[:, :-1] * whole[:, 1:],
        whole[:-1] * whole[1:],
        whole[:-1, :-1] * whole[1:, 1:],
        whole[1:, :-1] * whole[:-1, 1:],
    ):
        shape, left, right = _fitted(product)
        factor = scale_over_deviation(shape) * mean_over_scale(shape)
        found += [shape, (right - left) * factor, left**2, right**2]
    return found


def _fitted(samples: Float64) -> tuple[float, float, float]:
    """Shape, left and right deviation; NaN where the samples are all on one side."""
    from scipy.optimize import brentq

    sides = Sides.of(samples.reshape(1, -1), zeros_right=True)
    left, right, ratio = float(sides.left[0]), float(sides.right[0]), float(sides.ratio[0])
    least, most = (shape_ratio(shape) for shape in SHAPES)
    if np.isnan(ratio):
        return ratio, left, right
    if not least < ratio < most:
        return SHAPES[0] if ratio <= least else SHAPES[1], left, right
    return float(brentq(lambda shape: shape_ratio(shape) - ratio, *SHAPES)), left, right


def _halved(luma: Float64) -> Float64:
    """Half as large, as `cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_CUBIC)`; of odd sides, to even."""
    for _ in range(2):  # rows, then columns
        half = round(luma.shape[0] / 2)
        padded = np.pad(luma, ((1, 3), (0, 0)), mode="edge")
        luma = sum(
            (tap * padded[k : k + 2 * half : 2] for k, tap in enumerate(CUBIC)), np.zeros((half, luma.shape[1]))
        ).T
    return luma


BRISQUE = ImageMetric(
    name="brisque",
    summary="quality predicted from the statistics of the image alone, mean over images",
    output=Output(
        "brisque",
        better="lower",
        range=(float("-inf"), float("inf")),
        title="BRISQUE",
        gateable=True,
        margin=Margin(0.5, ""),
    ),
    min_side=16,
    version=1,
    model="brisque",
    layout={"vectors": (-1, 36), "weights": (-1,), "gamma": (1,), "rho": (1,)},
    compute=compute_brisque,
    comparable=False,
)
