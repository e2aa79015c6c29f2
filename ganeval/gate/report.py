"""What a gate says, for people and machines: table, plain text, Markdown, JSON, JUnit XML, GitHub annotations."""

import dataclasses
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from ganeval.escaping import markdown, printable
from ganeval.formatting import filled_columns
from ganeval.gate.escaping import command_data, command_property, number, signed, xml
from ganeval.gate.ruling import Ruling, roughly, unchanged_passes
from ganeval.gate.run import GateReport
from ganeval.results.result import SCHEMA

ARROWS = {"lower": "↓", "higher": "↑", "neither": ""}
WORDS = ("metric", "verdict")  # columns of words; the others are numbers
HEAD = ("metric", "baseline", "now", "worse by", "95% bounds", "margin", "mde", "fails from", "verdict")
LEGEND = {
    "worse by": "change in the bad direction",
    "95% bounds": "one-sided",
    "mde": "smallest worsening that is detected four times in five",
    "fails from": "true worsening that fails four times in five",
}


def cells(ruling: Ruling) -> tuple[str, ...]:
    """One row of the table, in the order of HEAD."""
    found = ruling.evidence
    bounds = "-" if ruling.low is None else f"{signed(ruling.low)} to {signed(ruling.high)}"
    return (
        f"{found.key} {ARROWS.get(found.better, '')}",
        number(found.baseline),
        number(found.candidate),
        signed(found.worse),
        bounds,
        number(ruling.margin),
        number(ruling.mde),
        number(ruling.fails_from),
        ruling.verdict,
    )


def _table(report: GateReport) -> list[tuple[str, ...]]:
    """Head and rows, without the columns that have no value in any rule."""
    rows = [cells(ruling) for ruling in report.rulings]
    kept = filled_columns(HEAD, rows)
    return [tuple(row[column] for column in kept) for row in (HEAD, *rows)]


def _legend(head: Sequence[str]) -> str:
    return " ".join(f"{name}: {meaning}." for name, meaning in LEGEND.items() if name in head)


def headline(report: GateReport) -> str:
    """One line: verdict, what, against what."""
    counts = ", ".join(
        f"{count} {verdict}"
        for verdict in ("fail", "inconclusive", "pass")
        if (count := sum(ruling.verdict == verdict for ruling in report.rulings))
    )
    return f"gate {report.verdict}: {printable(report.subject)} against {printable(report.baseline)} ({counts})"


def remarks(report: GateReport) -> list[str]:
    """Lines below the table: mode, notes of the rules, notes of the run."""
    lines = [f"mode: {printable(report.how)}"]
    lines += [f"{r.evidence.key}: {printable(r.note)}" for r in report.rulings if r.note]
    chance = unchanged_passes(report.rulings)
    if chance is not None:
        rules = f"all {len(report.rulings)} rules" if len(report.rulings) > 1 else "the rule"
        how_often = f"{roughly(report.rulings)} {100 * chance:.0f} times in 100"
        lines.append(f"an unchanged model passes {rules} {how_often}")
    return [*lines, *map(printable, report.notes)]


def to_text(report: GateReport, width: int | None = None) -> str:
    """The table in plain characters, for logs and failure messages.

    Args:
        report: What was found.
        width: Columns of the terminal; where the table is wider, each rule is a block of its own. None: any width.
    """
    rows = [tuple(map(printable, row)) for row in _table(report)]
    head = rows[0]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(w) if name in WORDS else cell.rjust(w) for name, cell, w in zip(head, row, widths, strict=True)
        )
        for row in rows
    ]
    table = [line.rstrip() for line in lines]
    if width is not None and max(map(len, table)) > width:
        table = [line for row in rows[1:] for line in _block(head, row, width)]
    return "\n".join([headline(report), *table, *remarks(report), _legend(head)])


