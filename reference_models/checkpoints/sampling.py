"""Drawing from a generator: latents seeded one by one, images as bytes, and grids of them.

Latent i depends on (seed, i) alone, so any batch size, number of devices or resumed run draws the same images.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor, nn

from ganeval.files.read_write import write_atomically
from ganeval.generators.latents import latents as latents
from ganeval.generators.source import Draw, LatentSpace
from reference_models.data.transforms import to_uint8
from reference_models.kinds.base import Sample
from reference_models.models.base import ModelSpec, OutputRange

GREY_BETWEEN = 128  # the lines of a grid


def stream(seed: int, *place: int, device: torch.device | None = None) -> torch.Generator:
    """A generator of its own for one place in a run: (seed, stream, step, ...) -> unrelated 64-bit seeds.

    Seeding anew at every step makes resuming exact: there is no state to save.
    """
    (word,) = np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)
    # On a CPU mt19937 keeps the low 32 bits of a seed, which is enough to tell the steps of a run apart.
    return torch.Generator(device=device or torch.device("cpu")).manual_seed(int(word) >> 1)


def labels_of(indices: Sequence[int], classes: int) -> Int[Tensor, " B"]:
    """Class index mod K of each image: balanced, and a function of the index alone."""
    return torch.tensor([index % classes for index in indices], device="cpu")


def draw_tensor(
    network: nn.Module,
    spec: ModelSpec,
    config: Any,
    indices: Sequence[int],
    seed: int,
    only_class: int | None = None,
    sample: Sample | None = None,
) -> Float[Tensor, "B ..."]:
    """The output of a generator for the latents of `indices`, in its own range and in eval mode.

    Args:
        network: On any device; left in the mode it was in.
        spec: Its model.
        config: Its settings.
        indices: Which images.
        seed: Seed of the latents.
        only_class: For a conditional model, the class of all; None for `labels_of`.
        sample: How the generator is called; None for the way of its kind.

    Raises:
        TypeError: a model that translates images.
    """
    return draw_at(network, spec, config, latents(indices, config.latent_dim, seed), indices, only_class, sample)


@torch.no_grad()
def draw_at(
    network: nn.Module,
    spec: ModelSpec,
    config: Any,
    drawn: Float[Tensor, "B Z"],
    indices: Sequence[int],
    only_class: int | None = None,
    sample: Sample | None = None,
) -> Float[Tensor, "B ..."]:
    """What a generator makes of given latents; arguments as in `draw_tensor`.

    Raises:
        TypeError: a model that translates images.
    """
    sample = sample or spec.kind.sample
    if sample is None:
        raise TypeError(f"{spec.name} translates images; it draws none from latents")
    drawn = drawn.to(next(network.parameters()).device)
    was_training = network.training
    network.eval()
    try:
        return sample(network, drawn, config, indices, only_class)
    finally:
        network.train(was_training)


def image_drawer(network: nn.Module, spec: ModelSpec, config: Any, only_class: int | None = None) -> Draw:
    """(indices, seed) -> uint8 (B, C, H, W) on the CPU: what `GeneratorSource` takes."""

    def draw(indices: Sequence[int], seed: int) -> UInt8[Tensor, "B C H W"]:
        images = draw_tensor(network, spec, config, list(indices), seed, only_class)
        return to_uint8(images, spec.output_range).cpu()

    return draw


def latent_space(network: nn.Module, spec: ModelSpec, config: Any) -> LatentSpace:
    """The generator at latents that a metric chooses."""

    def images(drawn: Float[Tensor, "B Z"], classes: Sequence[int]) -> UInt8[Tensor, "B C H W"]:
        made = draw_at(network, spec, config, drawn, classes or range(len(drawn)))  # image i is of class i mod K
        return to_uint8(made, spec.output_range).cpu()

    return LatentSpace(config.latent_dim, config.classes if spec.kind.labels else 0, images)


def grid_of(
    images: Float[Tensor, "B C H W"] | UInt8[Tensor, "B C H W"], output_range: OutputRange, columns: int = 0
) -> UInt8[Tensor, "C P Q"]:
    """Images side by side with grey lines of 2 pixels between; `columns` 0 makes the grid about square."""
    pixels = (images if images.dtype == torch.uint8 else to_uint8(images, output_range)).cpu()
    count, channels, height, width = pixels.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    shape = (channels, rows * (height + 2) - 2, columns * (width + 2) - 2)
    canvas = torch.full(shape, GREY_BETWEEN, dtype=torch.uint8, device="cpu")
    for index, image in enumerate(pixels):
        top, left = index // columns * (height + 2), index % columns * (width + 2)
        canvas[:, top : top + height, left : left + width] = image
    return canvas


def save_png(path: Path, image: UInt8[Tensor, "C H W"]) -> None:
    """Writes one image of 1 or 3 channels, whole or not at all."""
    write_atomically(path, png(image))


def png(image: UInt8[Tensor, "C H W"]) -> bytes:
    """One image of 1 or 3 channels as a PNG."""
    array = image.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(buffer, format="PNG")
    return buffer.getvalue()
