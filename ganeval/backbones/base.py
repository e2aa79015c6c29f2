"""What a backbone is: preprocessing and network in one piece, from uint8 images to features.

The two halves are separate methods so that images of mixed sizes can be resized one size at a time and then share a
batch; they live in one object because a network without its own preprocessing computes another number.
"""

from __future__ import annotations  # declarations are read without torch, whose types they name

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ganeval.backbones.preparation import Preparation
from ganeval.backbones.weights_file import WeightsFile

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, UInt8
    from torch import Tensor

    from ganeval.backbones.weights import LoadedWeights


@dataclass(frozen=True)
class Output:
    """Output of a network for a batch.

    Attributes:
        features: float32 (B, D), on the network's device.
        logits: float32 (B, K), or None for a backbone without a classifier.
    """

    features: Float[Tensor, "B D"]
    logits: Float[Tensor, "B K"] | None = None


@dataclass(frozen=True)
class BackboneInfo:
    """The declaration of a backbone: one line of `ganeval list backbones`, and one of `ganeval weights list`.

    Reading it loads neither weights nor torch.

    Attributes:
        name: Registry name ("inception").
        summary: One line for people: which network, trained on what.
        weights: The file of its weights; None for a backbone without any.
        dim: Feature width D, or None if it has only a pyramid.
        classes: Logit width K, or None.
        resize: The preprocessing in words that go into the protocol ("bicubic-antialias-224 (x-127)/128").
        canonical: True if the field publishes numbers with exactly these weights.
        pyramid: True if `pyramid()` works, so that paired metrics can use it.
        preparation: What stands before the network, where it is one resize and one scaling: `Backbone.prepare` does it,
            and an engine that needs no PyTorch. None for a backbone with a `prepare` of its own.
        load: Builds the backbone from this declaration, the loaded `weights` and a device.
        heads: Files of learned weights that metrics put on its pyramid (LPIPS).
    """

    name: str
    summary: str
    weights: WeightsFile | None
    dim: int | None
    classes: int | None
    resize: str
    canonical: bool
    pyramid: bool
    load: Callable[[BackboneInfo, LoadedWeights, torch.device], Backbone]
    heads: tuple[WeightsFile, ...] = ()
    preparation: Preparation | None = None

    @property
    def license(self) -> str:
        """SPDX name of the weights' licence; "none" without weights."""
        return "none" if self.weights is None else self.weights.license


class Backbone:
    """Preprocessing and network, never split.

    Args:
        info: The declaration.
        weights: What was loaded from `info.weights`, or from another file of that layout.
        device: Where the network is to run.

    Attributes:
        info: As given.
        weights_sha256: Hash of the file that was loaded; goes into the protocol.
        pinned: False if the weights are not those of the declaration.
        device: Where `network` lives; inputs are moved here.
        engine: What runs `network`: "torch 2.14.1", "openvino 2026.4.1"; goes into each shard of features.
        network: The module in eval mode; an engine may replace it by a faster equal (folded, compiled, OpenVINO).
        pyramid_layers: Names of the maps that `pyramid` gives, in its order.
    """

    network: torch.nn.Module
    pyramid_layers: tuple[str, ...] = ()

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        import torch

        self.info = info
        self.weights_sha256 = weights.sha256
        self.pinned = weights.pinned
        self.device = device
        self.engine = f"torch {torch.__version__}"

    @property
    def loaded(self) -> Self:
        """Itself; a `LazyBackbone` has this property too."""
        return self

    def load(self) -> Self:
        """Itself; a `LazyBackbone` has this method too."""
        return self

    def behind(self, info: BackboneInfo) -> Self:
        """The same network behind another preparation.

        Args:
            info: Declares the preparation, with the same weights.
        """
        other = copy.copy(self)
        other.info = info
        return other

    @property
    def device_type(self) -> str:
        """One of "cpu", "cuda" and "mps"; a `LazyBackbone` has this property too."""
        return self.device.type

    @property
    def key(self) -> str:
        """Name in a metric key: "inception", or "inception#1a2b3c4d" when the weights are not the pinned ones."""
        return self.info.name if self.pinned else f"{self.info.name}#{self.weights_sha256[:8]}"

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 S T"]:
        """Resizes and normalises images of one size, on `device`, in float32: as declared."""
        return self._preparation.tensor(images.to(self.device))

    def normalise(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """Pixels of any size on the 0..255 scale as the network takes them; differentiable."""
        return self._preparation.normalised(pixels)

    @property
    def _preparation(self) -> Preparation:
        if self.info.preparation is None:
            raise NotImplementedError(f"backbone {self.info.name} declares no preparation, and has no prepare()")
        return self.info.preparation

    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Output:
        """Runs the network on prepared images (any mix of original sizes): it gives features, or those and logits."""
        outputs = self.network(prepared)
        return Output(outputs) if self.info.classes is None else Output(*outputs)

    def __call__(self, images: UInt8[Tensor, "B 3 H W"]) -> Output:
        """prepare, then forward."""
        return self.forward(self.prepare(images))

    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """Feature maps at several depths, from images at their native size, for paired metrics.

        Raises:
            NotImplementedError: `info.pyramid` is False.
        """
        raise NotImplementedError(f"backbone {self.info.name} has no feature pyramid")
