"""Score rows as a table for a terminal: values with their errors, notes as numbered lines below, skips by reason."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ganeval.cli.progress import printable
from ganeval.results import Result

ARROWS = {"lower": "↓", "higher": "↑", "neither": ""}
WORST_SHOWN = 3


def format_value(value: float) -> str:
    """Five significant digits, no exponent for everyday sizes."""
    return f"{value:.5g}" if 1e-4 <= abs(value) < 1e6 or value == 0 else f"{value:.3e}"


def format_interval(interval: tuple[float, float] | None) -> str:
    """Both ends, four significant digits."""
    return "" if interval is None else f"[{interval[0]:.4g}, {interval[1]:.4g}]"


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
        note = result.note
        if worst:
            note += "; worst: " + ", ".join(f"{name} {format_value(value)}" for value, name in worst)
        shown.append((result, note))
    return shown


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
    has_error = any(result.stderr is not None for result, _ in valued)
    has_bias = any(result.debiased is not None for result, _ in valued)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    if has_bias:
        table.add_column("debiased", justify="right", no_wrap=True)
    if has_error:
        table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("n real / fake", justify="right", no_wrap=True)
    table.add_column("note", no_wrap=True)
    notes: dict[str, int] = {}
    for result, note in valued:
        number = "" if not note else f"[{notes.setdefault(note, len(notes) + 1)}]"
        cells = [printable(result.key), format_value(result.value or 0.0), ARROWS[result.better]]
        if has_bias:
            cells.append("" if result.debiased is None else format_value(result.debiased))
        if has_error:
            cells.append(format_interval(result.ci95))
        cells.append(" / ".join("-" if n is None else str(n) for n in (result.n_real, result.n_fake)))
        table.add_row(*cells, number.replace("[", r"\["))
    console.print(table)
    for note, number in notes.items():
        console.print(f"[{number}] {printable(note)}", style="dim", markup=False, soft_wrap=True)
