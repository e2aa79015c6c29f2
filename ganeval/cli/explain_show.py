"""What `explain` prints: a row a tool with the terms that lead to it, the steps of each tool, and what to know."""

from collections.abc import Sequence

from rich.table import Table

from ganeval.cli.consoles import open_console
from ganeval.cli.tables import format_value, print_whole
from ganeval.escaping import printable
from ganeval.explain.explain import Explanation
from ganeval.explain.pipelines import TERM_WORDS, TERMS, Term
from ganeval.explain.pixels import DIGITS, OF, TITLES, Metric, PixelExplanation, PixelRow
from ganeval.explain.pixels import TERMS as PIXEL_TERMS
from ganeval.explain.rows import note_of
from ganeval.explain.waterfall import OWN, Row

SAME = 1e-3
"""FIDs that differ by less, as a fraction, are the same for a reader."""


def _signed(value: float) -> str:
    return f"{value:+.3g}" if abs(value) < 1e5 else f"{value:+.3e}"


def answer(rows: Sequence[Row]) -> str:
    """Do other tools print another FID, and why? In one sentence."""
    own = rows[0].value
    others = [(row, row.value) for row in rows[1:] if row.value is not None]
    if own is None or not others:
        return "No other tool prints a FID of these images."
    row, value = max(others, key=lambda other: abs(other[1] - own))
    largest = abs(value - own) / abs(own) if own else float("inf")
    if largest < SAME:
        return f"{_all_tools(len(others))} the same FID, within {100 * SAME:g}%."
    different = sum(abs(other - own) >= SAME * abs(own) for _, other in others)
    causes = sorted(row.terms, key=lambda term: abs(row.terms[term]), reverse=True)
    cause = f", mostly by {causes[0]}" if causes else ""
    size = f"{100 * (value - own) / own:+.2g}%" if own else f"{value - own:+.3g}"
    return (
        f"{different} of {len(others)} tools print another FID (by {100 * SAME:g}% or more). "
        f"Furthest from ganeval's is {row.tool}: {size}{cause}."
    )


def pixel_answer(rows: Sequence[PixelRow], metric: Metric) -> str:
    """The same of PSNR or SSIM, for the digits that a table shows."""
    own, (title, _, unit), digits = rows[0].value, TITLES[metric].partition(", "), DIGITS[metric]
    others = [(row, row.value) for row in rows[1:] if row.value is not None]
    if own is None or not others:
        return f"No other tool prints a {title} of these pairs."
    different = [(row, value - own) for row, value in others if round(value, digits) != round(own, digits)]
    if not different:
        return f"{_all_tools(len(others))} the same {title}."
    row, gap = max(different, key=lambda found: abs(found[1]))
    causes = sorted(row.terms, key=lambda term: abs(row.terms[term]), reverse=True)
    size = f"{gap:+.{digits}f}{f' {unit}' if unit else ''}"
    return (
        f"{len(different)} of {len(others)} tools print another {title}. Furthest from ganeval's is {row.tool}: {size}"
        f"{f', mostly by {causes[0]}' if causes else ''}."
    )


def _all_tools(count: int) -> str:
    return "The other tool prints" if count == 1 else f"All {count} tools print"


def print_explanation(found: Explanation) -> None:
    """All on stdout."""
    console = open_console()
    console.print(printable(answer(found.rows)), style="bold", markup=False, soft_wrap=True)
    terms: list[Term] = [term for term in TERMS if any(term in row.terms for row in found.rows)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("tool", no_wrap=True)
    for name in ("FID", "difference", *terms):
        table.add_column(name, no_wrap=True, justify="right")
    start = found.rows[0].value or 0.0
    for row in found.rows:
        if row.value is None:
            table.add_row(printable(row.tool), "refuses")
            continue
        difference = "" if row.tool == OWN else _signed(row.value - start)
        cells = [_signed(row.terms[term]) if term in row.terms else "" for term in terms]
        table.add_row(printable(row.tool), format_value(row.value), difference, *cells)
    print_whole(table, console)
    own = found.rows[0]
    real = "statistics" if own.n_real is None else str(own.n_real)
    lines = [f"{own.n_fake} images against {real}; weights {found.weights_sha256[:8]}, the same file in every row"]
    lines += [f"{term}: {TERM_WORDS[term]}" for term in terms]
    lines += [f"{row.tool} {note_of(row)}" for row in found.rows if row.refusal]
    for row in found.rows[1:]:
        if (row.n_fake, row.n_real) != (own.n_fake, own.n_real) and row.value is not None:
            lines.append(f"{row.tool} reads {row.n_fake} of {own.n_fake} images, and {row.n_real} of {real}")
    lines += [f"note: {note}" for note in found.notes]
    for line in lines:
        console.print(printable(line), style="dim", markup=False, soft_wrap=True)


def print_pixels(found: PixelExplanation) -> None:
    """The answer and a table for PSNR and for SSIM, then what the terms are."""
    console = open_console()
    seen: list[str] = []
    for metric in OF:
        rows = [row for row in found.rows if row.metric == metric]
        terms = [term for term in PIXEL_TERMS if any(term in row.terms for row in rows)]
        seen += terms
        console.print(printable(pixel_answer(rows, metric)), style="bold", markup=False, soft_wrap=True)
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("tool", no_wrap=True)
        for name in (TITLES[metric], "difference", *terms):
            table.add_column(name, no_wrap=True, justify="right")
        table.add_column("call", no_wrap=True)
        for row in rows:
            value = "none" if row.value is None else f"{row.value:.{DIGITS[metric]}f}"
            own = row.tool == rows[0].tool or row.value is None or rows[0].value is None
            difference = "" if own else _signed((row.value or 0.0) - (rows[0].value or 0.0))
            cells = [_signed(row.terms[term]) if term in row.terms else "" for term in terms]
            table.add_row(printable(row.tool), value, difference, *cells, printable(row.call))
        print_whole(table, console)
        console.print()
    lines = [f"{found.pairs} pairs of {found.subject} and {found.originals}; terms sum to the difference"]
    lines += [f"{term}: {PIXEL_TERMS[term]}" for term in dict.fromkeys(seen)]
    lines += [f"note: {note}" for note in dict.fromkeys(row.note for row in found.rows if row.note)]
    if found.skipped:
        lines.append(f"note: {found.skipped} pairs could not be decoded")
    for line in lines:
        console.print(printable(line), style="dim", markup=False, soft_wrap=True)
