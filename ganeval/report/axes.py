"""Axes of the report's charts: ticks at round numbers, positions in pixels, labels."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.ticker import LogLocator, MaxNLocator

from ganeval.report.numbers import MINUS

STEPS = (1, 2, 2.5, 5, 10)  # between ticks, times a power of ten


@dataclass(frozen=True)
class Axis:
    """A scale from values to pixels.

    Attributes:
        low: Value at `start`.
        high: Value at `stop`.
        start: Pixels.
        stop: Pixels; below `start` for an axis that goes up the page.
        ticks: Values that get a label.
        log: True for equal ratios at equal distances.
    """

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value stands, in pixels, to a tenth."""
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return round(self.start + (value - low) / (high - low) * (self.stop - self.start), 1)


def axis_over(
    values: Iterable[float], start: float, stop: float, *, zero: bool = False, whole: bool = False, log: bool = False
) -> Axis:
    """An axis that holds all values.

    Args:
        values: Finite, at least one; positive for `log`.
        start: Pixels of the low end.
        stop: Pixels of the high end.
        zero: Include zero.
        whole: Ticks at whole numbers alone, for counts.
        log: Logarithmic.
    """
    known = list(values)
    low, high = min(known), max(known)
    if log:
        low, high = (low / 1.25, high * 1.25)
        decades = [float(t) for t in LogLocator(subs=(1.0, 2.0, 5.0), numticks=30).tick_values(low, high)]
        inside = [tick for tick in decades if low <= tick <= high]
        round_ones = [tick for tick in inside if math.isclose(math.log10(tick) % 1, 0, abs_tol=1e-9)]
        ticks = round_ones if len(round_ones) > 2 else inside
        if len(ticks) < 2:  # within a decade, where powers and their halves are too far apart
            ticks = [float(t) for t in MaxNLocator(nbins=4, steps=STEPS).tick_values(low, high) if low <= t <= high]
        return Axis(low, high, start, stop, tuple(ticks), log=True)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        margin = abs(low) / 10 or 1.0
        low, high = low - margin, high + margin
    ticks = [float(t) for t in MaxNLocator(nbins=4, steps=STEPS, integer=whole).tick_values(low, high)]
    # Ends stand at the outer ticks only where little is wasted by that.
    span = high - low
    low = ticks[0] if low - ticks[0] < 0.12 * span else low - 0.04 * span
    high = ticks[-1] if ticks[-1] - high < 0.12 * span else high + 0.04 * span
    return Axis(low, high, start, stop, tuple(t for t in ticks if low <= t <= high))


def tick_label(value: float) -> str:
    """A tick as short as it can be said: 0.004, 250, 20k, 3M."""
    size = abs(value)
    for unit, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= unit:
            scale = 1e3 if suffix == "k" else unit
            return f"{value / scale:.4g}{suffix}".replace("-", MINUS)
    text = f"{value:,.4g}" if size >= 1e-4 or value == 0 else f"{value:.0e}"
    return ("0" if abs(value) < 1e-12 else text).replace("-", MINUS)
