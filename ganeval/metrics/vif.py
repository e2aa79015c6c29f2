"""Visual information fidelity in the pixel domain: how much of what an image shows the other one still shows.

What it measures: the information that a noisy observer gets of the original through the generated image, over what he
    gets from the original itself.
Why it can mislead: more contrast than the original's scores above 1. A flat original shows nothing: 1 for any image.
Definition: Sheikh & Bovik 2006 (IEEE TIP 15), as in the authors' pixel-domain code (vifp_mscale.m):
    luma, four scales, Gaussian windows of 17, 9, 5 and 3 taps with sigma = taps / 5, observer's noise of variance 2.
    The paper's wavelet-domain number (vifvec) is another one.
Matches: piq 0.8.0 `vif_p(data_range=255)`, within 1e-10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeval.metrics.base import Margin, Output, Params, PixelMetric, in_torch
from ganeval.metrics.luma import unrounded_luma

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

TAPS = (17, 9, 5, 3)  # windows, finest scale first
TINY = 1e-8  # a variance below it is none
MIN_SIDE = 41  # 41 -> (41 - 9 + 1 + 1) // 2 = 17 -> 7 -> 3, the last window


def compute_vif(fake: Float[Tensor, "B C H W"], real: Float[Tensor, "B C H W"], params: Params) -> Float[Tensor, " B"]:
    """VIF of each pair, at least 0; 1 for identical images up to 1e-7.

    Args:
        fake: float64, 0..255, both sides at least 41 pixels.
        real: The same shape; the original, which counts otherwise than the generated image.
        params: "noise", the variance of the observer's noise.
    """
    noise = float(params["noise"])
    x, y = unrounded_luma(fake), unrounded_luma(real)
    kept = shown = x.new_zeros(len(x))
    for scale, taps in enumerate(TAPS):
        if scale > 0:
            x, y = (_blurred(image, taps, 2) for image in (x, y))
        kept_here, shown_here = _information(x, y, taps, noise)
        kept, shown = kept + kept_here, shown + shown_here
    return (kept + TINY) / (shown + TINY)


def _information(
    x: Float[Tensor, "B 1 H W"], y: Float[Tensor, "B 1 H W"], taps: int, noise: float
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Information at one scale, in units of log 10: through the generated image x, and of the original y.

    Locally x = gain * y + damage of variance `left`; a negative gain shows nothing of y, so all of x is damage.
    """
    import torch

    x_mean, y_mean = _blurred(x, taps), _blurred(y, taps)
    x_variance = (_blurred(x * x, taps) - x_mean * x_mean).clamp(min=0.0)
    y_variance = (_blurred(y * y, taps) - y_mean * y_mean).clamp(min=0.0)
    covariance = _blurred(x * y, taps) - x_mean * y_mean
    gain = covariance / (y_variance + TINY)
    left = x_variance - gain * covariance
    none = (y_variance < TINY) | (gain < 0.0)
    y_variance = torch.where(y_variance < TINY, 0.0, y_variance)
    left = torch.where(none, x_variance, torch.where(x_variance < TINY, 0.0, left)).clamp(min=TINY)
    gain = torch.where(none | (x_variance < TINY), 0.0, gain)
    kept = torch.log10(1.0 + gain.square() * y_variance / (left + noise))
    return kept.sum(dim=(1, 2, 3)), torch.log10(1.0 + y_variance / noise).sum(dim=(1, 2, 3))


def _blurred(images: Float[Tensor, "B 1 H W"], taps: int, step: int = 1) -> Float[Tensor, "B 1 h w"]:
    """Gaussian means where the window lies inside the image, at every `step`-th place: columns, then rows."""
    import torch
    import torch.nn.functional as F

    offsets = torch.arange(taps, dtype=images.dtype, device=images.device) - (taps - 1) / 2
    window = torch.exp(-offsets.square() / (2.0 * (taps / 5) ** 2))
    window = window / window.sum()
    down = F.conv2d(images, window.reshape(1, 1, taps, 1), stride=(step, 1))
    return F.conv2d(down, window.reshape(1, 1, 1, taps), stride=(1, step))


VIF = PixelMetric(
    name="vif",
    summary="visual information fidelity on luma, pixel domain, mean over images",
    output=Output(
        "vif",
        better="higher",
        range=(0.0, float("inf")),
        title="VIF",
        on_itself=1.0,
        gateable=True,
        margin=Margin(0.02, "%"),
    ),
    symmetric=False,
    min_side=MIN_SIDE,
    version=1,
    compute=in_torch(compute_vif),
    params={"noise": 2.0},
)
