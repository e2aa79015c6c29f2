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

from typing import TYPE_CHECKING, NamedTuple, Self

from ganeval.metrics.base import Margin, Output, Params, PixelMetric
from ganeval.metrics.psnr import PEAK

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

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
    import torch

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
    import torch

    taps = _gaussian(int(params["window"]), float(params["sigma"]))
    length = min(fake.shape[-2:])
    if length < len(taps):
        raise ValueError(f"images of {tuple(fake.shape[-2:])} pixels are smaller than a window of {len(taps)}")
    band = _band(taps).to(fake.device)
    c1, c2 = (float(params["k1"]) * PEAK) ** 2, (float(params["k2"]) * PEAK) ** 2
    planes = zip(fake.flatten(0, 1), real.flatten(0, 1), strict=True)
    room = _Room.of(fake, len(taps) - 1)
    means = torch.stack([_similarity_of_planes(*pair, band, c1, c2, room) for pair in planes])
    return means[:, 0].view(fake.shape[:2]), means[:, 1].view(fake.shape[:2])


class _Room(NamedTuple):
    """Memory that all planes of a batch use in turn: fresh maps of a megabyte each cost as much as the arithmetic."""

    planes: Float[Tensor, "2 H W"]
    columns: Float[Tensor, "h W"]
    maps: Float[Tensor, "6 h w"]

    @classmethod
    def of(cls, images: Float[Tensor, "B C H W"], reach: int) -> Self:
        height, width = images.shape[-2:]
        return cls(
            images.new_empty(2, height, width),
            images.new_empty(height - reach, width),
            images.new_empty(6, height - reach, width - reach),
        )


def _similarity_of_planes(
    fake: Float[Tensor, "H W"],
    real: Float[Tensor, "H W"],
    band: Float[Tensor, "t+k t"],
    c1: float,
    c2: float,
    room: _Room,
) -> Float[Tensor, " 2"]:
    """The two means of one channel of one pair. Only the sum of the variances is asked for: four blurs, not five."""
    import torch

    squared, other = room.planes
    mean_fake, mean_real, variances, covariance, squares, more = room.maps
    _blur(fake, band, room.columns, mean_fake)
    _blur(real, band, room.columns, mean_real)
    # No fused step in the sums of squares: swapping the images changes no bit.
    _blur(torch.mul(fake, fake, out=squared).add_(torch.mul(real, real, out=other)), band, room.columns, variances)
    _blur(torch.mul(fake, real, out=other), band, room.columns, covariance)
    torch.mul(mean_fake, mean_fake, out=squares).add_(torch.mul(mean_real, mean_real, out=more))
    product = mean_fake.mul_(mean_real)
    contrast = covariance.sub_(product).mul_(2.0).add_(c2).div_(variances.sub_(squares).add_(c2))
    luminance = product.mul_(2.0).add_(c1).div_(squares.add_(c1))
    return torch.stack([luminance.mul_(contrast).mean(), contrast.mean()])


def _gaussian(window: int, sigma: float) -> list[float]:
    """Taps of the window along one axis; they sum to 1, so the outer product of two is the window."""
    import torch

    offsets = torch.arange(window, dtype=torch.float64) - (window - 1) / 2
    taps = torch.exp(-offsets.square() / (2.0 * sigma**2))
    return [float(tap) for tap in taps / taps.sum()]


def _band(taps: list[float]) -> Float[Tensor, "t+k t"]:
    """The matrix that blurs `TILE` neighbouring places at once: column j holds the taps from row j on."""
    import torch

    band = torch.zeros(TILE + len(taps) - 1, TILE, dtype=torch.float64)
    for place, tap in enumerate(taps):
        band.diagonal(-place).fill_(tap)
    return band


def _blur(
    plane: Float[Tensor, "H W"],
    band: Float[Tensor, "t+k t"],
    columns: Float[Tensor, "h W"],
    blurred: Float[Tensor, "h w"],
) -> None:
    """Weighted means under the window, where it fits, into `blurred`: columns first, then rows.

    Matrix products of overlapping tiles with a band, which multiply many zeros and still take a third of the time of
    shifted sums: those are bound by memory. Each product is written where it belongs; one batched product with its
    padding and copies takes twice as long.
    """
    import torch

    reach = band.shape[0] - TILE
    for start, n in _tiles(len(blurred)):
        torch.mm(band[: n + reach, :n].mT, plane[start : start + n + reach], out=columns[start : start + n])
    for start, n in _tiles(blurred.shape[1]):
        torch.mm(columns[:, start : start + n + reach], band[: n + reach, :n], out=blurred[:, start : start + n])


def _tiles(length: int) -> list[tuple[int, int]]:
    """Start and length of each tile of a side."""
    return [(start, min(TILE, length - start)) for start in range(0, length, TILE)]


def _halve(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
    """2x2 means; with an odd side, after repeating the first row and the first column."""
    import torch.nn.functional as F

    if images.shape[2] % 2 or images.shape[3] % 2:
        images = F.pad(images, (1, 0, 1, 0), mode="replicate")
    return F.avg_pool2d(images, 2)


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
