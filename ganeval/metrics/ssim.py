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

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ganeval.metrics.base import Output, Params, PixelMetric
from ganeval.metrics.psnr import PEAK

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest to coarsest
WINDOW = 11
TILE = 32  # places that one product blurs; from 16 to 64 it makes no difference
PARAMS: Params = {"window": WINDOW, "sigma": 1.5, "k1": 0.01, "k2": 0.03}


def compute_ssim(fake: Float[Tensor, "B C H W"], real: Float[Tensor, "B C H W"], params: Params) -> Float[Tensor, " B"]:
    """SSIM of each pair in [-1, 1]; 1 for identical images.

    Args:
        fake: float64, 0..255, both sides at least `window` pixels.
        real: The same shape.
        params: "window" (taps, odd), "sigma" (pixels), "k1", "k2".
    """
    return _similarity(fake, real, params)[0].mean(dim=1)


def compute_ms_ssim(
    fake: Float[Tensor, "B C H W"], real: Float[Tensor, "B C H W"], params: Params
) -> Float[Tensor, " B"]:
    """MS-SSIM of each pair in [0, 1]; 1 for identical images.

    Args:
        fake: float64, 0..255, both sides at least 161 pixels for a window of 11: the fifth scale then has 11.
        real: The same shape.
        params: As for `compute_ssim`.
    """
    product = torch.ones(fake.shape[:2], dtype=fake.dtype, device=fake.device)
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale > 0:
            fake, real = _halve(fake), _halve(real)
        whole, contrast = _similarity(fake, real, params)
        term = whole if scale == len(SCALE_WEIGHTS) - 1 else contrast
        product = product * term.clamp(min=0.0) ** weight
    return product.mean(dim=1)


def _similarity(
    fake: Float[Tensor, "B C H W"], real: Float[Tensor, "B C H W"], params: Params
) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B C"]]:
    """Means over each channel of the SSIM map, and of its contrast-structure factor alone.

    One plane after the other: the bits of an image do not depend on its batch, and the maps of a plane stay in the
    processor's cache, which those of a batch do not.
    """
    taps = _gaussian(int(params["window"]), float(params["sigma"]))
    length = min(fake.shape[-2:])
    if length < len(taps):
        raise ValueError(f"images of {tuple(fake.shape[-2:])} pixels are smaller than a window of {len(taps)}")
    band = _band(taps).to(fake.device)
    c1, c2 = (float(params["k1"]) * PEAK) ** 2, (float(params["k2"]) * PEAK) ** 2
    planes = zip(fake.flatten(0, 1), real.flatten(0, 1), strict=True)
    means = torch.stack([_similarity_of_planes(*pair, band, c1, c2) for pair in planes])
    return means[:, 0].view(fake.shape[:2]), means[:, 1].view(fake.shape[:2])


def _similarity_of_planes(
    fake: Float[Tensor, "H W"], real: Float[Tensor, "H W"], band: Float[Tensor, "t+k t"], c1: float, c2: float
) -> Float[Tensor, " 2"]:
    """The two means of one channel of one pair. Only the sum of the variances is asked for: four blurs, not five."""
    mean_fake, mean_real = _blur(fake, band), _blur(real, band)
    squares = mean_fake.square().add_(mean_real.square())  # no fused step: swapping the images changes no bit
    product = mean_fake.mul_(mean_real)
    variances = _blur(fake.square().add_(real.square()), band).sub_(squares).add_(c2)
    covariance = _blur(fake * real, band).sub_(product)
    contrast = covariance.mul_(2.0).add_(c2).div_(variances)
    luminance = product.mul_(2.0).add_(c1).div_(squares.add_(c1))
    return torch.stack([luminance.mul_(contrast).mean(), contrast.mean()])


def _gaussian(window: int, sigma: float) -> list[float]:
    """Taps of the window along one axis; they sum to 1, so the outer product of two is the window."""
    offsets = torch.arange(window, dtype=torch.float64) - (window - 1) / 2
    taps = torch.exp(-offsets.square() / (2.0 * sigma**2))
    return [float(tap) for tap in taps / taps.sum()]


def _band(taps: list[float]) -> Float[Tensor, "t+k t"]:
    """The matrix that blurs `TILE` neighbouring places at once: column j holds the taps from row j on."""
    band = torch.zeros(TILE + len(taps) - 1, TILE, dtype=torch.float64)
    for place, tap in enumerate(taps):
        band.diagonal(-place).fill_(tap)
    return band


def _blur(plane: Float[Tensor, "H W"], band: Float[Tensor, "t+k t"]) -> Float[Tensor, "h w"]:
    """Weighted means under the window, where it fits: columns first, then rows.

    Matrix products of overlapping tiles with a band, which multiply many zeros and still take a third of the time of
    shifted sums: those are bound by memory.
    """
    for _ in range(2):
        plane = _blur_rows(plane, band).mT
    return plane


def _blur_rows(plane: Float[Tensor, "H W"], band: Float[Tensor, "t+k t"]) -> Float[Tensor, "H w"]:
    """Each row blurred, without its ends."""
    reach = band.shape[0] - TILE
    width = plane.shape[1] - reach
    tiles = -(-width // TILE)
    wide = F.pad(plane, (0, tiles * TILE + reach - plane.shape[1]))
    overlapping = wide.unfold(1, TILE + reach, TILE).transpose(0, 1)  # (tiles, H, TILE + reach), a view
    blurred = torch.bmm(overlapping, band.expand(tiles, -1, -1))
    return blurred.transpose(0, 1).reshape(len(plane), tiles * TILE)[:, :width]


def _halve(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
    """2x2 means; with an odd side, after repeating the first row and the first column."""
    if images.shape[2] % 2 or images.shape[3] % 2:
        images = F.pad(images, (1, 0, 1, 0), mode="replicate")
    return F.avg_pool2d(images, 2)


SSIM = PixelMetric(
    name="ssim",
    summary="structural similarity, Gaussian window 11x11, mean over images",
    output=Output("ssim", better="higher", range=(-1.0, 1.0)),
    symmetric=True,
    min_side=WINDOW,
    version=1,
    compute=compute_ssim,
    params=PARAMS,
)

MS_SSIM = PixelMetric(
    name="ms_ssim",
    summary="structural similarity at five scales, mean over images",
    output=Output("ms_ssim", better="higher", range=(0.0, 1.0)),
    symmetric=True,
    min_side=(WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1,
    version=1,
    compute=compute_ms_ssim,
    params=PARAMS,
)
