"""What happens to a pair of images before a metric of pixels sees them: the luma channel, and the cut border."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def to_luma(images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 H W"]:
    """The Y of BT.601 in studio range, as super-resolution papers measure on.

    Y = round(16 + (65.481 R + 128.553 G + 24.966 B) / 255), from 16 (black) to 235 (white), rounded to 8 bit as
    MATLAB's `rgb2ycbcr` does for uint8. Full-range luma (0.299 R + 0.587 G + 0.114 B, 0..255) gives another PSNR: its
    contrast is 255/219 times as large, which costs 1.3 dB.

    Computed with integers, so every device gives the same bits. A half is rounded up; it occurs for 194 of the 256³
    colours, and there a floating-point evaluation may round either way.

    Args:
        images: RGB, 0..255.

    Returns:
        float64, whole numbers 16..235, on the device of `images`.
    """
    red, green, blue = images.to(torch.int32).unbind(1)
    thousandths = 65_481 * red + 128_553 * green + 24_966 * blue  # of 255 Y; at most 55,845,000, so int32 is enough
    return (16 + (thousandths + 127_500) // 255_000).to(torch.float64).unsqueeze(1)


def crop_border(images: Tensor, border: int) -> Tensor:
    """Cuts `border` pixels off each of the four sides of (B, C, H, W); a view.

    Raises:
        ValueError: the border is negative or leaves nothing.
    """
    height, width = images.shape[-2:]
    if border < 0 or 2 * border >= min(height, width):
        raise ValueError(f"a border of {border} pixels does not fit into images of {width}x{height}")
    return images[..., border : height - border, border : width - border]
