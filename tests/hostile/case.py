"""One hostile input: how it is made, the command that meets it, and what must come of it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

PAIRED = "score fake --paired real --metrics psnr"
SET = "score fake --reference real --metrics fd"
SIDE = 16
NAMES = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Box:
    """The folders of one run.

    Attributes:
        root: Everything below; watched.
    """

    root: Path

    @property
    def here(self) -> Path:
        """Where the command runs: inputs only, nothing may be written here."""
        return self.root / "box"

    @property
    def fake(self) -> Path:
        """Four pictures to score."""
        return self.here / "fake"

    @property
    def real(self) -> Path:
        """Their originals."""
        return self.here / "real"

    @property
    def out(self) -> Path:
        """The output folder: the only place beside the cache where something may appear."""
        return self.root / "out"

    @property
    def cache(self) -> Path:
        """$GANEVAL_CACHE."""
        return self.root / "cache"

    @property
    def outside(self) -> Path:
        """A folder that is nobody's business; it holds a picture, secret.png."""
        return self.root / "outside"

    @property
    def canary(self) -> Path:
        """A file that code in an input would make if it ran."""
        return self.root / "canary"

    def swap(self, name: str, data: bytes, old: str = "fake/b.png") -> None:
        """Puts a file in the place of another one."""
        (self.here / old).unlink()
        self.put(name, data)

    def put(self, name: str, data: bytes) -> None:
        """Writes a file below `here`."""
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def drop(self, stem: str = "b") -> None:
        """Takes one picture out of both sides."""
        for path in [*self.fake.glob(f"{stem}.*"), *self.real.glob(f"{stem}.*")]:
            path.unlink()


Make = Callable[[Box], object]
Fault = Callable[[Box], AbstractContextManager[None]]


@dataclass(frozen=True)
class Case:
    """One line of the table in docs/hostile-inputs.md.

    Attributes:
        name: What the input is, in words; unique.
        outcome: "score": the value of a clean input; "skip": that of the input without the bad part, which is counted;
            "error": one paragraph and an exit code.
        make: Makes the input in a box that holds four clean pairs of pictures.
        command: What is run, without `ganeval`; `--json -` is added where values are compared.
        code: Exit code.
        says: Words of the message.
        clean: Makes the input that must give the same value; the untouched box by default.
        clean_command: What is run on it; `command` by default.
        skipped: Images that the rows must count as skipped.
        left_out: Entries that the rows must count as left out.
        fault: What goes wrong on the machine while the command runs.
        changes: True where the fault itself changes the inputs.
        memory: MiB that the run may need beyond what the process held before.
        seconds: Time limit.
        slow: True for the few that take seconds.
        needs: Package without which the case says nothing.
    """

    name: str
    outcome: Literal["score", "skip", "error"]
    make: Make
    command: str = PAIRED
    code: int = 0
    says: tuple[str, ...] = ()
    clean: Make = field(default=lambda box: None)
    clean_command: str | None = None
    skipped: int = 0
    left_out: int = 0
    fault: Fault = field(default=lambda box: nullcontext())
    changes: bool = False
    memory: int = 200
    seconds: float = 20.0
    slow: bool = False
    needs: str | None = None


def score(name: str, make: Make, command: str = PAIRED, **rest) -> Case:
    """A case that gives the value of a clean input."""
    return Case(name, "score", make, command, **rest)


def skip(name: str, make: Make, command: str = f"{PAIRED} --on-bad skip", **rest) -> Case:
    """A case that gives the value without its bad part."""
    return Case(name, "skip", make, command, **rest)


def error(name: str, make: Make, *says: str, command: str = PAIRED, code: int = 3, **rest) -> Case:
    """A case that is refused."""
    return Case(name, "error", make, command, code, says, **rest)


def picture(name: str, seed: int = 0) -> np.ndarray:
    """The pixels of one clean picture, uint8 (16, 16, 3)."""
    return np.random.default_rng([seed, *name.encode()]).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def fill(box: Box) -> None:
    """Four clean pairs, and the folders of a run."""
    for folder, seed in ((box.fake, 0), (box.real, 1)):
        folder.mkdir(parents=True)
        for name in NAMES:
            Image.fromarray(picture(name, seed)).save(folder / f"{name}.png")
    for folder in (box.out, box.outside, box.root / "tmp", box.root / "home"):
        folder.mkdir()
    Image.fromarray(picture("secret")).save(box.outside / "secret.png")


def file(name: str, data: bytes | Callable[[], bytes]) -> Make:
    """A file in the place of fake/b.png; large ones are made when they are needed."""
    return lambda box: box.swap(name, data if isinstance(data, bytes) else data())


def without_b(box: Box) -> None:
    """The clean input of a case whose second picture is bad."""
    box.drop("b")


@contextmanager
def swapped(owner: object, name: str, new: object) -> Iterator[None]:
    """Another value of an attribute for a while."""
    old = getattr(owner, name)
    setattr(owner, name, new)
    try:
        yield
    finally:
        setattr(owner, name, old)
