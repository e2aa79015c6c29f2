"""`progan`: generator and discriminator that grow from 4x4 by doubling, each new level faded in.

Source: Karras et al. 2018, Progressive Growing of GANs (arXiv:1710.10196): fade-in (section 2), minibatch stddev (3),
equalised learning rate and pixel norm (4). At 1024x1024 and the paper's widths either network has the 23.1 M parameters
of its table 2.
One network holds every level; `level` and `alpha` say how far it has grown. The output is linear, as in the paper:
images are about [-1, 1], and what leaves that range is cut off when they become uint8.
Parameters at the default settings (32x32, 3 channels): generator 20,727,308; discriminator 20,726,785.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ganeval.errors import UsageError
from reference_models.models.base import SIGNED, Architecture
from reference_models.models.config import require_positive
from reference_models.models.layers import EqualisedConv2d, EqualisedLinear, PixelNorm, with_minibatch_stddev


@dataclass(frozen=True)
class ProGANConfig:
    """Settings of `progan`.

    Attributes:
        latent_dim: Z, width of the noise.
        image_size: Side at the highest level, a power of two from 8 to 1024.
        channels: Image channels.
        fmap_base: Width at level l is fmap_base / 2^(l+1), ...
        fmap_max: ... but at most this.
    """

    latent_dim: int = 512
    image_size: int = 32
    channels: int = 3
    fmap_base: int = 8192
    fmap_max: int = 512

    def __post_init__(self) -> None:
        require_positive(self)
        if self.image_size not in (8, 16, 32, 64, 128, 256, 512, 1024):
            raise UsageError(f"progan needs an image_size that is a power of two, 8 to 1024; got {self.image_size}.")
        if self.fmap_base < self.image_size // 2:
            raise UsageError(
                f"fmap_base must be at least {self.image_size // 2} to leave one map at {self.image_size} pixels; "
                f"got {self.fmap_base}."
            )

    @property
    def levels(self) -> int:
        """How many resolutions there are: level l is 4 · 2^l pixels, l = 0 .. levels-1."""
        return self.image_size.bit_length() - 2

    def width(self, level: int) -> int:
        """Feature maps at a level."""
        return min(self.fmap_base >> (level + 1), self.fmap_max)


class ProGANGenerator(nn.Module):
    """Latents -> 4x4 -> doubled once a level; pixel norm after every activation, a linear 1x1 to colours."""

    output_range = SIGNED

    def __init__(self, config: ProGANConfig) -> None:
        super().__init__()
        self.levels = config.levels
        first = config.width(0)
        self.stem = nn.Sequential(
            PixelNorm(),
            # A quarter of the usual gain, as in the authors' code.
            EqualisedLinear(config.latent_dim, first * 16, gain=math.sqrt(2.0) / 4),
            nn.Unflatten(1, (first, 4, 4)),
            *_activation(),
            EqualisedConv2d(first, first, 3),
            *_activation(),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=2, mode="nearest"),
                EqualisedConv2d(config.width(level - 1), config.width(level), 3),
                *_activation(),
                EqualisedConv2d(config.width(level), config.width(level), 3),
                *_activation(),
            )
            for level in range(1, config.levels)
        )
        self.to_colours = nn.ModuleList(
            EqualisedConv2d(config.width(level), config.channels, 1, gain=1.0) for level in range(config.levels)
        )

    def forward(
        self, latents: Float[Tensor, "B Z"], level: int | None = None, alpha: float = 1.0
    ) -> Float[Tensor, "B C S S"]:
        """Latents, N(0, 1), to images of 4 · 2^level pixels.

        Args:
            latents: N(0, 1).
            level: How far the network has grown; None is all the way.
            alpha: Share of the newest level; 0 gives the level below, doubled by nearest neighbour.
        """
        level = checked_level(level, self.levels)
        maps: Tensor = self.stem(latents)
        below = maps
        for block in self.blocks[:level]:
            below, maps = maps, block(maps)
        images: Tensor = self.to_colours[level](maps)
        if level > 0 and alpha < 1.0:
            coarse = F.interpolate(self.to_colours[level - 1](below), scale_factor=2, mode="nearest")
            images = torch.lerp(coarse, images, alpha)
        return images


class ProGANDiscriminator(nn.Module):
    """The generator's mirror, with one plane of minibatch standard deviation at 4x4; gives scores."""

    def __init__(self, config: ProGANConfig) -> None:
        super().__init__()
        self.levels = config.levels
        first = config.width(0)
        self.from_colours = nn.ModuleList(
            nn.Sequential(EqualisedConv2d(config.channels, config.width(level), 1), nn.LeakyReLU(0.2))
            for level in range(config.levels)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                EqualisedConv2d(config.width(level), config.width(level), 3),
                nn.LeakyReLU(0.2),
                EqualisedConv2d(config.width(level), config.width(level - 1), 3),
                nn.LeakyReLU(0.2),
                nn.AvgPool2d(2),
            )
            for level in range(1, config.levels)
        )
        self.head = nn.Sequential(
            EqualisedConv2d(first + 1, first, 3),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            EqualisedLinear(first * 16, first),
            nn.LeakyReLU(0.2),
            EqualisedLinear(first, 1, gain=1.0),
        )

    def forward(
        self, images: Float[Tensor, "B C S S"], level: int | None = None, alpha: float = 1.0
    ) -> Float[Tensor, " B"]:
        """Images of 4 · 2^level pixels to scores; `level` and `alpha` as in the generator.

        Raises:
            ValueError: images of another size.
        """
        level = checked_level(level, self.levels)
        if images.shape[-1] != 4 * 2**level:
            raise ValueError(f"level {level} takes images of {4 * 2**level} pixels; got {images.shape[-1]}")
        maps: Tensor = self.from_colours[level](images)
        if level > 0:
            maps = self.blocks[level - 1](maps)
            if alpha < 1.0:
                maps = torch.lerp(self.from_colours[level - 1](F.avg_pool2d(images, 2)), maps, alpha)
            for below in range(level - 2, -1, -1):
                maps = self.blocks[below](maps)
        scores: Tensor = self.head(with_minibatch_stddev(maps))
        return scores.squeeze(1)


def checked_level(level: int | None, levels: int) -> int:
    """The level meant: the highest for None.

    Raises:
        ValueError: outside 0 .. levels-1.
    """
    if level is None:
        return levels - 1
    if not 0 <= level < levels:
        raise ValueError(f"level must be 0 to {levels - 1}; got {level}")
    return level


def _activation() -> tuple[nn.Module, nn.Module]:
    """What follows every layer of the generator."""
    return nn.LeakyReLU(0.2), PixelNorm()


PROGAN = Architecture(
    output_range=SIGNED,
    config=ProGANConfig(),
    build_generator=ProGANGenerator,
    build_discriminator=ProGANDiscriminator,
)
