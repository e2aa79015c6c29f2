"""The table of checks. To add one: write its function with a row beside it, in the tuple of its file."""

from typing import Final

from ganeval.doctor.check import Check
from ganeval.doctor.check_copies import COPY_CHECKS, COPY_FACT_CHECKS
from ganeval.doctor.check_decoding import DECODING_CHECKS, DEPTH_CHECKS
from ganeval.doctor.check_files import FILE_CHECKS
from ganeval.doctor.check_traces import QUALITY_CHECKS, TRACE_CHECKS
from ganeval.doctor.check_values import VALUE_CHECKS
from ganeval.doctor.facts import Looks, SetFacts
from ganeval.doctor.finding import Finding

FACT_CHECKS: Final[tuple[Check[SetFacts], ...]] = (
    *FILE_CHECKS,
    *DECODING_CHECKS,
    *DEPTH_CHECKS,
    *COPY_FACT_CHECKS,
    *QUALITY_CHECKS,
)
"""From what listing and decoding know anyway: also run by `score`."""

LOOK_CHECKS: Final[tuple[Check[Looks], ...]] = (*COPY_CHECKS, *VALUE_CHECKS, *TRACE_CHECKS)
"""From the pixels: run by `doctor` alone."""


def check_facts(seen: SetFacts, reference: SetFacts | None) -> list[Finding]:
    """The cheap checks, in the order of the table."""
    found = (check.run(seen, reference) for check in FACT_CHECKS)
    return [finding for finding in found if finding is not None]


def check_looks(seen: Looks, reference: Looks | None) -> list[Finding]:
    """All checks, in the order of the table."""
    findings = check_facts(seen.facts, None if reference is None else reference.facts)
    found = (check.run(seen, reference) for check in LOOK_CHECKS)
    return findings + [finding for finding in found if finding is not None]
