"""Several versions of the same originals: crops of each picture side by side, and pictures for blind rating."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganeval.errors import BadImageError, DataError
from ganeval.metrics.keys import declared
from ganeval.options import ScoreOptions
from ganeval.report.galleries import (
    NamedImages,
    by_original,
    by_own_name,
    ends_and_middle,
    known_rows,
    open_images,
    read_values,
)
from ganeval.report.pictures import Album, Picture
from ganeval.sources.base import Pixels

SHARE, LEAST, MOST = 4, 24, 128  # a crop's side: that part of the shorter side, within these pixels
FRAME = (255, 0, 90)  # of the crop's place in the whole picture
MOST_RATED = 60  # pictures of a rating page, evenly over the table
LARGEST_RATED = 512  # pixels of a side
Floats = npt.NDArray[np.float64]

Named = tuple[Path, str, str]
"""CSV of `score --per-image`, scored images, originals."""


@dataclass(frozen=True)
class CropRow:
    """One picture.

    Attributes:
        stem: Its name.
        whole: The original with a frame at the place of the crop.
        original: The crop of the original.
        crops: That of each subject, with (metric, value) of the whole picture.
    """

    stem: str
    whole: Picture
    original: Picture
    crops: Sequence[tuple[Picture, Sequence[tuple[str, float]]]]


@dataclass(frozen=True)
class CropSheet:
    """All pictures of some subjects of the same originals.

    Attributes:
        title: The originals.
        subjects: What is compared, in the order of columns.
        ranked_by: Metric of the first subject by which the pictures are worst and best.
        rows: Worst first.
    """

    title: str
    subjects: Sequence[str]
    ranked_by: str
    rows: Sequence[CropRow]


@dataclass(frozen=True)
class Versions:
    """The subjects that share their originals.

    Attributes:
        real: The originals, as they were named.
        subjects: Their scored images, as they were named, no name twice.
        tables: One of each subject, of the images that all of them and the originals have, worst first by the first.
        sets: The images of each subject, then the originals.
    """

    real: str
    subjects: Sequence[str]
    tables: Sequence[pd.DataFrame]
    sets: Sequence[NamedImages]

    @property
    def metric(self) -> str:
        """The first number of the first table."""
        return str(self.tables[0].columns[1])

    def stems(self) -> list[str]:
        """Images, worst first."""
        return [str(stem) for stem in self.tables[0]["image"]]

    def read(self, stem: str) -> list[Pixels]:
        """One picture of each subject, then the original.

        Raises:
            BadImageError: one cannot be read, or is not of the original's size.
        """
        pictures = [named.read(stem) for named in self.sets]
        for name, pixels in zip(self.subjects, pictures, strict=False):
            if pixels.shape != pictures[-1].shape:
                raise BadImageError(
                    f"{stem} of {name} is {pixels.shape[2]} x {pixels.shape[1]}, its original "
                    f"{pictures[-1].shape[2]} x {pictures[-1].shape[1]}: left out of what is shown side by side."
                )
        return pictures


def read_crops(pairs: Sequence[Named], reading: ScoreOptions, album: Album, problems: list[str]) -> list[CropSheet]:
    """A sheet for each set of originals: crops at the place where the versions are furthest from the original.

    Raises:
        DataError: a table or a set of images cannot be used, or the subjects of some originals share no image.
    """
    sheets = []
    with ExitStack() as stack:
        for versions in _versions(pairs, reading, stack):
            rows = []
            stems = versions.stems()
            for number, _ in ends_and_middle(len(stems)):
                try:
                    rows.append(_crop_row(versions, stems[number], album))
                except BadImageError as error:
                    problems.append(str(error))
            if rows:
                sheets.append(CropSheet(versions.real, versions.subjects, versions.metric, rows))
    return sheets


def place_of_crop(versions: Sequence[Pixels], original: Pixels, side: int) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the square in which the mean squared error of the worst version is largest.

    Args:
        versions: uint8 (3, H, W) each.
        original: Of the same size.
        side: Of the square; where the picture is smaller, all of it.
    """
    height, width = (min(side, length) for length in original.shape[1:])
    errors = [((pixels.astype(np.float64) - original) ** 2).mean(axis=0) for pixels in versions]
    sums = np.max([_window_sums(error, height, width) for error in errors], axis=0)
    top, left = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return int(top), int(left), height, width


