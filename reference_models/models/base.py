"""What a reference model is: its names and sources, its settings, and how its two networks are made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ganeval.registry import imported
from reference_models.kinds import KINDS
from reference_models.models.config import updated

if TYPE_CHECKING:
    from torch import nn

    from reference_models.kinds.base import Kind

OutputRange = tuple[float, float]
SIGNED: OutputRange = (-1.0, 1.0)  # tanh, or a linear output trained on images scaled so
UNIT: OutputRange = (0.0, 1.0)  # sigmoid, or a linear output trained on images scaled so


@dataclass(frozen=True)
class Architecture:
    """The networks of one or several reference models: the last lines of a family's file.

    Attributes:
        output_range: (low, high) of the generator's images: what black and white are scaled to. Also the range of the
            images that paired, unpaired and super-resolution generators take. Linear outputs may leave it slightly.
        config: The default settings: a frozen dataclass of the family, JSON-serialisable.
        build_generator: Settings -> generator. Draws its weights from torch's global RNG, as every nn.Module does:
            call it through `reference_models.models.build`, which lends it a torch.Generator.
        build_discriminator: Settings -> discriminator or critic; None for a model that has none (`srresnet`).
    """

    output_range: OutputRange
    config: Any
    build_generator: Callable[[Any], nn.Module]
    build_discriminator: Callable[[Any], nn.Module] | None


@dataclass(frozen=True)
class ModelSpec:
    """One reference model.

    The file of its kind in `reference_models/kinds/` says what its networks take and give (B images a batch,
    Z = config.latent_dim). Discriminators give logits or scores, never probabilities: a tutorial's last sigmoid is
    folded into the loss, where log(sigmoid(s)) cannot overflow.

    Attributes:
        name: Registry name.
        place: "package.module:NAME" of its architecture; imported, and torch with it, when first needed.
        kind_name: A name of `KINDS`.
        summary: One line for `ganeval list models`.
        paper: Citation of the architecture or method.
        fixed: The tutorial's flaw that was fixed, or "".
    """

    name: str
    place: str
    kind_name: str
    summary: str
    paper: str
    fixed: str

    @functools.cached_property
    def architecture(self) -> Architecture:
        """Its networks and their default settings."""
        return cast(Architecture, imported(self.place))

    @property
    def output_range(self) -> OutputRange:
        """What black and white are in the generator's images."""
        return self.architecture.output_range

    @property
    def config(self) -> Any:
        """The default settings."""
        return self.architecture.config

    @property
    def build_generator(self) -> Callable[[Any], nn.Module]:
        """Settings -> generator."""
        return self.architecture.build_generator

    @property
    def build_discriminator(self) -> Callable[[Any], nn.Module] | None:
        """Settings -> discriminator; None for a model that has none."""
        return self.architecture.build_discriminator

    @property
    def kind(self) -> Kind:
        """How it is trained, and what it makes of latents or of images."""
        return KINDS.get(self.kind_name)

    def configure(self, values: Mapping[str, object]) -> Any:
        """The default settings with `values` in their place.

        Raises:
            UsageError: an unknown setting, one of the wrong type, or one that the architecture cannot have.
        """
        return updated(self.config, values, f"model {self.name!r}")
