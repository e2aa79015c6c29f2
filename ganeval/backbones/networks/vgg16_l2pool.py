"""VGG16's convolutions with L2 pooling between the blocks, as DISTS has them."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class L2Pool(nn.Module):
    """Root of the mean square under a Hann window of 3x3, at every second place; zeros lie beyond the border."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("window", torch.outer(taps, taps).expand(channels, 1, 3, 3).contiguous(), persistent=False)

    def forward(self, maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        """Half as many rows and columns, rounded up."""
        window = self.get_buffer("window")
        means = F.conv2d(maps.square(), window, stride=2, padding=1, groups=maps.shape[1])
        return (means + 1e-12).sqrt()


class L2PooledMaps(nn.Module):
    """Normalised images of any size -> the last map of each of VGG16's five blocks.

    Args:
        features: torchvision's `features`.
    """

    def __init__(self, features: nn.Sequential) -> None:
        super().__init__()
        blocks: list[nn.Sequential] = []
        layers: list[nn.Module] = []
        channels = 0
        for layer in features:
            if isinstance(layer, nn.MaxPool2d):
                blocks.append(nn.Sequential(*layers))
                layers = [L2Pool(channels)]
                continue
            channels = layer.out_channels if isinstance(layer, nn.Conv2d) else channels
            layers.append(layer)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, normalised: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The maps after their ReLU, shallow to deep."""
        maps = []
        x: Tensor = normalised
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return tuple(maps)
