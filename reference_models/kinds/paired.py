"""An image to its one true output.

Generator: condition (B, C', H, W) -> images; discriminator: condition, images -> map (B, 1, h, w).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reference_models.checkpoints.sampling import png
from reference_models.checkpoints.translation import translate_padded
from reference_models.kinds.base import Kind
from reference_models.models.base import ModelSpec
from reference_models.training.held_out_grid import HeldOut, translated_grid
from reference_models.training.losses import l1_loss
from reference_models.training.networks import Networks
from reference_models.training.steps import (
    Arguments,
    DrawBatch,
    Losses,
    frozen,
    minimise,
    seen,
    update_discriminator,
)


def step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
    """An input image to its one true output (pix2pix)."""
    (generator,), (discriminator,) = networks.generators, networks.discriminators
    weights = networks.recipe.weights
    batch = draw(0)
    if batch.condition is None:
        raise TypeError("a paired model needs data with conditions")
    arguments: Arguments = (batch.condition,)

    def judge(images: Tensor, arguments: Arguments) -> Tensor:
        return discriminator(*arguments, images)  # type: ignore[no-any-return]

    fake = generator(batch.condition)
    losses = update_discriminator(networks, 0, judge, batch.images, fake, arguments, step, rng)
    with frozen([discriminator]):
        game = networks.game.generator(judge(seen(networks, fake, step, rng), arguments))
        distance = l1_loss(fake, batch.images)
        minimise(networks, weights.adversarial * game + weights.l1 * distance, networks.g_optimiser)
    return losses | {"loss_g": game.detach(), "l1": distance.detach()}


def translate(network: nn.Module, spec: ModelSpec, config: Any, pixels: Tensor, *, from_truth: bool) -> Tensor:
    """The output of an input whose sides are padded to what the generator halves."""
    del from_truth  # the recipe's rule has made the input
    return translate_padded(network, spec, pixels, config.condition_channels, 2**config.halvings)


def grid(networks: Networks, step: int, shown: Sequence[HeldOut]) -> bytes:
    """Rows of test inputs, outputs and, where they are known, true outputs."""
    del step
    return png(translated_grid(networks, shown))


PAIRED = Kind(step=step, grid=grid, translate=translate)
