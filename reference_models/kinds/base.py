"""What a kind of reference model is: how its networks are trained, what they make, and what a grid of it shows.

Everything else (the loop, checkpoints, scores, timings, commands) asks the kind and never tests for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from ganeval.errors import UsageError

if TYPE_CHECKING:
    from reference_models.models.base import ModelSpec
    from reference_models.recipes.recipe import Recipe
    from reference_models.training.held_out_grid import HeldOut
    from reference_models.training.networks import Networks
    from reference_models.training.steps import DrawBatch, Losses


class Step(Protocol):
    """One training step: the discriminator's updates and the generator's."""

    def __call__(self, networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
        """The losses as tensors on the device; nothing waits for a number."""
        ...


class Grid(Protocol):
    """The picture that a run writes now and then."""

    def __call__(self, networks: Networks, step: int, shown: Sequence[HeldOut]) -> bytes:
        """A PNG after `step` steps; `shown` are the test pictures of kinds that translate, else empty."""
        ...


class Sample(Protocol):
    """Latents to images or numbers."""

    def __call__(
        self, network: nn.Module, latents: Tensor, config: Any, indices: Sequence[int], only_class: int | None
    ) -> Tensor:
        """The output for the latents of `indices`; `only_class` asks for one class instead of all in turn."""
        ...


class Translate(Protocol):
    """One image to another."""

    def __call__(self, network: nn.Module, spec: ModelSpec, config: Any, pixels: Tensor, *, from_truth: bool) -> Tensor:
        """The generator's output for uint8 (1, C, H, W), in the model's range; may be padded below and on the right.

        `from_truth` means that `pixels` is the true output, of which the kind makes the input.
        """
        ...


class Scale(Protocol):
    """Settings -> how many times larger than the input the output is."""

    def __call__(self, config: Any) -> int:
        """The factor of both sides."""
        ...


class Check(Protocol):
    """What a kind refuses in a recipe."""

    def __call__(self, recipe: Recipe, config: Any) -> None:
        """Raises UsageError, naming the setting."""
        ...


def same_size(config: Any) -> int:
    """The scale of kinds whose output has the size of the input."""
    del config
    return 1


def no_growth(recipe: Recipe, config: Any) -> None:
    """The check of kinds that do not grow.

    Raises:
        UsageError: the recipe names steps of growth.
    """
    del config
    techniques = recipe.techniques
    if techniques.fade_steps or techniques.stable_steps:
        raise UsageError(
            f"techniques.fade_steps and stable_steps belong to progressive models, which need both; {recipe.name} has "
            f"{techniques.fade_steps} and {techniques.stable_steps}."
        )


@dataclass(frozen=True)
class Kind:
    """One kind of model.

    Attributes:
        step: One training step.
        grid: The picture of a run's progress.
        sample: Latents to images or numbers; None for kinds that translate.
        translate: Image to image; None for kinds that draw from latents.
        generators: Two where images are translated both ways, each with a discriminator of its own.
        images: False where the generator makes numbers.
        labels: Whether the networks take class labels.
        scores_batches: Whether the score of an image depends on the other images of its batch.
        scale: Settings -> how many times larger than the input the output is.
        check: Refuses recipes that this kind cannot be trained by.
    """

    step: Step
    grid: Grid
    sample: Sample | None = None
    translate: Translate | None = None
    generators: int = 1
    images: bool = True
    labels: bool = False
    scores_batches: bool = False
    scale: Scale = same_size
    check: Check = no_growth

    @property
    def translates(self) -> bool:
        """True for kinds that translate images instead of drawing them from latents."""
        return self.translate is not None
