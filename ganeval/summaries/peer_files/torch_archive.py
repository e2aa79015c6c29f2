"""Tensors and arrays of a `torch.save` file, read without torch and without running anything in it.

The file is a zip: `data.pkl` says what there is, `data/<key>` are the bytes of each storage.
"""

import math
import zipfile
from pathlib import Path
from typing import Final

import numpy as np

from ganeval.files.unpickle import Array, Callee, Reader, Refused, counts, short
from ganeval.sources.limits import is_bomb

_TYPES: Final = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "ByteStorage": "|u1",
}


class _Storage:
    """The values of a tensor, flat."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values


def _tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> Array:
    """`torch._utils._rebuild_tensor_v2`, with every index checked against the storage; a view, not a copy."""
    if not isinstance(storage, _Storage):
        raise Refused("it holds a tensor without a storage")
    (start,) = counts((offset,), "it holds a tensor with an offset")
    sides, steps = (counts(part, "it holds a tensor with sides or strides") for part in (size, stride))
    values, count = storage.values, math.prod(sides)
    if len(sides) != len(steps) or count > len(values):
        raise Refused(f"it holds a tensor of {sides[:8]} with {len(steps)} strides from {len(values):,} values")
    last = start + sum((side - 1) * step for side, step in zip(sides, steps, strict=True))
    if count and last >= len(values):
        raise Refused(f"it holds a tensor of {sides[:8]} that reaches past its {len(values):,} values")
    if not count:
        return Array(np.empty(sides, values.dtype))
    strides = [step * values.itemsize for step in steps]
    return Array(np.lib.stride_tricks.as_strided(values[start:], sides, strides, writeable=False))


_KNOWN: Final[dict[str, object]] = {
    "torch._utils._rebuild_tensor_v2": Callee(_tensor),
    **{f"torch.{name}": np.dtype(dtype) for name, dtype in _TYPES.items()},
}


class _Storages:
    """The storages of one archive, each read once.

    Args:
        archive: Open.
        folder: Its folder in the archive.
    """

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        self._archive = archive
        self._folder = folder
        self._read: dict[str, _Storage] = {}

    def __call__(self, pid: object) -> _Storage:
        """("storage", type, key, device, number of values)."""
        kind, dtype, key, _, count = pid if isinstance(pid, tuple) and len(pid) == 5 else (None,) * 5
        if kind != "storage" or not isinstance(dtype, np.dtype) or not isinstance(key, str):
            raise Refused("it points to something that isn't a tensor storage")
        if key not in self._read:
            self._read[key] = _Storage(np.frombuffer(self._archive.read(f"{self._folder}data/{key}"), dtype))
        found = self._read[key]
        if found.values.dtype != dtype or type(count) is not int or len(found.values) != count:
            raise Refused(
                f"storage {key[:40]} holds {len(found.values):,} {found.values.dtype}, and says {short(count)}"
            )
        return found


def read_torch(path: Path) -> object:
    """What `torch.save` wrote, with arrays for tensors.

    Raises:
        Refused: something else than tensors, arrays and plain containers is in it.
        Exception: any that zipfile raises on a damaged file.
    """
    if not zipfile.is_zipfile(path):
        raise Refused("it isn't a zip archive, as torch.save writes since 1.6; load it in torch and save it again")
    with zipfile.ZipFile(path) as archive:
        total = sum(info.file_size for info in archive.infolist())
        if is_bomb(total, path.stat().st_size):
            raise Refused(f"its files unpack to {total:,} bytes from {path.stat().st_size:,}")
        for info in archive.infolist():
            if is_bomb(info.file_size, info.compress_size):
                raise Refused(f"{info.filename} unpacks to {info.file_size:,} bytes from {info.compress_size:,}")
        names = [name for name in archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(names) != 1:
            raise Refused(f"it holds {len(names)} files called data.pkl, expected one")
        folder = names[0].removesuffix("data.pkl")
        order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in archive.namelist() else b"little"
        if order != b"little":
            raise Refused(f"its bytes are in {order[:10]!r} order")
        return Reader(archive.read(names[0]), _KNOWN, _Storages(archive, folder)).load()
