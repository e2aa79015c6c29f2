"""Networks that grow: as unconditional, with two more arguments `level` and `alpha` on both."""

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganeval.errors import UsageError
from reference_models.data.training_data import Batch
from reference_models.kinds.base import Kind
from reference_models.kinds.unconditional import sample
from reference_models.recipes.recipe import Recipe
from reference_models.training.held_out_grid import HeldOut
from reference_models.training.networks import Networks
from reference_models.training.sample_grid import sample_grid
from reference_models.training.stabilise import FadeIn, Stage
from reference_models.training.steps import Arguments, DrawBatch, Losses, adversarial_step


def stage_at(networks: Networks, step: int) -> Stage:
    """How far the networks have grown."""
    if networks.fade is None:
        raise TypeError("a progressive model needs a plan of its growth")
    return networks.fade.at(step)


def images_at_stage(networks: Networks, batch: Batch, step: int) -> tuple[Tensor, Arguments]:
    """The batch's images at the size that the networks have now, and the stage for both networks."""
    level, alpha = stage_at(networks, step)
    return at_level(batch.images, level, alpha, networks.config.levels), (level, alpha)


def at_level(images: Tensor, level: int, alpha: float, levels: int) -> Tensor:
    """Images shrunk to a level of a progressive network, faded with those of the level below (ProGAN, figure 2)."""
    shrunk = F.avg_pool2d(images, 2 ** (levels - 1 - level)) if level < levels - 1 else images
    if level > 0 and alpha < 1.0:
        coarse = F.interpolate(F.avg_pool2d(shrunk, 2), scale_factor=2, mode="nearest")
        shrunk = torch.lerp(coarse, shrunk, alpha)
    return shrunk


def step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
    """One step at the stage that the networks have reached."""
    return adversarial_step(networks, draw, step, rng, images_at_stage)


def grid(networks: Networks, step: int, shown: Sequence[HeldOut]) -> bytes:
    """64 samples at the stage that the generator has reached."""
    del shown
    stage = stage_at(networks, step)

    def growing(
        network: nn.Module, latents: Tensor, config: Any, indices: Sequence[int], only_class: int | None
    ) -> Tensor:
        del config, indices, only_class
        return cast(Tensor, network(latents, *stage))

    return sample_grid(networks, step, sample=growing)


def check(recipe: Recipe, config: Any) -> None:
    """A progressive network must reach its full size before the last step, or there is nothing to score.

    Raises:
        UsageError: no steps of growth, too few steps after it, or a replay buffer.
    """
    techniques = recipe.techniques
    if not (techniques.fade_steps and techniques.stable_steps):
        raise UsageError(
            f"techniques.fade_steps and stable_steps belong to progressive models, which need both; {recipe.name} has "
            f"{techniques.fade_steps} and {techniques.stable_steps}."
        )
    growing = FadeIn(config.levels, techniques.fade_steps, techniques.stable_steps).growing_steps
    if recipe.training.steps <= growing:
        raise UsageError(
            f"{recipe.name} grows for {growing:,} steps and stops after {recipe.training.steps:,}. Set steps above "
            f"{growing}, or lower techniques.fade_steps and techniques.stable_steps."
        )
    if techniques.replay:
        raise UsageError("A replay buffer cannot keep the images of a network that grows; set techniques.replay=0.")


PROGRESSIVE = Kind(step=step, grid=grid, sample=sample, scores_batches=True, check=check)
