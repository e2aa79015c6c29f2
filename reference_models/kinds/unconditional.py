"""Latents to images: generator (B, Z) -> (B, C, H, W); discriminator images -> (B,)."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from reference_models.data.training_data import Batch
from reference_models.kinds.base import Kind
from reference_models.training.held_out_grid import HeldOut
from reference_models.training.networks import Networks
from reference_models.training.sample_grid import sample_grid
from reference_models.training.steps import Arguments, DrawBatch, Losses, adversarial_step


def images_alone(networks: Networks, batch: Batch, step: int) -> tuple[Tensor, Arguments]:
    """The batch's images, with no arguments beside them."""
    del networks, step
    return batch.images, ()


def step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
    """One step against a discriminator of images alone."""
    return adversarial_step(networks, draw, step, rng, images_alone)


def sample(network: nn.Module, latents: Tensor, config: Any, indices: Sequence[int], only_class: int | None) -> Tensor:
    """One output for each latent."""
    del config, indices, only_class
    return cast(Tensor, network(latents))


def grid(networks: Networks, step: int, shown: Sequence[HeldOut]) -> bytes:
    """64 samples in rows of 8."""
    del shown
    return sample_grid(networks, step)


UNCONDITIONAL = Kind(step=step, grid=grid, sample=sample)
