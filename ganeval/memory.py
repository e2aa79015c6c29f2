"""Subjects in memory: tensors, arrays, networks and callables as image sources, without a trace left in them."""

import contextlib
import dataclasses
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from ganeval.errors import UsageError
from ganeval.opening import SubjectOpener
from ganeval.plan import ScoreOptions
from ganeval.sources.arrays import ArraySource
from ganeval.sources.base import ImageSource
from ganeval.sources.generator import Draw, GeneratorSource, image_seed
from ganeval.sources.latents import draws_from, latents
from ganeval.sources.tensors import quantise_tensor

ValueRange = Literal["0..1", "-1..1"]
Images = str | Path | Tensor | npt.NDArray[Any]
Subject = Images | Callable[..., Any]


def array_of(images: Tensor | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(N, H, W, C) numpy: tensors are (N, C, H, W) as torch has them, arrays are as they should be already."""
    if not isinstance(images, Tensor):
        return images
    moved = images.detach().cpu()
    if moved.dtype in (torch.float16, torch.bfloat16):
        moved = moved.float()
    if moved.dim() != 4:
        raise UsageError(f"A tensor of images is (N, C, H, W); got {tuple(images.shape)}. Add the missing dimension.")
    return np.ascontiguousarray(moved.permute(0, 2, 3, 1).numpy())


def said(subject: Subject) -> str:
    """What rows call a subject that has no name of its own."""
    if isinstance(subject, str | Path):
        return str(subject)
    if isinstance(subject, Tensor | np.ndarray):
        return f"{'tensor' if isinstance(subject, Tensor) else 'array'} {tuple(subject.shape)}"
    return type(subject).__name__ if isinstance(subject, nn.Module) else getattr(subject, "__name__", "generator")


@contextlib.contextmanager
def evaluating(subject: object) -> Iterator[None]:
    """A module in eval mode, and afterwards each of its parts in the very mode that it was in."""
    modes = [(part, part.training) for part in subject.modules()] if isinstance(subject, nn.Module) else []
    try:
        if isinstance(subject, nn.Module):
            subject.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training


def drawer(
    generator: Callable[..., Any], latent_dim: int | Sequence[int] | None, value_range: ValueRange | None
) -> Draw:
    """(indices, seed) -> uint8 images of a module or callable; no gradients, and the global RNG stands where it stood.

    Args:
        generator: With `latent_dim`, called with N(0, 1) latents (B, *latent_dim) on its device; without, with a count
            and a torch.Generator.
        latent_dim: Width or shape of one latent.
        value_range: What its floats mean; overshoot is clamped. Not needed where it gives uint8.
    """
    shape = (latent_dim,) if isinstance(latent_dim, int) else latent_dim
    first = next(iter(generator.parameters()), None) if isinstance(generator, nn.Module) else None
    device = torch.device("cpu") if first is None else first.device
    if isinstance(generator, nn.Module) and shape is None:
        raise UsageError(f"{said(generator)} is a network: say the width or shape of its latents with latent_dim=.")

    def draw(indices: Sequence[int], seed: int) -> UInt8[Tensor, "B C H W"]:
        # What the generator draws by itself (noise, dropout) is a function of the block that is drawn.
        own = torch.Generator(device=device).manual_seed(image_seed(seed, indices[0]))
        with torch.no_grad(), draws_from(own):
            if shape is None:
                images = generator(len(indices), torch.Generator().manual_seed(image_seed(seed, indices[0])))
            else:
                drawn = latents(indices, math.prod(shape), seed).reshape(len(indices), *shape)
                images = generator(drawn.to(device))
        return _bytes(torch.as_tensor(images), said(generator), value_range)

    return draw


def _bytes(images: Tensor, name: str, value_range: ValueRange | None) -> UInt8[Tensor, "B C H W"]:
    if images.dtype == torch.uint8:
        return images.cpu()
    if value_range is None:
        raise UsageError(
            f"{name} gives {images.dtype}, whose range nothing says. Add value_range='-1..1' (tanh) or '0..1', or give "
            "uint8."
        )
    return quantise_tensor((images + 1) / 2 if value_range == "-1..1" else images).cpu()


@dataclass(frozen=True)
class MemoryOpener:
    """Opens subjects by the names that the options call them.

    Attributes:
        subjects: Name -> what it stands for.
        fallback: Opens what is not in memory.
        count: Images of a generator where the options do not say.
        latent_dim: Of generators.
        value_range: Of floats.
    """

    subjects: Mapping[str, Subject]
    fallback: SubjectOpener
    count: int | None
    latent_dim: int | Sequence[int] | None
    value_range: ValueRange | None

    def __call__(self, options: ScoreOptions) -> ImageSource | None:
        """The source of `options.subject`, None where it is no generator and not in memory.

        Raises:
            UsageError: a generator without a count.
            DataError: an array that holds no images.
        """
        subject = self.subjects.get(options.subject, options.subject)
        if isinstance(subject, str | Path):
            return self.fallback(dataclasses.replace(options, latent_dim=self._latent_of_files()))
        if isinstance(subject, Tensor | np.ndarray):
            return ArraySource(array_of(subject), options.subject, value_range=self.value_range, peak=options.peak)
        if not callable(subject):
            raise UsageError(
                f"{type(subject).__name__} cannot be scored; expected a path, a tensor, an array or a generator."
            )
        count = options.num_samples or self.count
        if count is None:
            raise UsageError(f"{options.subject} is a generator: say how many images it is to draw with n=.")
        return GeneratorSource(drawer(subject, self.latent_dim, self.value_range), count, options.seed, options.subject)

    def _latent_of_files(self) -> tuple[int, ...] | None:
        """The latents' shape where it is meant for a generator on disk: beside one in memory it is that one's."""
        if self.latent_dim is None or any(callable(subject) for subject in self.subjects.values()):
            return None
        return (self.latent_dim,) if isinstance(self.latent_dim, int) else tuple(self.latent_dim)


@contextlib.contextmanager
def path_of(
    images: Images | None, name: str, value_range: ValueRange | None, peak: int | None = None
) -> Iterator[str | None]:
    """A path or data set name as it is; images in memory as a temporary `.npy` file, which readers map.

    Args:
        images: What is compared with.
        name: What messages call it.
        value_range: Of floats; checked here.
        peak: Of uint16; checked here.
    """
    if images is None or isinstance(images, str | Path):
        yield str(images) if isinstance(images, Path) else images
        return
    array = array_of(images)
    # What a temporary file's name would obscure is refused here.
    ArraySource(array, name, value_range=value_range, peak=peak)
    with tempfile.TemporaryDirectory(prefix="ganeval-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"{name}.npy"
        np.save(path, array)
        yield str(path)
