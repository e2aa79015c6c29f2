"""CIFAR-10 from its python batches, in torchvision's layout below the data folder, without running a pickle.

The batches are pickles, and a pickle is a program. The reader here knows four names, builds stand-ins for numpy's
objects out of plain bytes, and refuses every other name before it is looked up.
"""

import io
import pickle
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.files.read_write import open_regular
from ganeval.sources.arrays import ArraySource
from ganeval.sources.base import ImageSource
from ganeval.sources.datasets.table import DatasetInfo, find_files
from ganeval.sources.pickle_check import check_instructions

_MAX_BYTES: Final = 1 << 26  # 64 MiB; a batch of 10,000 images is 31,035,704 bytes
_PIXELS: Final = 3 * 32 * 32
_CLASSES: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class _DtypeStandIn:
    """Takes the place of numpy.dtype: remembers the type code, ignores the rest."""

    def __init__(self, code: object = None, *flags: object) -> None:
        self.code = code.decode("ascii", "replace") if isinstance(code, bytes) else code

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment, which bytes do not have."""


class _ArrayStandIn:
    """Takes the place of numpy.ndarray: keeps the state that a pickle would have given it."""

    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def array(self) -> npt.NDArray[np.uint8]:
        """The array, if its state is that of a C-ordered array of unsigned bytes."""
        match self.state:
            case (int(), tuple(shape), _DtypeStandIn(code="u1" | "|u1"), False, bytes(values)):
                return np.frombuffer(values, np.uint8).reshape([int(side) for side in shape])
        raise ValueError("an array that is not of unsigned bytes in C order")


def _reconstruct(*_: object) -> _ArrayStandIn:
    return _ArrayStandIn()


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes into an old pickle. Only latin1: other codecs can unpack bombs."""
    if encoding != "latin1" or not isinstance(text, str):
        raise ValueError(f"bytes in encoding {encoding!r}")
    return text.encode("latin1")


_ALLOWED: Final[dict[tuple[str, str], Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _ArrayStandIn,
    ("numpy", "dtype"): _DtypeStandIn,
    ("_codecs", "encode"): _encode,
}


class _PlainUnpickler(pickle.Unpickler):
    """Builds dicts, lists, tuples, strings, bytes, numbers and the stand-ins; no other name is resolved."""

    def find_class(self, module: str, name: str) -> Any:
        """Looks a name up in the table instead of importing it."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is code and not data")
        return _ALLOWED[module, name]


def read_batch(path: Path) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """Reads one batch.

    Returns:
        uint8 (N, 32, 32, 3) and N class indices.

    Raises:
        DataError: the file is damaged, holds anything but plain data, or no batch of CIFAR-10.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f"{path.stat().st_size:,} bytes; at most {_MAX_BYTES:,} are read")
        check_instructions(data)
        batch = _PlainUnpickler(io.BytesIO(data), encoding="bytes").load()
        plain = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in batch.items()}
        rows, labels = plain["data"].array(), plain["labels"]
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
)
