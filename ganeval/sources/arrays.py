"""Images in numpy arrays: `.npz` as ADM writes them, `.npy`, and arrays in memory.

uint8 arrays mean what they hold. Float arrays do not say whether 0.5 is mid-grey or three quarters, so their range
must be said; nothing is ever stretched to fill it, because a per-image stretch changes every score.
"""

import hashlib
import math
import re
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from ganeval.errors import BadImageError, DataError
from ganeval.escaping import encodable, printable
from ganeval.sources.base import ImageSource, Item, Pixels, Raw
from ganeval.sources.decoding.quantise import quantise
from ganeval.sources.decoding.rules import rgb_from_array
from ganeval.sources.limits import MAX_PIXELS
from ganeval.sources.npy import (
    StoredArray,
    holds_statistics,
    npz_members,
    open_header,
    open_member,
    open_npy,
)
from ganeval.sources.read_once import require_file

ValueRange = Literal["0..1", "-1..1"]
VALUE_RANGES: Final[tuple[ValueRange, ...]] = get_args(ValueRange)

NEARLY_WHITE: Final = 0.95
IN_THE_UPPER_HALF: Final = "none has a value below 0 of the range -1..1: floats of 0..1 look so, too bright"
"""What a row says of them: the range is as it was stated, and may be what was meant."""

_SCAN_VALUES: Final = 1 << 24  # floats checked at a time: 64 MiB of float32


def pixels_digest(pixels: Pixels) -> bytes:
    """sha256 over dtype, shape and bytes: the same picture has the same digest from every kind of array source."""
    head = f"uint8 {pixels.shape}\n".encode()
    return hashlib.sha256(head + np.ascontiguousarray(pixels).tobytes()).digest()


class ArraySource(ImageSource):
    """The images of one array.

    Args:
        array: (N, H, W, C) with C = 1 (grey), 3 (RGB) or 4 (RGB + alpha, composited on white); uint8, floats with a
            `value_range`, or uint16 with a `peak`. It is not copied: it must not change afterwards.
        name: What the user typed.
        labels: One class name an image, or None.
        item_names: One unique name an image, in sorted order; by default the index with zeros in front ("000012").
        value_range: What floats mean: "0..1" or "-1..1". Not looked at for integers.
        peak: The value of uint16 that means white. Not looked at for uint8 and floats.
        grey: True also takes (N, H, W) as grey images: where the user named the array as images.
        marks: True takes masks: (N, H, W) too, and bool, whose True is white.

    Raises:
        DataError: another shape or dtype, no image, floats without a range, uint16 without a peak, or a value that is
            NaN or out of range.
    """

    def __init__(
        self,
        array: npt.NDArray[Any] | StoredArray,
        name: str,
        labels: Sequence[str] | None = None,
        item_names: Sequence[str] | None = None,
        value_range: ValueRange | None = None,
        grey: bool = False,
        peak: int | None = None,
        marks: bool = False,
    ) -> None:
        self.name = name
        self._grey = (grey or marks) and len(array.shape) == 3 and array.shape[2] > 4
        _check_shape((*array.shape, 1) if self._grey else array.shape, name)
        self._array = array
        self._range = value_range
        self._white = peak
        if _is_16_bit(array):
            _check_16_bit(array, name, peak)
        elif array.dtype != np.uint8 and not (marks and array.dtype == bool):
            least, most = _check_floats(array, name, value_range)
            if value_range == "-1..1" and least >= 0 and most >= NEARLY_WHITE:
                self.origin = {"remark": f"of {len(array)} images {IN_THE_UPPER_HALF}"}
        width = max(6, len(str(len(array) - 1)))
        names = [f"{i:0{width}d}" for i in range(len(array))] if item_names is None else list(item_names)
        if len(names) != len(array) or (labels is not None and len(labels) != len(array)):
            said = len(names) if labels is None else f"{len(names)} and {len(labels)}"
            raise DataError(f"{name!r} holds {len(array)} images for {said} names and labels; expected one of each.")
        self.items = [Item(item, None if labels is None else labels[i]) for i, item in enumerate(names)]

    def read(self, index: int) -> Raw:
        """Takes one image out of the array and makes it RGB."""
        stored: npt.NDArray[Any] = np.asarray(self._array[index])
        if self._grey:
            stored = stored[..., None]
        if stored.dtype == bool:
            stored = stored.astype(np.uint8) * 255
        if self._white is not None and _is_16_bit(stored):
            decoded = rgb_from_array(stored, self._white)
            return Raw(pixels_digest(decoded.pixels), lambda: decoded, "array")
        if stored.dtype != np.uint8:
            wide: npt.NDArray[np.floating[Any]] = stored.astype(
                np.float64 if stored.dtype == np.float64 else np.float32
            )
            stored = quantise((wide + 1) / 2 if self._range == "-1..1" else wide)
        decoded = rgb_from_array(stored)
        return Raw(pixels_digest(decoded.pixels), lambda: decoded, "array")

    def close(self) -> None:
        """Closes the file of an array that stayed in it."""
        if isinstance(self._array, StoredArray):
            self._array.close()


