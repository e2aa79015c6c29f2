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
    from jaxtyping import Float, Real

    Plane = Real[np.ndarray, "H W"]

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest to coarsest
WINDOW = 11
STRIP = 32  # rows at a time, a multiple of DOWN; what they need of a plane stays in the cache of a core
DOWN, ACROSS = 8, 16  # rows, and columns, that one product blurs
PARAMS: Params = {"window": WINDOW, "sigma": 1.5, "k1": 0.01, "k2": 0.03}


def compute_ssim(
    fake: Float[np.ndarray, "B C H W"], real: Float[np.ndarray, "B C H W"], params: Params
) -> Float[np.ndarray, " B"]:
    """SSIM of each pair in [-1, 1]; 1 for identical images.

    Args:
        fake: float64 or uint8, 0..255, both sides at least `window` pixels.
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
    blur = _Blur(taps, *fake.shape[-2:])
    c1, c2 = (float(params["k1"]) * PEAK) ** 2, (float(params["k2"]) * PEAK) ** 2
    planes = zip(np.reshape(fake, (-1, *fake.shape[2:])), np.reshape(real, (-1, *real.shape[2:])), strict=True)
    return np.reshape([_similarity_of_planes(*pair, blur, c1, c2, mask) for pair in planes], (*fake.shape[:2], 2))


def _similarity_of_planes(
    fake: Plane, real: Plane, blur: _Blur, c1: float, c2: float, mask: npt.NDArray[np.bool_] | None
) -> tuple[float, float]:
    """The two means of one channel of one pair. Only the sum of the variances is asked for: four blurs, not five.

    Args:
        fake: One plane.
        real: The other.
        blur: For planes of this size.
        c1: Constant of the luminance factor.
        c2: Of the other.
        mask: The places of the map that count; None for all.
    """
    height, width = blur.height, blur.width
    whole = structure = 0.0
    for start in range(0, height, STRIP):
        rows = min(STRIP, height - start)
        one, other, squares, product = blur.strip[:, : rows + blur.reach]
        one[...] = fake[start : start + rows + blur.reach]
        other[...] = real[start : start + rows + blur.reach]
        # No fused step in the sums of squares: swapping the images changes no bit.
        np.multiply(other, other, out=product)
        np.multiply(one, one, out=squares)
        squares += product
        np.multiply(one, other, out=product)
        luminance, contrast = _factors(blur.blurred()[:, :rows], c1, c2)  # whole rows: NumPy is slow on parts of them
        counted = True if mask is None else mask[start : start + rows]
        structure += float(contrast[:, :width].sum(where=counted))
        luminance *= contrast
        whole += float(luminance[:, :width].sum(where=counted))
    count = height * width if mask is None else int(np.count_nonzero(mask))
    return whole / count, structure / count


def _factors(
    blurred: Float[np.ndarray, "4 h w"], c1: float, c2: float
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """The luminance factor, and that of contrast and structure, from the blurred planes, whose memory they take."""
    mean_fake, mean_real, variances, covariance = blurred  # the last is twice the mean of the products
    product = mean_fake * mean_real
    mean_fake *= mean_fake
    mean_real *= mean_real
    mean_fake += mean_real
    variances -= mean_fake
    variances += c2
    product *= 2.0
    covariance -= product
    covariance += c2
    covariance /= variances
    mean_fake += c1
    product += c1
    product /= mean_fake
    return product, covariance


def _gaussian(window: int, sigma: float) -> Float[np.ndarray, " t"]:
    """Taps of the window along one axis; they sum to 1, so the outer product of two is the window."""
    offsets = np.arange(window) - (window - 1) / 2
    taps = np.exp(-np.square(offsets) / (2.0 * sigma**2))
    return np.asarray(taps / taps.sum())


def _band(taps: Float[np.ndarray, " t"], places: int) -> Float[np.ndarray, "t+k t"]:
    """The matrix that blurs neighbouring places at once: column j holds the taps from row j on."""
    band = np.zeros((places + len(taps) - 1, places))
    for place in range(places):
        band[place : place + len(taps), place] = taps
    return band


class _Blur:
    """Weighted means under the window, where it fits, of four planes, one strip of rows after the other.

    Columns first, then rows, each by matrix products of overlapping tiles with a band. They multiply many zeros and
    still take a third of the time of shifted sums, which are bound by memory. The tiles are views of the strip.

    Args:
        taps: Of the window along one axis.
        rows: Of a plane.
        columns: Of a plane.

    Attributes:
        reach: Rows and columns that a plane has more than its map.
        height: Of the map.
        width: Of the map.
        strip: What is blurred, (4, STRIP + reach, columns): written by the caller. The last plane comes out doubled.
    """

    def __init__(self, taps: Float[np.ndarray, " t"], rows: int, columns: int) -> None:
        self.reach = len(taps) - 1
        self.height, self.width = rows - self.reach, columns - self.reach
        tiles = -(-self.width // ACROSS)
        self.strip = np.zeros((4, STRIP + self.reach, columns))
        down, self._across = _band(taps, DOWN).T, _band(taps, ACROSS)
        self._down = np.stack([down, down, down, 2.0 * down])[:, None]
        self._strip_tiles = _tiles(self.strip, 1, DOWN, DOWN + self.reach)
        self._columns = np.zeros((4, STRIP // DOWN, DOWN, tiles * ACROSS + self.reach))
        self._column_tiles = _tiles(self._columns.reshape(4 * STRIP, -1), 1, ACROSS, ACROSS + self.reach).swapaxes(0, 1)
        self._blurred = np.empty((4, STRIP, tiles * ACROSS))
        self._blurred_tiles = self._blurred.reshape(4 * STRIP, tiles, ACROSS).swapaxes(0, 1)

    def blurred(self) -> Float[np.ndarray, "4 STRIP w"]:
        """The blurred strip, in memory that the next one takes; behind the map's width there are finite numbers."""
        columns = self.strip.shape[2]
        np.matmul(self._down, self._strip_tiles, out=self._columns[..., :columns])
        np.matmul(self._column_tiles, self._across, out=self._blurred_tiles)
        return self._blurred


def _tiles(array: npt.NDArray[np.float64], axis: int, step: int, size: int) -> npt.NDArray[np.float64]:
    """A view of overlapping tiles along an axis: their number comes before it."""
    windows = np.lib.stride_tricks.sliding_window_view(array, size, axis)
    steps = [slice(None)] * axis + [slice(None, None, step)]
    return np.moveaxis(windows[tuple(steps)], -1, axis + 1)


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
    takes_bytes=True,
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
