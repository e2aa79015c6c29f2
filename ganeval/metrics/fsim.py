"""Feature similarity: edges and lines of two images, weighted by where they are plain to see.

What it measures: agreement of phase congruency (where edges and lines are, at any contrast) and of gradients.
Why it can mislead: places without structure hardly count, so damage of smooth areas is nearly free.
Definition: Zhang et al. 2011 (IEEE TIP 20), T1 = .85, T2 = 160; of RGB images FSIMc, with
    T3 = T4 = 200 and lambda = .03. Images whose smaller side has 384 pixels or more are shrunk by means of
    round(side / 256). Phase congruency: Kovesi 1999 (Videre 1(3)), log-Gabor filters of 4 scales (wavelengths 6, 12,
    24, 48) and 4 orientations, noise threshold at k = 2.
Matches: piq 0.8.0 `fsim(data_range=255)`, within 1e-10; on one channel its chromatic=False. piq follows the authors'
    FeatureSIM.m, but shrinks by means of blocks and lets the gradient look at zeros beyond the border.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from ganeval.metrics.base import Margin, Output, Params, PixelMetric, in_torch
from ganeval.metrics.gmsd import gradient_magnitude
from ganeval.metrics.luma import unrounded_luma

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

SCALES = 4
ORIENTATIONS = 4
SHORTEST = 6  # pixels of the finest filter's wavelength; each next one is twice as long
BANDWIDTH = 0.55  # sigma of a filter over its centre, on the logarithmic frequency axis
ANGULAR = 1.2  # angle between two orientations over the sigma of the angular Gaussian
LOW_PASS, LOW_PASS_ORDER = 0.45, 15  # Butterworth: no frequencies from the corners of the spectrum
RESCALED = 1.7  # Kovesi's divisor of the noise threshold, found by experience
CHROMA = ((0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))  # I and Q of YIQ


def compute_fsim(fake: Float[Tensor, "B C H W"], real: Float[Tensor, "B C H W"], params: Params) -> Float[Tensor, " B"]:
    """FSIM of each pair of one channel, FSIMc of RGB, in [0, 1]; 1 for identical images.

    Args:
        fake: float64, 0..255, both sides at least 48 pixels.
        real: The same shape.
        params: "t1" to "t4" and "lambda" as in the paper, "k" standard deviations of the noise threshold.
    """
    import torch
    import torch.nn.functional as F

    t1, t2, t3, t4, power, k = (float(params[name]) for name in ("t1", "t2", "t3", "t4", "lambda", "k"))
    shrink = max(1, round(min(fake.shape[-2:]) / 256))
    images = [F.avg_pool2d(side, shrink) for side in (fake, real)] if shrink > 1 else [fake, real]
    luma = [unrounded_luma(side) for side in images]
    x_phase, y_phase = (_phase_congruency(side, k) for side in luma)
    x_edges, y_edges = (gradient_magnitude(side, (3.0, 10.0, 3.0), 16.0) for side in luma)
    weights = torch.maximum(x_phase, y_phase)
    alike = _alike(x_phase, y_phase, t1) * _alike(x_edges, y_edges, t2)
    if fake.shape[1] == 3:
        for row, t in zip(CHROMA, (t3, t4), strict=True):
            x, y = ((side * side.new_tensor(row).reshape(1, 3, 1, 1)).sum(dim=1, keepdim=True) for side in images)
            alike = alike * _alike(x, y, t).abs() ** power
    return (alike * weights).sum(dim=(1, 2, 3)) / weights.sum(dim=(1, 2, 3))


def _alike(x: Float[Tensor, "B 1 H W"], y: Float[Tensor, "B 1 H W"], constant: float) -> Float[Tensor, "B 1 H W"]:
    """Similarity of two maps, 1 where they are equal."""
    return (2.0 * x * y + constant) / (x.square() + y.square() + constant)


@functools.lru_cache(maxsize=2)  # one of 384x576 pixels has 28 MB; pairs of a set mostly share their size
def _log_gabor(height: int, width: int) -> tuple[Float[Tensor, "O S H W"], list[float]]:
    """Filters in the frequency domain, of half the plane each, zero frequency first: orientations by scales.

    With them, by orientation, the energy over all scales of noise whose finest scale has the energy 1.
    """
    import torch

    down, right = _frequencies(height), _frequencies(width)
    radius = torch.sqrt(down[:, None].square() + right[None, :].square())
    angle = torch.atan2(-right[None, :], down[:, None])
    low_pass = 1.0 / (1.0 + (radius / LOW_PASS) ** (2 * LOW_PASS_ORDER))
    radius[0, 0] = 1.0  # the logarithm of no frequency; its filters are zero there
    waves = []
    for scale in range(SCALES):
        distance = torch.log(radius * (SHORTEST * 2**scale)) / math.log(BANDWIDTH)
        waves.append(torch.exp(-distance.square() / 2.0) * low_pass)
    radial = torch.stack(waves)
    radial[:, 0, 0] = 0.0
    sigma = math.pi / (ORIENTATIONS * ANGULAR)
    turns = []
    for orientation in range(ORIENTATIONS):
        turned = angle - orientation * math.pi / ORIENTATIONS
        turned = torch.atan2(torch.sin(turned), torch.cos(turned))
        turns.append(torch.exp(-turned.square() / (2.0 * sigma**2)))
    filters = torch.stack(turns)[:, None] * radial[None]
    # the sum over scales squared is the squares and twice the cross terms: 2 (squares + 2 cross) = 2 (sum)²
    spread = torch.fft.ifft2(filters.sum(dim=1)).real.square().sum(dim=(1, 2)) * (height * width)
    return filters, (2.0 * spread / filters[:, 0].square().sum(dim=(1, 2))).tolist()


def _frequencies(side: int) -> Float[Tensor, " side"]:
    """Frequencies of an axis in cycles a pixel, zero first, with n - 1 steps to the cycle where n is odd, as Kovesi."""
    import torch

    steps = torch.arange(side, dtype=torch.float64, device="cpu") - side // 2
    return torch.roll(steps / (side - side % 2), -(side // 2))


def _phase_congruency(luma: Float[Tensor, "B 1 H W"], k: float) -> Float[Tensor, "B 1 H W"]:
    """Phase congruency of each place, in [0, 1]: energy where the phases of all scales agree, over all amplitudes.

    Args:
        luma: float64, on the CPU.
        k: Standard deviations of the noise's energy above its mean that count as noise.
    """
    import torch

    tiny = torch.finfo(luma.dtype).eps
    spectrum = torch.fft.fft2(luma)
    energy = amplitude = torch.zeros_like(luma)
    for filter_, noise in zip(*_log_gabor(*luma.shape[-2:]), strict=True):
        answers = torch.fft.ifft2(spectrum * filter_)  # (B, S, H, W); the real part is even, the imaginary part odd
        sizes = answers.abs()
        total = answers.sum(dim=1, keepdim=True)
        mean = total / (total.abs() + tiny)
        along = answers * mean.conj()  # cosine and sine of the deviation from the mean phase, times the amplitude
        agreeing = (along.real - along.imag.abs()).sum(dim=1, keepdim=True)
        energy = energy + (agreeing - _noise_threshold(sizes[:, 0], noise, k)).clamp(min=0.0)
        amplitude = amplitude + sizes.sum(dim=1, keepdim=True)
    return (energy + tiny) / (amplitude + tiny)


def _noise_threshold(finest: Float[Tensor, "B H W"], noise: float, k: float) -> Float[Tensor, "B 1 1 1"]:
    """Energy that noise alone would have, from the median answer of the finest scale (Rayleigh distributed).

    Args:
        finest: Amplitudes of the finest scale at one orientation.
        noise: Of `_log_gabor`, of that orientation.
        k: Standard deviations above the mean.
    """
    import torch

    median = finest.square().flatten(1).median(dim=1).values
    tau = torch.sqrt(median / math.log(2.0) * noise / 2.0)
    threshold = tau * (math.sqrt(math.pi / 2.0) + k * math.sqrt(2.0 - math.pi / 2.0))
    return (threshold / RESCALED).reshape(-1, 1, 1, 1)


FSIM = PixelMetric(
    name="fsim",
    summary="feature similarity, FSIMc on RGB and FSIM on luma, mean over images",
    output=Output("fsim", better="higher", range=(0.0, 1.0), title="FSIM", gateable=True, margin=Margin(0.005, "")),
    symmetric=True,
    min_side=SHORTEST * 2 ** (SCALES - 1),  # one wave of the coarsest filter
    version=1,
    compute=in_torch(compute_fsim),
    params={"t1": 0.85, "t2": 160.0, "t3": 200.0, "t4": 200.0, "lambda": 0.03, "k": 2.0},
)
