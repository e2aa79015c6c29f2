"""DISTS: similarity of structure and texture of deep feature maps.

What it measures: for every channel of the pixels and of VGG16's five blocks, how near the means of the two maps are
    (texture) and how well the maps correlate (structure), weighted as fitted to human judgements.
Why it can mislead: it is made to be lenient with resampled texture: grass that is other grass costs little. Values
    depend on the size of the images, which it takes as they are; its authors also shrink the smaller side to 256.
Definition: Ding et al. 2020 (arXiv 2004.07728), equations (6) to (9), with c1 = c2 = 1e-6 and the published weights.
Matches: DISTS_pytorch 0.1 `DISTS()(x, y)`, given the same weights, within 5e-5 relative: it forms 1 - S in float32,
    where S is within 0.003 of 1. The same module in float64 gives the value given here to 4e-7. piq 0.8.0 `DISTS`
    shrinks images whose smaller side is above 256 first; up to that size it agrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ganeval.errors import WeightsError
from ganeval.metrics.base import Alias, Margin, Output, Params, PyramidMetric

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def head_shapes(channels: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The weights of texture and of structure: one a channel of all maps."""
    return {"alpha": (1, sum(channels), 1, 1), "beta": (1, sum(channels), 1, 1)}


def compute_dists(
    fake_maps: tuple[Tensor, ...], real_maps: tuple[Tensor, ...], heads: Mapping[str, Tensor] | None, params: Params
) -> Float[Tensor, " B"]:
    """DISTS of each pair, in [0, 1] up to anticorrelated maps; 0 for identical images.

    Args:
        fake_maps: The pixels and five maps, each (B, C, h, w).
        real_maps: The same shapes.
        heads: "alpha" and "beta", a weight for each channel of all maps.
        params: "c1", "c2".

    Raises:
        WeightsError: the heads are missing or do not fit the maps.
    """
    import torch

    shapes = head_shapes([maps.shape[1] for maps in fake_maps])
    found = {name: None if heads is None or name not in heads else tuple(heads[name].shape) for name in shapes}
    if heads is None or found != shapes:
        raise WeightsError(f"DISTS: expected {shapes}, found {found}. Give the weights of DISTS_pytorch.")
    alpha, beta = (heads[name].flatten().cpu().to(torch.float64) for name in ("alpha", "beta"))
    losses = [_losses(fake, real, params) for fake, real in zip(fake_maps, real_maps, strict=True)]
    texture, structure = (torch.cat([loss[i] for loss in losses], dim=1) for i in (0, 1))
    return (texture @ alpha + structure @ beta) / (alpha.sum() + beta.sum())


def _losses(
    fake: Float[Tensor, "B C h w"], real: Float[Tensor, "B C h w"], params: Params
) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B C"]]:
    """1 - S for the means and for the correlation of each channel, in float64 on the CPU; exactly 0 for equal maps."""
    import torch

    c1, c2 = float(params["c1"]), float(params["c2"])
    means = [maps.mean(dim=(2, 3), keepdim=True) for maps in (fake, real)]
    x, y = ((maps - mean).flatten(2) for maps, mean in zip((fake, real), means, strict=True))
    variances = x.square().mean(dim=2) + y.square().mean(dim=2)
    # 1 - (2 cov + c) / (var + c) = mean (x - y)² / (var + c): without cancellation, so that small damage counts.
    spread = (x - y).square_().mean(dim=2)
    variances, spread = (values.cpu().to(torch.float64) for values in (variances, spread))
    a, b = (mean.flatten(1).cpu().to(torch.float64) for mean in means)
    return (a - b).square() / (a.square() + b.square() + c1), spread / (variances + c2)


DISTS = PyramidMetric(
    name="dists",
    summary="similarity of structure and texture (VGG16 with L2 pooling), mean over images",
    output=Output("dists", better="lower", range=(0.0, 2.0), title="DISTS", gateable=True, margin=Margin(0.02, "%")),
    symmetric=True,
    min_side=16,  # one position of relu5_3
    version=1,
    backbones=("vgg16-l2pool",),
    compute=compute_dists,
    heads={"vgg16-l2pool": "dists"},
    head_shapes=head_shapes,
    params={"c1": 1e-6, "c2": 1e-6},
    aliases={"dists": Alias("vgg16-l2pool", "DISTS")},
)
