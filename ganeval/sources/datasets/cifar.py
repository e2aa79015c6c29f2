"""CIFAR-10 from its python batches, in torchvision's layout below the data folder, without running a pickle.

The batches are pickles, and a pickle is a program: `ganeval.files.unpickle` builds arrays and plain containers of it
and refuses everything else.
"""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.files.read_write import read_bytes
from ganeval.files.unpickle import Array, Reader
from ganeval.sources.arrays import ArraySource
from ganeval.sources.base import ImageSource
from ganeval.sources.datasets.published import Folder, Published
from ganeval.sources.datasets.table import DatasetInfo, find_files

_MAX_BYTES: Final = 1 << 26  # 64 MiB; a batch of 10,000 images is 31,035,704 bytes
_PIXELS: Final = 3 * 32 * 32
_CLASSES: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def read_batch(path: Path) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """Reads one batch.

    Returns:
        uint8 (N, 32, 32, 3) and N class indices.

    Raises:
        DataError: the file is damaged, holds anything but plain data, or no batch of CIFAR-10.
    """
    try:
        batch = Reader(read_bytes(path, _MAX_BYTES)).load()
        if not isinstance(batch, dict):
            raise ValueError(f"it holds a {type(batch).__name__}; expected a dict with the items data and labels")
        plain = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in batch.items()}
        if missing := {"data", "labels"} - plain.keys():
            raise ValueError(f"it lacks {' and '.join(sorted(missing))}")
        data, labels = plain["data"], plain["labels"]
        rows = data.values if isinstance(data, Array) else None
        if rows is None or rows.dtype != np.uint8:
            found = type(data).__name__ if rows is None else f"an array of {rows.dtype}"
            raise ValueError(f"data is {found}, which is not of unsigned bytes")
        if rows.ndim != 2 or rows.shape[1] != _PIXELS:
            raise ValueError(f"rows of shape {rows.shape}; expected (images, {_PIXELS})")
        if not isinstance(labels, list) or any(type(label) is not int or not 0 <= label <= 9 for label in labels):
            raise ValueError("labels that are not a list of 0 to 9")
        if len(labels) != len(rows):
            raise ValueError(f"{len(labels):,} labels for {len(rows):,} images")
    except Exception as error:  # a hostile pickle may raise anything while it is read; all of it means "not a batch"
        raise DataError(
            f"{str(path)!r} is not a batch of CIFAR-10: {error}. Unpack cifar-10-python.tar.gz again."
        ) from error
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def load_cifar10(split: str, data_root: Path | None) -> ImageSource:
    """The images of one split ("train": five batches in order; "test": one), with class names as labels."""
    stems = [f"data_batch_{i}" for i in range(1, 6)] if split == "train" else ["test_batch"]
    paths = find_files(f"cifar10:{split}", data_root, [f"cifar-10-batches-py/{stem}" for stem in stems])
    batches = [read_batch(path) for path in paths]
    labels = [_CLASSES[label] for _, indices in batches for label in indices]
    return ArraySource(np.concatenate([images for images, _ in batches]), f"cifar10:{split}", labels)


_FOLDER: Final = "cifar-10-batches-py"
_MD5: Final = {  # as torchvision publishes them
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}

CIFAR10: Final = DatasetInfo(
    name="cifar10",
    summary="60,000 colour pictures of ten kinds of thing, 32 px; below the data folder as cifar-10-batches-py/*",
    splits=("train", "test"),
    default_split="train",
    channels=3,
    size=(32, 32),
    classes=10,
    licence="none stated by its makers",
    embedded=False,
    load=load_cifar10,
    published=(
        Published(
            ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
            170_498_071,
            "md5:c58f30108f718f92721af3b95e74349a",
            "torchvision",
            (Folder(_FOLDER, len(_MD5), (_FOLDER,), md5=_MD5),),
        ),
    ),
)
