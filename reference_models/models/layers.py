"""Pieces that several networks share: where random numbers come from, initialisation, equalised and normed layers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganeval.errors import DataError, UsageError
from ganeval.generators.latents import draws_from as draws_from


def normal_like(images: Tensor, generator: torch.Generator) -> Tensor:
    """N(0, 1) in the shape, type and device of `images`. A CPU generator gives the same numbers on every device."""
    noise = torch.randn(images.shape, generator=generator, device=generator.device, dtype=images.dtype)
    return noise.to(images.device)


def uniform(shape: Sequence[int], like: Tensor, generator: torch.Generator) -> Tensor:
    """U[0, 1) of a shape, in the type and on the device of `like`; drawn on the generator's own device."""
    return torch.rand(tuple(shape), generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def integers(low: int, high: int, shape: Sequence[int], like: Tensor, generator: torch.Generator) -> Tensor:
    """Int64 from low to high, both included, on the device of `like`; drawn on the generator's own device."""
    return torch.randint(low, high + 1, tuple(shape), generator=generator, device=generator.device).to(like.device)


def xavier_(weight: Tensor, generator: torch.Generator) -> None:
    """Glorot & Bengio 2010, eq. 16: U(-a, a) with a = sqrt(6 / (fan_in + fan_out)), in place."""
    nn.init.xavier_uniform_(weight, generator=generator)


def he_(weight: Tensor, generator: torch.Generator) -> None:
    """He et al. 2015, eq. 10: N(0, 2 / fan_in), in place."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)


def normal_(weight: Tensor, generator: torch.Generator) -> None:
    """Radford et al. 2016, section 4: N(0, .02²), in place."""
    nn.init.normal_(weight, 0.0, 0.02, generator=generator)


INITS: Mapping[str, Callable[[Tensor, torch.Generator], None]] = {"xavier": xavier_, "he": he_, "normal": normal_}


def initialise(network: nn.Module, init: str, generator: torch.Generator) -> None:
    """Draws the weights of every linear and convolutional layer anew and zeroes their biases, in place.

    Under "normal" the gains of BatchNorm become N(1, .02²), as in DCGAN's code. Embeddings keep N(0, 1): at .02 a label
    would drown in the latents beside it. A transposed convolution's fan_in is torch's, width_out · k².

    Args:
        network: On the generator's device.
        init: A name of `INITS`, or "default", which leaves the network as PyTorch made it.
        generator: Moves on by the numbers drawn.

    Raises:
        UsageError: unknown scheme, or a network with equalised learning rate, whose N(0, 1) is part of the method.
    """
    if init == "default":
        return
    if init not in INITS:
        raise UsageError(f"Unknown initialisation {init!r}. Available: default, {', '.join(INITS)}.")
    for layer in network.modules():
        if isinstance(layer, EqualisedLinear | EqualisedConv2d):
            raise UsageError(
                f"Initialisation {init!r} cannot be used with an equalised learning rate, which fixes N(0, 1) weights "
                "and scales them at run time. Use 'default'."
            )
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            INITS[init](raw_weight(layer), generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif init == "normal" and isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02, generator=generator)


def raw_weight(layer: nn.Module) -> Tensor:
    """A layer's trained weight: the tensor behind a parametrisation (spectral norm), or `layer.weight` itself."""
    if parametrize.is_parametrized(layer, "weight"):
        parametrisations = cast(nn.ModuleDict, layer.parametrizations)
        return cast(Tensor, parametrisations["weight"].original)
    return cast(Tensor, layer.weight)


class EqualisedLinear(nn.Module):
    """Linear layer whose N(0, 1) weights are scaled at run time by gain / sqrt(fan_in).

    Source: Karras et al. 2018 (ProGAN), section 4.1: Adam's step is then the same fraction of every layer's weights.
    """

    def __init__(self, fan_in: int, fan_out: int, gain: float = math.sqrt(2.0)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in))
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.scale = gain / math.sqrt(fan_in)

    def forward(self, features: Float[Tensor, "B I"]) -> Float[Tensor, "B O"]:
        """Gives features @ (scale · weight)^T + bias."""
        return F.linear(features, self.weight * self.scale, self.bias)


class EqualisedConv2d(nn.Module):
    """Stride-1 convolution of the same size, with the equalised learning rate of `EqualisedLinear`."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, gain: float = math.sqrt(2.0)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.scale = gain / math.sqrt(channels_in * kernel**2)
        self.padding = kernel // 2

    def forward(self, maps: Float[Tensor, "B I H W"]) -> Float[Tensor, "B O H W"]:
        """Convolves with scale · weight, zero padded."""
        return F.conv2d(maps, self.weight * self.scale, self.bias, padding=self.padding)


class Projection(nn.ConvTranspose2d):
    """A transposed convolution of a single pixel, stride 1, no padding or bias, as the matrix product that it is.

    Same weight, name and initialisation. A step of `dcgan` takes a tenth (float32) to a fifth (bfloat16) less time on a
    CPU than with the convolution's kernel.

    Args:
        channels: Z, of the pixel.
        width: W, channels of the maps.
        side: S, height and width of the maps.
    """

    def __init__(self, channels: int, width: int, side: int) -> None:
        super().__init__(channels, width, side, bias=False)

    def forward(self, pixels: Float[Tensor, "B Z 1 1"], output_size: object = None) -> Float[Tensor, "B W S S"]:
        """Each pixel's maps. `output_size` is the parent's and unused: there is one size."""
        del output_size
        # Weights with channels last give maps with channels last, without a copy of either.
        rows = self.weight.permute(0, 2, 3, 1)
        maps: Tensor = pixels.flatten(1) @ rows.flatten(1)
        return maps.view(-1, *rows.shape[1:]).permute(0, 3, 1, 2)


class PixelNorm(nn.Module):
    """Scales each pixel's feature vector to unit mean square: a / sqrt(mean_c(a²) + 1e-8), ProGAN section 4.2."""

    def forward(self, features: Float[Tensor, "B C *space"]) -> Float[Tensor, "B C *space"]:
        """Normalises over dimension 1."""
        return features * torch.rsqrt(features.square().mean(dim=1, keepdim=True) + 1e-8)


def with_minibatch_stddev(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C1 H W"]:
    """Appends one constant plane: the standard deviation over the batch, averaged over features and pixels.

    ProGAN section 3, over the whole batch as the text says (the authors' code takes groups of 4). Population variance,
    plus 1e-8 so that a batch of equal maps has a finite gradient.
    """
    deviation = torch.sqrt(maps.var(dim=0, unbiased=False) + 1e-8).mean()
    plane = deviation.expand(maps.shape[0], 1, maps.shape[2], maps.shape[3])
    return torch.cat([maps, plane], dim=1)


def with_one_hot(features: Float[Tensor, "B D"], labels: Int[Tensor, " B"], classes: int) -> Float[Tensor, "B DK"]:
    """Appends each row's label as `classes` zeros and ones."""
    return torch.cat([features, F.one_hot(labels, classes).to(features.dtype)], dim=1)


def require_multiple(images: Float[Tensor, "B C H W"], factor: int, model: str) -> None:
    """Refuses images whose sides the network would not give back unchanged.

    Raises:
        DataError: height or width isn't a multiple of `factor`.
    """
    height, width = images.shape[-2:]
    if height % factor or width % factor:
        raise DataError(
            f"{model} needs images whose height and width are multiples of {factor}; got {height}x{width}. "
            "Crop or pad them first."
        )
