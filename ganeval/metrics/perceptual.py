"""Distances of feature maps without learned heads: the VGG19 distance of super-resolution, and `pd` on any pyramid.

What they measure: how different two images are to a trained network, at one depth (`vgg`) or at several (`pd`).
Why they can mislead: the scale depends on network, layer and normalisation; numbers compare within one protocol only.
Definition of `vgg`: Ledig et al. 2017 (SRGAN, arXiv 1609.04802), equation (5), on phi_5,4: the map of the fourth
    convolution before the fifth pooling, after its activation (relu5_4; published code often takes it before). Input is
    normalised with ImageNet's mean and deviation. Equation (5) divides by the positions alone; here, as in most code,
    the mean runs over channels too, so that this is 1/512 of it at relu5_4. The paper also multiplies its maps by
    1/12.75 (distances by 0.006) to bring them to the scale of pixel errors; here "feature_scale" is 1, as that
    factor serves the sum of a loss and not a score.
Definition of `pd`: channel vectors of unit length, squared difference summed over channels, mean over positions, mean
    over layers. That is Zhang et al. 2018 (arXiv 1801.03924), equation (1), with every weight 1, and divided by the
    number of layers. It is neither LPIPS nor the VGG loss, and is comparable to no published number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ganeval.errors import UsageError
from ganeval.metrics.base import Alias, Margin, Output, Params, PyramidMetric
from ganeval.metrics.lpips import spatial_mean, unit_normalise

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def compute_vgg(
    fake_maps: tuple[Tensor, ...], real_maps: tuple[Tensor, ...], heads: Mapping[str, Tensor] | None, params: Params
) -> Float[Tensor, " B"]:
    """Mean squared difference of one map of each pair, >= 0; 0 for identical images.

    Args:
        fake_maps: One map (B, C, h, w).
        real_maps: The same shape.
        heads: Unused.
        params: "feature_scale": factor on the maps, so the distance grows with its square.

    Raises:
        UsageError: more than one layer was chosen.
    """
    del heads
    if len(fake_maps) != 1:
        raise UsageError(f"vgg is defined on one layer; got {len(fake_maps)}. Name one, such as relu5_4.")
    squared = (fake_maps[0] - real_maps[0]).square().mean(dim=1)
    return float(params["feature_scale"]) ** 2 * spatial_mean(squared)


def compute_pd(
    fake_maps: tuple[Tensor, ...], real_maps: tuple[Tensor, ...], heads: Mapping[str, Tensor] | None, params: Params
) -> Float[Tensor, " B"]:
    """Distance of unit-normalised maps of each pair, in [0, 4] (in [0, 2] after ReLUs); 0 for identical images.

    Args:
        fake_maps: Maps (B, C, h, w), at least one, of any sizes.
        real_maps: The same shapes.
        heads: Unused.
        params: Unused.
    """
    import torch

    del heads, params
    layers = [
        spatial_mean((unit_normalise(fake) - unit_normalise(real)).square().sum(dim=1))
        for fake, real in zip(fake_maps, real_maps, strict=True)
    ]
    return torch.stack(layers).mean(dim=0)


VGG = PyramidMetric(
    name="vgg",
    summary="VGG19 perceptual distance at relu5_4 (SRGAN's), mean over images",
    output=Output(
        "vgg",
        better="lower",
        range=(0.0, float("inf")),
        title="VGG perceptual distance",
        gateable=True,
        margin=Margin(0.02, "%"),
        question="pair",
    ),
    symmetric=True,
    min_side=16,  # four poolings before relu5_4
    version=1,
    backbones=("vgg19",),
    compute=compute_vgg,
    layers={"vgg19": ("relu5_4",)},
    params={"feature_scale": 1.0},
    aliases={"vgg": Alias("vgg19", "VGG19 distance")},
    plain={"vgg19": 8},
)

PD = PyramidMetric(
    name="pd",
    summary="distance of unit-normalised feature maps, mean over images",
    output=Output(
        "pd",
        better="lower",
        range=(0.0, 4.0),
        title="Perceptual distance",
        compared={"efflite0": 3},
        gateable=True,
        margin=Margin(0.02, "%"),
        first_gate={"efflite0": 3},
        headline=10,
        question="pair",
        published="LPIPS",
    ),
    symmetric=True,
    min_side=8,  # one position of relu4_3; hedvgg16 and efflite0 pad, so their maps are never empty
    version=1,
    backbones=("hedvgg16", "efflite0"),
    compute=compute_pd,
    layers={"hedvgg16": ("relu1_2", "relu2_2", "relu3_3", "relu4_3")},
    plain={"efflite0": 4, "hedvgg16": 5},
)
