"""CLIP image towers (OpenAI ViT-B/32, and ViT-L/14 at 336 px): the backbones of CMMD and of Frechet distances on CLIP.

Source: Radford et al. 2021 (arXiv 2103.00020); as a measure: Jayasumana et al. 2024 (arXiv 2401.09603, CMMD, ViT-L/14
at 336 px), Kynkaanniemi et al. 2023 (arXiv 2203.06026, ViT-B/32).
Network: torch-fidelity's `VisionTransformer` (openai/CLIP's model.py), in float32.
Features: the projected image embedding, not normalised. CMMD's unit length belongs to the metric, which divides by it;
a Frechet distance on CLIP is defined on the embeddings as they come.
Preprocessing: CMMD's reference (google-research `cmmd/io_util.py`, and cmmd-pytorch): the largest centred square, then
Pillow's bicubic to the input size, which rounds to uint8 after each of its two passes. Done here on the device, with
the same result but for ties: fewer than 1 % of the pixels are another grey level.
torch-fidelity's own CLIP extractor resizes bilinearly as TensorFlow 1.x, without a crop: another number.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganeval.backbones.base import Backbone, BackboneInfo, Output
from ganeval.backbones.resize import antialiased
from ganeval.backbones.weights import LoadedWeights, load_network
from ganeval.backbones.weights_file import Url, WeightsFile
from ganeval.errors import WeightsError

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, UInt8
    from torch import Tensor, nn

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Tower:
    """What tells one image tower from another.

    Attributes:
        side: Of the input, pixels.
        patch: Side of a patch, pixels.
        width: Length of a token; heads have 64 numbers each.
        depth: Number of blocks.
        dim: Length of the embedding that image and text share.
    """

    side: int
    patch: int
    width: int
    depth: int
    dim: int


TOWERS = {
    "clip-vitb32": Tower(side=224, patch=32, width=768, depth=12, dim=512),
    "clip-vitl14-336": Tower(side=336, patch=14, width=1024, depth=24, dim=768),
}


def image_tower(tower: Tower) -> nn.Module:
    """torch-fidelity's image tower, from prepared (B, 3, side, side) to (B, dim), on the current default device."""
    from torch_fidelity.feature_extractor_clip import VisionTransformer  # 2 s; listing the backbones needs none of it

    network: nn.Module = VisionTransformer(
        tower.side, tower.patch, tower.width, tower.depth, tower.width // 64, tower.dim
    )
    return network


def image_state(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The image tower's tensors out of an OpenAI state dict, without their "visual." prefix.

    Args:
        state: conv1 etc. under "visual."; the text tower's tensors may be there too and are left out. OpenAI's files
            hold half precision: every number of it is exact in float32.
        name: Backbone name, for the message.

    Raises:
        WeightsError: nothing in it is an image tower's.
    """
    prefix = "visual."
    tower = {key.removeprefix(prefix): value.float() for key, value in state.items() if key.startswith(prefix)}
    if not tower:
        raise WeightsError(
            f"The weights given for {name} have no tensor named {prefix}*; {len(state)} others, such as "
            f"{', '.join(sorted(state)[:3]) or 'none'}. Expected the state dict of an OpenAI CLIP file."
        )
    return tower


def center_square(images: UInt8[Tensor, "B 3 H W"]) -> UInt8[Tensor, "B 3 L L"]:
    """The largest centred square; an odd pixel more is left at the bottom or right, as in CMMD's reference."""
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, :, top : top + side, left : left + side]


def _to_uint8(values: Float[Tensor, "B 3 H W"]) -> UInt8[Tensor, "B 3 H W"]:
    """Halves go up, as in Pillow's fixed-point arithmetic (torch.round takes them to the even number)."""
    return (values + 0.5).floor().clamp(0, 255).byte()


def pillow_bicubic(images: UInt8[Tensor, "B 3 H W"], side: int) -> UInt8[Tensor, "B 3 S S"]:
    """Pillow's `Image.resize(..., BICUBIC)`: along the rows, to uint8, then down the columns, to uint8."""
    wide = _to_uint8(antialiased(images, (images.shape[2], side), "bicubic"))
    return _to_uint8(antialiased(wide, (side, side), "bicubic"))


class Clip(Backbone):
    """Centred square, Pillow's bicubic, CLIP mean and std, projected image embedding.

    Args:
        info: `VITB32` or `VITL14_336`.
        weights: State dict with OpenAI's names (visual.conv1.weight, visual.transformer.resblocks.0..., visual.proj).
        device: Where to compute.

    Raises:
        WeightsError: the state dict has another layout.
    """

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        super().__init__(info, weights, device)
        tower = TOWERS[info.name]
        self._side = tower.side
        state = image_state(weights.state, info.name)
        self.network = load_network(functools.partial(image_tower, tower), state, info.name, device)

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 S S"]:
        """Crops, resizes to uint8 and normalises."""
        import torch

        pixels = pillow_bicubic(center_square(images.to(self.device)), self._side).float() / 255.0
        mean = torch.tensor(CLIP_MEAN, device=self.device).reshape(1, 3, 1, 1)
        std = torch.tensor(CLIP_STD, device=self.device).reshape(1, 3, 1, 1)
        return (pixels - mean) / std

    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Output:
        """512 or 768 features an image, of any length; no logits."""
        return Output(features=self.network(prepared))


def _declare(name: str, file: str, sha256: str, title: str, note: str) -> BackboneInfo:
    tower = TOWERS[name]
    return BackboneInfo(
        name=name,
        summary=f"OpenAI CLIP {title} image tower, projected embedding (not normalised)",
        weights=WeightsFile(
            name=name,
            filename=f"clip-{file}",
            sha256=sha256,
            size=None,
            origin=Url(f"https://openaipublic.azureedge.net/clip/models/{sha256}/{file}"),
            license="MIT",
            note=f"OpenAI CLIP {note} (TorchScript archive)",
            aliases=(file,),
        ),
        dim=tower.dim,
        classes=None,
        resize=f"center-square bicubic-antialias-{tower.side} uint8 CLIP-mean/std",
        canonical=True,
        pyramid=False,
        load=Clip,
    )


VITB32 = _declare(
    "clip-vitb32",
    "ViT-B-32.pt",
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    "ViT-B/32",
    "ViT-B/32",
)
VITL14_336 = _declare(
    "clip-vitl14-336",
    "ViT-L-14-336px.pt",
    "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    "ViT-L/14@336px",
    "ViT-L/14 at 336 px",
)
