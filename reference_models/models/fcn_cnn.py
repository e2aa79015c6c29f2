"""`gan-fcn-cnn`: a fully connected generator against a convolutional discriminator.

Source: Goodfellow et al. 2014 (arXiv:1406.2661).
Fixed: the tutorial's generator returns 784 probabilities, which its convolutions cannot read; they are reshaped to
28x28. The discriminator's sigmoid is folded into the loss.
Parameters at the default settings: generator 579,728; discriminator 80,769.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from reference_models.models.base import UNIT, Architecture
from reference_models.models.config import require_positive, require_share
from reference_models.models.mlp import generator_body


@dataclass(frozen=True)
class FCNCNNConfig:
    """Settings of `gan-fcn-cnn`.

    Attributes:
        latent_dim: Z, width of the noise.
        image_size: Height and width in pixels, any.
        channels: Image channels, any.
        generator_widths: Hidden widths of the generator.
        discriminator_widths: Channels of the discriminator's convolutions, each of stride 2.
        dropout: Share dropped after each convolution.
    """

    latent_dim: int = 100
    image_size: int = 28
    channels: int = 1
    generator_widths: tuple[int, ...] = (128, 256, 512)
    discriminator_widths: tuple[int, ...] = (64, 128)
    dropout: float = 0.3

    def __post_init__(self) -> None:
        require_positive(self)
        require_share("dropout", self.dropout)


class FCNGenerator(nn.Module):
    """Latents -> 128 -> 256 -> 512, ReLU -> C·S·S, sigmoid -> image in [0, 1]."""

    output_range = UNIT

    def __init__(self, config: FCNCNNConfig) -> None:
        super().__init__()
        fan_in = (config.latent_dim, *config.generator_widths)[-1]
        self.layers = nn.Sequential(
            *generator_body(config.latent_dim, config.generator_widths, "relu"),
            nn.Linear(fan_in, config.channels * config.image_size**2),
            nn.Sigmoid(),
            nn.Unflatten(1, (config.channels, config.image_size, config.image_size)),
        )

    def forward(self, latents: Float[Tensor, "B Z"]) -> Float[Tensor, "B C S S"]:
        """Latents, N(0, 1), to images."""
        images: Tensor = self.layers(latents)
        return images


class CNNDiscriminator(nn.Module):
    """Convolutions of kernel 3 and stride 2, LeakyReLU .2, dropout; then one logit."""

    def __init__(self, config: FCNCNNConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, side = config.channels, config.image_size
        for width in config.discriminator_widths:
            layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
            layers.append(nn.Dropout(config.dropout))
            channels, side = width, (side + 1) // 2
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * side**2, 1))

    def forward(self, images: Float[Tensor, "B C S S"]) -> Float[Tensor, " B"]:
        """Images to logits."""
        logits: Tensor = self.layers(images)
        return logits.squeeze(1)


GAN_FCN_CNN = Architecture(
    output_range=UNIT,
    config=FCNCNNConfig(),
    build_generator=FCNGenerator,
    build_discriminator=CNNDiscriminator,
)
