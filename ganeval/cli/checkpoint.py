"""Checkpoints and foreign generators as subjects: images drawn from memory, or images put through a translator."""

from pathlib import Path

from ganeval.cli.foreign import foreign_kind, open_foreign
from ganeval.errors import UsageError
from ganeval.plan import ScoreOptions
from ganeval.reference import is_statistics_file, load_reference
from ganeval.registry import unknown_name
from ganeval.scoring import resolve_device
from ganeval.sources.base import ImageSource
from ganeval.sources.foreign import Generator
from ganeval.sources.foreign_files import is_factory_name
from ganeval.sources.generator import GeneratorSource
from ganeval.sources.resolve import refuse_missing
from ganeval.sources.translated import TranslatedSource

DEFAULT_SAMPLES = 2000  # without a reference that says how many


def open_checkpoint(options: ScoreOptions, only_class: str | None = None) -> ImageSource | None:
    """The images of a checkpoint or of a foreign generator; None where the subject is neither.

    A generator that draws gives as many images as the reference has, or `num_samples`, with latents from `seed`. One
    that translates is given `inputs`, or inputs made of the originals under `paired` by the rule it was trained with.
    The first images are made here, so that a generator that cannot be used is told before anything slow runs.

    Args:
        options: The subject, and what is stated of it.
        only_class: For a generator with classes, the class of all images, by name or number; None for all in turn.

    Raises:
        WeightsError: a file that is damaged, or not what its name says.
        UsageError: a generator that cannot be asked this way.
        DataError: a foreign generator that fails, or gives no images.
    """
    kind = foreign_kind(options)
    if kind is not None:
        if options.direction is not None:
            raise UsageError(f"{options.subject} is one generator; --direction belongs to checkpoints of cyclegan.")
        generator = open_foreign(options, kind)
    elif Path(options.subject).suffix.lower() == ".safetensors" and Path(options.subject).is_file():
        generator = _reference_model(options)
    else:
        _refuse_options(options)
        return None
    source = _source(generator, options, only_class)
    source.origin = generator.facts
    if kind is not None:
        source.read(0)
    return source


def _refuse_options(options: ScoreOptions) -> None:
    given = {
        "--inputs": options.inputs,
        "--generator": options.generator,
        "--latent-dim": options.latent_dim,
        "--direction": options.direction,
    }
    named = [option for option, value in given.items() if value is not None]
    if named:
        if not is_factory_name(options.subject):
            refuse_missing(options.subject)
        raise UsageError(f"{', '.join(named)} belong to generators, and {options.subject} is none. Drop what is given.")


def _reference_model(options: ScoreOptions) -> Generator:
    """A checkpoint of `train-reference`."""
    from reference_models.checkpoint import load_checkpoint
    from reference_models.sampling import image_drawer
    from reference_models.translation import needs_inputs, translator

    path = Path(options.subject)
    loaded = load_checkpoint(path, resolve_device(options.device), options.direction)
    spec, config, network = loaded.spec, loaded.config, loaded.network
    if options.latent_dim is not None:
        raise UsageError(f"{path} knows the width of its latents; drop --latent-dim.")
    if spec.kind == "one-dimensional":
        raise UsageError(
            f"{spec.name} gives numbers, not images. Its run's metrics.jsonl holds its score, its grids folder "
            "histograms."
        )
    facts = loaded.origin(path)
    if needs_inputs(spec):
        if options.inputs is None and options.paired is None:
            raise UsageError(
                f"{spec.name} translates images. Name its inputs with --inputs FOLDER, or the true images with "
                "--paired FOLDER where inputs can be made of them."
            )
        rule = translator(network, spec, config, loaded.transform, from_truth=options.inputs is None)
        return Generator(spec.name, translate=rule, facts=facts)
    classes: tuple[str, ...] = ()
    if spec.kind == "conditional":
        named = loaded.classes
        classes = tuple(named[k] if k < len(named) else str(k) for k in range(config.classes))
    return Generator(
        spec.name, draw=lambda only: image_drawer(network, spec, config, only), classes=classes, facts=facts
    )


def _source(generator: Generator, options: ScoreOptions, only_class: str | None) -> ImageSource:
    """The images that a generator makes."""
    only = _class_number(generator, only_class)
    if generator.translate is not None:
        named = options.inputs or options.paired
        if named is None:
            raise UsageError(f"{generator.name} translates images. Name them with --inputs FOLDER.")
        images = options.open("paired" if options.inputs is None else "inputs", named)
        return TranslatedSource(images, generator.translate, options.subject)
    if generator.draw is None:
        raise TypeError(f"{generator.name} neither draws nor translates")
    if options.inputs is not None:
        raise UsageError(f"{generator.name} draws images from noise; drop --inputs.")
    if options.paired is not None:
        raise UsageError(f"{generator.name} draws new images, which pair with none. Use --reference REF.")
    count = options.num_samples or _reference_size(options) or DEFAULT_SAMPLES
    kinds = len(generator.classes)
    labels = [generator.classes[index % kinds if only is None else only] for index in range(count)] if kinds else None
    return GeneratorSource(generator.draw(only), count, options.seed, options.subject, labels)


def _class_number(generator: Generator, name: str | None) -> int | None:
    """Number of a class given by name or number; None for all.

    Raises:
        UsageError: a generator without classes, or no such class.
    """
    if name is None:
        return None
    if not generator.classes:
        raise UsageError(f"{generator.name} has no classes; drop --class.")
    if name in generator.classes:
        return generator.classes.index(name)
    if name.isdecimal() and len(name) < 10 and int(name) < len(generator.classes):
        return int(name)
    raise unknown_name("class", name, list(generator.classes))


def _reference_size(options: ScoreOptions) -> int | None:
    if options.reference is None:
        return None
    path = Path(options.reference)
    if is_statistics_file(path):
        return load_reference(path).n
    source = options.open("reference", options.reference)
    try:
        return len(source)
    finally:
        source.close()
