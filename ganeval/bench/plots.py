"""Time and memory of the entrants against the number of images, as one picture."""

import statistics
from collections.abc import Sequence

from matplotlib.figure import Figure

from ganeval.bench.scoring import Comparison
from ganeval.files.figures import figure_bytes, own_style

# Observable's ten colours, told apart by most eyes; markers tell them apart in grey.
_COLOURS: Sequence[str] = ("#4269d0", "#ff725c", "#6cc5b0", "#efb118", "#9c6b4e", "#a463f2")
_MARKERS = "os^Dvx"


@own_style()
def draw(comparison: Comparison, format_: str) -> bytes:
    """The picture.

    Args:
        comparison: One run.
        format_: "png", "svg" or "pdf".
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = list(dict.fromkeys(one.name for one in comparison.measured))
    for place, name in enumerate(names):
        own = [one for one in comparison.measured if one.name == name]
        style = {"color": _COLOURS[place % len(_COLOURS)], "marker": _MARKERS[place % len(_MARKERS)], "label": name}
        counts = [one.n for one in own]
        middle = [statistics.median(one.wall) for one in own]
        spread = [
            [m - min(one.wall) for m, one in zip(middle, own, strict=True)],
            [max(one.wall) - m for m, one in zip(middle, own, strict=True)],
        ]
        left.errorbar(counts, middle, yerr=spread, capsize=3, **style)
        if all(one.memory for one in own):
            right.plot(counts, [statistics.median(one.memory) for one in own], **style)
    for axes, label in ((left, "wall time, s (range of rounds)"), (right, "peak memory, MiB")):
        axes.set_xlabel("images a side")
        axes.set_ylabel(label)
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
        axes.spines[["top", "right"]].set_visible(False)
        if len(comparison.counts) == 1:
            axes.set_xticks(comparison.counts)
    left.legend(frameon=False, fontsize="small")
    figure.suptitle(comparison.what, fontsize="medium")
    return figure_bytes(figure, format_, dpi=150)
