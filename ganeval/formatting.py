"""Numbers and counts as people read them, in one way everywhere: zeros at the end stay, so that columns line up."""

import math
from collections.abc import Sequence

MOST = 6  # significant digits of the largest value of a column


def significant(value: float, digits: int = 4) -> str:
    """A number to so many significant digits: 28.80, 0.8470, 1134; "0" for zero."""
    if value == 0:
        return "0"
    if 10**digits <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def interval(ends: tuple[float, float] | None) -> str:
    """Both ends to three significant digits; "" for none."""
    return "" if ends is None else f"[{significant(ends[0], 3)}, {significant(ends[1], 3)}]"


def in_column(values: Sequence[float | None]) -> list[str]:
    """Values of one metric with the same number of decimals, as a paper prints them; "-" for none.

    The smallest value keeps four significant digits, unless the largest would get more than six.
    """
    sizes = [math.floor(math.log10(abs(value))) for value in values if value and math.isfinite(value)]
    decimals = max(0, min(3 - min(sizes), MOST - 1 - max(sizes))) if sizes else 0
    if decimals > 8 or (sizes and max(sizes) >= MOST):
        return ["-" if value is None else significant(value) for value in values]
    return ["-" if value is None else f"{value:.{decimals}f}" for value in values]


def filled_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Places of the columns that a table for people shows: those in which some row has a value; all without a row.

    Args:
        head: A text a column.
        rows: A text a cell; "" and "-" are no value.
    """
    return [place for place in range(len(head)) if not rows or any(row[place].strip() not in ("", "-") for row in rows)]


def counted(count: int, word: str) -> str:
    """Counts with their word: 1 run, 1,200 runs."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
