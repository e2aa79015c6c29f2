"""`ganeval data fetch` and `verify`: a data set comes below the data folder whole and checked, or not at all.

Each file is downloaded into a part that a later try goes on with, checked by its hash, and only then given its name, or
unpacked into a hidden folder whose files are then moved to their places. What no one publishes a hash of is pinned by
the first fetch into a data folder; the hashes of all files stand in <data folder>/.ganeval/<name>.json.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Final

import filelock

from ganeval.errors import DataError, UsageError
from ganeval.files.download import CHUNK, DownloadError, Progress, download, silent
from ganeval.files.read_write import MAX_JSON, read_text, write_atomically
from ganeval.sources.datasets.published import Folder, Published, files_of, missing_of_all
from ganeval.sources.datasets.table import DATASETS, DatasetInfo

HIDDEN: Final = ".ganeval"  # folder below the data folder: records, parts of downloads, locks
MOST_BYTES: Final = 1 << 28  # of one file out of an archive, 256 MiB


@dataclass
class Record:
    """What was seen when a data set came here.

    Attributes:
        archives: File name of a publisher -> sha256.
        files: Place below the data folder -> sha256.
    """

    archives: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def published_of(name: str) -> DatasetInfo:
    """A data set that can be fetched.

    Raises:
        UsageError: no such data set, or one that needs no fetching.
    """
    info = DATASETS.get(name)
    if not info.published:
        raise UsageError(f"{name} comes with the installation; there is nothing to fetch or to verify.")
    return info


def fetch(name: str, root: Path, progress: Progress = silent) -> list[str]:
    """Brings what is missing of a data set below the data folder; what is there and right stays.

    Args:
        name: The data set.
        root: The data folder, made if need be.
        progress: Called with the bytes of a file so far and in all.

    Returns:
        What was done, one line a file.

    Raises:
        UsageError: no such data set.
        DataError: no network, a wrong hash, an archive without the files, or a folder that cannot be written.
    """
    info = published_of(name)
    name = info.name
    hidden = root / HIDDEN
    try:
        hidden.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(hidden / f"{name}.lock"):
            record = _read_record(name, root)
            done = []
            for each in info.published:
                if not each.missing(root) and not wrong_files(each, root, record):
                    done.append(f"{each.name}: here already")
                    continue
                done.append(_bring(info, each, root, record, progress))
                write_atomically(_record_path(name, root), _json(record))
            return done
    except OSError as error:
        raise DataError(
            f"Cannot write in {root}: {error.strerror or error}. Free space, or name another folder with --data-root."
        ) from error


def verify(name: str, root: Path) -> str:
    """Hashes a data set below the data folder and compares.

    Returns:
        What was found, in words.

    Raises:
        UsageError: no such data set.
        DataError: files are missing or damaged; all are counted, the first are named.
    """
    info = published_of(name)
    name = info.name
    again = f"`ganeval data fetch {name}` brings them."
    if missing := missing_of_all(info.published, root):
        raise DataError(f"{name} is not whole in {str(root)!r}; missing: {', '.join(missing)}. {again}")
    record = _read_record(name, root)
    if wrong := [file for each in info.published for file in wrong_files(each, root, record)]:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise DataError(
            f"{name}: {len(wrong)} files in {str(root)!r} are not the published ones: {', '.join(wrong[:3])}{more}. "
            f"{again.replace('brings', 'replaces')}"
        )
    places = [path for each in info.published for path in _places(each, root)]
    known = sum(_expected(each, path, root, record) != "" for each in info.published for path in _places(each, root))
    if known == len(places):
        return f"{known:,} files, each of its hash"
    unknown = len(places) - known
    return f"{len(places):,} files; for {unknown:,} of them no hash is published or recorded, so they were only counted"


def wrong_files(each: Published, root: Path, record: Record) -> list[str]:
    """Files of another hash than the published or recorded one; those without one pass."""
    wrong = []
    for path in _places(each, root):
        expected = _expected(each, path, root, record)
        if expected and _digest(path, expected.partition(":")[0]) != expected:
            wrong.append(path.relative_to(root).as_posix())
    return wrong


def _places(each: Published, root: Path) -> list[Path]:
    """The files of it that are there."""
    if each.folders:
        return [path for folder in each.folders for path in files_of(folder, root)]
    kept = root / each.into / each.name
    return [path for path in (kept, kept.with_suffix("")) if path.is_file()][:1]


def _expected(each: Published, path: Path, root: Path, record: Record) -> str:
    """The hash that a file must have, "" where none is known."""
    for folder in each.folders:
        if path.parent == root / folder.into and path.name in folder.md5:
            return f"md5:{folder.md5[path.name]}"
    if not each.folders and path.name == each.name and each.digest:
        return each.digest
    recorded = record.files.get(path.relative_to(root).as_posix())
    return f"sha256:{recorded}" if recorded else ""


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as stream:
        return f"{kind}:{hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()}"


def _bring(info: DatasetInfo, each: Published, root: Path, record: Record, progress: Progress) -> str:
    """Downloads one file, checks it, and puts it or what is in it to its place."""
    part = root / HIDDEN / f"{each.name}.part"
    source = _download(info, each, part, progress)
    sha256 = _digest(part, "sha256")
    pinned = record.archives.get(each.name)
    expected = each.digest or (f"sha256:{pinned}" if pinned else "")
    found = _digest(part, expected.partition(":")[0]) if expected else ""
    if found != expected:
        part.unlink()
        kept = "" if each.digest else f" (recorded here in {_record_path(info.name, root)}; delete that for another)"
        raise DataError(
            f"{info.name}: what came from {source} has {found.replace(':', ' ')}, expected {expected}{kept}; it was "
            "deleted. Try again; if it stays so, something on the way changes it, or the publisher replaced it."
        )
    if each.folders:
        count = _unpack(info, each, part, root, record)
        part.unlink()
        told = f"{count:,} files"
    else:
        place = root / each.into / each.name
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, place)
        record.files[place.relative_to(root).as_posix()] = sha256.partition(":")[2]
        told = f"in {each.into}"
    record.archives[each.name] = sha256.partition(":")[2]
    by = f"the hash that {each.pinned_by} publishes" if each.digest else "a hash is published nowhere; pinned here now"
    return f"{each.name}: {told}; {by if each.digest or not pinned else 'the hash of the first fetch here'}"


def _download(info: DatasetInfo, each: Published, part: Path, progress: Progress) -> str:
    """From the first address that gives the file; gives that address."""
    failures = []
    for url in each.urls:
        try:
            download(url, part, progress)
        except DownloadError as error:
            failures.append(f"{url}: {error}")
        else:
            return url
    what = " and ".join(folder.into for folder in each.folders) or each.into
    raise DataError(
        f"Cannot download {info.name}: {'; '.join(failures)}. Without internet, get the file on another machine and "
        f"put {'its images' if each.folders else 'it'} into {what} below the data folder."
    )


def _unpack(info: DatasetInfo, each: Published, archive: Path, root: Path, record: Record) -> int:
    """Takes the files out of an archive, all of them or none, by their names alone; gives their number.

    Raises:
        DataError: no archive, or without the files that it must hold.
    """
    hidden = root / HIDDEN / f"{each.name}.files"
    shutil.rmtree(hidden, ignore_errors=True)
    try:
        counts = dict.fromkeys((folder.into for folder in each.folders), 0)
        for folder, name, stream in _members(archive, each.folders):
            place = hidden / folder.into / name
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as target:
                _copy(stream, target, name)
            counts[folder.into] += 1
        if short := [f"{f.into} {counts[f.into]} of {f.count}" for f in each.folders if counts[f.into] != f.count]:
            archive.unlink()
            raise DataError(
                f"{info.name}: {each.name} does not hold what it should: {', '.join(short)} files. It was deleted and "
                "nothing was unpacked; the publisher may have replaced it."
            )
        places = sorted(path for path in hidden.rglob("*") if path.is_file())
        for path in places:
            place = root / path.relative_to(hidden)
            place.parent.mkdir(parents=True, exist_ok=True)
            record.files[place.relative_to(root).as_posix()] = _digest(path, "sha256").partition(":")[2]
            os.replace(path, place)
        return len(places)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, ValueError) as error:
        archive.unlink(missing_ok=True)
        raise DataError(
            f"{info.name}: {each.name} cannot be unpacked ({error}). It was deleted; fetch it again."
        ) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _members(archive: Path, folders: tuple[Folder, ...]) -> Iterator[tuple[Folder, str, IO[bytes]]]:
    """(folder, file name, bytes) of each member that is wanted; links, and names that climb, are not."""
    with contextlib.ExitStack() as stack:
        if zipfile.is_zipfile(archive):
            zipped = stack.enter_context(zipfile.ZipFile(archive))
            for info in zipped.infolist():
                if not info.is_dir() and (folder := _wanted(info.filename, folders)):
                    with zipped.open(info) as stream:
                        yield folder, PurePosixPath(info.filename).name, stream
            return
        packed = stack.enter_context(tarfile.open(archive))
        for member in packed:
            folder = _wanted(member.name, folders) if member.isreg() else None
            if folder is not None and (inside := packed.extractfile(member)) is not None:
                yield folder, PurePosixPath(member.name).name, inside


def _wanted(name: str, folders: tuple[Folder, ...]) -> Folder | None:
    path = PurePosixPath(name)
    for folder in folders:
        named = path.name in folder.md5 if folder.md5 else path.name.endswith(folder.ending)
        if named and str(path.parent) in folder.inside and not path.name.startswith("."):
            return folder
    return None


def _copy(stream: IO[bytes], target: IO[bytes], name: str) -> None:
    """Copies a member of a sensible size: an archive cannot fill the disk by one file of zeros."""
    done = 0
    while chunk := stream.read(CHUNK):
        done += len(chunk)
        if done > MOST_BYTES:
            raise ValueError(f"{name} is larger than {MOST_BYTES:,} bytes")
        target.write(chunk)


def _record_path(name: str, root: Path) -> Path:
    return root / HIDDEN / f"{name}.json"


def _json(record: Record) -> bytes:
    return (json.dumps({"archives": record.archives, "files": record.files}, indent=1) + "\n").encode()


def _read_record(name: str, root: Path) -> Record:
    path = _record_path(name, root)
    if not path.is_file():
        return Record()
    try:
        stored = json.loads(read_text(path, MAX_JSON, root))
        parts: list[Mapping[str, str]] = [stored["archives"], stored["files"]]
        if not all(isinstance(v, str) for part in parts for v in part.values()):
            raise TypeError("hashes that aren't text")
        return Record(dict(parts[0]), dict(parts[1]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error}). Delete it, then fetch {name} again.") from error
