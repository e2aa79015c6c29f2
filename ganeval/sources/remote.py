"""Images that lie elsewhere, by fsspec: `s3://`, `gs://`, `hf://`, `https://`, `memory://` and what else it opens.

A folder is listed once and read file by file; an archive is read in place, by ranges where the server gives ranges.
Nothing is written to disk. The bytes are hashed as those of local files are, so features are known wherever the same
image lies.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, cast
from urllib.parse import urlsplit

import fsspec

from ganeval.errors import BadImageError, DataError, UsageError
from ganeval.escaping import encodable
from ganeval.sources.archive import ARCHIVE_EXTENSIONS, open_archive
from ganeval.sources.base import ImageSource, Raw
from ganeval.sources.decoding.formats import IMAGE_EXTENSIONS
from ganeval.sources.folder import file_raw
from ganeval.sources.listing import ALL, LINK_OUTSIDE, NO_EXTENSION, ListedSource, Selection, reason_to_skip
from ganeval.sources.parquet import (
    PARQUET_EXTENSION,
    ParquetSource,
    open_parquet_folder,
    tables_among,
    two_parquet_sets,
)
from ganeval.sources.read_once import check_size

# Package of each scheme that fsspec does not open by itself.
PACKAGES: Final = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "hf": "huggingface_hub",
    "http": "aiohttp",
    "https": "aiohttp",
    "az": "adlfs",
    "abfs": "adlfs",
}

# Schemes of fsspec that read other files of this machine, or another address that a file or an option of theirs names.
WRAPPERS: Final = frozenset(
    {"asynclocal", "asyncwrapper", "blockcache", "cached", "dask", "dir", "dvc", "filecache", "generic", "git"}
    | {"libarchive", "reference", "simplecache", "tar", "zip"}
)


_WITH_COLUMN: Final = re.compile(r"(.+\.parquet):([^/\\]+)", re.IGNORECASE)  # "data/train.parquet:image"
_HUB_KINDS: Final = ("datasets/", "models/", "spaces/", "buckets/")


@dataclass(frozen=True)
class RemoteFile:
    """One remote file that opens as a path does.

    Attributes:
        system: fsspec's file system.
        path: On it.
    """

    system: Any
    path: str

    def open(self, mode: str = "rb") -> BinaryIO:
        """A seekable view; bytes are fetched when they are read."""
        try:
            return cast(BinaryIO, self.system.open(self.path, mode))
        except OSError:
            raise
        except Exception as error:  # every file system has errors of its own
            raise OSError(f"{type(error).__name__}: {error}") from error


def open_remote(address: str, selection: Selection = ALL) -> ImageSource:
    """Opens a remote folder or archive.

    Args:
        address: What the user typed.
        selection: Which of its files are meant.

    Raises:
        UsageError: an address within an address, an unknown scheme, or one whose package is not installed; with the
            line that installs it.
        DataError: nothing is there, it cannot be reached, or it holds no images.
    """
    scheme = address.partition("://")[0]
    if "::" in re.sub(r"\[[^]/]*", "", address) or scheme.lower() in WRAPPERS:  # "[::1]" is a host
        raise UsageError(
            f"{address!r} reads one address through another, which may lead to any file or address. Name the folder or "
            "the archive itself."
        )
    try:
        system, path = fsspec.core.url_to_fs(address)
        ending = urlsplit(address).path.lower()
    except ImportError as error:
        package = PACKAGES.get(scheme, "the package of that scheme")
        raise UsageError(f"{address!r}: reading {scheme}:// needs {package}. Run: pip install {package}") from error
    except Exception as error:  # every file system has errors of its own
        if scheme not in fsspec.available_protocols():
            raise UsageError(
                f"{address!r}: {scheme}:// isn't a scheme that fsspec knows. Check the address."
            ) from error
        raise UsageError(
            f"{address!r} cannot be opened: {type(error).__name__}: {str(error)[:200]}. Check the address; a file of "
            "this machine is named by its path alone."
        ) from error
    if ending.endswith((".npz", ".npy")):
        raise UsageError(f"{address!r}: arrays are read from disk, at any place. Copy the file here and name the copy.")
    if ending.endswith(ARCHIVE_EXTENSIONS):
        return open_archive(RemoteFile(system, path), address, selection)
    if ending.endswith(PARQUET_EXTENSION):
        return ParquetSource([RemoteFile(system, path)], address)
    if (named := _WITH_COLUMN.fullmatch(path)) is not None:
        return ParquetSource([RemoteFile(system, named[1])], address, named[2])
    if PurePosixPath(ending).suffix in IMAGE_EXTENSIONS:
        raise UsageError(f"{address!r} is one image; folders and archives are read at an address. Copy the image here.")
    found = _found(system, path, address)
    root = path.rstrip("/") + "/"
    names = [where[len(root) :] for where in found if where.startswith(root)]
    tables = tables_among(names)
    images = [name for name in names if reason_to_skip(encodable(name)) is None]
    if tables and images and selection.match is None:
        raise two_parquet_sets(address, tables, images, selection)
    if any(map(selection.takes, tables)) and not any(map(selection.takes, images)):
        return open_parquet_folder(tables, lambda name: RemoteFile(system, f"{root}{name}"), address, selection)
    return RemoteFolder(system, path, address, found, selection)


def _found(system: Any, path: str, address: str) -> dict[str, dict[str, Any]]:
    """All files below a remote folder."""
    try:
        found = cast(dict[str, dict[str, Any]], system.find(path, detail=True))
    except Exception as error:  # every file system has errors of its own
        raise _unreachable(address, error) from error
    if not found:
        raise DataError(
            f"{address!r} lists no file: it does not exist, does not answer, or its web server lists no folders. Check "
            "the address, or name an archive."
        )
    return found


class RemoteFolder(ListedSource):
    """Every image file below a remote folder, sorted by its name relative to the folder.

    Args:
        system: fsspec's file system.
        path: The folder on it.
        name: What the user typed.
        found: All files below it, and what is known of each.
        selection: Which of its files are meant.

    Attributes:
        skipped: Reason -> number of files that were left out for it.

    Raises:
        DataError: it holds no image.
    """

    def __init__(
        self, system: Any, path: str, name: str, found: dict[str, dict[str, Any]], selection: Selection = ALL
    ) -> None:
        super().__init__(name, "folder", selection)
        self._system = system
        root = path.rstrip("/") + "/"
        self._files: dict[str, tuple[str, int]] = {}
        others: dict[str, str] = {}
        for where, info in found.items():
            if not where.startswith(root):
                self.skipped[LINK_OUTSIDE] += 1
                continue
            item = encodable(where[len(root) :])
            reason = reason_to_skip(item)
            if reason is None:
                self._files[item] = where, int(info.get("size") or 0)
            else:
                self.skipped[reason] += 1
                if reason == NO_EXTENSION:
                    others[item] = where
        # One request a file: a few of each ending show whether pictures or classes are among them.
        self._arrange(self._files, list(others), lambda other, count: self._start(others[other], count))

    def _start(self, where: str, count: int) -> bytes:
        """The first bytes of a file; none where it cannot be read."""
        try:
            return cast(bytes, self._system.cat_file(where, start=0, end=count))
        except Exception:  # every file system has errors of its own
            return b""

    def read(self, index: int) -> Raw:
        """Reads one file."""
        name = self.items[index].name
        path, size = self._files[name]
        check_size(size, name)
        try:
            data = cast(bytes, self._system.cat_file(path))
        except Exception as error:  # every file system has errors of its own
            raise BadImageError(
                f"{name!r} in {self.name!r} was listed but cannot be read: {type(error).__name__}: {error}. Try again, "
                "or copy the folder here."
            ) from error
        return file_raw(data, name)


def _unreachable(name: str, error: Exception) -> DataError:
    scheme, _, path = name.partition("://")
    advice = "Check the address"
    if scheme.lower() == "hf" and not path.startswith(_HUB_KINDS):
        advice = f"A data set of the Hub is hf://datasets/USER/NAME: did you mean 'hf://datasets/{path}'? {advice}"
    if isinstance(error, FileNotFoundError):
        return DataError(f"{name!r} does not exist. {advice}.")
    why = " ".join(str(error).split())[:200]
    return DataError(
        f"{name!r} cannot be listed: {type(error).__name__}: {why}. {advice}, the network and the credentials of its "
        "file system."
    )
