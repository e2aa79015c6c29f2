"""VGG16, VGG19 and AlexNet of torchvision: features for set metrics, and feature maps for LPIPS and VGG distances.

Sources: Simonyan & Zisserman 2015 (arXiv 1409.1556); Krizhevsky 2014 (arXiv 1404.5997). torchvision's ImageNet weights.
Matches, given the same file: torch_fidelity 0.4.0 `FeatureExtractorVGG16` ("fc2_relu", the protocol of its precision
and recall), and lpips 0.1.4 `pretrained_networks.vgg16` and `.alexnet` (the maps).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeval.backbones.base import Backbone, BackboneInfo
from ganeval.backbones.preparation import Preparation, on_255
from ganeval.backbones.weights import LoadedWeights, load_network
from ganeval.backbones.weights_file import Url, WeightsFile, WheelMember

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, UInt8
    from torch import Tensor

SIDE = 224  # of the classifiers' input

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB, on the 0..1 scale
STD = (0.229, 0.224, 0.225)


def _relu_layers(convolutions: tuple[int, ...]) -> dict[str, int]:
    """Indices of VGG's ReLUs: each convolution is followed by one, and each block by a pooling."""
    layers = {}
    index = 0
    for block, count in enumerate(convolutions, start=1):
        for place in range(1, count + 1):
            layers[f"relu{block}_{place}"] = index + 1
            index += 2
        index += 1
    return layers


_VGG16 = _relu_layers((2, 2, 3, 3, 3))

# Name of a map -> index in `features` of the ReLU that gives it, shallow to deep.
_LAYERS = {
    # The five maps of LPIPS: the last of each block.
    "vgg16": {name: _VGG16[name] for name in ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")},
    # All sixteen: VGG losses differ in the layer they take.
    "vgg19": _relu_layers((2, 2, 4, 4, 4)),
    "alexnet": {"relu1": 1, "relu2": 4, "relu3": 7, "relu4": 9, "relu5": 11},
}


class TorchvisionNet(Backbone):
    """TensorFlow 1.x's bilinear resize to 224 px and ImageNet's mean and deviation; the pyramid takes native sizes.

    Args:
        info: `VGG16`, `VGG19` or `ALEXNET`.
        weights: State dict in torchvision's layout.
        device: Where to compute.

    Raises:
        WeightsError: the state dict has another layout.
    """

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        from torchvision import models

        from ganeval.backbones.networks.torchvision_nets import Classifier, FeatureMaps

        super().__init__(info, weights, device)
        layers = _LAYERS[info.name]
        self.pyramid_layers = tuple(layers)
        net = load_network(getattr(models, info.name), weights.state, info.name, device)
        self.network = Classifier(net).eval()
        self.feature_maps = FeatureMaps(net.features, tuple(layers.values())).eval()

    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The maps of `pyramid_layers`, each after its ReLU."""
        maps: tuple[Tensor, ...] = self.feature_maps(self.normalise(images.to(self.device).float()))
        return maps


def _declare(
    name: str,
    summary: str,
    filename: str,
    sha256: str,
    size: int,
    note: str,
    heads: tuple[WeightsFile, ...] = (),
) -> BackboneInfo:
    return BackboneInfo(
        name=name,
        summary=summary,
        weights=WeightsFile(
            name=name,
            filename=filename,
            sha256=sha256,
            size=size,
            origin=Url(f"https://download.pytorch.org/models/{filename}"),
            license="BSD-3-Clause",
            note=note,
        ),
        dim=4096,
        classes=1000,
        resize="tf1-bilinear-224 ImageNet mean/std",
        canonical=True,
        pyramid=True,
        load=TorchvisionNet,
        preparation=Preparation("tf1-bilinear", SIDE, *on_255(MEAN, STD)),
        heads=heads,
    )


def _lpips_heads(net: str, sha256: str, size: int, title: str) -> WeightsFile:
    wheel = "fd537af5828b69d2e6ffc0a397bd506dbc28ca183543617690844c08e102ec5e"
    return WeightsFile(
        name=f"lpips-{net}",
        filename=f"lpips-0.1-{net}.pth",
        sha256=sha256,
        size=size,
        origin=WheelMember("lpips==0.1.4", wheel, f"lpips/weights/v0.1/{net}.pth"),
        license="BSD-2-Clause",
        note=f"learned heads of LPIPS 0.1 on {title}",
    )


VGG16 = _declare(
    name="vgg16",
    summary="VGG16 of torchvision, ImageNet-1k; LPIPS, precision and recall",
    filename="vgg16-397923af.pth",
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    size=553_433_881,
    note="torchvision VGG16, ImageNet-1k",
    heads=(_lpips_heads("vgg", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", 7_289, "VGG16"),),
)
VGG19 = _declare(
    name="vgg19",
    summary="VGG19 of torchvision, ImageNet-1k; the perceptual loss of SRGAN",
    filename="vgg19-dcbb9e9d.pth",
    sha256="dcbb9e9d",
    size=574_673_361,
    note="torchvision VGG19, ImageNet-1k; 8 digits of the hash are published",
)
ALEXNET = _declare(
    name="alexnet",
    summary="AlexNet of torchvision, ImageNet-1k; LPIPS",
    filename="alexnet-owt-7be5be79.pth",
    sha256="7be5be79",
    size=244_408_911,
    note="torchvision AlexNet, ImageNet-1k; 8 digits of the hash are published",
    heads=(_lpips_heads("alex", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", 6_009, "AlexNet"),),
)
