"""The resize rules that backbones were trained or defined with, from uint8 images to float32 on the 0..255 scale.

A resize rule is part of a number: the same images and weights under two rules give two FIDs. Neither rule rounds or
clamps its result. Both run on the device of `images`, in float32. `resize_array` does the same to an array without
PyTorch: each rule weighs rows and columns by themselves, so it is two products with a matrix of few diagonals.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, Literal, assert_never

import numpy as np
import numpy.typing as npt

Rule = Literal["tf1-bilinear", "bilinear", "bilinear-antialias", "bicubic-antialias"]
Float32 = npt.NDArray[np.float32]

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


def resize_tensor(images: UInt8[Tensor, "B 3 H W"], size: tuple[int, int], rule: Rule) -> Float[Tensor, "B 3 S T"]:
    """Resizes by one of the rules, on the device of `images`.

    Args:
        images: Any height and width, RGB, 0..255.
        size: Height and width to make.
        rule: "bilinear" is PyTorch's own: half-pixel centres, two taps at any reduction.

    Returns:
        float32 on the 0..255 scale, neither clamped nor rounded.
    """
    match rule:
        case "tf1-bilinear":
            return tf1_bilinear(images, size)
        case "bilinear":
            import torch.nn.functional as F

            return F.interpolate(images.float(), size, mode="bilinear", align_corners=False)
        case "bilinear-antialias":
            return antialiased(images, size, "bilinear")
        case "bicubic-antialias":
            return antialiased(images, size, "bicubic")
        case _:
            assert_never(rule)


BLOCK: Final = 32  # output pixels that are made by one product, from the few inputs that they see


def resize_array(image: npt.NDArray[np.uint8], size: tuple[int, int], rule: Rule) -> Float32:
    """Resizes one image (3, H, W) as `resize_tensor` does.

    The weights are those that PyTorch computes in float32, so that only the order of sums differs: 3e-4 of 255.
    """
    _, height, width = image.shape
    rows = image.reshape(-1, width).astype(np.float32)
    if width != size[1]:
        narrow = np.empty((len(rows), size[1]), np.float32)
        for made, seen, weights in _blocks(width, size[1], rule):
            np.matmul(rows[:, seen], weights.T, out=narrow[:, made])
        rows = narrow
    planes = rows.reshape(3, height, size[1])
    if height == size[0]:
        return planes
    resized = np.empty((3, *size), np.float32)
    for made, seen, weights in _blocks(height, size[0], rule):
        np.matmul(weights, planes[:, seen], out=resized[:, made])
    return resized


@functools.lru_cache(maxsize=256)
def _blocks(count: int, out: int, rule: Rule) -> list[tuple[slice, slice, Float32]]:
    """Some output pixels at a time, the inputs that they see, and the weights between."""
    weights = _weights(count, out, rule)
    blocks = []
    for start in range(0, out, BLOCK):
        part = weights[start : start + BLOCK]
        seen = np.flatnonzero(part.any(axis=0))
        inputs = slice(int(seen[0]), int(seen[-1]) + 1)
        blocks.append((slice(start, start + len(part)), inputs, np.ascontiguousarray(part[:, inputs])))
    return blocks


def _weights(count: int, out: int, rule: Rule) -> Float32:
    """What each of `count` pixels adds to each of `out`, (out, count), in PyTorch's float32 arithmetic."""
    scale = np.float32(count) / np.float32(out)
    places = np.arange(out, dtype=np.float32)
    weights = np.zeros((out, count), np.float32)
    if rule in ("tf1-bilinear", "bilinear"):
        source = places * scale
        if rule == "bilinear":  # product and difference are rounded once, as by PyTorch's fused instruction
            source = np.maximum((places + 0.5) * np.float64(scale) - 0.5, 0).astype(np.float32)
        low = np.minimum(source.astype(np.int64), count - 1)
        upper = source - low.astype(np.float32)
        number = np.arange(out)
        np.add.at(weights, (number, low), np.float32(1) - upper)
        np.add.at(weights, (number, np.minimum(low + 1, count - 1)), upper)
        return weights
    reach = np.float32(2 if rule == "bicubic-antialias" else 1) * max(scale, np.float32(1))
    inverse = np.float32(1) / max(scale, np.float32(1))
    for row, place in enumerate(places):
        centre = scale * (place + np.float32(0.5))
        first = max(int(centre - reach + np.float32(0.5)), 0)
        last = min(int(centre + reach + np.float32(0.5)), count)
        offsets = np.arange(last - first, dtype=np.float32) + np.float32(first) - centre + np.float32(0.5)
        taps = _keys(np.abs(offsets * inverse)) if rule == "bicubic-antialias" else _triangle(np.abs(offsets * inverse))
        weights[row, first:last] = taps / taps.sum(dtype=np.float32)
    return weights


def _triangle(x: Float32) -> Float32:
    return np.asarray(np.maximum(np.float32(1) - x, np.float32(0)), np.float32)


def _keys(x: Float32) -> Float32:
    """Keys' cubic with a = -0.5, for x >= 0."""
    near = (np.float32(1.5) * x - np.float32(2.5)) * x * x + np.float32(1)
    far = (((x - np.float32(5)) * x + np.float32(8)) * x - np.float32(4)) * np.float32(-0.5)
    return np.asarray(np.where(x < 1, near, np.where(x < 2, far, np.float32(0))), np.float32)
