"""`gan-1d`: the smallest GAN there is, a generator of single numbers that learns a 1-D mixture.

Source: the set-up of Goodfellow et al. 2014 (arXiv:1406.2661), figure 1.
Fixed: the tutorial's discriminator ends in a sigmoid; it is folded into the loss, so `forward` gives logits.
Parameters at the default settings: generator 34,689; discriminator 33,537.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from ganeval.errors import UsageError
from reference_models.models.base import SIGNED, Architecture
from reference_models.models.config import require_positive
from reference_models.models.mlp import discriminator_body, generator_body


@dataclass(frozen=True)
class GAN1DConfig:
    """Settings of `gan-1d`.

    Attributes:
        latent_dim: Z, width of the noise.
        widths: Hidden widths of the generator; the discriminator has them in the other order.
    """

    latent_dim: int = 10
    widths: tuple[int, ...] = (128, 256)

    def __post_init__(self) -> None:
        require_positive(self)
        if not self.widths:
            raise UsageError("widths must name at least one hidden layer; got none.")


class GAN1DGenerator(nn.Module):
    """z -> 128 -> 256 -> 1, ReLU, tanh: samples in (-1, 1)."""

    output_range = SIGNED

    def __init__(self, config: GAN1DConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *generator_body(config.latent_dim, config.widths, "relu"), nn.Linear(config.widths[-1], 1), nn.Tanh()
        )

    def forward(self, latents: Float[Tensor, "B Z"]) -> Float[Tensor, "B 1"]:
        """Latents, N(0, 1), to samples."""
        samples: Tensor = self.layers(latents)
        return samples


class GAN1DDiscriminator(nn.Module):
    """1 -> 256 -> 128 -> 1, LeakyReLU .2; gives logits."""

    def __init__(self, config: GAN1DConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *discriminator_body(1, config.widths[::-1], "leaky-relu", 0.0), nn.Linear(config.widths[0], 1)
        )

    def forward(self, samples: Float[Tensor, "B 1"]) -> Float[Tensor, " B"]:
        """Samples to logits."""
        logits: Tensor = self.layers(samples)
        return logits.squeeze(1)


GAN_1D = Architecture(
    output_range=SIGNED,
    config=GAN1DConfig(),
    build_generator=GAN1DGenerator,
    build_discriminator=GAN1DDiscriminator,
)
