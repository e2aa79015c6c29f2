"""The waterfall as a picture: one panel a tool, from ganeval's number to the tool's, a bar a step."""

import itertools
from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganeval.escaping import printable
from ganeval.explain.explain import Explanation
from ganeval.explain.waterfall import Row
from ganeval.files.figures import figure_bytes, own_style

_TOTAL, _UP, _DOWN = "#8a8f98", "#ff725c", "#4269d0"
COLUMNS: Final = 3


@own_style()
def draw(found: Explanation, format_: str) -> bytes:
    """The picture.

    Args:
        found: What was explained.
        format_: "png", "svg" or "pdf".
    """
    start, rows = found.rows[0], found.rows[1:]
    count = -(-len(rows) // COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 2.6 * count + 0.5), layout="constrained")
    panels = figure.subplots(count, COLUMNS, squeeze=False, sharey=True).flatten()
    for axes, row in zip(panels, rows, strict=False):
        _panel(axes, start.value or 0.0, row)
    for axes in panels[len(rows) :]:
        axes.set_visible(False)
    cut = _zoom(panels[0], [level for row in found.rows for level in _levels(start.value or 0.0, row)])
    for axes in panels[::COLUMNS]:
        axes.set_ylabel("FID (axis cut)" if cut else "FID", fontsize="x-small")
    figure.suptitle(
        f"FID of {printable(found.subject)} against {printable(found.reference)}, by tool", fontsize="medium"
    )
    return figure_bytes(figure, format_, dpi=150)


def _panel(axes: Axes, start: float, row: Row) -> None:
    axes.set_title(row.tool, fontsize="small", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    if row.value is None:
        axes.text(0.5, 0.5, "would refuse", ha="center", va="center", transform=axes.transAxes, color=_TOTAL)
        axes.set_xticks([])
        return
    names, bottoms, heights, colours = ["ganeval"], [0.0], [start], [_TOTAL]
    at = start
    for term, change in row.terms.items():
        names.append(term)
        bottoms.append(min(at, at + change))
        heights.append(abs(change))
        colours.append(_UP if change > 0 else _DOWN)
        at += change
    names, bottoms, heights, colours = [*names, "tool"], [*bottoms, 0.0], [*heights, row.value], [*colours, _TOTAL]
    places = range(len(names))
    axes.bar(places, heights, bottom=bottoms, color=colours, width=0.7)
    axes.set_xticks(list(places), names, fontsize="x-small")
    axes.tick_params(axis="y", labelsize="x-small")
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    for place, change in zip(list(places)[1:-1], row.terms.values(), strict=True):
        axes.annotate(f"{change:+.3g}", (place, bottoms[place] + heights[place]), ha="center", va="bottom", fontsize=6)
    axes.annotate(f"{row.value:.5g}", (len(names) - 1, row.value), ha="center", va="bottom", fontsize=6)


def _levels(start: float, row: Row) -> list[float]:
    """Every height at which a step of this row ends."""
    if row.value is None:
        return [start]
    return [start, row.value, *itertools.accumulate(row.terms.values(), initial=start)]


def _zoom(axes: Axes, levels: Sequence[float]) -> bool:
    """One scale for all panels, and whether it is cut because the steps would not be visible from zero."""
    low, high = min(levels), max(levels)
    cut = high - low < 0.25 * high
    margin = max(0.15 * (high - low), 1e-4 * abs(high), 1e-12)
    axes.set_ylim(low - margin if cut else 0.0, high + margin)
    return cut
