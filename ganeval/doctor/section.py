"""The findings as plain data for a section of the report: words and numbers, no markup; the page escapes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ganeval.doctor.examine import Examination
from ganeval.doctor.finding import Finding
from ganeval.escaping import printable
from ganeval.formatting import counted


@dataclass(frozen=True)
class FindingRow:
    """One line of the section's table. Every text is plain: control characters are shown as escapes.

    Attributes:
        severity: "serious", "warning" or "info".
        name: The check.
        images: As in "12 of 400".
        share: 0 to 1.
        says: What it is.
        do: What to do.
        examples: Stems.
        effect: What the damage does to fd, "" where it was not measured.
    """

    severity: str
    name: str
    images: str
    share: float
    says: str
    do: str
    examples: tuple[str, ...]
    effect: str


@dataclass(frozen=True)
class DoctorSection:
    """One examination as a report shows it.

    Attributes:
        title: As in "samples against fashion-mnist:test".
        summary: As in "2 serious, 1 warning, 0 info; 28 checks of 400 images".
        rows: Findings, worst first; none where all is well.
    """

    title: str
    summary: str
    rows: Sequence[FindingRow]


def images_of(finding: Finding) -> str:
    """As in "12 of 400", or "400" where all of them are meant."""
    return f"{finding.count:,}" if finding.count == finding.of else f"{finding.count:,} of {finding.of:,}"


def effect_of(finding: Finding) -> str:
    """The effect in a sentence; "" where none was measured."""
    effect = finding.effect
    if effect is None:
        return ""
    return (
        f"{effect.key} between two halves of {effect.of}, {effect.n} images each, goes from {effect.clean:.3g} to "
        f"{effect.damaged:.3g} if one half is damaged ({effect.damage}); that half before and after: {effect.apart:.3g}"
    )


def summary_of(found: Examination) -> str:
    """One line: counts by severity, checks, images."""
    warnings = counted(found.count("warning"), "warning")
    counts = f"{found.count('serious')} serious, {warnings}, {found.count('info')} info"
    against = "" if found.n_against is None else f" against {found.n_against:,}"
    return f"{counts}; {found.checks} checks of {counted(found.n, 'image')}{against}"


def doctor_section(found: Examination) -> DoctorSection:
    """Everything that the report's section needs."""
    title = found.subject if found.against is None else f"{found.subject} against {found.against}"
    rows = [
        FindingRow(
            finding.severity,
            finding.name,
            images_of(finding),
            finding.share,
            printable(finding.says),
            printable(finding.do),
            tuple(printable(stem) for stem in finding.examples),
            printable(effect_of(finding)),
        )
        for finding in found.findings
    ]
    return DoctorSection(printable(title), summary_of(found), rows)
