"""Training on a folder of one's own: what is seen of it, and the recipe that is made of that.

Size, colour and classes are the folder's; the plan is the model's small one. The recipe is named by the content of the
files, "dcgan.own-3fa1c2d4": moved or renamed files are the same data, one more image is other data. Every fifth image,
in the order of their hashes, is for the scores and never trained on, so the split goes by content too.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ganeval.errors import DataError, UsageError
from ganeval.generators.translated import TranslatedSource
from ganeval.sources.base import ImageSource, Pixels, Subset, content_hash
from ganeval.sources.folder import FolderSource
from reference_models.data.transforms import CONDITIONS, resized
from reference_models.models import MODELS
from reference_models.models.config import ConfigValue
from reference_models.recipes import RECIPES, default_recipe
from reference_models.recipes.recipe import Recipe

PREFIX = "own-"
SIDES = (64, 32, 28, 16)  # what small plans are for; the largest that the images have
TEST_EVERY = 5
LEAST_TEST = 16  # images to be scored on
LEAST_PHOTOS = 10  # for models that are trained on crops


@dataclass(frozen=True)
class Own:
    """What is seen of a folder.

    Attributes:
        name: "own-" and eight digits of the sha256 over all images and their classes.
        count: Images.
        side: Median of their shorter sides.
        grey: True where all of them are grey.
        classes: Names of its class folders, () for none.
    """

    name: str
    count: int
    side: int
    grey: bool
    classes: tuple[str, ...]


def is_own(data: str) -> bool:
    """True for the data id of a folder of one's own."""
    return data.startswith(PREFIX)


def look_at(folder: Path) -> Own:
    """Reads every image once.

    Raises:
        DataError: no such folder, no images, or one that cannot be read.
    """
    source = FolderSource(folder, str(folder))
    lines, sides, grey = [], [], True
    for index, item in enumerate(source.items):
        raw = source.read(index)
        pixels = raw.decode().pixels
        lines.append(raw.digest + str(item.label).encode())
        sides.append(min(pixels.shape[1:]))
        grey = grey and bool((pixels == pixels[:1]).all())
    labels = {item.label for item in source.items}
    classes = () if None in labels else tuple(sorted(map(str, labels)))
    return Own(f"{PREFIX}{content_hash(lines)[:8]}", len(sides), int(np.median(sides)), grey, classes)


def own_recipe(model: str, folder: Path) -> tuple[Recipe, int]:
    """The small plan of a model for a folder of images, and how many there are.

    Raises:
        UsageError: the model needs two sets of images, or classes that the folder has not, or is of numbers.
        DataError: the folder cannot be used.
    """
    plan, spec = RECIPES.get(default_recipe(model)), MODELS.get(model)
    if plan.data.transform not in ("images", "crops", *CONDITIONS):
        what = "two sets of images" if spec.kind.images else "no images"
        raise UsageError(f"{model} is trained on {what}, so --data FOLDER does not fit. Take another model.")
    own = look_at(folder)
    settings: dict[str, ConfigValue] = dict(plan.settings)
    if spec.kind.labels:
        if not own.classes:
            raise UsageError(
                f"{model} needs classes, and {str(folder)!r} has none. Put the images of each class into a folder of "
                "its own, or take an unconditional model, as dcgan."
            )
        settings["classes"] = len(own.classes)
    if plan.data.transform == "images":
        settings |= {"channels": 1 if own.grey else 3, "image_size": _side(model, settings, own.side)}
    data = dataclasses.replace(
        plan.data, id=own.name, train="train", test="test", balanced=plan.data.balanced and bool(own.classes)
    )
    made = dataclasses.replace(
        plan,
        name=f"{model}.{own.name}",
        tier="data",
        data=data,
        settings=settings,
        sources={**plan.sources, "the plan": f"{plan.name}; size, channels and classes are the folder's"},
        expected=(),
        wall_time="",
    )
    return made, own.count


def _side(model: str, settings: dict[str, ConfigValue], side: int) -> int:
    """The largest side that the images have and the architecture can have."""
    for wanted in (*(s for s in SIDES if s <= side), SIDES[-1]):
        try:
            MODELS.get(model).configure({**settings, "image_size": wanted})
        except UsageError:
            continue
        return wanted
    return 28


def require_enough(recipe: Recipe, folder: Path, count: int) -> None:
    """Refuses a folder with too few images for the recipe.

    Raises:
        DataError: says how many it needs.
    """
    if recipe.data.transform == "images":
        batch = recipe.training.batch_size
        needed = batch + max(LEAST_TEST, -(-batch // (TEST_EVERY - 1)))
        why = f"{batch} for a batch, and every {TEST_EVERY}th to be scored on. Add images, or set a smaller batch_size"
    else:
        needed, why = LEAST_PHOTOS, f"every {TEST_EVERY}th of them is to be scored on. Add images"
    if count < needed:
        raise DataError(f"{str(folder)!r} holds {count} images; {recipe.model} needs {needed}: {why}.")


def open_own(split: str, folder: Path | None, side: int | None) -> ImageSource:
    """The images of one split.

    Args:
        split: "train" or "test".
        folder: The user's.
        side: Cut to a square about the middle and scaled to this side; None for the images as they are.

    Raises:
        DataError: the folder is not there.
    """
    if folder is None:
        raise DataError("The recipe is of a folder of your own. Name it with --data FOLDER.")
    source = FolderSource(folder, str(folder))
    digests = [source.read(index).digest for index in range(len(source))]
    order = sorted(range(len(digests)), key=lambda index: (digests[index], index))
    test = set(order[TEST_EVERY - 1 :: TEST_EVERY])
    chosen = Subset(source, [index for index in order if (index in test) == (split == "test")])
    return chosen if side is None else TranslatedSource(chosen, lambda pixels: square(pixels, side), str(folder))


def square(pixels: Pixels, side: int) -> Pixels:
    """The largest square about the middle, at another size."""
    height, width = pixels.shape[1:]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    cut = np.ascontiguousarray(pixels[:, top : top + short, left : left + short])
    made: Pixels = resized(torch.from_numpy(cut)[None], (side, side))[0].numpy()
    return made
