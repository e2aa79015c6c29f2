"""A small image to a large one: generator (B, C, H, W) -> (B, C, sH, sW); discriminator images -> (B,), or none."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from reference_models.data.transforms import low_resolution, padded_to_multiple, to_range
from reference_models.kinds.base import Kind
from reference_models.kinds.paired import grid
from reference_models.models.base import ModelSpec
from reference_models.training.losses import content_loss, pixel_loss
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
    """A small image to a large one, by pixels, by content, and against an adversary where there is one."""
    (generator,) = networks.generators
    weights = networks.recipe.weights
    batch = draw(0)
    if batch.condition is None:
        raise TypeError("super-resolution needs data with low-resolution images")
    real = batch.images
    fake = generator(batch.condition)
    pixels = pixel_loss(fake, real)
    if step < networks.recipe.training.pretrain_steps:
        minimise(networks, pixels, networks.g_optimiser)
        return {"pixel": pixels.detach()}
    losses: Losses = {"pixel": pixels.detach()}
    total = weights.pixel * pixels
    if networks.content is not None:
        with torch.no_grad():
            real_maps = networks.content(real)
        content = content_loss([networks.content(fake)], [real_maps], weights.content_scale)
        losses["content"] = content.detach()
        total = total + weights.content * content
    if not networks.discriminators:
        minimise(networks, total, networks.g_optimiser)
        return losses
    (discriminator,) = networks.discriminators

    def judge(images: Tensor, arguments: Arguments) -> Tensor:
        del arguments
        return discriminator(images)  # type: ignore[no-any-return]

    losses |= update_discriminator(networks, 0, judge, real, fake, (), step, rng)
    with frozen([discriminator]):
        game = networks.game.generator(judge(seen(networks, fake, step, rng), ()))
        minimise(networks, total + weights.adversarial * game, networks.g_optimiser)
    return losses | {"loss_g": game.detach()}


def translate(network: nn.Module, spec: ModelSpec, config: Any, pixels: Tensor, *, from_truth: bool) -> Tensor:
    """The enlarged input; a true output is first made small by the rule of training."""
    inputs = to_range(pixels, spec.output_range)
    if from_truth:
        inputs = low_resolution(padded_to_multiple(inputs, config.scale), config.scale)
    return cast(Tensor, network(inputs))


def scale(config: Any) -> int:
    """The model's own factor."""
    return cast(int, config.scale)


SUPER_RESOLUTION = Kind(step=step, grid=grid, translate=translate, scale=scale)
