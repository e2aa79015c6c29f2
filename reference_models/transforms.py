"""The fixed rules that make training pairs out of photos: low resolution, edges, uint8 and ranges.

Each is a pure function without settings, so that a checkpoint's inputs can be made again years later.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from ganeval.sources.base import Pixels
from ganeval.sources.tensors import quantise_tensor
from reference_models.models.base import OutputRange

CANNY_SIGMA = 1.0


def to_range(images: UInt8[Tensor, "*shape"], output_range: OutputRange) -> Float[Tensor, "*shape"]:
    """Bytes 0..255 to floats from `low` to `high`."""
    low, high = output_range
    return images.float().mul_((high - low) / 255.0).add_(low)


def to_uint8(images: Float[Tensor, "*shape"], output_range: OutputRange) -> UInt8[Tensor, "*shape"]:
    """A generator's output to bytes, by the project's rule; what leaves the range is cut off.

    Raises:
        DataError: a value is NaN.
    """
    low, high = output_range
    return quantise_tensor((images.float() - low) / (high - low))


def low_resolution(images: Float[Tensor, "B C H W"], scale: int) -> Float[Tensor, "B C h w"]:
    """Images on [0, 1], `scale` times smaller: antialiased bicubic (a = -.5, as Pillow's), rounded to 1/255.

    Rounded because the images that a trained model meets are files of bytes.
    """
    size = (images.shape[-2] // scale, images.shape[-1] // scale)
    small = F.interpolate(images, size=size, mode="bicubic", antialias=True, align_corners=False)
    return small.clamp(0.0, 1.0).mul(255.0).round().div(255.0)


def bicubic_enlargement(images: Float[Tensor, "B C h w"], scale: int) -> Float[Tensor, "B C H W"]:
    """What super-resolution has to beat: bicubic enlargement (a = -.5), cut off at 0 and 1."""
    size = (images.shape[-2] * scale, images.shape[-1] * scale)
    large = F.interpolate(images, size=size, mode="bicubic", antialias=True, align_corners=False)
    return large.clamp(0.0, 1.0)


def edges(pixels: Pixels) -> Pixels:
    """Edges of a photo, white on black, uint8 (1, H, W): scikit-image's Canny on BT.709 luma, sigma 1, its defaults."""
    from skimage.color import rgb2gray
    from skimage.feature import canny

    found = np.asarray(canny(rgb2gray(pixels.transpose(1, 2, 0)), sigma=CANNY_SIGMA), dtype=np.uint8)  # type: ignore[no-untyped-call]
    return found[None] * np.uint8(255)


def padded_to_multiple(images: Float[Tensor, "B C H W"], factor: int) -> Float[Tensor, "B C P Q"]:
    """Edge pixels repeated at the bottom and the right until both sides are multiples of `factor`."""
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % factor, 0, -height % factor), mode="replicate")


def resized(images: UInt8[Tensor, "B C H W"], size: tuple[int, int]) -> UInt8[Tensor, "B C P Q"]:
    """Bytes at another size: antialiased bicubic, rounded; the same images where the size is the same."""
    if images.shape[-2:] == size:
        return images
    scaled = F.interpolate(images.float(), size=size, mode="bicubic", antialias=True, align_corners=False)
    return scaled.clamp(0.0, 255.0).round().to(torch.uint8)
