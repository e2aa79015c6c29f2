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

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from ganeval.backbones.base import Backbone, BackboneInfo, Output
from ganeval.backbones.resize import antialiased
from ganeval.backbones.weights import LoadedWeights, load_into

SIDE = 224  # of the input: 16 x 16 patches
PATCH = 14
GRID = 37  # patches a side of the position table: trained last at 518 px
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


def _info(name: str, title: str, canonical: bool) -> BackboneInfo:
    return BackboneInfo(
        name=name,
        summary=f"DINOv2 {title}, self-supervised on LVD-142M, class token",
        weights=(name,),
        dim=SIZES[name].width,
        classes=None,
        resize="bicubic-antialias-224 ImageNet-mean/std",
        canonical=canonical,
        pyramid=False,
        license="Apache-2.0",
        loader="ganeval.backbones.dinov2:DinoV2",
    )


VITS14 = _info("dinov2-vits14", "ViT-S/14", canonical=False)
VITB14 = _info("dinov2-vitb14", "ViT-B/14", canonical=False)
VITL14 = _info("dinov2-vitl14", "ViT-L/14", canonical=True)


class PatchEmbed(nn.Module):
    """One linear map a patch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH)

    def forward(self, prepared: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B N D"]:
        """Patches in rows, left to right."""
        tokens: Tensor = self.proj(prepared)
        return tokens.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        """softmax(q k' / sqrt(D / heads)) v."""
        batch, tokens, width = x.shape
        qkv: Tensor = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (B, heads, N, 64)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out: Tensor = self.proj(mixed)
        return out


class Mlp(nn.Module):
    """Two linear maps with an exact GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        """Token by token."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class LayerScale(nn.Module):
    """A learned factor a channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        """Scales each channel."""
        return x * self.gamma


class Block(nn.Module):
    """Attention and MLP, each normalised before, scaled after and added."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)
        self.ls2 = LayerScale(width)

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        """One block."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


def resample_positions(
    table: Float[Tensor, "1 positions D"], rows: int, columns: int
) -> Float[Tensor, "1 new_positions D"]:
    """The position table for another grid of patches, as facebookresearch's `interpolate_pos_encoding` makes it.

    Bicubic (a = -0.75) without antialiasing, with scale factor (rows + 0.1) / 37 in place of rows / 37. The 0.1 was
    meant against rounding of the output size, but PyTorch samples at (j + 0.5) / scale - 0.5, so it moves every sample
    (by up to .22 of a cell of the table at 224 px). The weights were published with it, and numbers depend on it.

    Args:
        table: Class token's position first, then 37 x 37 in rows.
        rows: Patches from top to bottom.
        columns: Patches from left to right.
    """
    if rows == columns == GRID:
        return table
    grid = table[:, 1:].reshape(1, GRID, GRID, -1).permute(0, 3, 1, 2)
    scale = ((rows + 0.1) / GRID, (columns + 0.1) / GRID)
    resampled = F.interpolate(grid, scale_factor=scale, mode="bicubic", align_corners=False)
    return torch.cat((table[:, :1], resampled.flatten(2).transpose(1, 2)), dim=1)


class VisionTransformer(nn.Module):
    """The network, with the names of the torch.hub files; from prepared images to the normalised class token.

    Args:
        size: Width, depth and heads.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + GRID * GRID, size.width))
        self.mask_token = nn.Parameter(torch.zeros(1, size.width))  # of training only; in the files, so here too
        self.patch_embed = PatchEmbed(size.width)
        self.blocks = nn.ModuleList(Block(size.width, size.heads) for _ in range(size.depth))
        self.norm = nn.LayerNorm(size.width, eps=1e-6)

    def forward(self, prepared: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """x_norm_clstoken; height and width are multiples of 14."""
        patches = self.patch_embed(prepared)
        x = torch.cat((self.cls_token.expand(len(prepared), -1, -1), patches), dim=1)
        x = x + resample_positions(self.pos_embed, prepared.shape[2] // PATCH, prepared.shape[3] // PATCH)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)[:, 0]  # normalised token by token
        return out


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
        self.info = info
        self.weights_sha256 = weights.sha256
        self.pinned = weights.pinned
        self.device = device
        with torch.device("meta"):  # draws nothing from the global random number generator
            network = VisionTransformer(SIZES[info.name])
        load_into(network, weights.state, info.name)
        self.network = network.eval().requires_grad_(False).to(device)

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 224 224"]:
        """Resizes (neither clamped nor rounded), scales to 0..1 and normalises."""
        pixels = antialiased(images.to(self.device), (SIDE, SIDE), "bicubic") / 255.0
        mean = torch.tensor(IMAGENET_MEAN, device=self.device).reshape(1, 3, 1, 1)
        std = torch.tensor(IMAGENET_STD, device=self.device).reshape(1, 3, 1, 1)
        return (pixels - mean) / std

    @torch.no_grad()
    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Output:
        """384, 768 or 1024 features an image; no logits."""
        return Output(features=self.network(prepared))
