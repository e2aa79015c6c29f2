"""What a reference model is: its names and sources, its settings, and how its two networks are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from reference_models.kinds import KINDS
from reference_models.kinds.base import Kind
from reference_models.models.config import updated

OutputRange = tuple[float, float]
SIGNED: OutputRange = (-1.0, 1.0)  # tanh, or a linear output trained on images scaled so
UNIT: OutputRange = (0.0, 1.0)  # sigmoid, or a linear output trained on images scaled so

GOODFELLOW = "Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, arXiv:1406.2661"


@dataclass(frozen=True)
class ModelSpec:
    """One reference model.

    The file of its kind in `reference_models/kinds/` says what its networks take and give (B images a batch,
    Z = config.latent_dim). Discriminators give logits or scores, never probabilities: a tutorial's last sigmoid is
    folded into the loss, where log(sigmoid(s)) cannot overflow.

    Attributes:
        name: Registry name.
        summary: One line for `ganeval list models`.
        paper: Citation of the architecture or method.
        fixed: The tutorial's flaw that was fixed, or "".
        kind_name: A name of `KINDS`.
        output_range: (low, high) of the generator's images: what black and white are scaled to. Also the range of the
            images that paired, unpaired and super-resolution generators take. Linear outputs may leave it slightly.
        config: The default settings: a frozen dataclass of the family, JSON-serialisable.
        build_generator: Settings -> generator. Draws its weights from torch's global RNG, as every nn.Module does:
            call it through `reference_models.models.build`, which lends it a torch.Generator.
        build_discriminator: Settings -> discriminator or critic; None for a model that has none (`srresnet`).
    """

    name: str
    summary: str
    paper: str
    fixed: str
    kind_name: str
    output_range: OutputRange
    config: Any
    build_generator: Callable[[Any], nn.Module]
    build_discriminator: Callable[[Any], nn.Module] | None

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
