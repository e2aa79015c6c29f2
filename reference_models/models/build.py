"""Networks from a model's name and its settings, with weights drawn from a torch.Generator and from nothing else."""

from collections.abc import Mapping

import torch
from torch import nn

from reference_models.models import MODELS
from reference_models.models.layers import draws_from, initialise


def build_generator(
    name: str,
    config: Mapping[str, object],
    generator: torch.Generator | None = None,
    init: str = "default",
) -> nn.Module:
    """Builds the generator of a reference model on the CPU, in training mode.

    Inside `with torch.device("meta")` it has shapes and no memory: what a checkpoint's tensors can be held against
    before anything is allocated for them (`load_state_dict(..., assign=True)` then fills it).

    Args:
        name: A name of `MODELS`.
        config: Settings that differ from the model's defaults, or all of them as a checkpoint holds them.
        generator: CPU generator that the weights are drawn from; it moves on, the global RNG does not. None: a fresh
            one with seed 0, for a network whose weights are loaded next.
        init: "default" leaves PyTorch's initialisation; "xavier", "he" and "normal" are those of `layers.INITS`.

    Raises:
        UsageError: unknown model, unknown setting, or a setting of the wrong type or value.
    """
    spec = MODELS.get(name)
    settings = spec.configure(config)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    with draws_from(generator):
        network = spec.build_generator(settings)
    initialise(network, init, generator)
    return network


def build_discriminator(
    name: str,
    config: Mapping[str, object],
    generator: torch.Generator | None = None,
    init: str = "default",
) -> nn.Module | None:
    """Builds the discriminator or critic of a reference model; None for a model that has none.

    Args and errors as in `build_generator`.
    """
    spec = MODELS.get(name)
    settings = spec.configure(config)
    if spec.build_discriminator is None:
        return None
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    with draws_from(generator):
        network = spec.build_discriminator(settings)
    initialise(network, init, generator)
    return network


def parameter_count(network: nn.Module) -> int:
    """Number of trainable numbers in a network."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
