"""The views of `ganeval sample --views`: what a generator copied, repeated and learnt, as pictures and numbers."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ganeval.cli.progress import RichReporter
from ganeval.devices import device_name, resolve_device
from ganeval.errors import DataError, UsageError
from ganeval.files.read_write import write_atomically
from ganeval.generators.translated import TranslatedSource
from ganeval.metrics.nearest_images import RARE
from ganeval.metrics.prdc import PRDC
from ganeval.options import ScoreOptions
from ganeval.scoring.loaded_networks import OpenedNetworks, open_passes
from ganeval.sources.base import ImageSource, Pixels
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from reference_models.data.own_folder import is_own
from reference_models.data.transforms import resized
from reference_models.training.memorization import Lookalikes, lookalikes, random_part
from reference_models.training.views import Row, density_picture, numbers_distance, sheet

SPACES = ("efflite0", "pixels")  # what a network of photographs sees, and the pixels themselves
SHOWN = 6  # samples of each kind on the sheet of neighbours
NEIGHBOURS = 4
PAIRS = 8
PER_CLASS = 10
NUMBERS = 50_000

Looks = Mapping[str, Lookalikes]


def write_views(samples: ImageSource, options: ScoreOptions, folder: Path) -> list[str]:
    """Writes the views of images that a generator drew: nearest.png, duplicates.png, views.json, maybe classes.png.

    Args:
        samples: The images.
        options: `reference` names the training images; batch size, device and data root apply.
        folder: Made where it is not there.

    Returns:
        What was found, one line each.

    Raises:
        DataError: too few images, or a file cannot be written.
    """
    if options.reference is None:
        raise UsageError(
            "--views sets samples beside training images, and the generator does not say which. Name them with "
            "--reference REF."
        )
    with contextlib.ExitStack() as stack:
        training = options.open("reference", options.reference)
        stack.callback(training.close)
        if min(len(samples), len(training)) < NEIGHBOURS + 2:
            raise DataError(
                f"--views needs {NEIGHBOURS + 2} images a side; got {len(samples)} samples and {len(training)} "
                "training images. Draw more with -n."
            )
        size = samples.read(0).decode().pixels.shape[1:]
        # As the generator saw them: a difference in size alone would make every sample a stranger.
        real = TranslatedSource(training, lambda pixels: _at_size(pixels, (size[0], size[1])), training.name)
        backbones = OpenedNetworks().open_all(SPACES, device_name(options.device), options)
        passes = open_passes(backbones, options, RichReporter(), stack)
        drawn = passes.run(samples, samples.name)
        seen = passes.run(real, f"{training.name} (training images)")
        looks = {space: lookalikes(_bank(drawn.sets, space), _bank(seen.sets, space), NEIGHBOURS) for space in SPACES}
        found: dict[str, object] = {
            "samples": drawn.n,
            "training": training.name,
            "training_images": seen.n,
            "exact_repetitions": drawn.n - len(set(drawn.digests)),
            "expected_share": RARE,
            "spaces": {space: _counts(look) for space, look in looks.items()},
            "prdc": _prdc(_bank(drawn.sets, SPACES[0]), _bank(seen.sets, SPACES[0])),
        }
        pictures = {
            "nearest.png": _nearest_sheet(samples, real, looks),
            "duplicates.png": _duplicates_sheet(samples, looks),
        }
        if all(item.label is not None for item in samples.items):
            pictures["classes.png"] = _classes_sheet(samples)
    _write(folder, pictures, found)
    return [*_lines(looks), f"{found['exact_repetitions']} of {drawn.n:,} samples exactly equal another sample"]


def write_density(checkpoint: Path, options: ScoreOptions, folder: Path) -> list[str]:
    """Writes the views of a generator of numbers: density.png and views.json.

    Args:
        checkpoint: Of a one-dimensional model.
        options: Seed and device apply.
        folder: Made where it is not there.

    Raises:
        WeightsError: no such checkpoint.
        DataError: a file cannot be written.
    """
    from reference_models.checkpoints.checkpoint import load_checkpoint
    from reference_models.checkpoints.sampling import draw_tensor

    loaded = load_checkpoint(checkpoint, resolve_device(options.device))
    count = options.drawn or NUMBERS
    numbers = draw_tensor(loaded.network, loaded.spec, loaded.config, range(count), options.seed)
    distance = numbers_distance(numbers)
    title = f"{loaded.spec.name}, step {loaded.step:,}: {count:,} numbers, Wasserstein distance {distance:.4f}"
    _write(folder, {"density.png": density_picture(numbers, title)}, {"numbers": count, "w1": distance})
    return [f"1-Wasserstein distance of {count:,} numbers to the true density: {distance:.4f}"]


def is_of_numbers(path: Path) -> bool:
    """True for a checkpoint whose generator gives numbers instead of images."""
    from reference_models.checkpoints.checkpoint import is_checkpoint, load_checkpoint

    return is_checkpoint(path) and not load_checkpoint(path, torch.device("cpu")).spec.kind.images


def training_set(path: Path) -> str | None:
    """The data set split that a checkpoint was trained on, where its images are shown whole; None elsewhere."""
    from reference_models.checkpoints.checkpoint import is_checkpoint, load_checkpoint

    if not is_checkpoint(path):
        return None
    data = load_checkpoint(path, torch.device("cpu")).recipe.get("data")
    if not isinstance(data, Mapping) or data.get("transform") != "images" or is_own(str(data.get("id"))):
        return None
    return f"{data['id']}:{data['train']}"


def _bank(sets: Mapping[str, SetSummary], space: str) -> FeatureBank:
    bank = sets[space].bank
    if bank is None:
        raise TypeError(f"a pass leaves feature rows of {space}")
    return bank


def _at_size(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    made: Pixels = resized(torch.from_numpy(np.ascontiguousarray(pixels))[None], size)[0].numpy()
    return made


def _counts(look: Lookalikes) -> dict[str, object]:
    return {
        "copied": int(look.copied.sum()),
        "copied_of": len(look.copied),
        "copy_limit": look.copy_limit,
        "repeated": int(look.repeated.sum()),
        "repeated_of": len(look.repeated),
        "repeat_limit": look.repeat_limit,
    }


def _prdc(fake: FeatureBank, real: FeatureBank) -> dict[str, float]:
    """Precision, recall, density and coverage at equal counts."""
    equal = min(len(fake), len(real))
    sides = [random_part(real, equal), FeatureBank.of(fake.rows()[:equal])]
    summaries = [SetSummary(Moments.of(bank.rows()), bank) for bank in sides]
    return {name: estimate.value for name, estimate in PRDC.evaluate(summaries[0], summaries[1]).items()}


def _lines(looks: Looks) -> list[str]:
    return [
        f"{space}: {look.copied.mean():.1%} of {len(look.copied):,} samples nearly equal a training image, "
        f"{look.repeated.mean():.1%} another sample; {RARE:.0%} of real images do"
        for space, look in looks.items()
    ]


def _nearest_sheet(samples: ImageSource, real: ImageSource, looks: Looks) -> bytes:
    """Samples in the order of drawing, then those nearest to a training image, each with its neighbours."""
    suspects = np.min([look.training.distances[:, 0] / max(look.copy_limit, 1e-12) for look in looks.values()], axis=0)
    closest = [int(i) for i in np.argsort(suspects, kind="stable")[:SHOWN]]
    rows = []
    for kind, chosen in (("sample", list(range(min(SHOWN, len(samples))))), ("closest", closest)):
        for index in chosen:
            images: list[Pixels | None] = [_pixels(samples, index)]
            captions = [samples.items[index].label or ""]
            for look in looks.values():
                images.append(None)
                captions.append("")
                for near, distance in zip(look.training.indices[index], look.training.distances[index], strict=True):
                    images.append(_pixels(real, int(near)))
                    captions.append(f"{distance / max(look.copy_limit, 1e-12):.2f}")
            rows.append(Row(f"{kind}\n{samples.items[index].name}", images, captions))
    headings = ["drawn"]
    for space in looks:
        headings += ["", f"nearest in {space}", *[""] * (NEIGHBOURS - 1)]
    title = (
        f"{samples.name}: the first samples, then the {SHOWN} nearest to an image of {real.name}.\n"
        f"Numbers: distance over the limit below which {RARE:.0%} of training images have another; up to 1: a copy.\n"
        + "\n".join(_lines(looks))
    )
    return sheet(title, headings, rows)


def _duplicates_sheet(samples: ImageSource, looks: Looks) -> bytes:
    """The pairs of samples that are most alike."""
    rows = []
    for space, look in looks.items():
        images: list[Pixels | None] = []
        captions = []
        for i, j, distance in look.closest_pairs(PAIRS // 2):
            images += [_pixels(samples, i), _pixels(samples, j), None]
            ratio = distance / max(look.repeat_limit, 1e-12)
            captions += [f"{samples.items[i].name} {ratio:.2f}", samples.items[j].name, ""]
        rows.append(Row(f"most alike in\n{space}", images[:-1], captions[:-1]))
    title = (
        f"{samples.name}: the most similar pairs of samples.\n"
        f"Numbers: distance over the limit below which {RARE:.0%} of as many real images have another.\n"
        + "\n".join(_lines(looks))
    )
    return sheet(title, [], rows)


def _classes_sheet(samples: ImageSource) -> bytes:
    """One row a class, in the order of drawing."""
    members: dict[str, list[int]] = {}
    for index, item in enumerate(samples.items):
        members.setdefault(item.label or "", []).append(index)
    rows = [Row(label, [_pixels(samples, i) for i in found[:PER_CLASS]]) for label, found in members.items()]
    return sheet(f"{samples.name}: the first samples of every class that was asked for", [], rows)


def _pixels(source: ImageSource, index: int) -> Pixels:
    return source.read(index).decode().pixels


def _write(folder: Path, pictures: Mapping[str, bytes], found: Mapping[str, object]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            write_atomically(folder / name, picture)
        write_atomically(folder / "views.json", (json.dumps(found, indent=2, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise DataError(f"Cannot write views to {folder}: {error.strerror or error}. Choose another folder.") from error
