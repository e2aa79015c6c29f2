"""A checkpoint of `train-reference` as a generator: its opener for `ganeval.generators.open`."""

import dataclasses

from ganeval.devices import resolve_device
from ganeval.errors import UsageError
from ganeval.generators.base import Generator
from ganeval.generators.shipped import checkpoint_file
from ganeval.options import ScoreOptions
from reference_models.checkpoints.checkpoint import load_checkpoint
from reference_models.checkpoints.sampling import image_drawer, latent_space
from reference_models.checkpoints.translation import translator
from reference_models.shipped.table import shipped_path


def from_shipped(options: ScoreOptions) -> Generator:
    """The generator of a shipped checkpoint, by the name of its recipe.

    Raises:
        WeightsError: its file is missing or was changed.
        UsageError: as `from_checkpoint`.
    """
    path = shipped_path(options.subject)
    made = from_checkpoint(dataclasses.replace(options, subject=str(path)))
    return dataclasses.replace(made, facts={**made.facts, "checkpoint": "shipped"})


def from_checkpoint(options: ScoreOptions) -> Generator:
    """The generator of a checkpoint, which carries all that is to be stated of it.

    Raises:
        WeightsError: a file that is damaged, or is not such a checkpoint.
        UsageError: options that it does not need, or inputs that it does.
    """
    path = checkpoint_file(options.subject)
    loaded = load_checkpoint(path, resolve_device(options.device), options.direction)
    spec, config, network = loaded.spec, loaded.config, loaded.network
    if options.latent_dim is not None:
        raise UsageError(f"{path} knows the width of its latents; drop --latent-dim.")
    if not spec.kind.images:
        raise UsageError(
            f"{spec.name} gives numbers, not images. Its run's metrics.jsonl holds its score, its grids folder "
            "histograms."
        )
    facts = loaded.origin(path)
    if spec.kind.translates:
        if options.inputs is None and options.paired is None:
            raise UsageError(
                f"{spec.name} translates images. Name its inputs with --inputs FOLDER, or the true images with "
                "--paired FOLDER where inputs can be made of them."
            )
        rule = translator(network, spec, config, loaded.transform, from_truth=options.inputs is None)
        return Generator(spec.name, translate=rule, facts=facts)
    classes: tuple[str, ...] = ()
    if spec.kind.labels:
        named = loaded.classes
        classes = tuple(named[k] if k < len(named) else str(k) for k in range(config.classes))
    return Generator(
        spec.name,
        draw=lambda only: image_drawer(network, spec, config, only),
        classes=classes,
        facts=facts,
        latents=latent_space(network, spec, config),
    )