def side_of_crop(original: Pixels) -> int:
    """A quarter of the shorter side, within limits."""
    shorter: int = min(original.shape[1:])
    return max(LEAST, min(MOST, shorter // SHARE))


def rated(
    pairs: Sequence[Named], reading: ScoreOptions, problems: list[str]
) -> Iterator[tuple[str, list[str], list[Pixels]]]:
    """For blind rating: (stem, names, pictures) of each chosen picture, the original last under the name of its set.

    Pictures too large for the page are cut at the place where some version is furthest from the original, not shrunk.

    Raises:
        DataError: as `read_crops`; or the pairs are of more than one set of originals.
    """
    if len({real for _, _, real in pairs}) != 1:
        raise DataError("A rating page compares versions of one set of originals: give --pairs of the same REAL.")
    with ExitStack() as stack:
        (versions,) = _versions(pairs, reading, stack)
        stems = versions.stems()
        chosen = np.unique(np.linspace(0, len(stems) - 1, min(len(stems), MOST_RATED)).round().astype(int))
        for number in chosen:
            try:
                pictures = versions.read(stems[number])
                inside = _square(*place_of_crop(pictures[:-1], pictures[-1], LARGEST_RATED))
                yield stems[number], [*versions.subjects, versions.real], [pixels[inside] for pixels in pictures]
            except BadImageError as error:
                problems.append(str(error))


def _versions(pairs: Sequence[Named], reading: ScoreOptions, stack: ExitStack) -> Iterator[Versions]:
    for real in dict.fromkeys(real for _, _, real in pairs):
        own = [(values, fake) for values, fake, other in pairs if other == real]
        beside = dataclasses.replace(reading, paired=real)
        fakes = [stack.enter_context(closing(open_images(fake, beside))) for _, fake in own]
        reals = stack.enter_context(closing(open_images(real, reading)))
        sets = [*(by_original(one, reals, reading.pair_by) for one in fakes), by_own_name(reals)]
        tables = [read_values(values, "score --per-image") for values, _ in own]
        for number, (values, _) in enumerate(own):
            tables[number] = known_rows(tables[number], values, [sets[number], sets[-1]])
        shared = set.intersection(*(set(table["image"]) for table in tables))
        if not shared:
            names = ", ".join(str(values) for values, _ in own)
            raise DataError(f"{names} share no image, so nothing can be shown side by side. Score the same images.")
        first = str(tables[0].columns[1])
        known = declared(first)
        ascending = known is not None and known[1].better == "higher"
        worst_first = tables[0].sort_values(first, ascending=ascending, kind="stable")
        order = [stem for stem in worst_first["image"] if stem in shared]
        tables = [table.drop_duplicates("image").set_index("image").loc[order].reset_index() for table in tables]
        yield Versions(real, _distinct([fake for _, fake in own]), tables, sets)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names with a number behind those that are there already."""
    return [name if names.index(name) == place else f"{name} ({place + 1})" for place, name in enumerate(names)]


def _crop_row(versions: Versions, stem: str, album: Album) -> CropRow:
    *fakes, original = versions.read(stem)
    place = place_of_crop(fakes, original, side_of_crop(original))
    inside, words = _square(*place), f"at {place[1]}, {place[0]}"
    crops = []
    for name, table, pixels in zip(versions.subjects, versions.tables, fakes, strict=True):
        values = table.loc[table["image"] == stem].iloc[0, 1:]
        told = [(str(metric), float(value)) for metric, value in values.items() if np.isfinite(value)]
        crops.append((album.add(pixels[inside], f"{stem}, {name}, {words}"), told))
    whole = album.add(_framed(original, *place), f"{stem}, the original, with the place of the crop")
    return CropRow(stem, whole, album.add(original[inside], f"{stem}, the original, {words}"), crops)


def _square(top: int, left: int, height: int, width: int) -> tuple[slice, slice, slice]:
    return slice(None), slice(top, top + height), slice(left, left + width)


def _framed(pixels: Pixels, top: int, left: int, height: int, width: int) -> Pixels:
    """The picture with a frame around a place, as thick as stays visible when it is shown small."""
    framed = pixels.copy()
    thick = max(1, round(max(pixels.shape[1:]) / 160))
    colour = np.array(FRAME, dtype=np.uint8)[:, None, None]
    rows, columns = slice(max(0, top - thick), top + height + thick), slice(max(0, left - thick), left + width + thick)
    framed[:, rows, columns] = colour
    inside = _square(top, left, height, width)
    framed[inside] = pixels[inside]
    return framed


def _window_sums(values: Floats, height: int, width: int) -> Floats:
    """Sums over every rectangle of a size, by summed areas."""
    total: Floats = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums: Floats = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    return sums
