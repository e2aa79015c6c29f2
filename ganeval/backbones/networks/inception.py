"""Inception v3 with the poolings of TensorFlow's network of 2015, under the names of its weights files.

Source: Szegedy et al. 2016 (arXiv 1512.00567), figures 5 to 7. Unlike torchvision's blocks, an average pool leaves the
padding out of its mean, and the last block pools by maximum: so did the network that FID and IS were defined on.
Matches: torch_fidelity 0.4.0 `feature_extractor_inceptionv3`, whose import costs two seconds (torchvision and CLIP).
"""

import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Maps = Float[Tensor, "B C H W"]
Size = int | tuple[int, int]


class BasicConv2d(nn.Module):
    """Convolution without bias, BatchNorm (eps .001), ReLU."""

    def __init__(self, channels: int, width: int, size: Size, stride: int = 1, padding: Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, size, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=0.001)

    def forward(self, x: Maps) -> Maps:
        """(B, channels, H, W) to (B, width, H', W'), not negative."""
        out: Tensor = F.relu(self.bn(self.conv(x)))
        return out


def _mean_pool(x: Maps) -> Maps:
    """3x3 means of what is there: TensorFlow does not count the padding."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def _row(channels: int, width: int, length: int) -> BasicConv2d:
    return BasicConv2d(channels, width, (1, length), padding=(0, length // 2))


def _column(channels: int, width: int, length: int) -> BasicConv2d:
    return BasicConv2d(channels, width, (length, 1), padding=(length // 2, 0))


class InceptionA(nn.Module):
    """1x1, 5x5, two 3x3, pool; at 35 px."""

    def __init__(self, channels: int, pool_width: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(channels, 64, 1)
        self.branch5x5_1 = BasicConv2d(channels, 48, 1)
        self.branch5x5_2 = BasicConv2d(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = BasicConv2d(channels, 64, 1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, padding=1)
        self.branch_pool = BasicConv2d(channels, pool_width, 1)

    def forward(self, x: Maps) -> Maps:
        """(B, channels, H, W) to (B, 224 + pool_width, H, W)."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat(
            [self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, self.branch_pool(_mean_pool(x))], dim=1
        )


class InceptionB(nn.Module):
    """From 35 to 17 px: strided 3x3, two 3x3, maximum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch3x3 = BasicConv2d(channels, 384, 3, stride=2)
        self.branch3x3dbl_1 = BasicConv2d(channels, 64, 1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, stride=2)

    def forward(self, x: Maps) -> Maps:
        """(B, channels, H, W) to (B, 480 + channels, H', W')."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, stride=2)], dim=1)


class InceptionC(nn.Module):
    """1x1, a 7x7 as row and column, two of them, pool; at 17 px."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(channels, 192, 1)
        self.branch7x7_1 = BasicConv2d(channels, width, 1)
        self.branch7x7_2 = _row(width, width, 7)
        self.branch7x7_3 = _column(width, 192, 7)
        self.branch7x7dbl_1 = BasicConv2d(channels, width, 1)
        self.branch7x7dbl_2 = _column(width, width, 7)
        self.branch7x7dbl_3 = _row(width, width, 7)
        self.branch7x7dbl_4 = _column(width, width, 7)
        self.branch7x7dbl_5 = _row(width, 192, 7)
        self.branch_pool = BasicConv2d(channels, 192, 1)

    def forward(self, x: Maps) -> Maps:
        """(B, channels, H, W) to (B, 768, H, W)."""
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(_mean_pool(x))], dim=1)


class InceptionD(nn.Module):
    """From 17 to 8 px: 3x3, 7x7 and 3x3, maximum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch3x3_1 = BasicConv2d(channels, 192, 1)
        self.branch3x3_2 = BasicConv2d(192, 320, 3, stride=2)
        self.branch7x7x3_1 = BasicConv2d(channels, 192, 1)
        self.branch7x7x3_2 = _row(192, 192, 7)
        self.branch7x7x3_3 = _column(192, 192, 7)
        self.branch7x7x3_4 = BasicConv2d(192, 192, 3, stride=2)

    def forward(self, x: Maps) -> Maps:
        """(B, channels, H, W) to (B, 512 + channels, H', W')."""
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        three = self.branch3x3_2(self.branch3x3_1(x))
        return torch.cat([three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, stride=2)], dim=1)


class InceptionE(nn.Module):
    """1x1, a 3x3 as row beside column, one after another 3x3, pool; at 8 px.

    Args:
        channels: Of its input.
        max_pool: The pooling branch takes maxima (TensorFlow's last block) and not means.
    """

    def __init__(self, channels: int, *, max_pool: bool) -> None:
        super().__init__()
        self.max_pool = max_pool
        self.branch1x1 = BasicConv2d(channels, 320, 1)
        self.branch3x3_1 = BasicConv2d(channels, 384, 1)
        self.branch3x3_2a = _row(384, 384, 3)
        self.branch3x3_2b = _column(384, 384, 3)
        self.branch3x3dbl_1 = BasicConv2d(channels, 448, 1)
        self.branch3x3dbl_2 = BasicConv2d(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = _row(384, 384, 3)
        self.branch3x3dbl_3b = _column(384, 384, 3)
        self.branch_pool = BasicConv2d(channels, 192, 1)

    def forward(self, x: Maps) -> Maps:
        """(B, channels, H, W) to (B, 2048, H, W)."""
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, stride=1, padding=1) if self.max_pool else _mean_pool(x)
        parts = [
            self.branch1x1(x),
            self.branch3x3_2a(single),
            self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(pooled),
        ]
        return torch.cat(parts, dim=1)


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


class SpatialInception(nn.Module):
    """The first channels of the 1x1 branch of `Mixed_6d`, in the order of TensorFlow: rows, columns, channels.

    Args:
        network: Whose layers it shares, as far as they are needed.
    """

    CHANNELS = 7

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        before = itertools.takewhile(lambda layer: layer[0] != "Mixed_6d", network.named_children())
        self.layers = nn.Sequential(*(layer for _, layer in before))
        self.branch = network.get_submodule("Mixed_6d.branch1x1")

    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Float[Tensor, "B D"]:
        """Not negative; D = 17 * 17 * 7 = 2023 at 299 px."""
        maps: Tensor = self.branch(self.layers(prepared))[:, : self.CHANNELS]
        return maps.permute(0, 2, 3, 1).flatten(1)
