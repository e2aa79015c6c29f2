"""The vision transformer of DINOv2, under the names of the torch.hub files.

Matches: facebookresearch/dinov2@112792f, `dinov2/models/vision_transformer.py` as its torch.hub entries build it
(img_size 518, no registers, LayerScale); `forward()`, that is x_norm_clstoken.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

PATCH = 14
GRID = 37  # patches along one edge of the position table: trained last at 518 px


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
        width: Length of a token.
        depth: Number of blocks.
        heads: Attention heads.
    """

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + GRID * GRID, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # of training only; in the files, so here too
        self.patch_embed = PatchEmbed(width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, prepared: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """x_norm_clstoken; height and width are multiples of 14."""
        patches = self.patch_embed(prepared)
        x = torch.cat((self.cls_token.expand(len(prepared), -1, -1), patches), dim=1)
        x = x + resample_positions(self.pos_embed, prepared.shape[2] // PATCH, prepared.shape[3] // PATCH)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)[:, 0]  # normalised token by token
        return out
