"""Numbers as people read them."""

import math

from ganeval.formatting import significant

MINUS = "\u2212"


def number(value: float | None) -> str:
    """A value for a table cell: five significant digits, a true minus sign, "" for none."""
    if value is None or not math.isfinite(value):
        return ""
    if value == 0:
        return "0"
    text = significant(value, 5) if 1e-4 <= abs(value) < 1e6 else f"{value:.3e}"
    return text.replace("-", MINUS)


def to_spread(value: float, sd: float | None) -> str:
    """A mean to the second significant digit of its standard deviation; as `number` without one."""
    if not sd or not 1e-6 < sd < 1e6:
        return number(value)
    return f"{value:.{_decimals(sd)}f}".replace("-", MINUS)


def spread(sd: float | None) -> str:
    """A standard deviation to two significant digits, "" for none."""
    if sd is None:
        return ""
    return f"{sd:.{_decimals(sd)}f}" if 1e-6 < sd < 1e6 else f"{sd:.2g}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 5400 else f"{seconds / 3600:.3g} h"


def magnitude(count: float) -> str:
    """A large count in short: 950, 12.3k, 4.56M."""
    for unit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{suffix}"
    return f"{count:.3g}"


def _decimals(sd: float) -> int:
    return max(0, 1 - math.floor(math.log10(sd)))
