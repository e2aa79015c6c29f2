"""MNIST and Fashion-MNIST from their IDX files, in torchvision's layout below the data folder.

IDX: two zero bytes, a type code (8 = unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit
number, then the values (Y. LeCun, "The MNIST database", file formats).
"""

import gzip
import math
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.sources.arrays import ArraySource
from ganeval.sources.base import ImageSource
from ganeval.sources.datasets.published import Published
from ganeval.sources.datasets.table import DatasetInfo, find_files
from ganeval.sources.limits import MAX_RATIO, is_bomb

_UNSIGNED_BYTE: Final = 8
_MAX_VALUES: Final = 1 << 31  # 2 GiB; MNIST's largest file holds 47,040,000


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Reads one IDX file of unsigned bytes, plain or gzip-compressed.

    Args:
        path: The file; a name ending in ".gz" is unpacked in memory.
        dimensions: How many dimensions it must have.

    Raises:
        DataError: another type or number of dimensions, or more or fewer values than the header says.
    """
    try:
        with cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4)
            if head != bytes([0, 0, _UNSIGNED_BYTE, dimensions]):
                raise DataError(
                    f"{str(path)!r} starts with {head!r}; expected an IDX file of unsigned bytes in {dimensions} "
                    f"dimensions, {bytes([0, 0, _UNSIGNED_BYTE, dimensions])!r}. Download it again."
                )
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            count = math.prod(shape)
            if is_bomb(count, path.stat().st_size):
                raise DataError(
                    f"{str(path)!r} says {count:,} values in a file of {path.stat().st_size:,} bytes; at most "
                    f"{MAX_RATIO} : 1 is read. Download it again."
                )
            values = file.read(min(count, _MAX_VALUES) + 1)
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise DataError(f"Cannot read {str(path)!r}: {error}. Download it again.") from error
    if len(values) != count:
        than = "more" if len(values) > count else f"{len(values):,}"
        raise DataError(f"{str(path)!r} says {count:,} values {shape} and holds {than}. Download it again.")
    return np.frombuffer(values, np.uint8).reshape(shape)


def load_idx_pair(name: str, folder: str, classes: tuple[str, ...], split: str, data_root: Path | None) -> ImageSource:
    """Loads the images and labels of one split.

    Raises:
        DataError: files that are missing or damaged, or labels that do not fit the images.
    """
    stem = {"train": "train", "test": "t10k"}[split]
    needed = [f"{folder}/raw/{stem}-images-idx3-ubyte", f"{folder}/raw/{stem}-labels-idx1-ubyte"]
    images_path, labels_path = find_files(f"{name}:{split}", data_root, needed)
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(labels) or labels.max(initial=0) >= len(classes):
        raise DataError(
            f"{str(labels_path)!r} holds {len(labels):,} labels up to {labels.max(initial=0)} for {len(images):,} "
            f"images; expected one of 0 to {len(classes) - 1} for each. Download both files again."
        )
    return ArraySource(images[..., None], f"{name}:{split}", [classes[label] for label in labels])


# The authors' own names, in the order of their indices (zalandoresearch/fashion-mnist, README).
_FASHION: Final = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def _published(folder: str, mirrors: tuple[str, ...], files: dict[str, tuple[int, str]]) -> tuple[Published, ...]:
    """The four files, by the MD5 that torchvision publishes; sizes are those of the servers."""
    return tuple(
        Published(
            tuple(f"{mirror}/{name}" for mirror in mirrors), size, f"md5:{md5}", "torchvision", into=f"{folder}/raw"
        )
        for name, (size, md5) in files.items()
    )


MNIST: Final = DatasetInfo(
    name="mnist",
    summary="70,000 handwritten digits, 28 px grey; below the data folder as MNIST/raw/*-ubyte[.gz]",
    splits=("train", "test"),
    default_split="train",
    channels=1,
    size=(28, 28),
    classes=10,
    licence="CC-BY-SA-3.0",
    embedded=False,
    load=partial(load_idx_pair, "mnist", "MNIST", tuple("0123456789")),
    published=_published(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist", "http://yann.lecun.com/exdb/mnist"),
        {
            "train-images-idx3-ubyte.gz": (9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            "train-labels-idx1-ubyte.gz": (28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
            "t10k-images-idx3-ubyte.gz": (1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
            "t10k-labels-idx1-ubyte.gz": (4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
        },
    ),
)

FASHION_MNIST: Final = DatasetInfo(
    name="fashion-mnist",
    summary="70,000 garments and shoes, 28 px grey; below the data folder as FashionMNIST/raw/*-ubyte[.gz]",
    splits=("train", "test"),
    default_split="train",
    channels=1,
    size=(28, 28),
    classes=10,
    licence="MIT",
    embedded=False,
    load=partial(load_idx_pair, "fashion-mnist", "FashionMNIST", _FASHION),
    published=_published(
        "FashionMNIST",
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",),
        {
            "train-images-idx3-ubyte.gz": (26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            "train-labels-idx1-ubyte.gz": (29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            "t10k-images-idx3-ubyte.gz": (4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
            "t10k-labels-idx1-ubyte.gz": (5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
        },
    ),
)
