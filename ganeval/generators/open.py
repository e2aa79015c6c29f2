"""From a subject to its images: one table of kinds, each with what opens it, looked up by everyone who scores.

The kind follows from the subject alone. Its opener is named by a string and imported when it is needed, so the networks
of `reference_models`, which depends on this package, are opened here without an import upwards.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

from ganeval.errors import UsageError
from ganeval.generators.base import Generator
from ganeval.generators.names import ONNX_EXTENSION, TORCH_EXTENSIONS, is_factory_name
from ganeval.generators.shipped import is_run, is_shipped, listed_recipe, refuse_unshipped
from ganeval.generators.source import BLOCK, GeneratorSource
from ganeval.generators.translated import TranslatedSource, in_tiles
from ganeval.options import ScoreOptions
from ganeval.registry import imported, listed, unknown_name
from ganeval.sources.arrays import IN_THE_UPPER_HALF, NEARLY_WHITE
from ganeval.sources.base import ImageSource
from ganeval.sources.datasets.table import DATASETS
from ganeval.sources.listing import Place
from ganeval.sources.resolve import refuse_missing, without_labels
from ganeval.sources.tiles import tiled
from ganeval.summaries.reference_file import is_statistics_file, load_reference

DEFAULT_SAMPLES = 2000  # of a generator by name, without a reference that says how many

REFERENCE_SEED: Final = 1_000_000_007  # added to the seed, for the latents of a generator that is the reference

OPENERS: Final[Mapping[str, str]] = {
    "in memory": "ganeval.generators.external:from_memory",
    "factory": "ganeval.generators.external:from_factory",
    "state dict": "ganeval.generators.external:from_state_dict",
    "torchscript": "ganeval.generators.external:from_torchscript",
    "onnx": "ganeval.generators.external:from_onnx",
    "checkpoint": "reference_models.checkpoints.open:from_checkpoint",
    "shipped": "reference_models.checkpoints.open:from_shipped",
}
"""Kind -> "package.module:function", called with the options; gives a `Generator`."""

ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "checkpoint": (".safetensors",),
    "torchscript": TORCH_EXTENSIONS,
    "onnx": (ONNX_EXTENSION,),
}
"""Kind -> endings of its files."""

OURS: Final = ("checkpoint", "shipped")
"""Kinds that state all there is to say of their images; others are looked at first."""


def kind_of(options: ScoreOptions) -> str | None:
    """What kind of generator the subject is, a key of `OPENERS`; None for images."""
    if options.subject in options.in_memory:
        from ganeval.generators.in_memory import holds_images

        return None if holds_images(options.in_memory[options.subject]) else "in memory"
    path = Path(options.subject)
    if path.is_file():
        if options.generator is not None:
            return "state dict"
        suffix = path.suffix.lower()
        return next((kind for kind, endings in ENDINGS.items() if suffix in endings), None)
    if is_run(options.subject):
        return "checkpoint"
    if is_shipped(options.subject):
        return "shipped"
    known = options.subject.partition(":")[0] in DATASETS
    return "factory" if is_factory_name(options.subject) and not path.exists() and not known else None


def open_generator(options: ScoreOptions, only_class: str | None = None, tile: int | None = None) -> ImageSource | None:
    """The images of a generator, or of a tensor or array in memory; None where the subject is a set of images by name.

    A generator that draws gives as many images as the reference has, or `num_samples`, with latents from `seed`. One
    that translates is given `inputs`, or inputs made of the originals under `paired` by the rule it was trained with.
    The first images are made here, so that a generator that cannot be used is told before anything slow runs.

    Args:
        options: The subject, and what is stated of it.
        only_class: For a generator with classes, the class of all images, by name or number; None for all in turn.
        tile: Side of the tiles that a generator translates one by one, as in `in_tiles`; None for whole images.

    Raises:
        UntrustedPlaceError: a file named it, and not a person, and opening it would run code.
        WeightsError: a file that is damaged, or not what its name says.
        UsageError: a generator that cannot be asked this way.
        DataError: a generator that fails, or gives no images.
    """
    subject = options.in_memory.get(options.subject)
    if subject is None:
        options = dataclasses.replace(options, subject=listed_recipe(options.subject))
        options = _of_files(options)
    else:
        from ganeval.generators.in_memory import source_of

        images = source_of(subject, options.subject, options.value_range, options.peak)
        if images is not None:
            return images
    kind = kind_of(options)
    if kind is None:
        refuse_unshipped(options.subject)
        _refuse_options(options)
        return None
    if options.direction is not None and kind not in OURS:
        raise UsageError(f"{options.subject} is one generator; --direction belongs to checkpoints of cyclegan.")
    if options.state_key is not None and kind != "state dict":
        raise UsageError(
            f"--state-key picks the tensors of a network that --generator names, and {options.subject} is a whole "
            "generator. Drop it."
        )
    opener = cast(Callable[[ScoreOptions], Generator], imported(OPENERS[kind]))
    generator = opener(options)
    source = _source(generator, options, only_class, tile)
    source.origin = generator.facts
    if kind not in OURS:
        source.read(0)
        remarks = [str(generator.facts.get("remark", "")), _doubt(source, generator)]
        said = "; ".join(filter(None, remarks))
        source.origin = {**generator.facts, **({"remark": said} if said else {})}
    return source


def open_set(options: ScoreOptions, place: Place, name: str) -> ImageSource:
    """One of the sets that a score reads, by name or in memory; as the reference also a generator.

    Raises:
        UsageError: a glob for images without file names.
        DataError: images that cannot be used.
        GanevalError: as `open_generator`, for a reference that is one.
    """
    if place == "reference" and (drawn := open_generated_reference(options, name)) is not None:
        return drawn
    if name not in options.in_memory:
        return options.open(place, name)
    selection, held = options.selection(place), options.in_memory[name]
    if selection.match is not None:
        raise UsageError(
            f"{selection.with_match(selection.match)} picks images by their file names, and the {place} has none. Drop "
            "it, or name a folder or an archive."
        )
    from ganeval.generators.in_memory import source_of

    source = source_of(held, place, options.value_range, options.peak)
    if source is None:
        raise TypeError(f"the {place} is a {type(held).__name__}")
    return tiled(without_labels(source) if selection.labels is False else source, selection.tile)


def open_generated_reference(options: ScoreOptions, name: str) -> ImageSource | None:
    """The images of a generator that is the reference, None where it is none.

    It states its own latents, and draws them from a stream of its own: the two sets are independent.
    """
    own = dataclasses.replace(
        options,
        subject=name,
        seed=options.seed + REFERENCE_SEED,
        reference=None,
        paired=None,
        inputs=None,
        generator=None,
        state_key=None,
        latent_dim=None,
        direction=None,
        drawn=None,
    )
    return None if kind_of(own) is None else open_generator(own)


def _doubt(source: ImageSource, generator: Generator) -> str:
    """What rows say of a stated range that is possible and looks like the other one: a sigmoid's output as -1..1."""
    if generator.value_range != "-1..1" or not isinstance(source, GeneratorSource):
        return ""
    count = min(BLOCK, len(source))
    images = [source.read(index).decode().pixels for index in range(count)]  # of one block, which is drawn by now
    darkest, brightest = min(int(image.min()) for image in images), max(int(image.max()) for image in images)
    if darkest < 128 or brightest < 255 * NEARLY_WHITE:
        return ""
    return f"of the first {count} images {IN_THE_UPPER_HALF}"


