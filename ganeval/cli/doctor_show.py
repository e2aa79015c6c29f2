"""What `doctor` prints: a table of findings, and below it what each means, what to do, examples and the effect."""

import shlex
from collections.abc import Sequence

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ganeval.cli.consoles import open_console, open_list_console
from ganeval.cli.tables import print_whole
from ganeval.doctor.check import percent
from ganeval.doctor.examine import Examination
from ganeval.doctor.finding import Finding
from ganeval.doctor.section import effect_of, images_of, summary_of
from ganeval.escaping import printable
from ganeval.formatting import filled_columns

STYLES = {"serious": "bold red", "warning": "yellow", "info": "dim"}


def to_json_text(*found: Examination) -> str:
    """One examination as JSON; several as a list of them under "examinations"."""
    each = [one.to_json() for one in found]
    content = each[0] if len(each) == 1 else {"schema": 1, "examinations": each}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _advice(found: Examination) -> str:
    worst = {finding.severity for finding in found.findings}
    return "Fix before scoring" if "serious" in worst else "Score with care" if "warning" in worst else "Ready to score"


def print_several(found: Sequence[Examination], first: str) -> None:
    """A line a subject: the answer, and its serious findings and warnings by name; then how to see more of one.

    Args:
        found: The examinations.
        first: The first subject, as it was typed.
    """
    console = open_console()
    fixed = sum(_advice(one) == "Fix before scoring" for one in found)
    against = "" if found[0].against is None else f" against {found[0].against}"
    console.print(
        printable(f"{fixed} of {len(found)} subjects need fixing before they are scored{against}"),
        style="bold",
        markup=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    head, rows = ("subject", "images", "answer", "findings"), []
    for one in found:
        names = [
            f"[{STYLES[finding.severity]}]{finding.name}[/] {percent(finding.share)}"
            for finding in one.findings
            if finding.severity != "info"
        ]
        rows.append((escape(printable(one.subject)), f"{one.n:,}", _advice(one), ", ".join(names)))
    kept = filled_columns(head, rows)
    for column in kept:
        table.add_column(head[column], overflow="fold", justify="right" if head[column] == "images" else "left")
    for row in rows:
        table.add_row(*(row[column] for column in kept))
    open_list_console().print(table)
    reference = shlex.quote(found[0].against or found[1].subject)  # "doctor fake real" may have meant that, too
    next_command = f"Next: ganeval doctor {shlex.quote(first)} --against {reference}"
    console.print(printable(next_command), markup=False, soft_wrap=True)


def print_examination(found: Examination) -> None:
    """The answer with the counts, the table, the details; all on stdout."""
    console = open_console()
    console.print(printable(f"{_advice(found)}: {summary_of(found)}"), style="bold", markup=False, soft_wrap=True)
    if found.findings:
        _print_table(found.findings, console)
        for number, finding in enumerate(found.findings, start=1):
            _print_details(number, finding, console)


def _print_table(findings: tuple[Finding, ...], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    key = next((finding.effect.key for finding in findings if finding.effect is not None), "")
    rows = [
        (
            f"\\[{number}]",
            f"[{STYLES[finding.severity]}]{finding.severity}[/]",
            finding.name,
            images_of(finding),
            percent(finding.share),
            "" if finding.effect is None else f"{finding.effect.clean:.3g} → {finding.effect.damaged:.3g}",
        )
        for number, finding in enumerate(findings, start=1)
    ]
    head = ("", "severity", "finding", "images", "share", f"{key}, clean → damaged")
    kept = filled_columns(head, rows)
    for column in kept:
        table.add_column(head[column], no_wrap=True, justify="right" if column >= 3 else "left")
    for row in rows:
        table.add_row(*(row[column] for column in kept))
    print_whole(table, console)


def _print_details(number: int, finding: Finding, console: Console) -> None:
    lines = [f"[{number}] {finding.says}", f"    -> {finding.do}"]
    if finding.examples:
        lines.append(f"    e.g. {', '.join(finding.examples)}")
    if finding.effect is not None:
        lines.append(f"    {effect_of(finding)}")
    console.print(printable(lines[0]), markup=False, soft_wrap=True)
    for line in lines[1:]:
        console.print(printable(line), markup=False, style="dim", soft_wrap=True)
