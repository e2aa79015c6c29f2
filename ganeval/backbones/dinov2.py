"""DINOv2 vision transformers (ViT-S, B and L with 14 px patches): the backbone of FD-DINOv2.

Source: Oquab et al. 2023 (arXiv 2304.07193); as a measure of generated images: Stein et al. 2023 (arXiv 2306.04675),
whose canonical choice is ViT-L/14.
Matches: facebookresearch/dinov2@112792f, `dinov2/models/vision_transformer.py` as its torch.hub entries build it
(img_size 518, no registers, LayerScale); `forward()`, that is x_norm_clstoken.
Preprocessing: EDM2's (NVlabs/edm2@32ecad3, `calculate_metrics.py`, resize_mode='torch'): antialiased bicubic to
224 x 224, neither rounded nor clamped, then ImageNet mean and std. dgm-eval, where FD-DINOv2 began, resizes with
Pillow, which rounds to uint8 after each of its two passes and clips overshoot at 0 and 255: the same filter, .28 of a
grey level away on average over photos, up to 18 at hard edges. torch-fidelity resizes bilinearly as TensorFlow 1.x
and so prints another number. None of them crops: other aspect ratios are squeezed to a square.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganeval.backbones.base import Backbone, BackboneInfo
from ganeval.backbones.preparation import Preparation, on_255
from ganeval.backbones.weights import LoadedWeights, load_network
from ganeval.backbones.weights_file import UNPUBLISHED_HASH, Url, WeightsFile

if TYPE_CHECKING:
    import torch

SIDE = 224  # of the input: 16 x 16 patches
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Size:
    """What tells one of these transformers from another.

    Attributes:
        width: Length of a token.
        depth: Number of blocks.
        heads: Attention heads, of width / heads = 64 numbers each.
    """

    width: int
    depth: int
    heads: int


SIZES = {
    "dinov2-vits14": Size(384, 12, 6),
    "dinov2-vitb14": Size(768, 12, 12),
    "dinov2-vitl14": Size(1024, 24, 16),
}


class DinoV2(Backbone):
    """Antialiased bicubic to 224 px, ImageNet mean and std, DINOv2's class token.

    Args:
        info: `VITS14`, `VITB14` or `VITL14`.
        weights: State dict in the layout of torch.hub's dinov2_vit?14_pretrain.pth.
        device: Where to compute.

    Raises:
        WeightsError: the state dict has another layout.
    """

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        from ganeval.backbones.networks.dinov2 import VisionTransformer

        super().__init__(info, weights, device)
        size = SIZES[info.name]
        build = functools.partial(VisionTransformer, size.width, size.depth, size.heads)
        self.network = load_network(build, weights.state, info.name, device)


def _declare(model: str, title: str, *, canonical: bool) -> BackboneInfo:
    name = f"dinov2-{model}"
    return BackboneInfo(
        name=name,
        summary=f"DINOv2 {title}, self-supervised on LVD-142M, class token",
        weights=WeightsFile(
            name=name,
            filename=f"dinov2_{model}_pretrain.pth",
            sha256="",
            size=None,
            origin=Url(f"https://dl.fbaipublicfiles.com/dinov2/dinov2_{model}/dinov2_{model}_pretrain.pth"),
            license="Apache-2.0",
            note=f"DINOv2 {title}, backbone without registers; {UNPUBLISHED_HASH}",
        ),
        dim=SIZES[name].width,
        classes=None,
        resize="bicubic-antialias-224 ImageNet-mean/std",
        canonical=canonical,
        pyramid=False,
        load=DinoV2,
        preparation=Preparation("bicubic-antialias", SIDE, *on_255(IMAGENET_MEAN, IMAGENET_STD)),
    )


VITS14 = _declare("vits14", "ViT-S/14", canonical=False)
VITB14 = _declare("vitb14", "ViT-B/14", canonical=False)
VITL14 = _declare("vitl14", "ViT-L/14", canonical=True)
