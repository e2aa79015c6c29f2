"""One execution of one parser: what came of it, within a time limit."""

import contextlib
import io
import random
import signal
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganeval.errors import GanevalError
from tests.fuzz.parsers import Parser

SECONDS = 10


@dataclass(frozen=True)
class Finding:
    """An input that a parser must not end on as it did.

    Attributes:
        parser: Its name.
        error: Type and message.
        place: The innermost line of ours, which tells two findings apart.
        data: The input.
    """

    parser: str
    error: str
    place: str
    data: bytes


def attempt(parser: Parser, data: bytes, folder: Path) -> Finding | None:
    """Parses within the time limit; None where a value or an error of ours came out."""
    with time_limit():
        return outcome(parser, data, folder)


def outcome(parser: Parser, data: bytes, folder: Path) -> Finding | None:
    """Parses; None where a value or an error of ours came out."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")  # Pillow warns of much that is harmless
            parser.parse(data, folder)
    except GanevalError:
        return None
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
        mine = ("/ganeval/", "/reference_models/")
        own = next((f for f in reversed(frames) if any(part in f.filename for part in mine)), None)
        place = f"{Path(own.filename).name}:{own.lineno}" if own else "outside"
        return Finding(parser.name, f"{type(error).__name__}: {str(error)[:200]}", place, data)
    return None


@contextlib.contextmanager
def time_limit(seconds: float = SECONDS) -> Iterator[None]:
    """Raises TimeoutError in what takes too long."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"not done after {seconds} s")

    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder of its own, in memory where the machine has one there."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=shm if shm.is_dir() else None) as folder:
        yield Path(folder)


def seeded(*parts: object) -> random.Random:
    """Random numbers that can be had again."""
    return random.Random(":".join(map(str, parts)))
