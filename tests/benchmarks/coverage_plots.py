"""The pictures of docs/statistics.md, from the rows of the coverage benchmark."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from scipy import stats

FEWEST = 10  # shown intervals below which a share says nothing
COLOURS = {"gaussian": "#8a8a8a", "relu": "#1f6f8b", "lognormal": "#c9a227", "real": "#b5402a"}
Row = Mapping[str, object]


def draw(rows: Sequence[Row], folder: Path) -> None:
    """Writes coverage.png and coverage-debiased-fd.png."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"font.size": 9}):
        for name, figure in (("coverage", coverage(rows)), ("coverage-debiased-fd", debiased(rows))):
            # Without matplotlib's version in it the same rows give the same file.
            figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None}, bbox_inches="tight")


def _number(row: Row, name: str) -> float:
    return float(str(row[name]))


def coverage(rows: Sequence[Row]) -> Figure:
    """Every line of the table: the share of shown intervals that hold the truth, with its binomial 95% interval."""
    kept = [row for row in rows if _number(row, "shown") >= FEWEST]
    outputs = list(dict.fromkeys(str(row["output"]) for row in kept))
    figure = Figure(figsize=(7.2, 0.075 * len(kept) + 0.14 * len(outputs) + 1.0))
    axes = figure.add_subplot()
    axes.axvspan(0.92, 0.98, color="#e7efe2", zorder=0)
    axes.axvline(0.95, color="#7a9a68", linewidth=0.8, zorder=1)
    ticks, place = [], 0.0
    for output in outputs:
        first = place
        for row in (row for row in kept if row["output"] == output):
            shown, missed = int(_number(row, "shown")), int(_number(row, "missed"))
            low, high = stats.binomtest(shown - missed, shown).proportion_ci(0.95)
            colour = COLOURS[str(row["law"])]
            axes.plot([low, high], [place, place], color=colour, linewidth=0.7, alpha=0.6)
            axes.plot([1 - missed / shown], [place], "o", color=colour, markersize=2.6)
            place += 1.0
        ticks.append((first + place - 1.0) / 2)
        place += 2.0  # a gap between metrics
    axes.set_yticks(ticks, outputs)
    axes.set_ylim(place - 1.0, -2.0)
    axes.set_xlim(0.75, 1.005)
    axes.set_xlabel("share of shown 95% intervals that hold the truth; bars: how well that share is known")
    for law, colour in COLOURS.items():
        axes.plot([], [], "o", color=colour, markersize=4, label={"real": "real features"}.get(law, law))
    axes.legend(loc="lower left", frameon=False, fontsize=8)
    _bare(axes)
    return figure


def debiased(rows: Sequence[Row]) -> Figure:
    """Plain and debiased fd over the truth, against n / d."""
    kept = [row for row in rows if row["output"] == "fd" and _number(row, "truth") > 0 and row["difference"] != "0.0"]
    figure = Figure(figsize=(7.2, 3.0))
    axes = figure.add_subplot()
    axes.axhline(1.0, color="#7a9a68", linewidth=0.8)
    for law in COLOURS:
        mine = [row for row in kept if row["law"] == law]
        ratio = [_number(row, "n") / _number(row, "d") for row in mine]
        for what, marker in (("plain", "x"), ("centre", "o")):
            # A withheld debiased value is missing, not equal to the plain one.
            values = [
                _number(row, what) / _number(row, "truth") if what == "plain" or row["se_over_sd"] else float("nan")
                for row in mine
            ]
            axes.plot(ratio, values, marker, color=COLOURS[law], markersize=4, alpha=0.8, linestyle="none")
        if mine:
            axes.plot([], [], "s", color=COLOURS[law], markersize=4, label={"real": "real features"}.get(law, law))
    axes.plot([], [], "x", color="black", markersize=4, linestyle="none", label="plain")
    axes.plot([], [], "o", color="black", markersize=4, linestyle="none", label="debiased")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("images a side over dimensions, n / d")
    axes.set_ylabel("mean fd over the truth")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    _bare(axes)
    return figure


def _bare(axes: mpl.axes.Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=2)
