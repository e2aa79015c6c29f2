"""Grids of image-to-image models: a few test images, their outputs, and the true outputs if known.

The images are from the test split. A row of super-resolution starts with the bicubic enlargement as the baseline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from ganeval.sources.base import ImageSource, Pixels
from reference_models.checkpoints.sampling import grid_of
from reference_models.checkpoints.translation import translator
from reference_models.data.transforms import (
    CONDITIONS,
    bicubic_enlargement,
    low_resolution,
    resized,
    to_range,
    to_uint8,
)
from reference_models.recipes.recipe import DIRECTIONS, Direction
from reference_models.training.evaluation import held_out
from reference_models.training.networks import Networks

PICTURES = 8
CROPS = 2  # super-resolution grids show squares of this many times the side of a training crop, at full resolution


@dataclass(frozen=True)
class HeldOut:
    """Test images of one direction, all of one size.

    Attributes:
        generator: Index of the generator.
        inputs: uint8 (3, S, S) each: the input, or the true output from which the input is made.
        truths: The true outputs; empty if unknown.
        from_truth: Whether the inputs are made from the truths.
    """

    generator: int
    inputs: Sequence[Pixels]
    truths: Sequence[Pixels]
    from_truth: bool


def held_out_pictures(networks: Networks, data_root: Path | None) -> list[HeldOut]:
    """The images of a run's grids, for each direction; () for models that draw images from noise.

    Raises:
        DataError: test images are missing.
    """
    if not networks.spec.kind.translates:
        return []
    directions: Sequence[Direction] = DIRECTIONS[: len(networks.generators)]
    return [_of(networks, data_root, number, direction) for number, direction in enumerate(directions)]


def _of(networks: Networks, data_root: Path | None, generator: int, direction: Direction) -> HeldOut:
    recipe = networks.recipe
    inputs, truths, from_truth = held_out(recipe, data_root, direction)
    two_sets = recipe.data.transform == "two-sets"  # the two sets are not paired
    whole = networks.spec.kind.scale(networks.config) == 1
    side = networks.config.image_size if whole else CROPS * networks.config.image_size
    given = _squares(inputs, side, scaled=whole)
    wanted = () if two_sets else given if truths is inputs else _squares(truths, side, scaled=whole)
    smallest = min(
        picture.shape[1] for picture in (*given, *wanted)
    )  # a test image may be smaller than the requested side
    return HeldOut(generator, [_middle(p, smallest) for p in given], [_middle(p, smallest) for p in wanted], from_truth)


def _squares(source: ImageSource, side: int, *, scaled: bool) -> list[Pixels]:
    """The central square of images spread evenly over a source, resized to `side` or cropped to it."""
    count = min(PICTURES, len(source))
    pictures = [source.read(k * len(source) // count).decode().pixels for k in range(count)]
    if not scaled:
        return [_middle(picture, side) for picture in pictures]
    squares = [torch.from_numpy(np.ascontiguousarray(_middle(p, max(p.shape[1:])))) for p in pictures]
    return [resized(square[None], (side, side))[0].numpy() for square in squares]


def _middle(pixels: Pixels, side: int) -> Pixels:
    """The central square of an image: at most `side` pixels, a multiple of 4."""
    height, width = pixels.shape[1:]
    side = min(side, height, width) // 4 * 4
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[:, top : top + side, left : left + side]


def translated_grid(networks: Networks, shown: Sequence[HeldOut]) -> UInt8[Tensor, "3 P Q"]:
    """Rows of inputs, outputs and, if known, true outputs, for each direction."""
    rows: list[Pixels] = []
    for pictures in shown:
        network = networks.sampled[pictures.generator]
        was_training = network.training
        network.eval()
        translate = translator(
            network, networks.spec, networks.config, networks.recipe.data.transform, from_truth=pictures.from_truth
        )
        outputs = [translate(picture) for picture in pictures.inputs]
        network.train(was_training)
        rows += [*(_input(networks, picture) for picture in pictures.inputs), *outputs, *pictures.truths]
    return grid_of(torch.from_numpy(np.stack(rows)), (0.0, 1.0), len(shown[0].inputs))


def _input(networks: Networks, picture: Pixels) -> Pixels:
    """The network's input at the size of its output."""
    transform = networks.recipe.data.transform
    if transform in CONDITIONS:
        given = CONDITIONS[transform](picture)
        return given if given.shape[0] == 3 else np.repeat(given, 3, axis=0)
    scale = networks.spec.kind.scale(networks.config)
    if scale > 1:
        small = low_resolution(to_range(torch.from_numpy(np.ascontiguousarray(picture))[None], (0.0, 1.0)), scale)
        enlarged: Pixels = to_uint8(bicubic_enlargement(small, scale), (0.0, 1.0))[0].numpy()
        return enlarged
    return picture
