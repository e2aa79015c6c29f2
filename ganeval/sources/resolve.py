"""From what the user typed to an image source: a path that exists, or else the id of a data set."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ganeval.errors import DataError, UsageError
from ganeval.escaping import encodable
from ganeval.registry import near_names, unknown_name
from ganeval.sources.archive import ARCHIVE_EXTENSIONS, open_archive
from ganeval.sources.arrays import ValueRange, open_array_file, part_of_file
from ganeval.sources.base import ImageSource, Item
from ganeval.sources.datasets.table import DATASETS, open_dataset
from ganeval.sources.decoding.formats import IMAGE_EXTENSIONS
from ganeval.sources.decoding.sixteen_bit import FULL
from ganeval.sources.decoding.stated_white import StatedWhite
from ganeval.sources.file_list import LIST_EXTENSION, FileList
from ganeval.sources.folder import FolderSource, SingleImage
from ganeval.sources.listing import ALL, PARQUET, ListedSource, Selection, reason_to_skip, two_sets
from ganeval.sources.lmdb import DATA_FILE, LMDB_EXTENSIONS, LmdbSource
from ganeval.sources.parquet import (
    PARQUET_EXTENSION,
    ParquetSource,
    holds_images,
    open_parquet_folder,
    tables_among,
    two_parquet_sets,
)
from ganeval.sources.read_once import require_file
from ganeval.sources.shards import TARS, ShardedSource, expand, is_pattern, open_shards, shard_files, shard_name
from ganeval.sources.tiles import tiled
from ganeval.sources.video import VIDEO_EXTENSIONS, VideoSource
from ganeval.untrusted import refuse_recorded

ARRAY_EXTENSIONS = (".npz", ".npy")
_SHARES = ("//", "\\\\")  # how the address of another Windows machine's folder begins


def open_source(
    subject: str,
    *,
    data_root: Path | None,
    value_range: ValueRange | None = None,
    peak: int | None = None,
    selection: Selection = ALL,
    mixed: bool = False,
) -> ImageSource:
    """Opens a folder, an archive, several tar shards, an array file, a list, an image, a data set, or an address.

    A path that exists wins over a data set of the same name, so that a folder called "digits" can be scored; write
    "digits:all" for the data set then.

    Args:
        subject: A path, an address ("s3://bucket/images"), or a data set id ("fashion-mnist", "digits:test").
        data_root: Where data sets lie that are not embedded, or None.
        value_range: What the floats of an array file mean; other sources have none and do not look at it.
        peak: The 16-bit sample that means white in PNG, TIFF and array files; None for 65,535.
        selection: Which files are meant, and whether folders name classes.
        mixed: True also opens a set that seems to hold several versions of each picture.

    Raises:
        UntrustedPlaceError: an address that a file named, and not a person.
        UsageError: neither a path nor a known data set or split; the message offers near names. Or a glob for what has
            no file names.
        DataError: it exists, or is known, but cannot be used; or it holds several versions of each picture.
    """
    source = _open(subject, data_root, value_range, peak, selection)
    try:
        picked = isinstance(source, ParquetSource) and source.picked
        if selection.match is not None and not picked and not isinstance(source, ListedSource | ShardedSource):
            raise UsageError(
                f"{selection.with_match(selection.match)} picks images by their file names, and {subject!r} has none. "
                "Drop it, or name a folder or an archive."
            )
        if source.mixture is not None and not mixed:
            raise DataError(
                f"{subject!r} holds {source.mixture.words()}. Scored as one set they give a number of a mixture. Pick "
                f"a group with {selection.with_match(source.mixture.example)}, or take all with "
                f"{selection.with_match('*')}."
            )
        if selection.labels and (bare := sum(item.label is None for item in source.items)):
            told = f" ({'; '.join(source.notes)})" if source.notes else ""
            raise DataError(
                f"--labels asks for the class of each image, and {bare:,} of {len(source):,} images of {subject!r} "
                f"have none that is used{told}. Drop --labels, or give each image its class."
            )
    except (UsageError, DataError):
        source.close()
        raise
    if selection.labels is False:
        source = without_labels(source)
    return tiled(source if peak in (None, FULL) else StatedWhite(source, peak), selection.tile)


def without_labels(source: ImageSource) -> ImageSource:
    """The same source, whose images are of no class."""
    source.items = [Item(item.name) for item in source.items]
    return source


def _open(
    subject: str, data_root: Path | None, value_range: ValueRange | None, peak: int | None, selection: Selection
) -> ImageSource:
    _refuse_recorded_address(subject)
    if (here := local_path(subject)) is not None:
        source = _open(here, data_root, value_range, peak, selection)
        source.name = subject
        return source
    if is_remote(subject):
        return _open_remote(subject, selection)
    path = Path(subject)
    if subject and path.is_dir():
        if tars := shard_files(path, TARS, selection):
            return open_shards(tars, subject, selection)
        if found := shard_files(path, (PARQUET_EXTENSION,), selection):
            return open_parquet_folder([file.name for file in found], path.joinpath, subject, selection)
        if (path / DATA_FILE).is_file():
            return _open_database(path, subject, selection)
        return _open_folder(path, subject, selection)
    if is_pattern(subject):
        paths = [Path(name) for name in expand(subject)]
        if subject.lower().endswith(PARQUET_EXTENSION):
            return ParquetSource(paths, subject)
        return open_shards(paths, subject, selection)
    refuse_missing(subject)
    if subject and path.exists():
        return _open_file(path, subject, value_range, peak, selection)
    if (named := part_of_file(subject)) is not None:
        if named[0].suffix.lower() == PARQUET_EXTENSION:
            return ParquetSource([named[0]], subject, named[1])
        if named[0].suffix.lower() in VIDEO_EXTENSIONS:
            return VideoSource(named[0], subject, named[1])
        return open_array_file(named[0], subject, value_range, named[1], peak, selection.place == "mask")
    return open_dataset(subject, data_root)


def _open_database(path: Path, subject: str, selection: Selection) -> ImageSource:
    """A folder with a `data.mdb`, beside which image files may lie."""
    images = sorted(name for name in _below(path) if reason_to_skip(encodable(name)) is None)
    if images and selection.match is None:
        advice = f"Name {path / DATA_FILE} for the database, or pick with {selection.with_match('*')} for the files"
        raise two_sets(subject, "an LMDB", images, advice)
    kind = FolderSource if any(map(selection.takes, images)) else LmdbSource
    return kind(path, subject, selection)


def _open_folder(path: Path, subject: str, selection: Selection) -> ImageSource:
    """A folder of image files, or of parquet files at any depth."""
    try:
        folder = FolderSource(path, subject, selection)
    except DataError:
        if not (tables := tables_among(_below(path))):
            raise
        return open_parquet_folder(tables, path.joinpath, subject, selection)
    if selection.match is None and folder.skipped.get(PARQUET):
        tables = tables_among(_below(path))
        if tables and holds_images(path / tables[0]):
            raise two_parquet_sets(subject, tables, [item.name for item in folder.items], selection)
    return folder


def _below(folder: Path) -> Iterator[str]:
    """Names of the files below a folder, as a data set of the Hub is cloned; links and hidden folders are left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in files:
            path = os.path.join(place, file)
            if not os.path.islink(path):
                yield os.path.relpath(path, folder).replace(os.sep, "/")


