"""`cyclegan`: residual generator and PatchGAN discriminator for two sets of images without pairs.

Source: Zhu et al. 2017 (arXiv:1703.10593), appendix 7.2: 9 residual blocks at 256 pixels, 6 at 128. Parameter counts
are those of the authors' PyTorch code (11.378 M and 2.765 M). Upsampling then convolving, instead of a transposed
convolution, has as many weights and no checkerboard. The tutorial's discriminator has stride 2 four times, not three,
and pads with one row and column of zeros at top and left alone, so that its map is exactly H/16; each value sees 94x94
pixels (the paper's 70x70).
The recipe builds two of each, one for each direction. Sides that the generator would not give back are refused.
Parameters at the default settings (3 channels, 9 blocks): generator 11,378,179; discriminator 2,764,737.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganeval.errors import UsageError
from reference_models.models.base import SIGNED, Architecture
from reference_models.models.config import require_positive
from reference_models.models.layers import require_multiple

ROOM = 0.99  # atanh of a full black or white is infinite; one grey level of 255 is .0078


@dataclass(frozen=True)
class CycleGANConfig:
    """Settings of `cyclegan`.

    Attributes:
        image_size: Height and width in training, a multiple of 16, at least 32. The generator takes any multiple of 4.
        channels: Image channels, of both sets.
        width: Channels after the first convolution, of either network.
        n_blocks: Residual blocks of the generator.
        skip: The generator adds to its input, under the tanh, instead of making the image anew: minutes of training go
            into the change of look, not into copying.
    """

    image_size: int = 256
    channels: int = 3
    width: int = 64
    n_blocks: int = 9
    skip: bool = False

    def __post_init__(self) -> None:
        require_positive(self)
        if self.image_size % 16 or self.image_size < 32:
            raise UsageError(
                f"cyclegan needs an image_size that is a multiple of 16 and at least 32; got {self.image_size}."
            )


class ReflectedBlock(nn.Module):
    """(reflection pad, conv3, InstanceNorm) twice, ReLU between, plus the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Adds the correction."""
        corrected: Tensor = maps + self.layers(maps)
        return corrected


class ResidualTranslator(nn.Module):
    """conv7 64; conv3 s2 128, 256; n residual blocks; (upsample 2, conv3) 128, 64; conv7, tanh: [-1, 1]."""

    output_range = SIGNED

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        width = config.width
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(config.channels, width, 7), *_norm(width)]
        for _ in range(2):
            layers += [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), *_norm(2 * width)]
            width *= 2
        layers += [ReflectedBlock(width) for _ in range(config.n_blocks)]
        for _ in range(2):
            layers += [
                nn.Upsample(scale_factor=2, mode="nearest"),
                nn.Conv2d(width, width // 2, 3, padding=1),
                *_norm(width // 2),
            ]
            width //= 2
        self.layers = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, config.channels, 7))
        self.skip = config.skip

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Images of one set, in [-1, 1], to the other set's look.

        Raises:
            DataError: a side that isn't a multiple of 4.
        """
        require_multiple(images, 4, "cyclegan")
        translated: Tensor = self.layers(images)
        return torch.tanh(translated + torch.atanh(ROOM * images) if self.skip else translated)


class PatchGAN(nn.Module):
    """conv4 s2 64, 128, 256, 512, InstanceNorm from the second; zeros at top and left; conv4: a map of H/16 scores."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        width = config.width
        layers: list[nn.Module] = [nn.Conv2d(config.channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for _ in range(3):
            layers += [
                nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
                nn.InstanceNorm2d(2 * width),
                nn.LeakyReLU(0.2),
            ]
            width *= 2
        # (left, right, top, bottom): an even kernel gives back H/16 only if one side gets one row more.
        self.layers = nn.Sequential(*layers, nn.ZeroPad2d((1, 0, 1, 0)), nn.Conv2d(width, 1, 4, padding=1))

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 h w"]:
        """Images to maps of scores; h = H/16."""
        scores: Tensor = self.layers(images)
        return scores


def _norm(width: int) -> tuple[nn.Module, nn.Module]:
    """What follows every convolution of the generator outside the residual blocks."""
    return nn.InstanceNorm2d(width), nn.ReLU()


CYCLEGAN = Architecture(
    output_range=SIGNED,
    config=CycleGANConfig(),
    build_generator=ResidualTranslator,
    build_discriminator=PatchGAN,
)
