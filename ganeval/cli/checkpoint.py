"""Checkpoints as subjects of `score`: images drawn from memory, or true images put through a translating generator."""

from pathlib import Path
from typing import TYPE_CHECKING

from ganeval.errors import UsageError
from ganeval.plan import ScoreOptions
from ganeval.reference import is_statistics_file, load_reference
from ganeval.scoring import resolve_device
from ganeval.sources.base import ImageSource
from ganeval.sources.generator import GeneratorSource
from ganeval.sources.resolve import open_source

if TYPE_CHECKING:
    from reference_models.checkpoint import Checkpoint

DEFAULT_SAMPLES = 2000  # without a reference that says how many


def open_checkpoint(options: ScoreOptions) -> ImageSource | None:
    """The images of a checkpoint; None where the subject is no safetensors file.

    An unconditional or conditional generator draws as many images as the reference has, or `num_samples`, with latents
    from `seed`. Super-resolution and edges-to-photo generators get inputs made of the originals under `paired` by the
    rule that they were trained with.

    Raises:
        WeightsError: a safetensors file that is not a checkpoint, or a damaged one.
        UsageError: a generator that cannot be scored this way.
    """
    path = Path(options.subject)
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        return None

    from reference_models.checkpoint import load_checkpoint
    from reference_models.sampling import image_drawer
    from reference_models.translation import TranslatedSource, needs_inputs, translator

    loaded = load_checkpoint(path, resolve_device(options.device))
    spec, config = loaded.spec, loaded.config
    if spec.kind == "one-dimensional":
        raise UsageError(f"{spec.name} gives numbers, not images; its run's metrics.jsonl holds its score.")
    if needs_inputs(spec):
        if options.paired is None:
            raise UsageError(
                f"{spec.name} translates images: give the true ones with --paired FOLDER, or translate a folder with "
                "`ganeval sample CHECKPOINT --inputs FOLDER -o DIR` and score DIR."
            )
        rule = translator(loaded.network, spec, config, loaded.transform, from_truth=True)
        originals = open_source(options.paired, data_root=options.data_root, value_range=options.value_range)
        return _told(TranslatedSource(originals, rule, options.subject), path, loaded)
    if options.paired is not None:
        raise UsageError(f"{spec.name} draws new images, which pair with none. Use --reference REF.")
    count = options.num_samples or _reference_size(options) or DEFAULT_SAMPLES
    labels = None
    if spec.kind == "conditional" and loaded.classes:
        labels = [loaded.classes[index % config.classes] for index in range(count)]
    drawn = GeneratorSource(image_drawer(loaded.network, spec, config), count, options.seed, options.subject, labels)
    return _told(drawn, path, loaded)


def _told(source: ImageSource, path: Path, loaded: "Checkpoint") -> ImageSource:
    """The source, with what boards need to know of its generator."""
    source.origin = {
        "kind": "checkpoint",
        "model": loaded.spec.name,
        "recipe": str(loaded.recipe.get("name", "")),
        "training_seed": loaded.seed,
        "step": loaded.step,
        "checkpoint": path.stem,
        "parameters": sum(parameter.numel() for parameter in loaded.network.parameters()),
    }
    return source


def _reference_size(options: ScoreOptions) -> int | None:
    if options.reference is None:
        return None
    path = Path(options.reference)
    if is_statistics_file(path):
        return load_reference(path).n
    source = open_source(options.reference, data_root=options.data_root, value_range=options.value_range)
    try:
        return len(source)
    finally:
        source.close()
