"""`dcgan`: transposed convolutions against strided ones, BatchNorm in both, for 28, 32, 48, 64, ... pixels.

Source: Radford et al. 2016 (arXiv:1511.06434), section 3; kernel 4 as in PyTorch's example, whose parameter counts
these are at 64 pixels. Spectral norm (Miyato et al. 2018, arXiv:1802.05957) is a switch; it replaces the
discriminator's BatchNorm, which would undo it.
One network for every side that is 4, 5, 6 or 7 times a power of two, and for any number of channels.
Fixed: the sigmoid is folded into the loss.
Parameters at the default settings (64x64, 3 channels): generator 3,576,704; discriminator 2,765,568.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ganeval.errors import UsageError
from reference_models.models.base import SIGNED, Architecture
from reference_models.models.config import require_positive
from reference_models.models.layers import Projection


@dataclass(frozen=True)
class DCGANConfig:
    """Settings of `dcgan`.

    Attributes:
        latent_dim: Z, width of the noise.
        image_size: Height and width: 4, 5, 6 or 7 times a power of two, at least 8.
        channels: Image channels.
        width: Channels at half the image's resolution; doubled with every halving.
        spectral_norm: Spectral norm instead of BatchNorm in the discriminator.
    """

    latent_dim: int = 100
    image_size: int = 64
    channels: int = 3
    width: int = 64
    spectral_norm: bool = False

    def __post_init__(self) -> None:
        require_positive(self)
        base_and_doublings(self.image_size)


def base_and_doublings(image_size: int) -> tuple[int, int]:
    """Splits a side into base · 2^doublings with a base of 4 to 7 and at least one doubling.

    Raises:
        UsageError: no such split.
    """
    doublings = 0
    base = image_size
    while base > 7 and base % 2 == 0:
        base, doublings = base // 2, doublings + 1
    if not 4 <= base <= 7 or doublings == 0:
        raise UsageError(
            "dcgan needs an image_size that is 4, 5, 6 or 7 times a power of two (8, 16, 28, 32, 48, 64, 128, ...); "
            f"got {image_size}."
        )
    return base, doublings


class DCGANGenerator(nn.Module):
    """Latents -> base x base -> doubled until the image's size; BatchNorm + ReLU, last tanh: images in [-1, 1]."""

    output_range = SIGNED

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        base, doublings = base_and_doublings(config.image_size)
        width = config.width * 2 ** (doublings - 1)
        layers: list[nn.Module] = [
            nn.Unflatten(1, (config.latent_dim, 1, 1)),
            Projection(config.latent_dim, width, base),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        for _ in range(doublings - 1):
            layers += [
                nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width // 2),
                nn.ReLU(),
            ]
            width //= 2
        last = nn.ConvTranspose2d(width, config.channels, 4, stride=2, padding=1, bias=False)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())

    def forward(self, latents: Float[Tensor, "B Z"]) -> Float[Tensor, "B C S S"]:
        """Latents, N(0, 1), to images."""
        images: Tensor = self.layers(latents)
        return images


class DCGANDiscriminator(nn.Module):
    """The generator's mirror: strided convolutions, LeakyReLU .2, BatchNorm from the second on; logits."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        base, doublings = base_and_doublings(config.image_size)
        normed = config.spectral_norm
        layers: list[nn.Module] = []
        channels = config.channels
        for index in range(doublings):
            width = config.width * 2**index
            layers.append(_convolution(channels, width, stride=2, padding=1, kernel=4, spectral=normed))
            if index > 0 and not normed:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.LeakyReLU(0.2))
            channels = width
        last = _convolution(channels, 1, stride=1, padding=0, kernel=base, spectral=normed)
        self.layers = nn.Sequential(*layers, last, nn.Flatten(0))

    def forward(self, images: Float[Tensor, "B C S S"]) -> Float[Tensor, " B"]:
        """Images to logits."""
        logits: Tensor = self.layers(images)
        return logits


def _convolution(
    channels_in: int, channels_out: int, *, stride: int, padding: int, kernel: int, spectral: bool
) -> nn.Module:
    """A convolution without bias, or one with bias and spectral norm: no BatchNorm follows to bring a shift."""
    layer = nn.Conv2d(channels_in, channels_out, kernel, stride=stride, padding=padding, bias=spectral)
    return parametrizations.spectral_norm(layer) if spectral else layer


DCGAN = Architecture(
    output_range=SIGNED,
    config=DCGANConfig(),
    build_generator=DCGANGenerator,
    build_discriminator=DCGANDiscriminator,
)
