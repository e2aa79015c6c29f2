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
    """One check of a set of images.

    Attributes:
        name: Name of its findings.
        asks: The question that it answers, for the docs.
        threshold: When it reports a finding, and of which severity.
        reason: Why the threshold is there.
        run: (set, reference or None) -> its finding, None for none.
    """

    name: str
    asks: str
    threshold: str
    reason: str
    run: Callable[[Seen, Seen | None], Finding | None]


def share_of(flags: npt.ArrayLike) -> float:
    """Fraction of true values, 0 for an empty array."""
    array = np.asarray(flags, dtype=bool)
    return float(array.mean()) if array.size else 0.0


def percent(share: float) -> str:
    """A fraction for a sentence: 100%, 12%, 0.3%; never "0%" of some or "100%" of not quite all."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{share:.0%}" if 0.1 <= share < 0.995 else f"{min(share, 0.999):.1%}" if share >= 0.001 else "under 0.1%"


def image_word(count: int) -> str:
    """1 image, 1,200 images."""
    return f"{count:,} image{'' if count == 1 else 's'}"