@dataclass(frozen=True)
class ReadAs:
    """How stored values become pixels; as in `ArraySource`."""

    value_range: ValueRange | None
    peak: int | None
    marks: bool


class NamedArrays(ImageSource):
    """The arrays of a `.npz` as one image each, called by their keys: `np.savez(file, **{"0801": image, ...})`.

    Args:
        path: The file.
        name: What the user typed.
        keys: Item name -> key.
        read: How values become pixels.
    """

    def __init__(self, path: Path, name: str, keys: Mapping[str, str], read: ReadAs) -> None:
        self.name = name
        self.items = [Item(item) for item in sorted(keys)]
        self._path, self._keys, self._as = path, keys, read
        self._archive = zipfile.ZipFile(path)
        self._lock = threading.Lock()

    @staticmethod
    def of(path: Path, name: str, read: ReadAs) -> "NamedArrays | None":
        """The arrays as images, where there are several and each of them can be one; None for any other file."""
        with npz_members(path) as (archive, members):
            if len(members) < 2 or not all(_is_image(archive, info, read) for info in members.values()):
                return None
            numbered = all(re.fullmatch(r"arr_\d{1,9}", key) for key in members)  # np.savez of a list
            names = {f"{int(key[4:]):06d}" if numbered else encodable(key): key for key in members}
        if len(names) < len(members):
            raise DataError(f"{name!r} holds two arrays whose names are written alike. Rename one.")
        return NamedArrays(path, name, names, read)

    def read(self, index: int) -> Raw:
        """Unpacks one array.

        Raises:
            BadImageError: the file is damaged, or changed since it was opened.
        """
        item = self.items[index].name
        try:
            with self._lock:
                info = self._archive.getinfo(f"{self._keys[item]}.npy")
                stored = open_member(self._path, self._archive, info)
            values = np.asarray(stored[:])
            if isinstance(stored, StoredArray):
                stored.close()
        except Exception as error:
            if isinstance(error, BadImageError | DataError | MemoryError):
                raise
            raise BadImageError(f"{item!r} in {self.name!r} cannot be read: {error}. Write the file again.") from error
        images = values[None] if values.ndim == 3 else values[None, :, :, None]
        how = self._as
        whole = ArraySource(images, f"{self.name}:{item}", None, None, how.value_range, False, how.peak, how.marks)
        return whole.read(0)

    def close(self) -> None:
        """Closes the file."""
        self._archive.close()


def _is_image(archive: zipfile.ZipFile, info: zipfile.ZipInfo, read: ReadAs) -> bool:
    """Whether an array may be one image. Without channels only a mask may: other tables are features or many images."""
    try:
        header = open_header(archive, info)
    except Exception:  # the error is told if this array is read
        return False
    shape, kind = header.shape, header.dtype.kind
    if len(shape) == 2:
        return read.marks and min(shape) > 1 and kind in "ub"
    colours = len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape) > 0
    return colours and kind in ("ufb" if read.marks else "uf")


def part_of_file(subject: str) -> tuple[Path, str] | None:
    """File and array of "file.npz:images", file and column of "file.parquet:image", or file and step of "clip.mp4:10".

    None for anything else.
    """
    found = re.fullmatch(r"(.+\.(?:npz|parquet|mp4|m4v|mov|mkv|webm|avi)):(.+)", subject, re.IGNORECASE)
    if found is None or Path(subject).exists():
        return None
    file = Path(found[1])
    return (file, found[2]) if file.exists() or not {"/", "\\"} & set(found[2]) else None


