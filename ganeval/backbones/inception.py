"""The Inception network of FID, IS and KID, as the first FID and IS code ran it in TensorFlow.

Source: Szegedy et al. 2016 (arXiv 1512.00567) with the weights of 2015-12-05 that Salimans et al. 2016 and Heusel et
al. 2017 used; torchvision's Inception v3 is another network with other weights.
Matches: torch_fidelity 0.4.0, `FeatureExtractorInceptionV3` ("2048" and "logits_unbiased"), given the same file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeval.backbones.base import Backbone, BackboneInfo
from ganeval.backbones.preparation import Preparation
from ganeval.backbones.weights import LoadedWeights, load_network
from ganeval.backbones.weights_file import Url, WeightsFile

if TYPE_CHECKING:
    import torch

SIDE = 299  # of the network's input


class Inception(Backbone):
    """TensorFlow 1.x's bilinear resize to 299 px, (x - 128) / 128, Inception.

    Args:
        info: `INCEPTION`.
        weights: State dict in the layout of torch-fidelity's and pytorch-fid's file.
        device: Where to compute.

    Raises:
        WeightsError: the state dict has another layout.
    """

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        from ganeval.backbones.networks.inception import InceptionNetwork

        super().__init__(info, weights, device)
        self.network = load_network(InceptionNetwork, weights.state, "inception", device)


_FILE = "weights-inception-2015-12-05-6726825d.pth"

INCEPTION = BackboneInfo(
    name="inception",
    summary="Inception of the original FID and IS code (2015-12-05), trained on ImageNet",
    weights=WeightsFile(
        name="inception",
        filename=_FILE,
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        size=95_628_359,
        origin=Url(f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{_FILE}"),
        license="Apache-2.0",
        note="Inception of the original FID and IS code; pytorch-fid ships the same bytes under its own name",
        aliases=("pt_inception-2015-12-05-6726825d.pth",),
    ),
    dim=2048,
    classes=1008,
    resize="tf1-bilinear-299 (x-128)/128",
    canonical=True,
    pyramid=False,
    load=Inception,
    preparation=Preparation("tf1-bilinear", SIDE, 128.0, 128.0),
)