def _block(head: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """One rule in a narrow terminal: metric and verdict, below them the other cells by name."""
    named = [f"{name} {cell}" for name, cell in zip(head[1:-1], row[1:-1], strict=True) if cell != "-"]
    filled = textwrap.wrap(", ".join(named).replace(" ", "\0").replace(",\0", ", "), width - 2, break_long_words=False)
    return [f"{row[0].rstrip()}: {row[-1]}", *(f"  {line}".replace("\0", " ") for line in filled)]


def to_markdown(report: GateReport) -> str:
    """A section for a pull request or GITHUB_STEP_SUMMARY."""
    mark = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}[report.verdict]
    lines = [f"### {mark} {markdown(headline(report))}", ""]
    head, *rows = _table(report)
    lines += [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 2)}---|"]
    for cell_texts in rows:
        row = [markdown(cell) for cell in cell_texts]
        row[-1] = f"**{row[-1]}**" if row[-1] != "pass" else row[-1]
        lines.append(f"| {' | '.join(row)} |")
    lines += ["", *(f"* {markdown(line)}" for line in remarks(report)), "", _legend(head)]
    return "\n".join(lines) + "\n"


def to_dict(report: GateReport) -> dict[str, object]:
    """Plain JSON types: the verdict, one object a rule, and the candidate's rows."""
    return {
        "schema": SCHEMA,
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "subject": report.subject,
        "baseline": report.baseline,
        "baseline_file": report.file,
        "mode": report.mode,
        "how": report.how,
        "level": report.level,
        "unchanged_passes": unchanged_passes(report.rulings),
        "notes": list(report.notes),
        "rules": [_rule(ruling) for ruling in report.rulings],
        "rows": [row.to_dict() for row in report.rows],
    }


def _rule(ruling: Ruling) -> dict[str, object]:
    found = ruling.evidence
    degrees = None if found.degrees == float("inf") else found.degrees
    judged = {f.name: getattr(ruling, f.name) for f in dataclasses.fields(ruling) if f.name not in ("rule", "evidence")}
    return {
        "metric": found.key,
        "better": found.better,
        "baseline": found.baseline,
        "candidate": found.candidate,
        "worse": found.worse,
        "stderr": found.stderr,
        "degrees": degrees,
        "method": found.method,
        "n": found.n,
        **judged,
    }


def to_junit(report: GateReport) -> str:
    """JUnit XML: a test case a rule; a failed rule is a failure, an inconclusive one an error."""
    counts = {verdict: sum(r.verdict == verdict for r in report.rulings) for verdict in ("fail", "inconclusive")}
    attributes = {
        "tests": str(len(report.rulings)),
        "failures": str(counts["fail"]),
        "errors": str(counts["inconclusive"]),
    }
    root = ET.Element("testsuites", attributes)
    suite = ET.SubElement(root, "testsuite", {"name": xml(headline(report)), **attributes})
    for ruling in report.rulings:
        case = ET.SubElement(suite, "testcase", {"classname": "ganeval.gate", "name": xml(ruling.evidence.key)})
        said = xml(sentence(ruling))
        if ruling.verdict == "pass":
            ET.SubElement(case, "system-out").text = said
        else:
            kind = "failure" if ruling.verdict == "fail" else "error"
            ET.SubElement(case, kind, {"type": ruling.verdict, "message": said}).text = xml(to_text(report))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def sentence(ruling: Ruling) -> str:
    """One rule in words."""
    found = ruling.evidence
    said = f"{found.key} {number(found.baseline)} -> {number(found.candidate)}, worse by {signed(found.worse)}"
    if ruling.low is not None:
        said += f" (95% bounds {signed(ruling.low)} to {signed(ruling.high)})"
    said += f", margin {number(ruling.margin)}: {ruling.verdict}"
    return printable(f"{said}; {ruling.note}" if ruling.note else said)


def to_annotations(report: GateReport) -> list[str]:
    """GitHub workflow commands: an error a failed rule, a warning an inconclusive one, a notice when all pass."""
    kinds = {"fail": "error", "inconclusive": "warning"}
    lines = [
        _command(kinds[ruling.verdict], f"ganeval gate: {ruling.evidence.key}", sentence(ruling))
        for ruling in report.rulings
        if ruling.verdict in kinds
    ]
    return lines or [_command("notice", "ganeval gate", headline(report))]


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={command_property(printable(title))}::{command_data(message)}"
