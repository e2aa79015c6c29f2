"""What stands before a network, as a declaration: a resize rule, then (x - shift) / scale.

It runs on a tensor, or on an array without PyTorch. The two agree to 3e-4 of 255 grey levels, the order of a few sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ganeval.backbones.resize import Rule, resize_array, resize_tensor

Channels = tuple[float, float, float]

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor


def on_255(mean: Channels, std: Channels) -> tuple[Channels, Channels]:
    """Shift and scale of pixels on the 0..255 scale, from the mean and deviation of a training set on 0..1."""
    shift, scale = (tuple((np.float32(255) * np.asarray(value, np.float32)).tolist()) for value in (mean, std))
    return shift, scale


@dataclass(frozen=True)
class Preparation:
    """From uint8 images to the input of a network.

    Attributes:
        rule: How pixels are resized.
        size: Height and width of the network's input.
        shift: Taken off each channel, on the 0..255 scale; one number, or one a channel.
        scale: Then divides each channel.
        clips: Whether what the resize overshoots 0..255 by is cut off.
        order: Of the channels.
    """

    rule: Rule
    size: int
    shift: float | Channels
    scale: float | Channels
    clips: bool = False
    order: Literal["rgb", "bgr"] = "rgb"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one prepared image."""
        return 3, self.size, self.size

    def tensor(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 S S"]:
        """Prepares images of one size on their device, in float32."""
        pixels = resize_tensor(images, (self.size, self.size), self.rule)
        return self.normalised(pixels.clamp(0.0, 255.0) if self.clips else pixels)

    def normalised(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """Pixels on the 0..255 scale as the network takes them; differentiable."""
        import torch

        shift, scale = (
            torch.tensor(value, dtype=pixels.dtype, device=pixels.device).reshape(-1, 1, 1)
            for value in (self.shift, self.scale)
        )
        return ((pixels.flip(1) if self.order == "bgr" else pixels) - shift) / scale

    def array(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Prepares one image, (3, H, W), without PyTorch."""
        pixels = resize_array(image, (self.size, self.size), self.rule)
        if self.clips:
            np.clip(pixels, 0.0, 255.0, out=pixels)
        if self.order == "bgr":
            pixels = pixels[::-1]
        shift, scale = (np.asarray(value, np.float32).reshape(-1, 1, 1) for value in (self.shift, self.scale))
        pixels -= shift
        pixels /= scale
        return pixels
