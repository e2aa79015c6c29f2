"""What `doctor` prints: a table of findings, and below it what each means, what to do, examples and the effect."""

import orjson
from rich.console import Console
from rich.table import Table

from ganeval.cli.consoles import open_console
from ganeval.cli.tables import print_whole
from ganeval.doctor.check import percent
from ganeval.doctor.examine import Examination
from ganeval.doctor.finding import Finding
from ganeval.doctor.section import effect_of, images_of, summary_of
from ganeval.escaping import printable

STYLES = {"serious": "bold red", "warning": "yellow", "info": "dim"}


def to_json_text(found: Examination) -> str:
    """The examination as JSON."""
    return orjson.dumps(found.to_json(), option=orjson.OPT_INDENT_2).decode()


def print_examination(found: Examination) -> None:
    """The answer with the counts, the table, the details; all on stdout."""
    console = open_console()
    worst = {finding.severity for finding in found.findings}
    advice = (
        "Fix before scoring" if "serious" in worst else "Score with care" if "warning" in worst else "Ready to score"
    )
    console.print(printable(f"{advice}: {summary_of(found)}"), style="bold", markup=False, soft_wrap=True)
    if found.findings:
        _print_table(found.findings, console)
        for number, finding in enumerate(found.findings, start=1):
            _print_details(number, finding, console)


def _print_table(findings: tuple[Finding, ...], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    measured = any(finding.effect is not None for finding in findings)
    for name in ("", "severity", "finding", "images", "share"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("images", "share") else "left")
    if measured:
        key = next(finding.effect.key for finding in findings if finding.effect is not None)
        table.add_column(f"{key}, clean → damaged", no_wrap=True, justify="right")
    for number, finding in enumerate(findings, start=1):
        effect = finding.effect
        cells = [
            f"\\[{number}]",
            f"[{STYLES[finding.severity]}]{finding.severity}[/]",
            finding.name,
            images_of(finding),
            percent(finding.share),
        ]
        if measured:
            cells.append("" if effect is None else f"{effect.clean:.3g} → {effect.damaged:.3g}")
        table.add_row(*cells)
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
