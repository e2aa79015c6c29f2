"""VGG16, VGG19 and AlexNet of torchvision: features for set metrics, and feature maps for LPIPS and VGG distances.

Sources: Simonyan & Zisserman 2015 (arXiv 1409.1556); Krizhevsky 2014 (arXiv 1404.5997). torchvision's ImageNet weights.
Matches, given the same file: torch_fidelity 0.4.0 `FeatureExtractorVGG16` ("fc2_relu", the protocol of its precision
and recall), and lpips 0.1.4 `pretrained_networks.vgg16` and `.alexnet` (the maps).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torchvision import models

from ganeval.backbones.base import Backbone, BackboneInfo, Output
from ganeval.backbones.resize import tf1_bilinear
from ganeval.backbones.weights import LoadedWeights, load_into

SIDE = 224  # of the classifiers' input

_MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB, on the 0..1 scale
_STD = (0.229, 0.224, 0.225)


def _info(name: str, summary: str) -> BackboneInfo:
    return BackboneInfo(
        name=name,
        summary=summary,
        weights=(name,),
        dim=4096,
        classes=1000,
        resize="tf1-bilinear-224 ImageNet mean/std",
        canonical=True,
        pyramid=True,
        license="BSD-3-Clause",
        loader="ganeval.backbones.torchvision_nets:TorchvisionNet",
    )


VGG16 = _info("vgg16", "VGG16 of torchvision, ImageNet-1k; LPIPS, precision and recall")
VGG19 = _info("vgg19", "VGG19 of torchvision, ImageNet-1k; the perceptual loss of SRGAN")
ALEXNET = _info("alexnet", "AlexNet of torchvision, ImageNet-1k; LPIPS")


@dataclass(frozen=True)
class _Architecture:
    """How to build one of the networks and where its maps are.

    Attributes:
        build: Makes the network, with no weights.
        layers: Name of a map -> index in `features` of the ReLU that gives it, shallow to deep.
    """

    build: Callable[[], models.VGG | models.AlexNet]
    layers: dict[str, int]


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

_ARCHITECTURES = {
    # The five maps of LPIPS: the last of each block.
    "vgg16": _Architecture(
        lambda: models.vgg16(weights=None),
        {name: _VGG16[name] for name in ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")},
    ),
    # All sixteen: VGG losses differ in the layer they take.
    "vgg19": _Architecture(lambda: models.vgg19(weights=None), _relu_layers((2, 2, 4, 4, 4))),
    "alexnet": _Architecture(
        lambda: models.alexnet(weights=None), {"relu1": 1, "relu2": 4, "relu3": 7, "relu4": 9, "relu5": 11}
    ),
}


class Classifier(nn.Module):
    """Prepared images -> (second hidden layer after its ReLU, logits), from torchvision's own layers."""

    def __init__(self, net: models.VGG | models.AlexNet) -> None:
        super().__init__()
        layers = list(net.classifier)
        # Both families end in Linear, ReLU, (Dropout,) Linear; VGG has a dropout after that ReLU, AlexNet before.
        last_relu = max(index for index, layer in enumerate(layers) if isinstance(layer, nn.ReLU))
        self.features = net.features
        self.avgpool = net.avgpool
        self.hidden = nn.Sequential(*layers[: last_relu + 1])
        self.top = nn.Sequential(*layers[last_relu + 1 :])

    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> tuple[Float[Tensor, "B 4096"], Float[Tensor, "B 1000"]]:
        """4096 features, not negative, and 1000 logits."""
        features: Tensor = self.hidden(self.avgpool(self.features(prepared)).flatten(1))
        return features, self.top(features)


class FeatureMaps(nn.Module):
    """Normalised images of any size -> feature maps at the named layers. Differentiable, for use in a loss.

    Args:
        features: torchvision's `features`.
        indices: Which layers' outputs to give, ascending.
    """

    def __init__(self, features: nn.Sequential, indices: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(features[: indices[-1] + 1])
        self.indices = frozenset(indices)

    def forward(self, normalised: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The maps, shallow to deep."""
        maps = []
        x: Tensor = normalised
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.indices:
                maps.append(x)
        return tuple(maps)


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
        self.info = info
        self.weights_sha256 = weights.sha256
        self.pinned = weights.pinned
        self.device = device
        architecture = _ARCHITECTURES[info.name]
        self.pyramid_layers = tuple(architecture.layers)
        with torch.device("meta"):  # no initialisation of 138 million numbers, no draw from the global RNG
            net = architecture.build()
        load_into(net, weights.state, info.weights[0])
        net.requires_grad_(False).to(device)
        self.network = Classifier(net).eval()
        self.feature_maps = FeatureMaps(net.features, tuple(architecture.layers.values())).eval()
        self._mean = torch.tensor(_MEAN, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(_STD, device=device).view(1, 3, 1, 1)

    def normalise(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """(x - 255 mean) / (255 std) for x in 0..255."""
        return (pixels - 255.0 * self._mean) / (255.0 * self._std)

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 224 224"]:
        """Resizes and normalises."""
        return self.normalise(tf1_bilinear(images.to(self.device), (SIDE, SIDE)))

    @torch.no_grad()
    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Output:
        """4096 features and 1000 logits an image."""
        features, logits = self.network(prepared)
        return Output(features=features, logits=logits)

    @torch.no_grad()
    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The maps of `pyramid_layers`, each after its ReLU."""
        maps: tuple[Tensor, ...] = self.feature_maps(self.normalise(images.to(self.device).to(torch.float32)))
        return maps
