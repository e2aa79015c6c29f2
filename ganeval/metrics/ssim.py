"""Structural similarity of two images, at one scale and at five.

What it measures: agreement of local means, contrasts and structure under a Gaussian window.
Why it can mislead: other windows, borders, channels and downsampling give other numbers under the same name; a shift of
    one pixel costs more than a visible blur does.
Definition: Wang et al. 2004 (IEEE TIP 13), equation (13), K1 = .01, K2 = .03, Gaussian window of 11x11 taps with
    sigma 1.5, only where the window lies inside the image, population covariance; channels are averaged.
    MS-SSIM: Wang, Simoncelli & Bovik 2003 (Asilomar), equation (7): contrast and structure at five scales, luminance at
    the last, weights .0448 .2856 .3001 .2363 .1333 as published (their sum is 1.0001), 2x2 means between the scales.
Matches: SSIM: scikit-image `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=255)`, within 1e-6, and the authors' ssim_index.m. Their later ssim.m, and piq's `ssim` unless told
    downsample=False, first shrink images whose smaller side has 384 pixels or more.
    MS-SSIM: piq 0.8.0 `multi_scale_ssim(data_range=255)`, within 1e-5, for every size: terms below zero count as zero,
    the five terms are multiplied for each channel before the channels are averaged, and where a side is odd, the first
    row and the first column are repeated before the 2x2 mean. Where both sides divide by 16 the repetition never
    happens; then pytorch-msssim's definition is the same one. torchmetrics' is not: it averages channels first, and at
    the last scale counts the border where the window looks at mirrored pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.metrics.base import Margin, Output, Params, PixelMetric
from ganeval.metrics.psnr import PEAK

if TYPE_CHECKING:
    from jaxtyping import Float

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest to coarsest
WINDOW = 11
TILE = 32  # rows, and columns, that one product blurs; what it needs of a plane stays in the cache of a core
PARAMS: Params = {"window": WINDOW, "sigma": 1.5, "k1": 0.01, "k2": 0.03}


def compute_ssim(
    fake: Float[np.ndarray, "B C H W"], real: Float[np.ndarray, "B C H W"], params: Params
) -> Float[np.ndarray, " B"]:
    """SSIM of each pair in [-1, 1]; 1 for identical images.

    Args:
        fake: float64, 0..255, both sides at least `window` pixels.
        real: The same shape.
        params: "window" (taps, odd), "sigma" (pixels), "k1", "k2".
    """
    return np.asarray(_similarity(fake, real, params)[..., 0].mean(axis=1))


def masked_ssim(
    fake: Float[np.ndarray, "1 C H W"], real: Float[np.ndarray, "1 C H W"], mask: npt.NDArray[np.bool_], params: Params
) -> float:
    """Mean of the SSIM map over the marked places that a window fits around; windows see what lies beside them too.

    Raises:
        DataError: no window fits around a marked place.
    """
    margin = int(params["window"]) // 2
    inside = np.ascontiguousarray(mask[margin : mask.shape[0] - margin, margin : mask.shape[1] - margin])
    if not inside.any():
        raise DataError(
            f"ssim: no window of {2 * margin + 1} pixels fits around a pixel of the mask; all lie at the edge."
        )
    return float(_similarity(fake, real, params, inside)[..., 0].mean())


def compute_ms_ssim(
    fake: Float[np.ndarray, "B C H W"], real: Float[np.ndarray, "B C H W"], params: Params
) -> Float[np.ndarray, " B"]:
    """MS-SSIM of each pair in [0, 1]; 1 for identical images.

    Args:
        fake: float64, 0..255, both sides at least 161 pixels for a window of 11: the fifth scale then has 11.
        real: The same shape.
        params: As for `compute_ssim`.
    """
    product = np.ones(fake.shape[:2])
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale > 0:
            fake, real = _halve(fake), _halve(real)
        means = _similarity(fake, real, params)
        term = means[..., 0 if scale == len(SCALE_WEIGHTS) - 1 else 1]
        product *= np.maximum(term, 0.0) ** weight
    return np.asarray(product.mean(axis=1))


def _similarity(
    fake: Float[np.ndarray, "B C H W"],
    real: Float[np.ndarray, "B C H W"],
    params: Params,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Float[np.ndarray, "B C 2"]:
    """Means over each channel of the SSIM map, and of its contrast-structure factor alone.

    One plane after the other, and of a plane one strip of rows after the other: the bits of an image do not depend on
    its batch, and the maps of a strip stay in the cache of a core, which those of an image do not.
    """
    taps = _gaussian(int(params["window"]), float(params["sigma"]))
    if min(fake.shape[-2:]) < len(taps):
        raise ValueError(f"images of {tuple(fake.shape[-2:])} pixels are smaller than a window of {len(taps)}")
    band = _band(taps)
    c1, c2 = (float(params["k1"]) * PEAK) ** 2, (float(params["k2"]) * PEAK) ** 2
    planes = zip(np.reshape(fake, (-1, *fake.shape[2:])), np.reshape(real, (-1, *real.shape[2:])), strict=True)
    return np.reshape([_similarity_of_planes(*pair, band, c1, c2, mask) for pair in planes], (*fake.shape[:2], 2))


def _similarity_of_planes(
    fake: Float[np.ndarray, "H W"],
    real: Float[np.ndarray, "H W"],
    band: Float[np.ndarray, "t+k t"],
    c1: float,
    c2: float,
    mask: npt.NDArray[np.bool_] | None,
) -> tuple[float, float]:
    """The two means of one channel of one pair. Only the sum of the variances is asked for: four blurs, not five.

    Args:
        fake: One plane.
        real: The other.
        band: Of `_band`.
        c1: Constant of the luminance factor.
        c2: Of the other.
        mask: The places of the map that count; None for all.
    """
    reach = len(band) - TILE
    height, width = fake.shape[0] - reach, fake.shape[1] - reach
    planes = np.empty((4, TILE + reach, fake.shape[1]))
    whole = structure = 0.0
    for start in range(0, height, TILE):
        rows = min(TILE, height - start)
        one, other, squares, product = strip = planes[:, : rows + reach]
        one[...] = fake[start : start + rows + reach]
        other[...] = real[start : start + rows + reach]
        # No fused step in the sums of squares: swapping the images changes no bit.
        np.multiply(other, other, out=product)
        np.multiply(one, one, out=squares)
        squares += product
        np.multiply(one, other, out=product)
        luminance, contrast = _factors(_blurred(strip, band, rows, width), c1, c2)
        counted = True if mask is None else mask[start : start + rows]
        structure += float(contrast.sum(where=counted))
        luminance *= contrast
        whole += float(luminance.sum(where=counted))
    count = height * width if mask is None else int(np.count_nonzero(mask))
    return whole / count, structure / count


def _factors(
    blurred: Float[np.ndarray, "4 h w"], c1: float, c2: float
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """The luminance factor, and that of contrast and structure, from the blurred planes, whose memory they take."""
    mean_fake, mean_real, variances, covariance = blurred
    product = mean_fake * mean_real
    mean_fake *= mean_fake
    mean_real *= mean_real
    mean_fake += mean_real
    variances -= mean_fake
    variances += c2
    covariance -= product
    covariance *= 2.0
    covariance += c2
    covariance /= variances
    mean_fake += c1
    product *= 2.0
    product += c1
    product /= mean_fake
    return product, covariance


def _gaussian(window: int, sigma: float) -> Float[np.ndarray, " t"]:
    """Taps of the window along one axis; they sum to 1, so the outer product of two is the window."""
    offsets = np.arange(window) - (window - 1) / 2
    taps = np.exp(-np.square(offsets) / (2.0 * sigma**2))
    return np.asarray(taps / taps.sum())


def _band(taps: Float[np.ndarray, " t"]) -> Float[np.ndarray, "t+k t"]:
    """The matrix that blurs `TILE` neighbouring places at once: column j holds the taps from row j on."""
    band = np.zeros((TILE + len(taps) - 1, TILE))
    for place in range(TILE):
        band[place : place + len(taps), place] = taps
    return band


def _blurred(
    strip: Float[np.ndarray, "4 H W"], band: Float[np.ndarray, "t+k t"], rows: int, width: int
) -> Float[np.ndarray, "4 h w"]:
    """Weighted means under the window, where it fits: columns first, then rows.

    Matrix products of overlapping tiles with a band, which multiply many zeros and still take a third of the time of
    shifted sums: those are bound by memory.
    """
    reach = len(band) - TILE
    columns = np.matmul(band[: rows + reach, :rows].T, strip).reshape(4 * rows, -1)
    blurred = np.empty((4 * rows, width))
    for start in range(0, width, TILE):
        n = min(TILE, width - start)
        np.matmul(columns[:, start : start + n + reach], band[: n + reach, :n], out=blurred[:, start : start + n])
    return blurred.reshape(4, rows, width)


def _halve(images: Float[np.ndarray, "B C H W"]) -> Float[np.ndarray, "B C h w"]:
    """2x2 means; with an odd side, after repeating the first row and the first column."""
    if images.shape[2] % 2 or images.shape[3] % 2:
        images = np.pad(np.asarray(images), ((0, 0), (0, 0), (1, 0), (1, 0)), mode="edge")
    height, width = images.shape[2] // 2 * 2, images.shape[3] // 2 * 2
    tops, bottoms = images[:, :, :height:2, :width], images[:, :, 1:height:2, :width]
    sums = tops + bottoms
    return np.asarray((sums[..., ::2] + sums[..., 1::2]) / 4.0)


SSIM = PixelMetric(
    name="ssim",
    summary="structural similarity, Gaussian window 11x11, mean over images",
    output=Output(
        "ssim",
        better="higher",
        range=(-1.0, 1.0),
        title="SSIM",
        compared={"": 2},
        gateable=True,
        margin=Margin(0.005, ""),
        first_gate={"": 2},
        headline=8,
        question="pair",
    ),
    symmetric=True,
    min_side=WINDOW,
    version=1,
    compute=compute_ssim,
    masked=masked_ssim,
    params=PARAMS,
    plain={"": 2},
)

MS_SSIM = PixelMetric(
    name="ms_ssim",
    summary="structural similarity at five scales, mean over images",
    output=Output(
        "ms_ssim",
        better="higher",
        range=(0.0, 1.0),
        title="MS-SSIM",
        gateable=True,
        margin=Margin(0.005, ""),
        question="pair",
    ),
    symmetric=True,
    min_side=(WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1,
    version=1,
    compute=compute_ms_ssim,
    params=PARAMS,
    plain={"": 3},
)
