"""VGG16 with L2 pooling in place of the largest value: the network of DISTS, with torchvision's weights.

Source: Ding et al. 2020 (arXiv 2004.07728), section III-A.
Matches, given the same file: DISTS_pytorch 0.1 `DISTS.forward_once`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeval.backbones.base import Backbone, BackboneInfo, Output
from ganeval.backbones.torchvision_nets import MEAN, STD, VGG16
from ganeval.backbones.weights import LoadedWeights, load_network
from ganeval.backbones.weights_file import WeightsFile, WheelMember

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, UInt8
    from torch import Tensor

LAYERS = ("pixels", "relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")


class Vgg16L2Pool(Backbone):
    """The pixels, 0..1, and the last map of each block, from images at their native size.

    Args:
        info: `VGG16_L2POOL`.
        weights: State dict in torchvision's layout.
        device: Where to compute.

    Raises:
        WeightsError: the state dict has another layout.
    """

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        import torch
        from torchvision import models

        from ganeval.backbones.networks.vgg16_l2pool import L2PooledMaps

        super().__init__(info, weights, device)
        self.pyramid_layers = LAYERS
        net = load_network(models.vgg16, weights.state, info.name, device)
        self.network = L2PooledMaps(net.features).to(device).eval()
        self._mean = torch.tensor(MEAN, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(STD, device=device).view(1, 3, 1, 1)

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """0..1, then ImageNet's mean and deviation; no resize."""
        return (images.to(self.device).float() / 255.0 - self._mean) / self._std

    def forward(self, prepared: Float[Tensor, "B 3 H W"]) -> Output:
        """The mean of the deepest map, for the contract of backbones; no metric takes it."""
        return Output(features=self.network(prepared)[-1].mean(dim=(2, 3)))

    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The maps of `LAYERS`."""
        maps: tuple[Tensor, ...] = self.network(self.prepare(images))
        return (images.to(self.device).float() / 255.0, *maps)


VGG16_L2POOL = BackboneInfo(
    name="vgg16-l2pool",
    summary="VGG16 of torchvision with L2 pooling, ImageNet-1k; DISTS",
    weights=VGG16.weights,
    dim=None,
    classes=None,
    resize="native size",
    canonical=True,
    pyramid=True,
    load=Vgg16L2Pool,
    heads=(
        WeightsFile(
            name="dists",
            filename="dists-0.1.pt",
            sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
            size=12_288,
            origin=WheelMember(
                "dists-pytorch==0.1",
                "73e54ce13e7cf3ca962ee8e433d129884ec3dc75e00a27af90525e1da760ac61",
                "DISTS_pytorch/weights.pt",
            ),
            license="MIT",
            note="alpha and beta of DISTS",
        ),
    ),
)
