"""The network behind a content loss: the first layers of a pinned VGG, differentiable, for images on [0, 1]."""

from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganeval.backbones.base import Backbone
from ganeval.backbones.hedvgg import HedVgg16
from ganeval.backbones.loading import load_backbone
from ganeval.backbones.networks.hedvgg import VggConvolutions
from ganeval.backbones.torchvision_nets import TorchvisionNet
from ganeval.errors import UsageError


class ContentNetwork(nn.Module):
    """One feature map of a backbone. Its weights are frozen; gradients pass through to the images.

    Later layers are not run: a VGG16 up to relu2_2 costs a third of its 13 convolutions.

    Args:
        name: "hedvgg16" or "vgg19".
        layer: One of the backbone's `pyramid_layers`.
        device: Where to compute.

    Raises:
        UsageError: no such layer.
        WeightsError: the weights are not on this machine.
    """

    def __init__(self, name: str, layer: str, device: torch.device) -> None:
        super().__init__()
        backbone = load_backbone(name, device=device)
        if layer not in backbone.pyramid_layers:
            raise UsageError(f"{name} has no layer {layer!r}; it has {', '.join(backbone.pyramid_layers)}.")
        self.layers, self._normalise = _first_layers(backbone, layer)
        self.layers.requires_grad_(False).eval()
        # The memory format of the trained networks: a step of srgan takes 3 to 8% less time on a CPU.
        self.layers.to(memory_format=torch.channels_last)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """The map of images on [0, 1], of any size; values outside are not clipped, so that they have a gradient."""
        maps: Tensor = self.layers(self._normalise(images * 255.0))
        return maps


def _first_layers(backbone: Backbone, layer: str) -> tuple[nn.Sequential, Callable[[Tensor], Tensor]]:
    """The backbone's layers up to one of its maps, and its normalisation of pixels 0..255."""
    wanted = backbone.pyramid_layers.index(layer)
    if isinstance(backbone, HedVgg16):
        convolutions = cast(VggConvolutions, backbone.network)
        layers: list[nn.Module] = []
        for name in backbone.pyramid_layers[: wanted + 1]:
            block, _, number = name.removeprefix("relu").partition("_")
            if number == "1" and block != "1":
                layers.append(nn.MaxPool2d(2, ceil_mode=True))  # TensorFlow's "SAME", as in `VggConvolutions.maps`
            layers += [convolutions.get_submodule(f"conv{block}_{number}"), nn.ReLU()]
        return nn.Sequential(*layers), backbone.normalise
    if isinstance(backbone, TorchvisionNet):
        last = sorted(backbone.feature_maps.indices)[wanted]
        return nn.Sequential(*list(backbone.feature_maps.layers)[: last + 1]), backbone.normalise
    raise UsageError(f"{backbone.info.name} cannot serve as a content loss. Use hedvgg16 or vgg19.")