def open_array_file(
    path: Path,
    name: str | None = None,
    value_range: ValueRange | None = None,
    key: str | None = None,
    peak: int | None = None,
    marks: bool = False,
) -> "ArraySource | NamedArrays":
    """Opens a `.npy` or `.npz` file; an uncompressed one is read image by image. Pickled objects are refused.

    In a `.npz` the images are the array called `key`; else `arr_0` (ADM's name, with class indices in `arr_1` where
    there are any), or the only array, or one image an array. Beside a named array of images that of its labels is
    looked for as MedMNIST calls it: `train_images` and `train_labels`.

    Args:
        path: The file; its ending decides.
        name: What the user typed; the path by default.
        value_range: As in ArraySource.
        key: Of a `.npz`.
        peak: As in ArraySource.
        marks: As in ArraySource.

    Raises:
        DataError: missing, damaged, pickled, no single array of images, or as ArraySource.
    """
    said = str(path) if name is None else name
    require_file(path, said)
    array: npt.NDArray[Any] | StoredArray | None = None
    read = ReadAs(value_range, peak, marks)
    try:
        labels, note = None, ""
        if path.suffix.lower() == ".npz":
            if key is None and (named := NamedArrays.of(path, said, read)) is not None:
                return named
            array, labels, note = _open_npz(path, said, key)
        else:
            if holds_statistics(path):
                raise DataError(f"{said!r} holds mu and sigma. {STATISTICS_ADVICE}")
            array = open_npy(path)
        source = ArraySource(array, said, labels, value_range=value_range, grey=key is not None, peak=peak, marks=marks)
        source.notes = (note,) if note else ()
        return source
    except Exception as error:
        if isinstance(array, StoredArray):
            array.close()
        if isinstance(error, DataError | MemoryError):
            raise
        # Parsers that are fed hostile bytes may raise whatever they like; all of it means "no arrays".
        raise DataError(
            f"Cannot read arrays from {said!r}: {str(error) or type(error).__name__}. Expected a file that numpy.save "
            "or numpy.savez wrote, without Python objects. Write it again."
        ) from error


def _open_npz(path: Path, said: str, key: str | None) -> tuple[npt.NDArray[Any] | StoredArray, list[str] | None, str]:
    """The array of images, the label of each if there are any, and what to tell of labels that are not used."""
    with npz_members(path) as (archive, members):
        if key is None:
            if {"mu", "sigma"} <= members.keys() and "arr_0" not in members:
                raise DataError(f"{said!r} holds mu and sigma. {STATISTICS_ADVICE}")
            key = "arr_0" if "arr_0" in members else next(iter(members), "")
            if key != "arr_0" and len(members) != 1:
                raise DataError(
                    f"{said!r} holds {len(members)} arrays ({_told(path, archive, members) or 'none'}); expected one "
                    f"array of images, or one that is called arr_0. Name the array, as in {said}:{_largest(members)}."
                )
        elif key not in members:
            raise DataError(
                f"{said!r}: there is no array {key!r} in the file; it holds {len(members)} "
                f"({_told(path, archive, members) or 'none'}). Name one of them."
            )
        array = open_member(path, archive, members[key])
        beside = "arr_1" if key == "arr_0" else key.replace("images", "labels")
        classes = members.get(beside) if beside != key else None
        others = ", ".join(printable(name) for name in members if key == "arr_0" and name not in (key, beside))
        unread = f"other arrays of {said!r} are not read: {others[:200]}" if others else ""
        if classes is None or not array.shape:
            return array, None, unread
        count = array.shape[0]
        stored = open_member(path, archive, classes) if classes.file_size <= 1024 + MAX_LABEL * count else None
        labels = None if stored is None else _labels(stored, count)
        what = f"{classes.file_size:,} bytes" if stored is None else f"{stored.shape} {stored.dtype}"
        note = (
            "" if labels else f"{beside!r} ({what}) of {said!r} is not one class for each of {count:,} images: not used"
        )
    return array, labels, "; ".join(filter(None, (note, unread)))


MAX_LABEL: Final = 1024
"""Bytes of a class name in an array."""
STATISTICS_ADVICE: Final = "They are statistics, not images: they can serve as a --reference."


def _labels(stored: npt.NDArray[Any] | StoredArray, count: int) -> list[str] | None:
    """One class an image, as text; None for other arrays."""
    fits = stored.shape in ((count,), (count, 1)) and stored.dtype.kind in "iubUS"
    values = np.asarray(stored[:]).reshape(-1).tolist() if fits else []
    if isinstance(stored, StoredArray):
        stored.close()
    return [encodable(one.decode(errors="replace") if isinstance(one, bytes) else str(one)) for one in values] or None


