"""Disks that are full or read-only, and cache files that were altered by hand."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ganeval.files import read_write as files
from ganeval.results import result as results
from ganeval.sources.digest_memo import FORMAT
from tests.hostile.case import PAIRED, SET, Box, error, score, swapped
from tests.hostile.judge import run

APPEND = f"{PAIRED} --append {{root}}/out/rows.jsonl"
TO_FILE = f"{PAIRED} --json {{root}}/out/rows.json"
PER_IMAGE = f"{PAIRED} --per-image {{root}}/out/psnr.csv"
BUILD = "reference build real -o {root}/out/real.safetensors"
DIGESTS = f"{SET} --no-cache"


def nothing(box: Box) -> None:
    """The untouched box."""


class System:
    """`os` with one function that fails on a full disk."""

    def __init__(self, name: str, number: int) -> None:
        self._name, self._error = name, OSError(number, os.strerror(number))

    def __getattr__(self, name: str):
        if name == self._name:
            return self._fail
        return getattr(os, name)

    def _fail(self, *_):
        raise self._error


def full(module, function: str, number: int = errno.ENOSPC):
    """A function of the system fails, as the disk has no room (or is read-only)."""

    @contextlib.contextmanager
    def fault(box: Box) -> Iterator[None]:
        with swapped(module, "os", System(function, number)):
            yield

    return fault


@contextlib.contextmanager
def half_written(box: Box) -> Iterator[None]:
    """There is room for ten bytes."""

    class Short(System):
        def write(self, descriptor: int, data: bytes) -> int:
            return os.write(descriptor, data[:10])

    with swapped(results, "os", Short("", 0)):
        yield


@contextlib.contextmanager
def full_output(box: Box) -> Iterator[None]:
    """stdout is a device that is always full."""
    keep = contextlib.redirect_stdout
    with open("/dev/full", "w") as device, keep(device), swapped(contextlib, "redirect_stdout", contextlib.nullcontext):
        yield


def old_file(name: str, text: str = "old"):
    return lambda box: (box.out / name).write_text(text)


def cache_is_a_file(box: Box) -> None:
    """No folder can be made where the cache is to be."""
    box.cache.write_text("")


def cached(alter: Callable[[Path], None], pattern: str):
    """A cache that a run filled, of which some files are altered; the listing of the box is taken afterwards."""

    def make(box: Box) -> None:
        import pytest

        with pytest.MonkeyPatch.context() as patch:
            ran = run(box, SET, patch, compared=True, seconds=20)
        assert ran.code == 0
        found = [path for path in box.cache.rglob(pattern) if path.is_file()]
        assert found, f"no {pattern} in {sorted(box.cache.rglob('*'))}"
        for path in found:
            alter(path)

    return make


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


def other_number(path: Path) -> None:
    """A value in the JSON of a cached estimate or floor becomes another one."""
    path.write_text(path.read_text().replace("0.", "7."))


def renamed(path: Path) -> None:
    """Altered, and called by the hash of what it now is."""
    flip(path)
    path.rename(path.with_name(hashlib.sha256(path.read_bytes()).hexdigest()[:32] + path.suffix))


def digests(body: bytes):
    """A memo of digests whose own hash is right and whose content is nonsense."""

    def make(box: Box) -> None:
        name = hashlib.sha256(os.fsencode(box.fake.resolve())).hexdigest()[:32]
        head = f"{FORMAT} {hashlib.sha256(body).hexdigest()}\n".encode()
        (box.cache / "digests").mkdir(parents=True)
        (box.cache / "digests" / name).write_bytes(head + body)

    return make


CASES = (
    error(
        "a full disk: --append",
        nothing,
        "Cannot append 1 rows",
        "No space left",
        command=APPEND,
        fault=full(results, "write"),
    ),
    error("a disk that fills up: --append", nothing, "only 10 of", command=APPEND, fault=half_written),
    error(
        "a full disk: --json FILE; the old file stays",
        old_file("rows.json"),
        "Cannot write",
        command=TO_FILE,
        fault=full(files, "fsync"),
    ),
    error("a full disk: --per-image", nothing, "Cannot write", command=PER_IMAGE, fault=full(files, "fsync")),
    error("a full disk: reference build", nothing, "Free disk space", command=BUILD, fault=full(files, "fsync")),
    error(
        "a disk that is read-only: --json FILE",
        nothing,
        "Read-only file system",
        command=TO_FILE,
        fault=full(files, "fsync", errno.EROFS),
    ),
    error(
        "a full disk behind stdout", nothing, "No space left on device", command=f"{PAIRED} --json -", fault=full_output
    ),
    error("a full device: --append /dev/full", nothing, "No space left", command=f"{PAIRED} --append /dev/full"),
    error("--json to a folder", lambda box: (box.out / "rows.json").mkdir(), "Cannot write", command=TO_FILE),
    error(
        "--json to a folder that there is not",
        nothing,
        "does not exist. Create it",
        code=2,
        command=f"{PAIRED} --json no/such/rows.json",
    ),
    error(
        "--append to a link that leads to itself",
        lambda box: os.symlink("rows.jsonl", box.out / "rows.jsonl"),
        "Cannot append",
        command=APPEND,
    ),
    score("a cache that cannot be made", cache_is_a_file, SET),
    error(
        "a full disk: the cache and the scratch folder",
        nothing,
        "neither to the cache nor to",
        command=SET,
        fault=full(files, "fsync"),
    ),
    score("cached features: one flipped bit", cached(flip, "features/**/*.safetensors"), SET),
    score("cached features: cut in half", cached(shorten, "features/**/*.safetensors"), SET),
    score("cached features: 100,000 brackets", cached(garbage, "features/**/*.safetensors"), SET),
    score("a cached estimate: another number", cached(other_number, "estimates/*.json"), SET),
    score("a cached estimate: 100,000 brackets", cached(garbage, "estimates/*.json"), SET),
    score("a cached noise floor: another number", cached(other_number, "floors/*.json"), SET),
    score("a cached noise floor: 100,000 brackets", cached(garbage, "floors/*.json"), SET),
    score("remembered digests: half an entry", digests(bytes(34)), SET),
    score("remembered digests: nonsense", digests(bytes(range(136))), SET),
    score(
        "remembered digests: 100,000 brackets",
        lambda box: (digests(b"")(box), [garbage(p) for p in box.cache.glob("digests/*")]),
        SET,
    ),
)
