"""Gradient magnitude similarity deviation: how unevenly the edges of an image are damaged.

What it measures: the standard deviation, over the image, of how alike the local gradients are.
Why it can mislead: damage that is the same everywhere has no deviation, so a change of contrast can score near 0.
Definition: Xue et al. 2014 (IEEE TIP 23, arXiv 1308.3052): luma, 2x2 means, Prewitt gradients / 3,
    c = 170 for values 0..255.
Matches: piq 0.8.0 `gmsd(data_range=255)`, within 1e-10: where a side is odd, a row and a column of zeros are added at
    the end before the 2x2 means, and the gradient looks at zeros beyond the border. The authors' MATLAB code averages
    around each pixel and keeps every other one, which differs at the border.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeval.metrics.base import Margin, Output, Params, PixelMetric, in_torch
from ganeval.metrics.luma import unrounded_luma

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def compute_gmsd(fake: Float[Tensor, "B C H W"], real: Float[Tensor, "B C H W"], params: Params) -> Float[Tensor, " B"]:
    """GMSD of each pair, at least 0; 0 for identical images.

    Args:
        fake: float64, 0..255, both sides at least 4 pixels.
        real: The same shape.
        params: "c", the constant of the similarity, in squared values of 0..255.
    """
    c = float(params["c"])
    x, y = (gradient_magnitude(_halved(unrounded_luma(images)), (1.0, 1.0, 1.0), 3.0) for images in (fake, real))
    alike = (2.0 * x * y + c) / (x.square() + y.square() + c)
    return alike.std(dim=(1, 2, 3), correction=0)


def gradient_magnitude(
    images: Float[Tensor, "B 1 H W"], smoothing: tuple[float, float, float], divisor: float
) -> Float[Tensor, "B 1 H W"]:
    """Length of the gradient by a 3x3 filter: differences along one axis, smoothed along the other.

    Zeros lie beyond the border.

    Args:
        images: float64.
        smoothing: Weights across the difference: 1, 1, 1 for Prewitt, 3, 10, 3 for Scharr.
        divisor: Of the filter.
    """
    import torch
    import torch.nn.functional as F

    kernel = torch.outer(images.new_tensor(smoothing), images.new_tensor([-1.0, 0.0, 1.0])) / divisor
    found = F.conv2d(images, torch.stack([kernel, kernel.T]).unsqueeze(1), padding=1)
    return found.square().sum(dim=1, keepdim=True).sqrt()


def _halved(images: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B 1 h w"]:
    """2x2 means; where a side is odd, after a row and a column of zeros at the end."""
    import torch.nn.functional as F

    if images.shape[2] % 2 or images.shape[3] % 2:
        images = F.pad(images, (0, 1, 0, 1))
    return F.avg_pool2d(images, 2)


GMSD = PixelMetric(
    name="gmsd",
    summary="gradient magnitude similarity deviation on luma, mean over images",
    output=Output("gmsd", better="lower", range=(0.0, 1.0), title="GMSD", gateable=True, margin=Margin(0.02, "%")),
    symmetric=True,
    min_side=4,  # gradients of 2x2 places: of a single one there is no deviation
    version=1,
    compute=in_torch(compute_gmsd),
    params={"c": 170.0},
)