def refuse_missing(subject: str) -> None:
    """Refuses what neither exists nor is the name of a data set; what an address or a pattern leads to is not asked.

    Raises:
        DataError: it is written as a path.
        UsageError: it is a bare word.
    """
    _refuse_recorded_address(subject)
    path = Path(subject)
    if is_remote(subject) or is_pattern(subject) or (subject and path.exists()):
        return
    if (named := part_of_file(subject)) is not None:
        if named[0].exists():
            return
        path, subject = named[0], str(named[0])
    if subject.partition(":")[0] in DATASETS:
        return
    if path.suffix or "/" in subject or "\\" in subject:
        raise DataError(f"{subject!r} does not exist.{near_paths(path)} Check the path, or name a data set.")
    raise _unknown_subject(subject, path)


def _refuse_recorded_address(subject: str) -> None:
    if is_remote(subject) or subject.startswith(_SHARES):
        refuse_recorded(subject, "an address, which would be opened")


def _open_remote(address: str, selection: Selection) -> ImageSource:
    from ganeval.sources.remote import open_remote  # fsspec is slow to import, and seldom needed

    if not is_pattern(address):
        return open_remote(address, selection)
    names = expand(address)
    shards = [open_remote(name, selection) for name in names]
    return ShardedSource(shards, [shard_name(name.rpartition("/")[2]) for name in names], address)


