"""What happens to a pair of images before a metric of pixels sees them: the luma channel, and the cut border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor

Pixels = TypeVar("Pixels", "np.ndarray", "Tensor")

LUMA_RULE: Final = "BT.601, 16..235; an original of one channel is its own luma, 0..255"
"""How a protocol states the luma of pairs some of whose originals are stored in one channel."""

IMAGE_LUMA_RULE: Final = "BT.601, 16..235; an image of one channel is its own luma, 0..255"
"""The same of single images."""

LUMA_VERSION: Final = 2
"""Least version of a number that rests on `LUMA_RULE`. Version 1 took every original for colour, so that of colour
originals is unchanged; a grey original went through 16..235 and its PSNR came out 20 log10(255/219) = 1.32 dB higher.
"""


def pair_luma(
    fake: UInt8[np.ndarray, "3 H W"], real: UInt8[np.ndarray, "3 H W"], own: bool
) -> tuple[Float[np.ndarray, "1 H W"], Float[np.ndarray, "1 H W"]]:
    """The luma of a pair of images, by one rule for both; the original decides which.

    An original that is stored in one channel is its own luma. So do the published tables: MATLAB's code calls
    `rgb2ycbcr` only where `size(image, 3) == 3`, and BasicSR's `to_y_channel` only where there are three channels.
    The fake of such an original is its own luma as well where its channels are equal, and one in colour is weighted
    over the same range, so that a pixel of colour more or less does not change the scale of the number.

    Args:
        fake: RGB, 0..255.
        real: The same shape.
        own: True if the original is stored in one channel.
    """
    rule = _full_range_luma if own else to_luma
    return rule(fake), rule(real)


def _full_range_luma(image: UInt8[np.ndarray, "3 H W"]) -> Float[np.ndarray, "1 H W"]:
    """round(0.299 R + 0.587 G + 0.114 B), 0..255, in integers: of equal channels their value, exactly."""
    red, green, blue = image.astype(np.int32)
    return np.asarray((299 * red + 587 * green + 114 * blue + 500) // 1000, dtype=np.float64)[None]


def to_luma(image: UInt8[np.ndarray, "3 H W"]) -> Float[np.ndarray, "1 H W"]:
    """The Y of BT.601 in studio range, as super-resolution papers measure on.

    Y = round(16 + (65.481 R + 128.553 G + 24.966 B) / 255), from 16 (black) to 235 (white), rounded to 8 bit as
    MATLAB's `rgb2ycbcr` does for uint8. Full-range luma (0.299 R + 0.587 G + 0.114 B, 0..255) gives another PSNR: its
    contrast is 255/219 times as large, which costs 1.3 dB.

    Computed with integers, so every machine gives the same bits. A half is rounded up; it occurs for 194 of the 256³
    colours, and there a floating-point evaluation may round either way.

    Args:
        image: RGB, 0..255.

    Returns:
        float64, whole numbers 16..235.
    """
    red, green, blue = image.astype(np.int32)
    thousandths = 65_481 * red + 128_553 * green + 24_966 * blue  # of 255 Y; at most 55,845,000, so int32 is enough
    return np.asarray(16 + (thousandths + 127_500) // 255_000, dtype=np.float64)[None]


def unrounded_luma(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
    """0.299 R + 0.587 G + 0.114 B of RGB, in float64 without rounding; one channel is its own luma.

    What metrics that are defined on grey images look at when they are given RGB.
    """
    if images.shape[1] == 1:
        return images
    return 0.299 * images[:, :1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:]


def crop_border(images: Pixels, border: int) -> Pixels:
    """Cuts `border` pixels off each of the four sides of (..., H, W); a view.

    Raises:
        ValueError: the border is negative or leaves nothing.
    """
    height, width = images.shape[-2:]
    if border < 0 or 2 * border >= min(height, width):
        raise ValueError(f"a border of {border} pixels does not fit into images of {width}x{height}")
    return images[..., border : height - border, border : width - border]


def image_luma(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The luma of one image, by the rule of `pair_luma`: that of one channel as it is, else the Y of `to_luma`.

    Args:
        image: (C, H, W), C = 3 or 1.

    Returns:
        (H, W), whole numbers.
    """
    return np.asarray(image[0], dtype=np.float64) if len(image) == 1 else to_luma(image)[0]
