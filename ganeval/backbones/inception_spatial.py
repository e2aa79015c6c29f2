"""A spatial map of the Inception network, for sFID: it keeps where things are, which pooling averages out.

Source: Nash et al. 2021 (arXiv 2103.03841). OpenAI's guided-diffusion `evaluations/evaluator.py` reads the first 7
channels of `mixed_6/conv:0` in the TensorFlow graph of the original FID code, 17x17x7 = 2023 numbers an image. In the
PyTorch layout that is the 1x1 branch of `Mixed_6d`, after its ReLU. Some ports read `Mixed_6e` and print other numbers.
Matches: `Mixed_6d.branch1x1` of torch_fidelity 0.4.0's network, given the same file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganeval.backbones.base import BackboneInfo, Output
from ganeval.backbones.inception import INCEPTION, Inception
from ganeval.backbones.weights import LoadedWeights

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float
    from torch import Tensor


class InceptionSpatial(Inception):
    """Inception as far as the first channels of the map, behind the same preprocessing.

    Args:
        info: `INCEPTION_SPATIAL`.
        weights: As `Inception`.
        device: Where to compute.

    Raises:
        WeightsError: the state dict has another layout.
    """

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        from ganeval.backbones.networks.inception import SpatialInception

        super().__init__(info, weights, device)
        self.network = SpatialInception(self.network)

    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Output:
        """2023 features an image, row by row of the map; no logits."""
        return Output(features=self.network(prepared))


INCEPTION_SPATIAL = replace(
    INCEPTION,
    name="inception-spatial",
    summary="Spatial map of the same Inception, 17x17x7, for sFID",
    dim=17 * 17 * 7,
    classes=None,
    load=InceptionSpatial,
)
