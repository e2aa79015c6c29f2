"""What the report can draw, as plain data; `svg.py` draws it into the page and `plots.py` into files."""

from dataclasses import dataclass

MAX_POINTS = 240  # of a line: more than pixels across a chart


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        name: Its words in the legend.
        x: Ascending.
        y: As many.
        low: Lower ends of error bars, as many or none; None where a point has no interval.
        high: Upper ends.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class LineChart:
    """Lines over a common axis.

    Attributes:
        title: Also the name of the file that `plots.py` writes.
        x_label: With its unit.
        y_label: With its unit.
        series: At least one, each with at least one point.
        band: (low, high) of an expected result, or None.
        names: What stands at 0, 1, 2, ... of the x axis, where these are no numbers but places in an order.
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    band: tuple[float, float] | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dot:
    """One value with its interval.

    Attributes:
        label: What it is of.
        value: Finite.
        low: Lower end, None without an interval.
        high: Upper end.
        anchor: True for a row that others are set against (real against real, untrained).
    """

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    anchor: bool = False


@dataclass(frozen=True)
class DotChart:
    """Values one below the other; as bars from zero where `bars` is set."""

    title: str
    x_label: str
    dots: tuple[Dot, ...]
    bars: bool = False


@dataclass(frozen=True)
class Histogram:
    """How many values fall into each bin; one more edge than counts."""

    title: str
    x_label: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Point:
    """One dot of a scatter plot; `front` marks those that nothing beats in both directions."""

    label: str
    x: float
    y: float
    front: bool = False


@dataclass(frozen=True)
class Scatter:
    """Points in a plane, the x axis logarithmic."""

    title: str
    x_label: str
    y_label: str
    points: tuple[Point, ...]


Chart = LineChart | DotChart | Histogram | Scatter


def thinned(series: Series) -> Series:
    """A line of at most MAX_POINTS: beyond that, means of neighbours (a series with error bars is left as it is)."""
    if len(series.x) <= MAX_POINTS or series.low:
        return series
    size = -(-len(series.x) // MAX_POINTS)
    parts = [slice(start, start + size) for start in range(0, len(series.x), size)]
    return Series(series.name, tuple(_mean(series.x[part]) for part in parts), tuple(_mean(series.y[p]) for p in parts))


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)
