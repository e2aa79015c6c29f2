"""One row of the table of checks, and the arithmetic that several checks share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ganeval.doctor.finding import Finding

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Check(Generic[Seen]):
    """One check.

    Attributes:
        name: What its findings are called.
        asks: The question, for the documents.
        threshold: When it says something, and how severe it is.
        reason: Why there.
        run: (set, reference or None) -> what it found, None for nothing.
    """

    name: str
    asks: str
    threshold: str
    reason: str
    run: Callable[[Seen, Seen | None], Finding | None]


def share_of(flags: npt.ArrayLike) -> float:
    """Share of true ones, 0 of none."""
    array = np.asarray(flags, dtype=bool)
    return float(array.mean()) if array.size else 0.0


def percent(share: float) -> str:
    """A share for a sentence: 100%, 12%, 0.3%, never "0%" of something or "100%" of less than all."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{share:.0%}" if 0.1 <= share < 0.995 else f"{min(share, 0.999):.1%}" if share >= 0.001 else "under 0.1%"


def image_word(count: int) -> str:
    """1 image, 1,200 images."""
    return f"{count:,} image{'' if count == 1 else 's'}"