def is_remote(subject: str) -> bool:
    """Whether what the user typed is an address ("s3://...", "zip::s3://...") and not a path."""
    scheme, mark, _ = subject.partition("://")
    return bool(mark) and all(part.isalnum() for part in scheme.split("::"))


def local_path(subject: str) -> str | None:
    """The path that an address of this machine stands for ("file:///data/x" is /data/x), None for any other subject.

    What it leads to is read as every local file is, by the same rules.
    """
    scheme, mark, path = subject.partition("://")
    if not mark or scheme.lower() not in ("file", "local"):
        return None
    drive = path[:1] == "/" and path[2:3] == ":"  # "file:///C:/x"
    return os.path.abspath(path[1:] if drive else path)


def _open_file(
    path: Path, subject: str, value_range: ValueRange | None, peak: int | None, selection: Selection
) -> ImageSource:
    require_file(path, subject)
    lower = path.name.lower()
    if lower.endswith(ARRAY_EXTENSIONS):
        return open_array_file(path, subject, value_range, peak=peak, marks=selection.place == "mask")
    if lower.endswith(ARCHIVE_EXTENSIONS):
        return open_archive(path, subject, selection)
    if lower.endswith(LMDB_EXTENSIONS):
        return LmdbSource(path, subject, selection)
    if lower.endswith(PARQUET_EXTENSION):
        return ParquetSource([path], subject)
    if lower.endswith(VIDEO_EXTENSIONS):
        return VideoSource(path, subject)
    if path.suffix.lower() in IMAGE_EXTENSIONS:
        return SingleImage(path, subject, selection)
    if lower.endswith(LIST_EXTENSION):
        return FileList(path, subject, selection)
    raise DataError(
        f"{subject!r} is a file of no kind that holds images; expected a folder, {', '.join(ARCHIVE_EXTENSIONS)}, "
        f"{', '.join(ARRAY_EXTENSIONS)}, {PARQUET_EXTENSION}, {LMDB_EXTENSIONS[0]}, a video or a {LIST_EXTENSION} that "
        f"lists image files. {_INSTEAD.get(path.suffix.lower(), 'Give it the ending that says what it is.')}"
    )


_INSTEAD: Final = {
    ".arrow": "Write it as parquet: `to_parquet` of the datasets library.",
    **dict.fromkeys((".h5", ".hdf5", ".mat", ".pkl", ".pickle"), "Save its array of images as .npz."),
    **dict.fromkeys(
        (".csv", ".tsv", ".json", ".jsonl", ".lst", ".list", ".flist"),
        f"Write the paths of the images to a {LIST_EXTENSION}, one a line.",
    ),
    **dict.fromkeys((".rar", ".7z", ".zst", ".bz2", ".xz", ".gz"), "Unpack it, and name the folder."),
}
"""Ending of a file that is not read -> what to do."""


def near_paths(path: Path) -> str:
    """A did-you-mean over what lies beside the missing path; empty where nothing is near."""
    try:
        beside = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    except OSError:
        above = path.parent
        return "" if above.exists() else f" Neither does the folder {str(above)!r}.{near_paths(above)}"
    close = near_names(path.name, beside, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(str(path.parent / c)) for c in close)}?" if close else ""


def _unknown_subject(subject: str, path: Path) -> UsageError:
    known = DATASETS.names()
    error = unknown_name("path or data set", subject, known)
    here = near_paths(path)
    return UsageError(f"{error}{here}") if here else error
