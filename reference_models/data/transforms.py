"""The fixed rules that make training pairs out of photos: low resolution, edges, grey, holes, uint8 and ranges.

Each is a pure function without settings, so that a checkpoint's inputs can be made again years later.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from ganeval.sources.base import Pixels
from ganeval.sources.decoding.quantise_tensor import quantise_tensor
from reference_models.models.base import OutputRange

HOLE, PITCH = 24, 48  # pixels: a quarter of the area, in every crop of 64
EDGE_SIGMA = 1.0
EDGE_GAIN = 5.0  # 99 of 100 pixels of a photo respond with less than .2: they keep their full depth


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
    """Edges of a photo, uint8 (1, H, W): the Laplacian of a Gaussian of its BT.709 luma, sigma 1 pixel.

    Mid grey (128) where the photo is flat or a ramp, light on the dark side of an edge and dark on its bright side;
    brightness and colour of an area are not in it. Binary edges say too little for the five photos there are to learn
    from: with Canny's, a generator that minimises the L1 distance paints the mean colour.
    Source: Marr & Hildreth 1980, "Theory of edge detection" (doi:10.1098/rspb.1980.0020), equation 5.
    """
    from scipy.ndimage import gaussian_laplace
    from skimage.color import rgb2gray

    luma = rgb2gray(pixels.transpose(1, 2, 0))
    response = np.clip(EDGE_GAIN * gaussian_laplace(luma, EDGE_SIGMA), -1.0, 1.0)
    return np.rint(128.0 + 127.0 * response).astype(np.uint8)[None]


def grey(pixels: Pixels) -> Pixels:
    """A photo without its colours, uint8 (1, H, W): BT.601 luma in full range, as `PIL.Image.convert("L")`."""
    weights = np.array([299, 587, 114]).reshape(3, 1, 1)
    luma: Pixels = np.rint((weights * pixels.astype(np.int64)).sum(axis=0) / 1000.0).astype(np.uint8)[None]
    return luma


def masked(pixels: Pixels) -> Pixels:
    """A photo with square holes, uint8 (3, H, W): `HOLE` pixels at every `PITCH`, mid grey (128), not at the borders.

    The holes' places are fixed, so that the input of a true image can be made again.
    """
    made = pixels.copy()
    height, width = pixels.shape[1:]
    first = (PITCH - HOLE) // 2
    for top in range(first, height - first, PITCH):
        for left in range(first, width - first, PITCH):
            made[:, top : min(top + HOLE, height - first), left : min(left + HOLE, width - first)] = 128
    return made


# What a paired translator is given, made of the true image. To add a task: its function, and its line here.
CONDITIONS: dict[str, Callable[[Pixels], Pixels]] = {"edges": edges, "grey": grey, "masked": masked}


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
