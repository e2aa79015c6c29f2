"""Pictures with their numbers: pairs of a fake and its original, and the images that raise a distance most."""

import dataclasses
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from ganeval.errors import BadImageError, DataError, UsageError
from ganeval.escaping import spreadsheet
from ganeval.files.read_write import MAX_JSON, read_bytes
from ganeval.formatting import counted
from ganeval.metrics.keys import declared
from ganeval.options import ScoreOptions
from ganeval.registry import imported
from ganeval.report.charts import Histogram
from ganeval.report.pictures import Album, Picture
from ganeval.scoring.pair_names import pair_up
from ganeval.sources.base import ImageSource, Pixels

OPENER = "ganeval.generators.open:open_generator"  # a string: pages of images are made without torch
SHOWN_ENDS, SHOWN_MIDDLE = 3, 2  # pairs: the worst, the best and those about the median
SHOWN_BLAMED = 12  # images at each end
BINS = 24


@dataclass(frozen=True)
class Shown:
    """One image or pair.

    Attributes:
        stem: Its name.
        place: "worst", "median" or "best".
        values: (metric, value), in the order of the table.
        fake: The image that was scored.
        real: Its original, None where there is none.
    """

    stem: str
    place: str
    values: Sequence[tuple[str, float]]
    fake: Picture
    real: Picture | None = None


@dataclass(frozen=True)
class Gallery:
    """Some images of one set.

    Attributes:
        title: What the set is.
        count: Images in the table.
        ranked_by: Metric by which they are worst and best.
        shown: What is shown, worst first.
        histograms: How each metric's values spread over all images of the table.
    """

    title: str
    count: int
    ranked_by: str
    shown: Sequence[Shown]
    histograms: Sequence[Histogram]


@dataclass(frozen=True)
class NamedImages:
    """The images of a set by the names that a table has for them.

    Attributes:
        source: The set.
        places: Name in the table -> number in the set.
    """

    source: ImageSource
    places: Mapping[str, int]

    def read(self, name: str) -> Pixels:
        """One image.

        Raises:
            BadImageError: it cannot be decoded.
        """
        return self.source.read(self.places[name]).decode().pixels


def by_own_name(source: ImageSource) -> NamedImages:
    """Images that a table has under their own names."""
    return NamedImages(source, {spreadsheet(item.stem): index for index, item in enumerate(source.items)})


def by_original(fakes: ImageSource, reals: ImageSource, rule: str | None) -> NamedImages:
    """Scored images of pairs: a table has them under the names of their originals.

    Args:
        fakes: The scored images.
        reals: Their originals.
        rule: As in `--pair-by`.
    """
    try:
        pairs = pair_up(fakes, reals, rule, part=True).indices
    except (DataError, UsageError):  # more images than were scored: those of equal names are found
        return by_own_name(fakes)
    return NamedImages(fakes, {spreadsheet(reals.items[real].stem): fake for fake, real in pairs})


def read_pairs(values: Path, fake: str, real: str, reading: ScoreOptions, album: Album, problems: list[str]) -> Gallery:
    """Worst, middle and best pairs by the first metric of a table of `score --per-image`.

    Raises:
        DataError: the table or a set of images cannot be used, or they share no name.
    """
    table = read_values(values, "score --per-image")
    metric = str(table.columns[1])
    known = declared(metric)
    table = table.sort_values(metric, ascending=known is not None and known[1].better == "higher", kind="stable")
    fakes, reals = open_images(fake, dataclasses.replace(reading, paired=real)), open_images(real, reading)
    try:
        scored, originals = by_original(fakes, reals, reading.pair_by), by_own_name(reals)
        table = known_rows(table, values, [scored, originals])
        shown = []
        for row, place in ends_and_middle(len(table)):
            told = _row(table, row)
            one = _shown(told, place, scored, originals, album, problems)
            shown += [] if one is None else [one]
    finally:
        fakes.close()
        reals.close()
    return Gallery(fake, len(table), metric, shown, _histograms(fake, table))


