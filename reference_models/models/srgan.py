"""`srresnet` and `srgan`: residual super-resolution by 4, without and with an adversary.

Source: Ledig et al. 2017 (arXiv:1609.04802), figure 4. Images are on [0, 1] at both ends; the last convolution is
linear, so a value may leave that range slightly.
Fixed: the tutorial's dense head (1024; 1) is tied to one crop size; here the maps are brought to 6x6 by adaptive
average pooling first, which changes nothing at the paper's 96-pixel crops. The sigmoid is folded into the loss.
Where the tutorial's code and the paper differ, this is the paper's: enlargement by 4, not 2; BatchNorm in the residual
blocks; one skip over all of them; a linear output, not tanh; eight convolutions in the discriminator.
Parameters at the default settings (x4, 16 blocks, 3 channels): generator 1,547,350; discriminator 23,563,649.
"""

import dataclasses
from dataclasses import dataclass
from typing import cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ganeval.errors import UsageError
from reference_models.data.transforms import bicubic_enlargement
from reference_models.models.base import UNIT, Architecture
from reference_models.models.config import require_positive


@dataclass(frozen=True)
class SRGANConfig:
    """Settings of `srresnet` and `srgan`.

    Attributes:
        image_size: Side of the high-resolution training crops; a multiple of `scale`, at least 16.
        channels: Image channels.
        scale: Enlargement: 2, 4, 8, ...
        n_blocks: Residual blocks of the generator.
        width: Channels of the generator and of the discriminator's first convolution.
        pool: Side of the maps that reach the discriminator's dense head.
        head: Units of the discriminator's dense layer.
        bicubic_skip: The generator adds to the bicubic enlargement of its input instead of making the image anew, so
            that minutes of training are spent on what bicubic lacks (Kim et al. 2016, arXiv:1511.04587, section 3.2).
            Its last convolution begins at zero: untrained, it is the enlargement itself.
    """

    image_size: int = 96
    channels: int = 3
    scale: int = 4
    n_blocks: int = 16
    width: int = 64
    pool: int = 6
    head: int = 1024
    bicubic_skip: bool = False

    def __post_init__(self) -> None:
        require_positive(self)
        if self.scale < 2 or self.scale & (self.scale - 1):
            raise UsageError(f"scale must be a power of two (2, 4, 8, ...); got {self.scale}.")
        if self.image_size % self.scale or self.image_size < 16:
            raise UsageError(
                f"image_size must be a multiple of the scale {self.scale} and at least 16; got {self.image_size}."
            )


class ResidualBlock(nn.Module):
    """conv3, BN, PReLU, conv3, BN, plus the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Adds the correction."""
        corrected: Tensor = maps + self.layers(maps)
        return corrected


class SRResNet(nn.Module):
    """conv9 PReLU; n residual blocks, conv3 BN, global skip; (conv, PixelShuffle 2, PReLU) a doubling; conv9."""

    output_range = UNIT

    def __init__(self, config: SRGANConfig) -> None:
        super().__init__()
        width = config.width
        self.first = nn.Sequential(nn.Conv2d(config.channels, width, 9, padding=4), nn.PReLU())
        self.trunk = nn.Sequential(
            *(ResidualBlock(width) for _ in range(config.n_blocks)),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        enlarge: list[nn.Module] = []
        for _ in range(config.scale.bit_length() - 1):
            enlarge += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()]
        last = nn.Conv2d(width, config.channels, 9, padding=4)
        if config.bicubic_skip:
            nn.init.zeros_(last.weight)
            nn.init.zeros_(cast(Tensor, last.bias))
        self.enlarge = nn.Sequential(*enlarge, last)
        self.bicubic_scale = config.scale if config.bicubic_skip else 0

    def forward(self, images: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C H W"]:
        """Low-resolution images on [0, 1], of any size, to images `scale` times as high and wide."""
        maps: Tensor = self.first(images)
        enlarged: Tensor = self.enlarge(maps + self.trunk(maps))
        return enlarged + bicubic_enlargement(images, self.bicubic_scale) if self.bicubic_scale else enlarged


class SRDiscriminator(nn.Module):
    """conv 64; (64 s2, 128, 128 s2, 256, 256 s2, 512, 512 s2) with BN; 6x6; dense 1024; 1. LeakyReLU .2; logits."""

    def __init__(self, config: SRGANConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(config.channels, config.width, 3, padding=1), nn.LeakyReLU(0.2)]
        channels = config.width
        for factor, stride in ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2)):
            width = config.width * factor
            layers += [
                nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.LeakyReLU(0.2),
            ]
            channels = width
        self.layers = nn.Sequential(*layers)
        self.pool = config.pool
        self.head = nn.Sequential(
            nn.Linear(channels * config.pool**2, config.head), nn.LeakyReLU(0.2), nn.Linear(config.head, 1)
        )

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, " B"]:
        """High-resolution images to logits."""
        maps: Tensor = self.layers(images)
        # Skipped where it is the identity: its backward has no deterministic CUDA kernel.
        if maps.shape[-2:] != (self.pool, self.pool):
            maps = F.adaptive_avg_pool2d(maps, self.pool)
        logits: Tensor = self.head(maps.flatten(1))
        return logits.squeeze(1)


SRGAN = Architecture(
    output_range=UNIT,
    config=SRGANConfig(),
    build_generator=SRResNet,
    build_discriminator=SRDiscriminator,
)
SRRESNET = dataclasses.replace(
    SRGAN,
    build_discriminator=None,
)
