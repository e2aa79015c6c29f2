"""What a backbone is: preprocessing and network in one piece, from uint8 images to features.

The two halves are separate methods so that images of mixed sizes can be resized one size at a time and then share a
batch; they live in one object because a network without its own preprocessing computes another number.
"""

import abc
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


@dataclass(frozen=True)
class Output:
    """What a network says about a batch.

    Attributes:
        features: float32 (B, D), on the network's device.
        logits: float32 (B, K), or None for a backbone without a classifier.
    """

    features: Float[Tensor, "B D"]
    logits: Float[Tensor, "B K"] | None = None


@dataclass(frozen=True)
class BackboneInfo:
    """One line of `ganeval list backbones`: known without loading any weights.

    Attributes:
        name: Registry name ("inception").
        summary: One line for people: which network, trained on what.
        weights: Names in the weights table that it needs ("inception"); the first is the network's own.
        dim: Feature width D, or None where it has only a pyramid.
        classes: Logit width K, or None.
        resize: The preprocessing in words that go into the protocol ("bicubic-antialias-224 (x-127)/128").
        canonical: True where the field publishes numbers with exactly these weights.
        pyramid: True where `pyramid()` works, so that paired metrics can use it.
        license: SPDX name of the weights' licence.
        loader: "package.module:Class", called as `Class(info, weights, device)` with the `LoadedWeights` of
            `weights[0]`; a string, so that the facts stand above the class in the backbone's own file.
    """

    name: str
    summary: str
    weights: tuple[str, ...]
    dim: int | None
    classes: int | None
    resize: str
    canonical: bool
    pyramid: bool
    license: str
    loader: str


class Backbone(abc.ABC):
    """Preprocessing and network, never split.

    Attributes:
        info: The static facts.
        weights_sha256: Hash of the file that was loaded; goes into the protocol.
        network: The module in eval mode; an engine may replace it by a faster equal (folded, compiled, OpenVINO).
        device: Where `network` lives; inputs are moved here.
        engine: What runs `network`: "torch 2.14.1", "openvino 2026.4.1"; goes into each shard of features.
        pinned: False when the weights are not the ones that the table of weights pins.
        pyramid_layers: Names of the maps that `pyramid` gives, in its order.
    """

    info: BackboneInfo
    weights_sha256: str
    network: torch.nn.Module
    device: torch.device
    engine: str = f"torch {torch.__version__}"
    pinned: bool = True
    pyramid_layers: tuple[str, ...] = ()

    @property
    def loaded(self) -> Self:
        """Itself; a `LazyBackbone` has this property too."""
        return self

    def load(self) -> Self:
        """Itself; a `LazyBackbone` has this method too."""
        return self

    @property
    def key(self) -> str:
        """Name in a metric key: "inception", or "inception#1a2b3c4d" when the weights are not the pinned ones."""
        return self.info.name if self.pinned else f"{self.info.name}#{self.weights_sha256[:8]}"

    @abc.abstractmethod
    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 S T"]:
        """Resizes and normalises images of one size, on `device`, in float32."""

    @abc.abstractmethod
    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Output:
        """Runs the network on prepared images (any mix of original sizes). No gradient."""

    def __call__(self, images: UInt8[Tensor, "B 3 H W"]) -> Output:
        """prepare, then forward."""
        return self.forward(self.prepare(images))

    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """Feature maps at several depths, from images at their native size, for paired metrics.

        Raises:
            NotImplementedError: `info.pyramid` is False.
        """
        raise NotImplementedError(f"backbone {self.info.name} has no feature pyramid")
