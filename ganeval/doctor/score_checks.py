"""The cheap checks of a score: findings that need only listing and decoding, in one line."""

from collections.abc import Sequence

from ganeval.doctor.check_decoding import without_depth
from ganeval.doctor.facts import SetFacts
from ganeval.doctor.finding import worst_first
from ganeval.doctor.table import check_facts
from ganeval.metrics.base import SetMetric
from ganeval.metrics.keys import declared
from ganeval.scoring.evaluator import ScoreOutcome
from ganeval.scoring.feature_pass import SourceSummary

SHOWN = 3


def facts_of(summary: SourceSummary) -> SetFacts:
    """The facts of one pass over a set, as input of the checks."""
    return SetFacts(
        name=summary.name,
        names=summary.names,
        digests=summary.digests,
        facts=summary.facts,
        grey=tuple("grey" in fact.notes for fact in summary.facts),
        bad=summary.skipped,
    )


def checks_of(outcome: ScoreOutcome, peak: int | None = None) -> tuple[str, ...]:
    """The cheap checks of what a score read, one line each; () where it read no images.

    Args:
        outcome: What the score returned.
        peak: White in 16-bit files, where the user stated it.
    """
    if outcome.summary is None or not outcome.summary.facts:
        return ()
    keys = [result.key for result in outcome.results if result.status == "ok"]
    return cheap_checks(outcome.summary, outcome.real.passed if outcome.real is not None else None, keys, peak=peak)


def cheap_checks(
    summary: SourceSummary, real: SourceSummary | None, keys: Sequence[str], *, peak: int | None = None
) -> tuple[str, ...]:
    """One line with the worst warnings, or nothing.

    Args:
        summary: What one pass over the images saw.
        real: The same of the reference; None where it was no images.
        keys: Of the rows. That a Frechet distance is biased at few images is said beside one alone.
        peak: White in 16-bit files, where the user stated it: what the samples look like isn't said then.
    """
    findings = worst_first(check_facts(facts_of(summary), None if real is None else facts_of(real)))
    if not any(_biased(key) for key in keys):
        findings = tuple(finding for finding in findings if finding.name != "count")
    if peak is not None:
        findings = without_depth(findings)
    told = [finding.says for finding in findings if finding.severity != "info"]
    if not told:
        return ()
    rest = f" (and {len(told) - SHOWN} more)" if len(told) > SHOWN else ""
    # What a generator drew lies in no folder that doctor could look at.
    files = any(fact.format != "generated" for fact in summary.facts)
    return ("; ".join(told[:SHOWN]) + rest + (". `ganeval doctor` looks closer" if files else ""),)


def _biased(key: str) -> bool:
    """Whether a few images make the value of a key too high, by more than its debiased value makes good."""
    known = declared(key)
    return known is not None and isinstance(known[0], SetMetric) and known[0].null_bias == "n > d"
