"""The Inception network behind the preprocessing of other tools: the same weights, other resizes, other FIDs.

Each row of `PREPARATIONS` is one way from pixels to the network's input of 299 px. Rows that a tool prints numbers with
are backbones of their own (`inception-pytorch`, `inception-clean`, `inception-antialias`), so that a score by one of
them never passes for a score by another. The rest are intermediate steps, from which `ganeval explain` measures what
each single change does.
Sources: pytorch-fid 0.3.0 `inception.py`; clean-fid 0.1.35 `resize.py` and `features.py` (Parmar, Zhang & Zhu 2022,
arXiv 2104.11222); torchmetrics 1.9.0 `image/fid.py`; torch-fidelity 0.4.0 `feature_extractor_inceptionv3.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ganeval.backbones.base import BackboneInfo
from ganeval.backbones.inception import INCEPTION, SIDE, Inception
from ganeval.backbones.resize import antialiased, tf1_bilinear
from ganeval.backbones.weights import LoadedWeights

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, UInt8
    from torch import Tensor

BY_128: Final = "(x-128)/128"  # 0..255 to -1..0.992, as the TensorFlow graph
BY_127_5: Final = "x/127.5-1"  # 0..255 to -1..1, as pytorch-fid


def _tf1(images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 299 299"]:
    return tf1_bilinear(images, (SIDE, SIDE))


def _half_pixel(images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 299 299"]:
    """PyTorch's bilinear: half-pixel centres, two taps at any reduction."""
    import torch.nn.functional as F

    return F.interpolate(images.float(), (SIDE, SIDE), mode="bilinear", align_corners=False)


def _triangle(images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 299 299"]:
    return antialiased(images, (SIDE, SIDE), "bilinear")


def _cubic(images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 299 299"]:
    """Pillow's bicubic on float planes; it overshoots at edges."""
    return antialiased(images, (SIDE, SIDE), "bicubic")


@dataclass(frozen=True)
class Preparation:
    """One way from pixels to the network's input.

    Attributes:
        resize: To 299 px, on the 0..255 scale.
        clips: Whether what overshoots 0..255 is cut off.
        scale: `BY_128` or `BY_127_5`.
        words: How the resize is written in a protocol.
    """

    resize: Callable[[UInt8[Tensor, "B 3 H W"]], Float[Tensor, "B 3 299 299"]]
    clips: bool
    scale: str
    words: str

    def __call__(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 299 299"]:
        """Prepares images of one size."""
        pixels = self.resize(images)
        if self.clips:
            pixels = pixels.clamp(0.0, 255.0)
        return (pixels - 128.0) / 128.0 if self.scale == BY_128 else pixels / 127.5 - 1.0

    def describe(self) -> str:
        """For the protocol."""
        return f"{self.words} {'clipped ' if self.clips else ''}{self.scale}"


PREPARATIONS: Final[Mapping[str, Preparation]] = {
    "inception": Preparation(_tf1, False, BY_128, f"tf1-bilinear-{SIDE}"),
    "inception-halfpixel": Preparation(_half_pixel, False, BY_128, f"bilinear-{SIDE}"),
    "inception-pytorch": Preparation(_half_pixel, False, BY_127_5, f"bilinear-{SIDE}"),
    "inception-cubic": Preparation(_cubic, False, BY_128, f"bicubic-antialias-{SIDE}"),
    "inception-clean": Preparation(_cubic, True, BY_128, f"bicubic-antialias-{SIDE}"),
    "inception-antialias": Preparation(_triangle, False, BY_128, f"bilinear-antialias-{SIDE}"),
}


def variant_info(name: str, summary: str) -> BackboneInfo:
    """The declaration of Inception behind another preparation.

    Args:
        name: A key of `PREPARATIONS`.
        summary: One line for people.
    """
    return replace(
        INCEPTION,
        name=name,
        summary=summary,
        resize=PREPARATIONS[name].describe(),
        load=InceptionVariant,
    )


class InceptionVariant(Inception):
    """Inception behind the preprocessing that its name selects.

    Args:
        info: Its name is a key of `PREPARATIONS`.
        weights: As `Inception`.
        device: Where to compute.
    """

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        super().__init__(info, weights, device)
        self.preparation = PREPARATIONS[info.name]

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 299 299"]:
        """Resizes and scales as the tool does."""
        return self.preparation(images.to(self.device))

    def behind(self, name: str) -> InceptionVariant:
        """The same network, shared, behind another preparation.

        Args:
            name: A key of `PREPARATIONS`.
        """
        other = copy.copy(self)
        other.preparation = PREPARATIONS[name]
        other.info = variant_info(name, f"Inception behind {other.preparation.describe()}")
        return other


PYTORCH = variant_info(
    "inception-pytorch", "Inception with pytorch-fid's resize and range (clean-fid's legacy_pytorch)"
)
CLEAN = variant_info("inception-clean", "Inception with clean-fid's resize: Pillow's bicubic, not quantised")
ANTIALIAS = variant_info("inception-antialias", "Inception with the resize of torchmetrics from 1.8 on: antialiased")
