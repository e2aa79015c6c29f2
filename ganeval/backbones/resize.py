"""The resize rules that backbones were trained or defined with, from uint8 images to float32 on the 0..255 scale.

A resize rule is part of a number: the same images and weights under two rules give two FIDs. Neither rule rounds or
clamps its result. Both run on the device of `images`, in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor


def tf1_bilinear(images: UInt8[Tensor, "B 3 H W"], size: tuple[int, int]) -> Float[Tensor, "B 3 S T"]:
    """Resizes as TensorFlow 1.x's `resize_bilinear` (align_corners=False, no half-pixel centres, no antialiasing).

    Output pixel j samples the input at j * in / out, clamped at the last pixel. That is PyTorch's align_corners=True
    rule, whose step is (in - 1) / (out - 1), on an image with its last row and column repeated (in + 1) and one more
    output row and column (out + 1) that are cut off again: one native kernel in place of four gathers.

    Matches torch_fidelity 0.4.0, `interpolate_bilinear_2d_like_tensorflow1x(method="slow")`, to 1e-4 absolute
    (different order of the two float32 interpolations), for every size.

    Args:
        images: Any height and width, RGB, 0..255.
        size: Height and width to make.

    Returns:
        float32, 0..255; the images themselves where they already have that size.
    """
    import torch.nn.functional as F

    pixels = images.float()
    if images.shape[2:] == size:
        return pixels
    padded = F.pad(pixels, (0, 1, 0, 1), mode="replicate")
    height, width = size
    resized = F.interpolate(padded, (height + 1, width + 1), mode="bilinear", align_corners=True)
    return resized[:, :, :height, :width].contiguous()


def antialiased(
    images: UInt8[Tensor, "B 3 H W"], size: tuple[int, int], mode: Literal["bilinear", "bicubic"]
) -> Float[Tensor, "B 3 S T"]:
    """Resizes with half-pixel centres and a filter as wide as the reduction (what PIL does, without its rounding).

    Bicubic is Keys' kernel with a = -0.5, as in PIL; it overshoots, so values may leave 0..255.

    Args:
        images: Any height and width, RGB, 0..255.
        size: Height and width to make.
        mode: The filter.

    Returns:
        float32 on the 0..255 scale, neither clamped nor rounded.
    """
    import torch.nn.functional as F

    return F.interpolate(images.float(), size, mode=mode, antialias=True, align_corners=False)
