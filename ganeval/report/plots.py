"""The report's charts as files, PNG and SVG each, drawn by matplotlib."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganeval.errors import DataError
from ganeval.files.figures import figure_bytes, own_style
from ganeval.files.read_write import write_atomically
from ganeval.progress import Reporter
from ganeval.report.charts import Chart, DotChart, Histogram, LineChart, Scatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0a5c9e", "#b8480a", "#00714f", "#98407a", "#7d5c00", "#2b7f9e", "#a32035", "#55595f")
DASHES = ("-", (0, (6, 2)), (0, (2, 2)), (0, (8, 2, 2, 2)))
QUIET = "#6d7177"
DPI = 150
ROW = 0.24  # inches a row of a dot chart
MAX_ROWS = 60
SVG_SETTINGS: dict[Any, object] = {"svg.fonttype": "none", "text.parse_math": False}


def write_plots(charts: Sequence[Chart], folder: Path, reporter: Reporter) -> list[Path]:
    """Writes `<number>-<title>.png` and `.svg` of every chart.

    Args:
        charts: What to draw.
        folder: Made where it is missing; files of the same names are replaced.
        reporter: Where progress goes.

    Raises:
        DataError: the folder cannot be written.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with reporter.stage("plots", len(charts)) as advance:
            for place, chart in enumerate(charts, start=1):
                stem = f"{place:03d}-{file_stem(chart.title)}"
                for kind, data in draw(chart).items():
                    write_atomically(folder / f"{stem}.{kind}", data)
                    written.append(folder / f"{stem}.{kind}")
                advance(1)
    except OSError as error:
        raise DataError(f"Cannot write plots to {folder}: {error.strerror}. Name another folder.") from error
    return written


def file_stem(title: str) -> str:
    """A title as a file name: letters, digits, dots and dashes, 80 at most."""
    return re.sub(r"[^A-Za-z0-9.@_-]+", "-", title).strip("-.")[:80] or "chart"


def draw(chart: Chart) -> dict[str, bytes]:
    """One chart as {"png": ..., "svg": ...}."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = 1.3 + ROW * min(len(chart.dots), MAX_ROWS) if isinstance(chart, DotChart) else 3.6
    with own_style(SVG_SETTINGS):
        figure = Figure(figsize=(6, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_title(chart.title, loc="left", fontsize=10)
        axes.set_xlabel(chart.x_label)
        axes.spines[["top", "right"]].set_visible(False)
        _DRAWN[type(chart)](axes, chart)
        return {kind: figure_bytes(figure, kind, dpi=DPI) for kind in ("png", "svg")}


def _lines(axes: "Axes", chart: LineChart) -> None:
    if chart.band is not None:
        axes.axhspan(*chart.band, color=COLOURS[2], alpha=0.16, linewidth=0, label="expected")
    for place, series in enumerate(chart.series):
        colour, dash = COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]
        axes.plot(series.x, series.y, color=colour, linestyle=dash, linewidth=1.4, label=series.name)
        for x, low, high in zip(series.x, series.low, series.high, strict=False):
            if low is not None and high is not None:
                axes.plot((x, x), (low, high), color=colour, linewidth=1.4)
    axes.set_ylabel(chart.y_label)
    if chart.names:
        axes.set_xticks(range(len(chart.names)), chart.names, fontsize=8, rotation=30)
    if len(chart.series) > 1 or chart.band is not None:
        axes.legend(fontsize=8, frameon=False)


def _dots(axes: "Axes", chart: DotChart) -> None:
    dots = chart.dots[:MAX_ROWS]
    for row, dot in enumerate(dots):
        colour = QUIET if dot.anchor else COLOURS[0]
        if chart.bars:
            axes.barh(row, dot.value, color=colour, height=0.7)
            continue
        if dot.low is not None and dot.high is not None:
            axes.plot((dot.low, dot.high), (row, row), color=colour, linewidth=1.4)
        axes.plot(dot.value, row, "o", color=colour, markersize=4)
    axes.set_yticks(range(len(dots)), [dot.label for dot in dots], fontsize=8)
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)


def _histogram(axes: "Axes", chart: Histogram) -> None:
    axes.stairs(chart.counts, chart.edges, fill=True, color=COLOURS[0])
    axes.set_ylabel("images")


def _scatter(axes: "Axes", chart: Scatter) -> None:
    axes.set_xscale("log")
    for point in chart.points:
        axes.plot(point.x, point.y, "o", color=COLOURS[0] if point.front else QUIET, markersize=5 if point.front else 4)
        if point.front:
            axes.annotate(point.label, (point.x, point.y), (4, 4), textcoords="offset points", fontsize=8)
    front = sorted((point.x, point.y) for point in chart.points if point.front)
    axes.plot([x for x, _ in front], [y for _, y in front], color=QUIET, linewidth=1, linestyle=":")
    axes.set_ylabel(chart.y_label)


_DRAWN: dict[type, Callable[["Axes", Any], None]] = {
    LineChart: _lines,
    DotChart: _dots,
    Histogram: _histogram,
    Scatter: _scatter,
}
