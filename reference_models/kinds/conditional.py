"""Latents and labels to images: generator (B, Z), labels (B,) int64 -> images; discriminator images, labels -> (B,)."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from reference_models.checkpoints.sampling import labels_of
from reference_models.data.training_data import Batch
from reference_models.kinds.base import Kind
from reference_models.training.held_out_grid import HeldOut
from reference_models.training.networks import Networks
from reference_models.training.sample_grid import sample_grid
from reference_models.training.steps import Arguments, DrawBatch, Losses, adversarial_step


def images_and_labels(networks: Networks, batch: Batch, step: int) -> tuple[Tensor, Arguments]:
    """The batch's images, and their labels for both networks."""
    del networks, step
    if batch.labels is None:
        raise TypeError("a conditional model needs data with labels")
    return batch.images, (batch.labels,)


def step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
    """One step with the real images' labels for both networks."""
    return adversarial_step(networks, draw, step, rng, images_and_labels)


def sample(network: nn.Module, latents: Tensor, config: Any, indices: Sequence[int], only_class: int | None) -> Tensor:
    """One image for each latent, of `only_class` or of the classes in turn."""
    turns = labels_of(indices, config.classes)
    labels = turns if only_class is None else torch.full_like(turns, only_class)
    return cast(Tensor, network(latents, labels.to(latents.device)))


def grid(networks: Networks, step: int, shown: Sequence[HeldOut]) -> bytes:
    """64 samples, one column a class."""
    del shown
    return sample_grid(networks, step, columns=networks.config.classes)


CONDITIONAL = Kind(step=step, grid=grid, sample=sample, labels=True)
