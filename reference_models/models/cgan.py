"""GANs that are told the class: `cgan-conv`, `cgan-dense`, `cgan-mnist`.

Source: Mirza and Osindero 2014 (arXiv:1411.1784).
Fixed: the tutorials' discriminators never see the label, so nothing makes the generator obey it: here each one does,
as an embedded image plane (`cgan-conv`, `cgan-mnist`) or as one-hot inputs (`cgan-dense`). The generator of the
`cgan-mnist` tutorial stops at 4x4x8 and is completed to 28x28. The sigmoids are folded into the loss.

Parameters at the default settings (28x28, 1 channel, 10 classes):
* `cgan-conv`: generator 1,483,625; discriminator 89,185.
* `cgan-dense`: generator 115,600; discriminator 101,889.
* `cgan-mnist`: generator 72,385; discriminator 208,801.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ganeval.errors import UsageError
from reference_models.models.base import SIGNED, Architecture
from reference_models.models.config import require_positive
from reference_models.models.layers import with_one_hot

# A label's embedding starts at a tenth of the noise. As large as the noise, which is how PyTorch begins one, the
# generator learns the mean image of each class first and then ignores the noise: one image a class after 800 steps of
# every discriminator tried (spectral norm, R1, none).
SMALL_LABEL = 0.1


@dataclass(frozen=True)
class PlaneCGANConfig:
    """Settings of `cgan-mnist`, and what `cgan-conv` shares with it.

    Attributes:
        latent_dim: Z, width of the noise; in `cgan-conv` also of the label embedding.
        image_size: Height and width, a multiple of 4, at least 16.
        channels: Image channels.
        classes: K; labels are 0 .. K-1.
        width: Channels of the widest convolution (`cgan-conv`), units of the hidden layers (`cgan-mnist`).
    """

    latent_dim: int = 100
    image_size: int = 28
    channels: int = 1
    classes: int = 10
    width: int = 128

    def __post_init__(self) -> None:
        require_positive(self)
        if self.image_size % 4 or self.image_size < 16:
            raise UsageError(f"image_size must be a multiple of 4 and at least 16; got {self.image_size}.")
        if self.width % 2:
            raise UsageError(f"width must be even; got {self.width}.")


@dataclass(frozen=True)
class ConvCGANConfig(PlaneCGANConfig):
    """Settings of `cgan-conv`.

    Attributes:
        batch_norm: BatchNorm before each hidden ReLU of the generator; the tutorial has none.
    """

    batch_norm: bool = False


@dataclass(frozen=True)
class DenseCGANConfig:
    """Settings of `cgan-dense`.

    Attributes:
        latent_dim: Z, width of the noise.
        image_size: Height and width in pixels, any.
        channels: Image channels, any.
        classes: K; labels are 0 .. K-1.
        width: Units of the hidden layer on either side.
    """

    latent_dim: int = 100
    image_size: int = 28
    channels: int = 1
    classes: int = 10
    width: int = 128

    def __post_init__(self) -> None:
        require_positive(self)


class LabelPlane(nn.Module):
    """Appends one channel to images: the label's learned plane of S x S numbers, at first one number all over.

    From white noise, which is how PyTorch begins an embedding, a convolution hands that noise on to the generator:
    every image of a class then keeps the same speckle.
    """

    def __init__(self, classes: int, image_size: int) -> None:
        super().__init__()
        planes = nn.Embedding(classes, image_size**2)
        with torch.no_grad():
            planes.weight.copy_(planes.weight[:, :1].expand_as(planes.weight).clone())
        self.planes = nn.Sequential(planes, nn.Unflatten(1, (1, image_size, image_size)))

    def forward(self, images: Float[Tensor, "B C S S"], labels: Int[Tensor, " B"]) -> Float[Tensor, "B C1 S S"]:
        """Images ++ planes."""
        return torch.cat([images, self.planes(labels)], dim=1)


class ConvCGANGenerator(nn.Module):
    """Noise ++ label embedding -> 128·S/4·S/4 -> convT 128 s2 -> convT 64 s2 -> convT C, ReLU; tanh: [-1, 1]."""

    output_range = SIGNED

    def __init__(self, config: ConvCGANConfig) -> None:
        super().__init__()
        width, base = config.width, config.image_size // 4
        self.embedding = nn.Embedding(config.classes, config.latent_dim)
        with torch.no_grad():
            self.embedding.weight.mul_(SMALL_LABEL)

        def activation(channels: int) -> list[nn.Module]:
            return [nn.BatchNorm2d(channels), nn.ReLU()] if config.batch_norm else [nn.ReLU()]

        self.layers = nn.Sequential(
            nn.Linear(2 * config.latent_dim, width * base**2),
            nn.Unflatten(1, (width, base, base)),
            *activation(width),
            nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1),
            *activation(width),
            nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1),
            *activation(width // 2),
            nn.ConvTranspose2d(width // 2, config.channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, latents: Float[Tensor, "B Z"], labels: Int[Tensor, " B"]) -> Float[Tensor, "B C S S"]:
        """Latents, N(0, 1), and labels to images."""
        images: Tensor = self.layers(torch.cat([latents, self.embedding(labels)], dim=1))
        return images


class ConvCGANDiscriminator(nn.Module):
    """Image ++ label plane -> conv 64 s2 -> conv 128 s2, LeakyReLU .2 -> one logit."""

    def __init__(self, config: ConvCGANConfig) -> None:
        super().__init__()
        width, base = config.width, config.image_size // 4
        self.plane = LabelPlane(config.classes, config.image_size)
        self.layers = nn.Sequential(
            nn.Conv2d(config.channels + 1, width // 2, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(width * base**2, 1),
        )

    def forward(self, images: Float[Tensor, "B C S S"], labels: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Images and their labels to logits."""
        logits: Tensor = self.layers(self.plane(images, labels))
        return logits.squeeze(1)


