"""LPIPS: distance of deep feature maps under learned channel weights.

What it measures: how different two images look, fitted to human judgements of small distortions.
Why it can mislead: made for patches of 64 px and the distortions of its training set; weights and network are part of
    the number, and values of VGG16 and AlexNet are not on one scale.
Definition: Zhang et al. 2018 (arXiv 1801.03924), equation (1): maps are normalised to unit length over channels, the
    squared difference is weighted by the learned heads, averaged over positions and summed over the five layers.
Matches: lpips 0.1.4 `LPIPS(net="vgg" or "alex", version="0.1")`, given the same weights, within 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ganeval.errors import WeightsError
from ganeval.metrics.base import Alias, Margin, Output, Params, PyramidMetric

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


def unit_normalise(maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
    """Divides the channel vector at each position by its length + 1e-10; a vector of zeros stays one."""
    return maps / (maps.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


def spatial_mean(distances: Float[Tensor, "B h w"]) -> Float[Tensor, " B"]:
    """Mean over positions, in float64 on the CPU: not every device has float64."""
    import torch

    return distances.cpu().to(torch.float64).mean(dim=(1, 2))


def compute_lpips(
    fake_maps: tuple[Tensor, ...], real_maps: tuple[Tensor, ...], heads: Mapping[str, Tensor] | None, params: Params
) -> Float[Tensor, " B"]:
    """LPIPS of each pair, >= 0; 0 for identical images.

    Args:
        fake_maps: Five maps, each (B, C, h, w), of VGG16 (relu1_2 .. relu5_3) or AlexNet (relu1 .. relu5).
        real_maps: The same shapes.
        heads: "lin{k}.model.1.weight" of shape (1, C, 1, 1) for each layer k, as the lpips package stores them.
        params: Unused.

    Raises:
        WeightsError: the heads are missing or do not fit the maps.
    """
    import torch

    del params
    total = torch.zeros(len(fake_maps[0]), dtype=torch.float64, device="cpu")
    for distances in _distances(fake_maps, real_maps, heads):
        total += spatial_mean(distances)
    return total


def masked_lpips(
    fake_maps: tuple[Tensor, ...],
    real_maps: tuple[Tensor, ...],
    heads: Mapping[str, Tensor] | None,
    masks: Bool[Tensor, "B H W"],
    params: Params,
) -> Float[Tensor, " B"]:
    """Mean over the marked pixels of the map that the lpips package gives with `spatial=True`.

    Args:
        fake_maps: As for `compute_lpips`.
        real_maps: The same shapes.
        heads: As for `compute_lpips`.
        masks: Of the size of the images, at least one pixel each.
        params: Unused.
    """
    import torch
    import torch.nn.functional as F

    del params
    size, weights = tuple(masks.shape[1:]), masks.cpu().to(torch.float64)
    total = torch.zeros(len(masks), dtype=torch.float64, device="cpu")
    for distances in _distances(fake_maps, real_maps, heads):
        upsampled = F.interpolate(distances[:, None], size, mode="bilinear", align_corners=False)[:, 0]
        total += (upsampled.cpu().to(torch.float64) * weights).sum(dim=(1, 2)) / weights.sum(dim=(1, 2))
    return total


def _distances(
    fake_maps: tuple[Tensor, ...], real_maps: tuple[Tensor, ...], heads: Mapping[str, Tensor] | None
) -> Iterator[Float[Tensor, "B h w"]]:
    """The weighted squared difference at each position of each map."""
    for k, (fake, real) in enumerate(zip(fake_maps, real_maps, strict=True)):
        head = _head(heads or {}, k, fake)
        # In place: fresh memory for maps of this size costs more than the arithmetic.
        yield unit_normalise(fake).sub_(unit_normalise(real)).square_().mul_(head).sum(dim=1)


def head_shapes(channels: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """One weight a channel, for each map, as the lpips package stores them."""
    return {f"lin{k}.model.1.weight": (1, count, 1, 1) for k, count in enumerate(channels)}


def _head(heads: Mapping[str, Tensor], k: int, maps: Tensor) -> Tensor:
    name, expected = f"lin{k}.model.1.weight", (1, maps.shape[1], 1, 1)
    head = heads.get(name)
    if head is None or tuple(head.shape) != expected:
        found = "nothing" if head is None else f"shape {tuple(head.shape)}"
        raise WeightsError(
            f"LPIPS heads: expected {name} of shape {expected}, found {found} among {len(heads)} tensors. "
            "Give the heads of the lpips package that belong to this backbone."
        )
    return head.to(device=maps.device, dtype=maps.dtype)


LPIPS = PyramidMetric(
    name="lpips",
    summary="learned perceptual distance (VGG16 or AlexNet), mean over images",
    output=Output(
        "lpips",
        better="lower",
        range=(0.0, float("inf")),
        title="LPIPS",
        compared={"vgg16": 4},
        gateable=True,
        margin=Margin(0.02, "%"),
        first_gate={"vgg16": 4},
        headline=9,
        question="pair",
    ),
    symmetric=True,
    min_side=31,  # AlexNet's second pooling needs 3 positions: 31 px. VGG16's relu5_3 would need 16.
    version=1,
    backbones=("vgg16", "alexnet"),
    compute=compute_lpips,
    heads={"vgg16": "lpips-vgg", "alexnet": "lpips-alex"},
    head_shapes=head_shapes,
    masked=masked_lpips,
    layers={
        "vgg16": ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
        "alexnet": ("relu1", "relu2", "relu3", "relu4", "relu5"),
    },
    aliases={
        "lpips": Alias("vgg16", "LPIPS (VGG16)"),
        "lpips_vgg": Alias("vgg16", "LPIPS (VGG16)"),
        "lpips_alex": Alias("alexnet", "LPIPS (AlexNet)"),
    },
    plain={"vgg16": 6, "alexnet": 7},
)
