"""`pix2pix`: U-Net generator and PatchGAN discriminator for images that come in pairs.

Source: Isola et al. 2017 (arXiv:1611.07004), appendix 6.1: encoder C64-C128-C256-C512-..., decoder with dropout in its
first three layers and skips, discriminator C64-C128-C256-C512 whose outputs each see 70x70 pixels. Parameter counts are
those of the authors' PyTorch code (54.414 M and 2.769 M).
Differs from the paper: in eval mode the output is deterministic (the paper leaves dropout on as its only noise), so
that it can be scored against the one true image. The sigmoid is folded into the loss.
Normalisation: the paper's BatchNorm uses the statistics of the test batch at test time too, which at its batch size of
1 is instance normalisation (section 3.4). `test_statistics` "batch" does so, one image a batch; "running" is BatchNorm
as usual, by the averages over training, for plans with larger batches.
Enlargement: the paper's transposed convolutions leave a checkerboard, since their outputs are sums of one, two or four
weights in turn (Odena et al. 2016, "Deconvolution and checkerboard artifacts"). `enlarge` "nearest" repeats pixels and
convolves, which cannot make one.
Parameters at the default settings (256x256, 3 to 3 channels): generator 54,413,955; discriminator 2,768,705.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganeval.errors import UsageError
from reference_models.models.base import SIGNED, Architecture
from reference_models.models.config import require_positive, require_share
from reference_models.models.layers import require_multiple


@dataclass(frozen=True)
class Pix2PixConfig:
    """Settings of `pix2pix`.

    Attributes:
        image_size: Height and width in training, a multiple of 16, at least 32. The U-Net halves it until it is odd, 8
            times at most; other images must be multiples of 2^halvings.
        condition_channels: Channels of the input image.
        channels: Channels of the output image.
        width: Channels after the first convolution.
        dropout: Share dropped in the first three decoder layers.
        enlarge: How the decoder doubles a side: "transposed" convolutions of kernel 4, as in the paper, or "nearest"
            neighbours and a convolution of kernel 3.
        test_statistics: What the generator's BatchNorm normalises by in eval mode: "running" averages, or the "batch".
    """

    image_size: int = 256
    condition_channels: int = 3
    channels: int = 3
    width: int = 64
    dropout: float = 0.5
    enlarge: Literal["transposed", "nearest"] = "transposed"
    test_statistics: Literal["running", "batch"] = "running"

    def __post_init__(self) -> None:
        require_positive(self)
        require_share("dropout", self.dropout)
        if self.image_size % 16 or self.image_size < 32:
            raise UsageError(
                f"pix2pix needs an image_size that is a multiple of 16 and at least 32; got {self.image_size}."
            )

    @property
    def halvings(self) -> int:
        """Depth of the U-Net: how often the side can be halved, at most 8."""
        factors_of_two = (self.image_size & -self.image_size).bit_length() - 1
        return min(factors_of_two, 8)


def _doubled(config: Pix2PixConfig, channels: int, made: int, *, bias: bool) -> list[nn.Module]:
    """Layers that double both sides."""
    if config.enlarge == "nearest":
        return [nn.Upsample(scale_factor=2.0, mode="nearest"), nn.Conv2d(channels, made, 3, padding=1, bias=bias)]
    return [nn.ConvTranspose2d(channels, made, 4, stride=2, padding=1, bias=bias)]


class UNet(nn.Module):
    """Encoder of strided convolutions, decoder of doublings, a skip at every resolution; tanh: [-1, 1].

    BatchNorm everywhere but after the first and the innermost convolution (one pixel and one image have no variance).
    """

    output_range = SIGNED

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        depth = config.halvings
        self.factor = 2**depth
        running = config.test_statistics == "running"
        widths = [config.width * min(2**index, 8) for index in range(depth)]
        self.encoder = nn.ModuleList()
        channels = config.condition_channels
        for index, width in enumerate(widths):
            layers: list[nn.Module] = [nn.LeakyReLU(0.2)] if index > 0 else []
            layers.append(nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=False))
            if 0 < index < depth - 1:
                layers.append(nn.BatchNorm2d(width, track_running_stats=running))
            self.encoder.append(nn.Sequential(*layers))
            channels = width
        self.decoder = nn.ModuleList()
        for index, width in enumerate(reversed(widths[:-1])):
            layers = [
                nn.ReLU(),
                *_doubled(config, channels, width, bias=False),
                nn.BatchNorm2d(width, track_running_stats=running),
            ]
            if index < 3 and config.dropout:
                layers.append(nn.Dropout(config.dropout))
            self.decoder.append(nn.Sequential(*layers))
            channels = 2 * width  # the skip brings as many again
        self.last = nn.Sequential(nn.ReLU(), *_doubled(config, channels, config.channels, bias=True), nn.Tanh())

    def forward(self, condition: Float[Tensor, "B D H W"]) -> Float[Tensor, "B C H W"]:
        """Input images in [-1, 1] to output images.

        Raises:
            DataError: a side that isn't a multiple of 2^halvings.
        """
        require_multiple(condition, self.factor, "pix2pix")
        skips = []
        maps = condition
        for down in self.encoder:
            maps = down(maps)
            skips.append(maps)
        for up, skip in zip(self.decoder, reversed(skips[:-1]), strict=True):
            maps = torch.cat([skip, up(maps)], dim=1)
        images: Tensor = self.last(maps)
        return images


class PairPatchGAN(nn.Module):
    """Convolutions of kernel 4 (strides 2, 2, 2, 1, 1) over input ++ output: one logit for every 70x70 patch."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        width = config.width
        layers: list[nn.Module] = [
            nn.Conv2d(config.condition_channels + config.channels, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        ]
        for stride in (2, 2, 1):
            layers += [
                nn.Conv2d(width, 2 * width, 4, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(2 * width),
                nn.LeakyReLU(0.2),
            ]
            width *= 2
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 4, padding=1))

    def forward(
        self, condition: Float[Tensor, "B D H W"], images: Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B 1 h w"]:
        """Pairs to maps of logits; h = H/8 - 2."""
        logits: Tensor = self.layers(torch.cat([condition, images], dim=1))
        return logits


PIX2PIX = Architecture(
    output_range=SIGNED,
    config=Pix2PixConfig(),
    build_generator=UNet,
    build_discriminator=PairPatchGAN,
)
