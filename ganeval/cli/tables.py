"""Score rows as a table for a terminal: values with their errors, notes as numbered lines below, skips by reason."""

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from ganeval.escaping import printable
from ganeval.formatting import filled_columns, interval, significant
from ganeval.metrics.keys import declared
from ganeval.results.result import Result

ARROWS = {"lower": "↓", "higher": "↑", "neither": ""}
WORST_SHOWN = 3
UNLIMITED = 10_000  # columns: wider than any table
SMALL_N = 2048  # below, unbiased metrics lead the table, then those with a correction that holds at any count


def format_value(value: float) -> str:
    """Five significant digits, no exponent for everyday sizes."""
    return f"{value:.5g}" if 1e-4 <= abs(value) < 1e6 or value == 0 else f"{value:.3e}"


def collapse_classes(results: Sequence[Result]) -> list[tuple[Result, str]]:
    """Rows for people, each with its note: the per-class rows become a note of their mean's row, worst class first."""
    shown: list[tuple[Result, str]] = []
    for result in results:
        output, at, backbone = result.key.partition("@")
        if ":" in output:
            continue
        parts = [
            (other.value, other.key.partition("@")[0].partition(":")[2])
            for other in results
            if other.key.startswith(f"{output}:") and other.key.endswith(f"{at}{backbone}") and other.value is not None
        ]
        worst = sorted(parts, reverse=result.better == "lower")[:WORST_SHOWN]
        told = "worst: " + ", ".join(f"{name} {format_value(value)}" for value, name in worst) if worst else ""
        shown.append((result, "; ".join(filter(None, [result.note, told]))))
    if any(r.n_fake is not None and r.n_fake < SMALL_N for r, _ in shown):
        shown.sort(key=lambda pair: _bias(pair[0].key))
    return shown


def format_floor(result: Result) -> str:
    """What real against real gives; for a distance with a floor of its own also how many times that the value is."""
    if result.floor is None or result.value is None:
        return ""
    ratio = f" ({result.value / result.floor:.2g}x)" if _has_ratio(result) else ""
    return f"{significant(result.floor)}{ratio}"


def _has_ratio(result: Result) -> bool:
    """Where real against real gives a bias alone, a value is read as a multiple of it."""
    known = declared(result.key)
    return known is not None and known[0].null_bias is not None and (result.floor or 0.0) > 0.0


def _bias(key: str) -> int:
    """0 for the key of an unbiased metric, 1 where the bias is corrected at any count, 2 for the others."""
    known = declared(key)
    if known is None:
        return 2
    return 0 if known[1].unbiased else 1 if known[0].null_bias == "normal quantiles" else 2


def print_whole(table: Table, console: Console) -> None:
    """A table at its own width: where a terminal, or a pipe's 80 columns, is narrower, lines run over; none is cut."""
    table.width = Measurement.get(console, console.options.update(max_width=UNLIMITED), table).maximum
    console.print(table, crop=False)


def print_results(results: Sequence[Result], console: Console) -> None:
    """The table, the notes it refers to, then what was skipped and why."""
    valued = [(r, note) for r, note in collapse_classes(results) if r.value is not None]
    if valued:
        _print_table(valued, console)
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.status != "ok":
            reasons.setdefault(result.note, []).append(result.key)
    for reason, keys in reasons.items():
        console.print(printable(f"skipped {', '.join(keys)}: {reason}"), style="dim", markup=False, soft_wrap=True)


def _print_table(valued: Sequence[tuple[Result, str]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    notes: dict[str, int] = {}
    rows = [
        (
            printable(f"{result.key} {ARROWS[result.better]}"),
            format_value(result.value or 0.0),
            "" if result.debiased is None else format_value(result.debiased),
            interval(result.ci95),
            format_floor(result),
            f"\\[{notes.setdefault(note, len(notes) + 1)}]" if note else "",
        )
        for result, note in valued
    ]
    head = ("metric", "value", "debiased", "95% interval", "floor", "")
    kept = filled_columns(head, rows)
    for column in kept:
        table.add_column(head[column], no_wrap=True, justify="left" if head[column] in ("metric", "") else "right")
    for row in rows:
        table.add_row(*(row[column] for column in kept))
    print_whole(table, console)
    for line in (*_counts(valued), *(f"[{number}] {note}" for note, number in notes.items())):
        console.print(printable(line), style="dim", markup=False, soft_wrap=True)


def _counts(valued: Sequence[tuple[Result, str]]) -> list[str]:
    """How many images the numbers are of, and how many the floors."""
    fakes = sorted({result.n_fake for result, _ in valued if result.n_fake is not None})
    reals = sorted({result.n_real for result, _ in valued if result.n_real is not None})
    lines = [f"{', '.join(map(str, fakes))} images" + (f" against {', '.join(map(str, reals))}" if reals else "")]
    floors = sorted({result.floor_n for result, _ in valued if result.floor_n is not None})
    if floors:
        least = min((result.n_real or 0) // 2 for result, _ in valued if result.floor_n is not None)
        parts = ", ".join(map(str, floors))
        words = f"two halves of the reference, {parts} images each"
        words = words if least <= max(floors) else f"two parts of the reference, {parts} images in the smaller"
        lines.append(f"floor: real against real, carried over from {words}")
    return lines
