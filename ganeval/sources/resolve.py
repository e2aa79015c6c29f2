"""From what the user typed to an image source: a path that exists, or else the id of a data set."""

import difflib
from pathlib import Path

from ganeval.errors import DataError, UsageError
from ganeval.recorded import refuse_recorded
from ganeval.registry import unknown_name
from ganeval.sources.archive import ARCHIVE_EXTENSIONS, open_archive
from ganeval.sources.arrays import ValueRange, open_array_file
from ganeval.sources.base import ImageSource
from ganeval.sources.dataset import DATASETS, open_dataset
from ganeval.sources.folder import FolderSource
from ganeval.sources.formats import IMAGE_EXTENSIONS
from ganeval.sources.shards import ShardedSource, expand, is_pattern, open_shards, shard_name, tar_files
from ganeval.sources.steady import require_file

ARRAY_EXTENSIONS = (".npz", ".npy")
_SHARES = ("//", "\\\\")  # how the address of another Windows machine's folder begins


def open_source(subject: str, *, data_root: Path | None, value_range: ValueRange | None = None) -> ImageSource:
    """Opens a folder, an archive, several tar shards, an array file, a data set, or any of the first by address.

    A path that exists wins over a data set of the same name, so that a folder called "digits" can be scored; write
    "digits:all" for the data set then.

    Args:
        subject: A path, an address ("s3://bucket/images"), or a data set id ("fashion-mnist", "digits:test").
        data_root: Where data sets lie that are not embedded, or None.
        value_range: What the floats of an array file mean; other sources have none and do not look at it.

    Raises:
        UntrustedPlaceError: an address that a file named, and not a person.
        UsageError: neither a path nor a known data set or split; the message offers near names.
        DataError: it exists, or is known, but cannot be used.
    """
    if is_remote(subject) or subject.startswith(_SHARES):
        refuse_recorded(subject, "an address, which would be opened")
    if is_remote(subject):
        return _open_remote(subject)
    path = Path(subject)
    if subject and path.is_dir():
        return open_shards(tars, subject) if (tars := tar_files(path)) else FolderSource(path, subject)
    if is_pattern(subject):
        return open_shards([Path(name) for name in expand(subject)], subject)
    if subject and path.exists():
        return _open_file(path, subject, value_range)
    name = subject.partition(":")[0]
    if name in DATASETS:
        return open_dataset(subject, data_root)
    if path.suffix or "/" in subject or "\\" in subject:
        raise DataError(f"{subject!r} does not exist.{_near_paths(path)} Check the path, or name a data set.")
    raise _unknown_subject(subject, path)


def _open_remote(address: str) -> ImageSource:
    from ganeval.sources.remote import open_remote  # fsspec is slow to import, and seldom needed

    if not is_pattern(address):
        return open_remote(address)
    names = expand(address)
    shards = [open_remote(name) for name in names]
    return ShardedSource(shards, [shard_name(name.rpartition("/")[2]) for name in names], address)


def is_remote(subject: str) -> bool:
    """Whether what the user typed is an address ("s3://...") and not a path."""
    scheme, mark, _ = subject.partition("://")
    return bool(mark) and scheme.isalnum()


def _open_file(path: Path, subject: str, value_range: ValueRange | None) -> ImageSource:
    require_file(path, subject)
    lower = path.name.lower()
    if lower.endswith(ARRAY_EXTENSIONS):
        return open_array_file(path, subject, value_range)
    if lower.endswith(ARCHIVE_EXTENSIONS):
        return open_archive(path, subject)
    if path.suffix.lower() in IMAGE_EXTENSIONS:
        raise DataError(f"{subject!r} is a single image; expected a set of images. Name the folder that holds it.")
    raise DataError(
        f"{subject!r} is a file of no kind that holds images; expected a folder, {', '.join(ARCHIVE_EXTENSIONS)}, "
        f"{' or '.join(ARRAY_EXTENSIONS)}. Unpack it, or give it the ending that says what it is."
    )


def _near_paths(path: Path) -> str:
    """A did-you-mean over what lies beside the missing path; empty where nothing is near."""
    try:
        beside = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return f" Neither does the folder {str(path.parent)!r}." if not path.parent.exists() else ""
    close = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(str(path.parent / c)) for c in close)}?" if close else ""


def _unknown_subject(subject: str, path: Path) -> UsageError:
    known = DATASETS.names()
    error = unknown_name("path or data set", subject, known)
    here = _near_paths(path)
    return UsageError(f"{error}{here}") if here else error
