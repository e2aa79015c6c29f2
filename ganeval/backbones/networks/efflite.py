"""The network of EfficientNet-Lite0, under the names of its weights file.

Source: Tan & Le 2019 (arXiv 1905.11946), table 1, in the "lite" variant of the authors' TPU repository.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

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
