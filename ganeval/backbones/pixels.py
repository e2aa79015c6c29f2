"""The pixels themselves as features: 16 x 16 RGB, without a network or weights.

For what pixels say better than a network trained on photographs: which class a small grey image shows, and which
training image a sample is a copy of. A distance on it sees brightness and position, and no texture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeval.backbones.base import Backbone, BackboneInfo, Output
from ganeval.backbones.resize import antialiased
from ganeval.backbones.weights import LoadedWeights

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, UInt8
    from torch import Tensor

SIDE = 16


class Pixels16(Backbone):
    """Resizes and flattens."""

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        import torch

        super().__init__(info, weights, device)
        self.network = torch.nn.Flatten()

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 16 16"]:
        """16 x 16, on [0, 1] but for the overshoot of bicubic."""
        return antialiased(images.to(self.device), (SIDE, SIDE), "bicubic") / 255.0

    def forward(self, prepared: Float[Tensor, "B 3 16 16"]) -> Output:
        """The values, channel by channel, row by row."""
        return Output(self.network(prepared))


PIXELS = BackboneInfo(
    name="pixels",
    summary="the pixels themselves, 16 x 16 RGB: no network, no weights",
    weights=None,
    dim=3 * SIDE * SIDE,
    classes=None,
    resize=f"bicubic-antialias-{SIDE} x/255",
    canonical=False,
    pyramid=False,
    load=Pixels16,
)
