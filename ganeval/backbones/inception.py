"""The Inception network of FID, IS and KID, as the first FID and IS code ran it in TensorFlow.

Source: Szegedy et al. 2016 (arXiv 1512.00567) with the weights of 2015-12-05 that Salimans et al. 2016 and Heusel et
al. 2017 used; torchvision's Inception v3 is another network with other weights.
Matches: torch_fidelity 0.4.0, `FeatureExtractorInceptionV3` ("2048" and "logits_unbiased"), given the same file.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from ganeval.backbones.base import Backbone, BackboneInfo, Output
from ganeval.backbones.inception_blocks import (
    BasicConv2d,
    InceptionA,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)
from ganeval.backbones.resize import tf1_bilinear
from ganeval.backbones.weights import LoadedWeights, load_into

SIDE = 299  # of the network's input

INCEPTION = BackboneInfo(
    name="inception",
    summary="Inception of the original FID and IS code (2015-12-05), trained on ImageNet",
    weights=("inception",),
    dim=2048,
    classes=1008,
    resize="tf1-bilinear-299 (x-128)/128",
    canonical=True,
    pyramid=False,
    license="Apache-2.0",
    loader="ganeval.backbones.inception:Inception",
)


class InceptionNetwork(nn.Module):
    """The layers in order, under the names of the weights file; prepared images -> (features, logits).

    The logits leave out the last layer's bias: the original Inception Score does ("logits_unbiased"). There are 1008:
    1000 classes and eight that were never trained.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, 3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, 3, padding=1)
        self.MaxPool_1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, 1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, 3)
        self.MaxPool_2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, 32)
        self.Mixed_5c = InceptionA(256, 64)
        self.Mixed_5d = InceptionA(288, 64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, 128)
        self.Mixed_6c = InceptionC(768, 160)
        self.Mixed_6d = InceptionC(768, 160)
        self.Mixed_6e = InceptionC(768, 192)
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280, max_pool=False)
        self.Mixed_7c = InceptionE(2048, max_pool=True)
        self.AvgPool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1008)

    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> tuple[Float[Tensor, "B 2048"], Float[Tensor, "B 1008"]]:
        """Features after the average pool (not negative), and logits without bias."""
        x: Tensor = prepared
        for name, layer in self.named_children():
            if name != "fc":
                x = layer(x)
        features = x.flatten(1)
        return features, F.linear(features, self.fc.weight)


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
        self.info = info
        self.weights_sha256 = weights.sha256
        self.pinned = weights.pinned
        self.device = device
        with torch.device("meta"):  # draws nothing from the global random number generator
            network = InceptionNetwork()
        load_into(network, weights.state, info.weights[0])
        self.network = network.eval().requires_grad_(False).to(device)

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 299 299"]:
        """Resizes, then maps 0..255 to -1..0.992."""
        return (tf1_bilinear(images.to(self.device), (SIDE, SIDE)) - 128.0) / 128.0

    @torch.no_grad()
    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Output:
        """2048 features and 1008 logits an image."""
        features, logits = self.network(prepared)
        return Output(features=features, logits=logits)
