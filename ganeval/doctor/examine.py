"""Examines a set of images, alone or against a reference: a pass over each, then the table of checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ganeval.doctor.finding import Finding, Severity, at_least, worst_first
from ganeval.doctor.reading import look_at
from ganeval.doctor.table import FACT_CHECKS, LOOK_CHECKS, check_looks
from ganeval.progress import Reporter
from ganeval.sources.base import ImageSource


@dataclass(frozen=True)
class Examination:
    """The result for one set.

    Attributes:
        subject: What the user typed.
        against: The reference, None without one.
        n: Images that could be decoded.
        n_against: The same of the reference.
        findings: Worst first.
        checks: How many checks were run.
    """

    subject: str
    against: str | None
    n: int
    n_against: int | None
    findings: tuple[Finding, ...]
    checks: int = len(FACT_CHECKS) + len(LOOK_CHECKS)

    def count(self, severity: Severity) -> int:
        """Number of findings of one severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def fails(self, level: Severity | None) -> bool:
        """True if a finding is at least as severe as `level`."""
        return level is not None and any(at_least(finding.severity, level) for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """What `ganeval doctor --json` prints."""
        return {
            "schema": 1,
            "subject": self.subject,
            "against": self.against,
            "n": self.n,
            "n_against": self.n_against,
            "checks": self.checks,
            "counts": {severity: self.count(severity) for severity in ("serious", "warning", "info")},
            "rows": [finding.to_json() for finding in self.findings],
        }


def examine(subject: ImageSource, against: ImageSource | None, reporter: Reporter) -> Examination:
    """Reads every image of both sets once and runs every check.

    Args:
        subject: The images to examine.
        against: The reference they will be scored against, None for none.
        reporter: Where progress goes.

    Raises:
        DataError: a set in which no image can be decoded.
    """
    return examine_all([subject], against, reporter)[0]


def examine_all(
    subjects: Sequence[ImageSource], against: ImageSource | None, reporter: Reporter
) -> tuple[Examination, ...]:
    """The same of several sets, one after another; the reference is read once."""
    reference = None if against is None else look_at(against, reporter)
    found = []
    for subject in subjects:
        seen = look_at(subject, reporter)
        found.append(
            Examination(
                subject.name,
                None if against is None else against.name,
                seen.n,
                None if reference is None else reference.n,
                worst_first(check_looks(seen, reference)),
            )
        )
    return tuple(found)