def read_blame(values: Path, images: str, reading: ScoreOptions, album: Album, problems: list[str]) -> Gallery:
    """Images that raise and that lower the first distance of a table of `score --blame` most.

    Raises:
        DataError: the table or the images cannot be used, or they share no name.
    """
    table = read_values(values, "score --blame")
    metric = str(table.columns[1])
    table = table.sort_values(metric, ascending=False, kind="stable")
    source = open_images(images, dataclasses.replace(reading, drawn=len(table)))
    try:
        named = by_own_name(source)
        table = known_rows(table, values, [named])
        shown = []
        ends = min(SHOWN_BLAMED, len(table) // 2)
        for row in (*range(ends), *range(len(table) - ends, len(table))):
            one = _shown(_row(table, row), "worst" if row < ends else "best", named, None, album, problems)
            shown += [] if one is None else [one]
    finally:
        source.close()
    return Gallery(images, len(table), metric, shown, _histograms(images, table))


def read_values(path: Path, command: str) -> pd.DataFrame:
    """A CSV of one row an image: column `image`, then numbers.

    Raises:
        DataError: no such file, another layout, or no row with a finite first number.
    """
    try:
        table: pd.DataFrame = pd.read_csv(
            io.BytesIO(read_bytes(path, MAX_JSON)), dtype={"image": str}, keep_default_na=False, na_values=[""]
        )
    except (OSError, ValueError) as error:  # pandas' own parser errors are ValueErrors
        raise DataError(f"Cannot read {path}: {error}. Expected the CSV of `{command}`.") from error
    numeric = [str(name) for name in table.columns[1:] if pd.api.types.is_numeric_dtype(table[name])]
    if not len(table.columns) or table.columns[0] != "image" or not numeric:
        raise DataError(
            f"{path} has the columns {', '.join(map(repr, list(table.columns)[:6]))}; expected 'image' and then "
            f"numbers, as `{command}` writes them."
        )
    table = table.loc[np.isfinite(table[numeric[0]].to_numpy(dtype=float)), ["image", *numeric]]
    if table.empty:
        raise DataError(f"{path} has no row with a finite {numeric[0]}; expected one an image. Score again.")
    return table


def open_images(images: str, reading: ScoreOptions) -> ImageSource:
    """The images of a gallery, or of the generator that made them.

    Args:
        images: As the subject of a score.
        reading: How they are read; its own subject does not count.
    """
    options = dataclasses.replace(reading, subject=images)
    open_generator = cast(Callable[[ScoreOptions], ImageSource | None], imported(OPENER))
    # The table names those that were scored: a folder may hold others, too.
    return open_generator(options) or options.open("subject", images, mixed=True)


def known_rows(table: pd.DataFrame, path: Path, sets: Sequence[NamedImages]) -> pd.DataFrame:
    """The rows whose image every set has."""
    for named in sets:
        source = named.source
        found = table[table["image"].isin(named.places)]
        if found.empty:
            raise DataError(
                f"No image of {path} ({counted(len(table), 'image')}) is in {source.name!r} ({len(source):,}); the "
                f"first are {table['image'].iloc[0]!r} and {source.items[0].stem!r}. Name the images that were scored."
            )
        table = found
    return table


def ends_and_middle(count: int) -> list[tuple[int, str]]:
    """Row numbers of a table sorted from worst to best, and their places; no row twice."""
    ends = min(SHOWN_ENDS, count // 2)
    middle = min(SHOWN_MIDDLE, count - 2 * ends)
    first = (count - middle) // 2
    places = [(row, "worst") for row in range(ends)]
    places += [(row, "median") for row in range(first, first + middle)]
    return places + [(row, "best") for row in range(count - ends, count)]


def _row(table: pd.DataFrame, row: int) -> tuple[str, list[tuple[str, float]]]:
    record = table.iloc[row]
    values = [(str(name), float(record[name])) for name in table.columns[1:]]
    return str(record["image"]), [(name, value) for name, value in values if math.isfinite(value)]


def _shown(
    told: tuple[str, list[tuple[str, float]]],
    place: str,
    fakes: NamedImages,
    reals: NamedImages | None,
    album: Album,
    problems: list[str],
) -> Shown | None:
    stem, values = told
    try:
        fake = fakes.read(stem)
        real = None if reals is None else reals.read(stem)
    except BadImageError as error:
        problems.append(str(error))
        return None
    kept = album.add(fake, f"{stem}, as scored")
    return Shown(stem, place, values, kept, None if real is None else album.add(real, f"{stem}, the original"))


def _histograms(title: str, table: pd.DataFrame) -> list[Histogram]:
    charts = []
    for name in table.columns[1:]:
        values = table[name].to_numpy(dtype=float)
        values = values[np.isfinite(values)]
        if len(values) > 1:
            counts, edges = np.histogram(values, bins=min(BINS, max(4, len(values) // 4)))
            charts.append(Histogram(f"{title} {name}", str(name), tuple(map(float, edges)), tuple(map(int, counts))))
    return charts
