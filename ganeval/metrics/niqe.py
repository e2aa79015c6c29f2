"""NIQE: how far the statistics of an image are from those of undistorted photographs, without an original.

What it measures: 36 statistics of the luma of each block of 96x96 pixels, at two scales. Their mean and covariance
    over the blocks are compared with those of 125 photographs.
Why it can mislead: it knows what photographs look like, not what this one should show. It often prefers sharpened
    images to their originals, and means little on drawings, faces in close-up or images of a few blocks.
Definition: Mittal et al. 2013 (IEEE SPL 20(3)), equation (10), with the authors' parameters. The luma is the Y of
    BT.601, rounded; an image of one channel is its own luma. Blocks are kept whatever their sharpness, as in the
    authors' code for the image that is measured. The image is cut to whole blocks from its upper left corner.
Matches: BasicSR `calculate_niqe(img, crop_border, convert_to="y")` within 2e-3 relative. Four things of its float32
    make the difference. A luma of 185.49999 becomes 185.5 and is rounded up: 12 pixels move a photo of Set5 by 1.2e-3.
    Local deviations of near-flat places are up to 0.06 from rounding alone, beside a constant of 1: 4e-4. In flat
    places the signs of rounding errors are counted, which are zero here: 1.5e-3. A ratio near the middle between two
    entries of the table of shapes leads to the other one: 1.5e-4. With all four put in, its own function in float64
    gives its value to 1.5e-7 in all of 105 photos. Without them it gives the value given here to 3e-5 with this luma;
    it still halves the image in float32. MATLAB's own function `niqe` uses other photographs.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.metrics.base import ImageMetric, Margin, Output, Params
from ganeval.metrics.luma import IMAGE_LUMA_RULE, image_luma
from ganeval.metrics.scene_statistics import (
    NEIGHBOURS,
    Float64,
    Sides,
    mean_over_scale,
    normalised,
    scale_over_deviation,
    shape_of,
)

CUBIC = (-0.01171875, -0.03515625, 0.11328125, 0.43359375)  # MATLAB's kernel stretched to twice its width, halved
RESOLUTION = 1e-5  # what BasicSR's float32 makes of differences at 255
FEWEST = 2  # blocks that have a covariance


def compute_niqe(image: npt.NDArray[np.uint8], model: Mapping[str, Float64], params: Params) -> float:
    """NIQE of one image, >= 0; lower is closer to photographs.

    Args:
        image: (C, H, W), C = 3 (RGB) or 1.
        model: "mu" (36,) and "cov" (36, 36) of the photographs.
        params: "block": side of a block in pixels, a multiple of 4.

    Raises:
        DataError: fewer than two blocks, or fewer than two that are not flat.
    """
    block = int(params["block"])
    luma = image_luma(image)
    rows, columns = (side // block for side in luma.shape)
    if rows * columns < FEWEST:
        raise DataError(
            f"niqe needs {FEWEST} blocks of {block}x{block} pixels; the image is {image.shape[2]}x{image.shape[1]} "
            "(width x height, without its border)."
        )
    luma = luma[: rows * block, : columns * block]
    features = np.hstack([_features(luma, rows, columns), _features(_halved(luma), rows, columns)])
    whole = features[~np.isnan(features).any(axis=1)]
    if len(whole) < FEWEST:
        raise DataError(f"niqe needs {FEWEST} blocks with some texture; {len(whole)} of {len(features)} are not flat.")
    difference = model["mu"] - np.nanmean(features, axis=0)
    joint = (model["cov"] + np.cov(whole, rowvar=False)) / 2
    return float(np.sqrt(difference @ np.linalg.pinv(joint) @ difference))


def _features(luma: Float64, rows: int, columns: int) -> Float64:
    """(blocks, 18): two statistics of the normalised luma, four of each product of neighbours within the block."""
    height, width = luma.shape[0] // rows, luma.shape[1] // columns
    whole = normalised(luma, 1.0, "nearest", RESOLUTION)
    blocks = whole.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)
    own = Sides.of(blocks.reshape(len(blocks), -1))
    shape = shape_of(own.ratio)
    scale = scale_over_deviation(shape)
    found = [shape, (own.left + own.right) / 2 * scale]
    for shift in NEIGHBOURS:
        product = blocks * np.roll(blocks, shift, axis=(1, 2))  # the last neighbour is the first pixel of the block
        sides = Sides.of(product.reshape(len(blocks), -1))
        shape = shape_of(sides.ratio)
        scale = scale_over_deviation(shape)
        left, right = sides.left * scale, sides.right * scale
        found += [shape, (right - left) * mean_over_scale(shape), left, right]
    return np.stack(found, axis=1)


def _halved(luma: Float64) -> Float64:
    """Half as large, as MATLAB's `imresize(x, 0.5)`: bicubic with antialiasing, edges mirrored with their pixel."""
    for _ in range(2):  # rows, then columns
        padded = np.pad(luma, ((3, 3), (0, 0)), mode="symmetric")
        half = luma.shape[0] // 2
        mirrored = (tap * padded[k : k + 2 * half : 2] for k, tap in enumerate((*CUBIC, *CUBIC[::-1])))
        luma = sum(mirrored, np.zeros((half, luma.shape[1]))).T
    return luma


NIQE = ImageMetric(
    name="niqe",
    summary="distance from the statistics of photographs, without an original, mean over images",
    output=Output(
        "niqe", better="lower", range=(0.0, float("inf")), title="NIQE", gateable=True, margin=Margin(0.02, "%")
    ),
    min_side=96,
    version=1,
    model="niqe",
    layout={"mu": (36,), "cov": (36, 36)},
    compute=compute_niqe,
    params={"block": 96, "luma": IMAGE_LUMA_RULE},
    comparable=True,
)