class DenseCGANGenerator(nn.Module):
    """Noise ++ one-hot label -> 128, ReLU, BatchNorm -> C·S·S, tanh: images in [-1, 1]."""

    output_range = SIGNED

    def __init__(self, config: DenseCGANConfig) -> None:
        super().__init__()
        self.classes = config.classes
        self.layers = nn.Sequential(
            nn.Linear(config.latent_dim + config.classes, config.width),
            nn.ReLU(),
            nn.BatchNorm1d(config.width),
            nn.Linear(config.width, config.channels * config.image_size**2),
            nn.Tanh(),
            nn.Unflatten(1, (config.channels, config.image_size, config.image_size)),
        )

    def forward(self, latents: Float[Tensor, "B Z"], labels: Int[Tensor, " B"]) -> Float[Tensor, "B C S S"]:
        """Latents, N(0, 1), and labels to images."""
        images: Tensor = self.layers(with_one_hot(latents, labels, self.classes))
        return images


class DenseCGANDiscriminator(nn.Module):
    """Image ++ one-hot label -> 128, ReLU -> one logit."""

    def __init__(self, config: DenseCGANConfig) -> None:
        super().__init__()
        self.classes = config.classes
        pixels = config.channels * config.image_size**2
        self.layers = nn.Sequential(
            nn.Linear(pixels + config.classes, config.width), nn.ReLU(), nn.Linear(config.width, 1)
        )

    def forward(self, images: Float[Tensor, "B C S S"], labels: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Images and their labels to logits."""
        logits: Tensor = self.layers(with_one_hot(images.flatten(1), labels, self.classes))
        return logits.squeeze(1)


class MNISTCGANGenerator(nn.Module):
    """Noise ++ one-hot label -> 128 -> 4x4x8 (the tutorial's end) -> S/4 -> S/2 -> S; tanh: images in [-1, 1].

    The completion: transposed convolutions to 64, 32 and C channels, BatchNorm + ReLU between them, as in DCGAN. The
    first widens 4x4 to S/4 x S/4 (stride 1, kernel S/4 - 3), the others double.
    """

    output_range = SIGNED

    def __init__(self, config: PlaneCGANConfig) -> None:
        super().__init__()
        self.classes = config.classes
        wide, narrow = config.width // 2, max(config.width // 4, 1)
        self.layers = nn.Sequential(
            nn.Linear(config.latent_dim + config.classes, config.width),
            nn.ReLU(),
            nn.Linear(config.width, 8 * 4 * 4),
            nn.ReLU(),
            nn.Unflatten(1, (8, 4, 4)),
            nn.ConvTranspose2d(8, wide, config.image_size // 4 - 3, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            nn.ConvTranspose2d(narrow, config.channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, latents: Float[Tensor, "B Z"], labels: Int[Tensor, " B"]) -> Float[Tensor, "B C S S"]:
        """Latents, N(0, 1), and labels to images."""
        images: Tensor = self.layers(with_one_hot(latents, labels, self.classes))
        return images


class MNISTCGANDiscriminator(nn.Module):
    """Image ++ label plane -> 128, LeakyReLU .2 -> one logit."""

    def __init__(self, config: PlaneCGANConfig) -> None:
        super().__init__()
        self.plane = LabelPlane(config.classes, config.image_size)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear((config.channels + 1) * config.image_size**2, config.width),
            nn.LeakyReLU(0.2),
            nn.Linear(config.width, 1),
        )

    def forward(self, images: Float[Tensor, "B C S S"], labels: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Images and their labels to logits."""
        logits: Tensor = self.layers(self.plane(images, labels))
        return logits.squeeze(1)


CGAN_CONV = Architecture(
    output_range=SIGNED,
    config=ConvCGANConfig(),
    build_generator=ConvCGANGenerator,
    build_discriminator=ConvCGANDiscriminator,
)
CGAN_DENSE = Architecture(
    output_range=SIGNED,
    config=DenseCGANConfig(),
    build_generator=DenseCGANGenerator,
    build_discriminator=DenseCGANDiscriminator,
)
CGAN_MNIST = Architecture(
    output_range=SIGNED,
    config=PlaneCGANConfig(),
    build_generator=MNISTCGANGenerator,
    build_discriminator=MNISTCGANDiscriminator,
)
