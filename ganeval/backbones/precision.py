"""How exactly networks compute, and how far "fast" may move their features."""

from typing import Literal

from ganeval.errors import UsageError

Precision = Literal["exact", "fast"]

MOST_ERROR = 0.1
"""Relative error of an image's features from which on `fast` is refused. Those of EfficientNet-Lite0, whose blocks end
without an activation and are added up in bfloat16, are off by 0.03 to 0.15 on crops of photos, by 0.4 on some."""


def refuse_inexact(error: float, name: str) -> None:
    """Refuses features that bfloat16 moves too far.

    Args:
        error: Largest relative error that was measured, |fast - exact| / |exact| of one image.
        name: Of the backbone.

    Raises:
        UsageError: it is above `MOST_ERROR`.
    """
    if error > MOST_ERROR:
        raise UsageError(
            f"--precision fast moves features of {name} by up to {error:.0%} of their length on these images; at most "
            f"{MOST_ERROR:.0%} can be used. Score with --precision exact, or name another backbone."
        )