def _of_files(options: ScoreOptions) -> ScoreOptions:
    """Beside a generator in memory, `latent_dim` is that one's: a file states its own."""
    if any(callable(each) for each in options.in_memory.values()):
        return dataclasses.replace(options, latent_dim=None)
    return options


def _refuse_options(options: ScoreOptions) -> None:
    given = {
        "--inputs": options.inputs,
        "--generator": options.generator,
        "--latent-dim": options.latent_dim,
        "--direction": options.direction,
        "--state-key": options.state_key,
    }
    named = [option for option, value in given.items() if value is not None]
    if named:
        if not is_factory_name(options.subject):
            refuse_missing(options.subject)
        raise UsageError(f"{options.subject} isn't a generator. Remove {', '.join(named)}: only generators take that.")


def _source(generator: Generator, options: ScoreOptions, only_class: str | None, tile: int | None) -> ImageSource:
    """The images that a generator makes."""
    only = _class_number(generator, only_class)
    if generator.translate is not None:
        named = options.inputs or options.paired
        if named is None:
            raise UsageError(f"{generator.name} translates images. Name them with --inputs FOLDER.")
        images = open_set(options, "paired" if options.inputs is None else "inputs", named)
        translate = generator.translate if tile is None else in_tiles(generator.translate, tile)
        return TranslatedSource(images, translate, options.subject)
    if tile is not None:
        raise UsageError(f"{generator.name} draws images from noise, and --tile divides images that are translated.")
    if generator.draw is None:
        raise TypeError(f"{generator.name} neither draws nor translates")
    if options.inputs is not None:
        raise UsageError(f"{generator.name} draws images from noise; drop --inputs.")
    if options.paired is not None and not (generator.by_index and options.subject in options.in_memory):
        raise UsageError(f"{generator.name} draws new images, which pair with none. Use --reference REF.")
    count = options.num_samples or options.drawn or _reference_size(options)
    if count is None and options.subject in options.in_memory:
        raise UsageError(f"{generator.name} is a generator: state how many images it draws with --num-samples N.")
    count = count or DEFAULT_SAMPLES
    kinds = len(generator.classes)
    labels = [generator.classes[index % kinds if only is None else only] for index in range(count)] if kinds else None
    return GeneratorSource(generator.draw(only), count, options.seed, options.subject, labels, generator.latents)


def _class_number(generator: Generator, name: str | None) -> int | None:
    """Number of a class given by name or number; None for all.

    Raises:
        UsageError: a generator without classes, or no such class.
    """
    if name is None:
        return None
    if not generator.classes:
        raise UsageError(f"{generator.name} has no classes; drop --class.")
    if (known := listed(name, generator.classes)) in generator.classes:
        return generator.classes.index(known)
    if name.isdecimal() and len(name) < 10 and int(name) < len(generator.classes):
        return int(name)
    raise unknown_name("class", name, list(generator.classes))


def _reference_size(options: ScoreOptions) -> int | None:
    if options.reference is None:
        return None
    path = Path(options.reference)
    if options.reference not in options.in_memory and is_statistics_file(path):
        return load_reference(path).n
    source = open_set(options, "reference", options.reference)
    try:
        return len(source)
    finally:
        source.close()
