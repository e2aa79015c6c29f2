"""Two sets of images without pairs, there and back.

Generator: images -> images, one for each direction; discriminator: images -> map (B, 1, h, w).
"""

from typing import Any

import torch
from torch import Tensor, nn

from reference_models.checkpoints.translation import translate_padded
from reference_models.kinds.base import Kind
from reference_models.kinds.paired import grid
from reference_models.models.base import ModelSpec
from reference_models.training.losses import cycle_loss, identity_loss
from reference_models.training.networks import Networks
from reference_models.training.steps import (
    DrawBatch,
    Judge,
    Losses,
    frozen,
    minimise,
    seen,
    update_discriminator,
)


def step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
    """Two sets of images without pairs, there and back (CycleGAN)."""
    to_b, to_a = networks.generators
    weights = networks.recipe.weights
    batch = draw(0)
    if batch.other is None:
        raise TypeError("an unpaired model needs data of two sets")
    a, b = batch.images, batch.other
    # InstanceNorm looks at one image at a time, so what to_b makes of a and of b comes from one pass.
    fake_b, same_b = to_b(torch.cat([a, b])).chunk(2)
    fake_a, same_a = to_a(torch.cat([b, a])).chunk(2)
    judges: list[Judge] = [lambda images, _, d=d: d(images) for d in networks.discriminators]  # type: ignore[misc]
    with frozen(networks.discriminators):
        game = networks.game.generator(judges[0](seen(networks, fake_b, step, rng), ()))
        game = game + networks.game.generator(judges[1](seen(networks, fake_a, step, rng), ()))
        cycle = cycle_loss(a, to_a(fake_b), b, to_b(fake_a))
        same = identity_loss(a, same_a, b, same_b)
        total = weights.adversarial * game + weights.cycle * cycle + weights.identity * same
        minimise(networks, total, networks.g_optimiser)
    losses: Losses = {"loss_g": game.detach(), "cycle": cycle.detach(), "identity": same.detach()}
    for number, (real, fake) in enumerate(((b, fake_b), (a, fake_a))):
        update = update_discriminator(networks, number, judges[number], real, fake, (), step, rng)
        losses |= {f"{name}_{'ba'[number]}": loss for name, loss in update.items()}
    return losses


def translate(network: nn.Module, spec: ModelSpec, config: Any, pixels: Tensor, *, from_truth: bool) -> Tensor:
    """The output of an input whose sides are padded to what the generator halves twice."""
    del from_truth  # the other set holds no answers
    return translate_padded(network, spec, pixels, config.channels, 4)


UNPAIRED = Kind(step=step, grid=grid, translate=translate, generators=2)
