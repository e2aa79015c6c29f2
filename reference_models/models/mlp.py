"""GANs of fully connected layers: `gan-mlp`, `gan-mlp-small`, `gan-bn`, `gan-fashion`, `lsgan`, `hinge-gan`.

Sources: Goodfellow et al. 2014 (arXiv:1406.2661); `lsgan`: Mao et al. 2017 (arXiv:1611.04076); `hinge-gan`: Lim and
Ye 2017 (arXiv:1705.02894).
Fixed: the tutorials' generators return 784 numbers; these return images. Where a tutorial's discriminator ends in a
sigmoid, it is folded into the loss (logits out); under least squares and hinge there is none at all.

Parameters at the default settings (28x28, 1 channel):
* `gan-mlp`, `lsgan`, `hinge-gan`: generator 1,486,352; discriminator 533,505.
* `gan-mlp-small`: generator 114,064; discriminator 100,609.
* `gan-bn`: generator 1,489,936; discriminator 1,329,153.
* `gan-fashion`: generator 1,489,936; discriminator 533,505.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from reference_models.models.base import SIGNED, Architecture
from reference_models.models.config import require_positive, require_share

GeneratorBlock = Literal["relu", "batchnorm-relu", "leaky-batchnorm"]
Activation = Literal["relu", "leaky-relu"]


@dataclass(frozen=True)
class MLPConfig:
    """Settings of the fully connected family.

    Attributes:
        latent_dim: Z, width of the noise.
        image_size: Height and width in pixels, any.
        channels: Image channels, any.
        generator_widths: Hidden widths from the latents to the image.
        generator_block: What follows each hidden linear layer of the generator. "leaky-batchnorm" is LeakyReLU .2, then
            BatchNorm with Keras's momentum .8, which is .2 to PyTorch, and Keras's epsilon 1e-3.
        discriminator_widths: Hidden widths from the image to the logit.
        discriminator_activation: "leaky-relu" has slope .2.
        dropout: Share dropped after each hidden layer of the discriminator.
    """

    latent_dim: int = 100
    image_size: int = 28
    channels: int = 1
    generator_widths: tuple[int, ...] = (256, 512, 1024)
    generator_block: GeneratorBlock = "relu"
    discriminator_widths: tuple[int, ...] = (512, 256)
    discriminator_activation: Activation = "leaky-relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self)
        require_share("dropout", self.dropout)


def generator_body(fan_in: int, widths: tuple[int, ...], block: GeneratorBlock) -> list[nn.Module]:
    """The hidden layers of a fully connected generator."""
    layers: list[nn.Module] = []
    for width in widths:
        layers.append(nn.Linear(fan_in, width))
        if block == "relu":
            layers.append(nn.ReLU())
        elif block == "batchnorm-relu":
            layers += [nn.BatchNorm1d(width), nn.ReLU()]
        else:
            layers += [nn.LeakyReLU(0.2), nn.BatchNorm1d(width, eps=1e-3, momentum=0.2)]
        fan_in = width
    return layers


def discriminator_body(fan_in: int, widths: tuple[int, ...], activation: Activation, dropout: float) -> list[nn.Module]:
    """The hidden layers of a fully connected discriminator."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(fan_in, width), nn.ReLU() if activation == "relu" else nn.LeakyReLU(0.2)]
        if dropout:
            layers.append(nn.Dropout(dropout))
        fan_in = width
    return layers


class MLPGenerator(nn.Module):
    """Latents -> hidden layers -> C·S·S -> tanh -> image in [-1, 1]."""

    output_range = SIGNED

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        shape = (config.channels, config.image_size, config.image_size)
        fan_in = (config.latent_dim, *config.generator_widths)[-1]
        self.layers = nn.Sequential(
            *generator_body(config.latent_dim, config.generator_widths, config.generator_block),
            nn.Linear(fan_in, config.channels * config.image_size**2),
            nn.Tanh(),
            nn.Unflatten(1, shape),
        )

    def forward(self, latents: Float[Tensor, "B Z"]) -> Float[Tensor, "B C S S"]:
        """Latents, N(0, 1), to images."""
        images: Tensor = self.layers(latents)
        return images


class MLPDiscriminator(nn.Module):
    """Image -> hidden layers -> one logit or score."""

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        pixels = config.channels * config.image_size**2
        widths = config.discriminator_widths
        self.layers = nn.Sequential(
            nn.Flatten(),
            *discriminator_body(pixels, widths, config.discriminator_activation, config.dropout),
            nn.Linear((pixels, *widths)[-1], 1),
        )

    def forward(self, images: Float[Tensor, "B C S S"]) -> Float[Tensor, " B"]:
        """Images to logits."""
        logits: Tensor = self.layers(images)
        return logits.squeeze(1)


GAN_MLP = Architecture(
    output_range=SIGNED,
    config=MLPConfig(),
    build_generator=MLPGenerator,
    build_discriminator=MLPDiscriminator,
)
GAN_MLP_SMALL = dataclasses.replace(
    GAN_MLP,
    config=MLPConfig(generator_widths=(128,), discriminator_widths=(128,), discriminator_activation="relu"),
)
GAN_BN = dataclasses.replace(
    GAN_MLP,
    config=MLPConfig(generator_block="batchnorm-relu", discriminator_widths=(1024, 512), dropout=0.5),
)
GAN_FASHION = dataclasses.replace(
    GAN_MLP,
    config=MLPConfig(generator_block="leaky-batchnorm"),
)