def _told(path: Path, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> str:
    """The first arrays of a file with shape and type."""
    told = []
    for name, info in list(members.items())[:MOST_TOLD]:
        try:
            array = open_member(path, archive, info)
        except Exception:  # it is told of all the same
            told.append(printable(name))
            continue
        told.append(f"{printable(name)} {array.shape} {array.dtype}")
        if isinstance(array, StoredArray):
            array.close()
    return ", ".join(told) + (", ..." if len(members) > MOST_TOLD else "")


def _largest(members: Mapping[str, zipfile.ZipInfo]) -> str:
    return printable(max(members, key=lambda name: members[name].file_size)) if members else "NAME"


MOST_TOLD: Final = 12


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    if len(shape) == 4 and shape[3] in (1, 3, 4) and min(shape) > 0 and shape[1] * shape[2] <= MAX_PIXELS:
        return
    advice = ""
    if len(shape) == 4 and shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4):
        advice = " It looks like channels first: save array.transpose(0, 2, 3, 1)."
    elif len(shape) == 3:
        advice = " For grey images save array[..., None]; for a single image array[None]."
    raise DataError(
        f"{name!r} has shape {shape}; expected (images, height, width, channels) with 1, 3 or 4 channels, none of them "
        f"0 and at most {MAX_PIXELS:,} pixels an image.{advice}"
    )


def _is_16_bit(array: npt.NDArray[Any] | StoredArray) -> bool:
    return array.dtype.kind == "u" and array.dtype.itemsize == 2


def _check_16_bit(array: npt.NDArray[Any] | StoredArray, name: str, peak: int | None) -> None:
    """Which value is white is nowhere in an array: 65,535, 4,095 and 255 are all written as uint16."""
    step = max(1, _SCAN_VALUES // math.prod(array.shape[1:]))
    largest = max(int(array[start : start + step].max()) for start in range(0, len(array), step))
    if peak is None:
        raise DataError(
            f"{name!r} holds uint16; expected uint8 (0 to 255), or --peak with the value that means white (4095 for "
            f"samples of 12 bits, 65535 for 16). The largest value is {largest:,}."
        )
    if largest > peak and array.shape[-1] != 4:
        raise DataError(f"{name!r} holds {largest:,}, above --peak {peak}. Give the largest value that it can hold.")


def _check_floats(
    array: npt.NDArray[Any] | StoredArray, name: str, value_range: ValueRange | None
) -> tuple[float, float]:
    """The least and the largest value."""
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"{name!r} holds {array.dtype}; expected uint8 (0 to 255) or floats. Convert it with astype.")
    low, high = (-1, 1) if value_range == "-1..1" else (0, 1)
    step = max(1, _SCAN_VALUES // math.prod(array.shape[1:]))
    least, most = math.inf, -math.inf
    outside = ""
    for start in range(0, len(array), step):
        block = array[start : start + step]
        darkest, brightest = float(block.min()), float(block.max())
        least, most = min(least, darkest), max(most, brightest)
        if outside or (low <= darkest and brightest <= high):  # false for NaN
            continue
        bad = ~((block >= low) & (block <= high))
        first = np.argwhere(bad)[0]
        value = block[tuple(first)]
        where = (int(first[0]) + start, *(int(i) for i in first[1:]))
        outside = f"{value} at index {where} (image, row, column, channel)"
    if value_range is None:
        raise DataError(
            f"{name!r} holds {array.dtype}, whose range nothing says; expected uint8, or --value-range "
            f"{' | '.join(VALUE_RANGES)}. {_as_bytes(least, most) or 'Say what black and white are.'}"
        )
    if outside:
        raise DataError(
            f"{name!r} has {outside}; expected numbers from {low} to {high} for --value-range {value_range}. "
            f"{_as_bytes(least, most) or 'Give the other range, or clamp what the generator overshoots.'}"
        )
    return least, most


def _as_bytes(least: float, most: float) -> str:
    """What to do with floats that look like bytes; "" for others."""
    if not (least >= 0 and BRIGHT <= most <= 255):
        return ""
    return f"Its values run from {least:g} to {most:g}, as bytes do: round them and convert to uint8."


BRIGHT: Final = 16
"""No generator overshoots so far."""
