"""From a difference and its standard error to pass, fail or inconclusive: non-inferiority with a margin, many rules.

Delta is candidate less baseline in the worse direction. A rule fails where the one-sided 95% lower bound of delta is
above the margin, passes where the upper bound is below it, and is inconclusive between. Over several rules failing is
corrected by Holm, so that an unchanged model fails with a chance of at most 5% over all of them; passing is not,
because a gate passes only when every rule does (Berger 1982, "Multiparameter hypothesis testing and acceptance
sampling", Technometrics 24: intersection-union). Non-inferiority: Wellek 2010, Testing Statistical Hypotheses of
Equivalence and Noninferiority.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ganeval.formatting import counted
from ganeval.gate.expectation import Spread, passes, passes_difference, passes_seeds, seeds_needed
from ganeval.gate.rules import GateRule
from ganeval.metrics.difference import images_needed
from ganeval.results.identical_pairs import NEITHER, OneSided
from ganeval.stats.multiple_tests import holm
from ganeval.stats.student_t import quantile, upper_tail

Verdict = Literal["pass", "fail", "inconclusive"]
POWER = 0.8


class SeedSpread(NamedTuple):
    """How many training seeds a difference is of, and how far those of the baseline are apart.

    Attributes:
        sd: Standard deviation over the baseline's seeds.
        baseline: Its seeds.
        candidate: Those of the candidate.
    """

    sd: float
    baseline: int
    candidate: int


class Recorded(NamedTuple):
    """The error of a recorded baseline, which a margin may have been made of.

    Attributes:
        stderr: Its standard error, as it came out.
        baseline: How it scatters.
        candidate: The same of an unchanged candidate.
        cautious: More unchanged models pass than these tell: both count the reference that they share, or are known to
            be too large rather than too small.
    """

    stderr: float
    baseline: Spread
    candidate: Spread
    cautious: bool = False


@dataclass(frozen=True)
class Evidence:
    """What is known of one metric on both sides.

    Attributes:
        key: Of the rows.
        better: "lower" or "higher".
        baseline: Value of the baseline (debiased where both sides are).
        candidate: The same of the candidate.
        stderr: Standard error of the difference, None where none is valid.
        degrees: Degrees of freedom of Student's t; inf for a normal law.
        method: How the standard error was had, in words.
        note: What the reader must know.
        n: Images a side, or None.
        least_margin: A margin below this is raised to it (spread of training seeds); 0 for none.
        same: True where both sides are known to be the same images: then there is nothing to test.
        seeds: Of a retrained model, None for one set of images on each side.
        recorded: Of two independent sets of images, None where they are compared image by image.
        one_sided: Images that are identical to their original (an infinite value) in the baseline alone, and in the
            candidate alone: of the first there is no pass, of the second no fail.
    """

    key: str
    better: str
    baseline: float
    candidate: float
    stderr: float | None
    degrees: float = math.inf
    method: str = ""
    note: str = ""
    n: int | None = None
    least_margin: float = 0.0
    same: bool = False
    seeds: SeedSpread | None = None
    recorded: Recorded | None = None
    one_sided: OneSided = NEITHER

    @property
    def worse(self) -> float:
        """Delta: how much worse the candidate came out; below zero where it came out better."""
        return (self.candidate - self.baseline) * (-1.0 if self.better == "higher" else 1.0)


@dataclass(frozen=True)
class Ruling:
    """What one rule says.

    Attributes:
        rule: The rule.
        evidence: What it was put to.
        margin: In the metric's own unit.
        verdict: Of this rule.
        low: One-sided lower bound of delta, None where unknown.
        high: One-sided upper bound.
        p: Of "no worse than the margin", one-sided; None where untested.
        p_holm: The same, corrected for the number of rules.
        mde: Smallest worsening that would be told from none four times in five: (z_level + z_power) SE. Where it
            exceeds the margin, an unchanged model is inconclusive more than one time in five.
        fails_from: Smallest true worsening that fails four times in five: margin plus mde at Holm's strictest level.
        note: What the reader must know.
        unchanged_passes: Chance that an unchanged model passes the rule, None where nothing was tested.
    """

    rule: GateRule
    evidence: Evidence
    margin: float
    verdict: Verdict
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    mde: float | None = None
    fails_from: float | None = None
    note: str = ""
    unchanged_passes: float | None = None


def judge(cases: Sequence[tuple[GateRule, Evidence]], level: float) -> tuple[Ruling, ...]:
    """Rulings in the order of the cases.

    Args:
        cases: Each rule with its evidence.
        level: One-sided, in (0, 0.5).
    """
    margins = [max(rule.margin_at(found.baseline), found.least_margin) for rule, found in cases]
    p_values = [_p(found, margin) for (_, found), margin in zip(cases, margins, strict=True)]
    tested = [i for i, p in enumerate(p_values) if p is not None]
    corrected = dict(zip(tested, holm([p for p in p_values if p is not None]), strict=True)) if tested else {}
    return tuple(
        _ruling(rule, found, margin, p, corrected.get(i), len(tested), level)
        for i, ((rule, found), margin, p) in enumerate(zip(cases, margins, p_values, strict=True))
    )


def overall(rulings: Sequence[Ruling]) -> Verdict:
    """Fail where any rule fails, pass where all pass, else inconclusive."""
    verdicts = {ruling.verdict for ruling in rulings}
    return "fail" if "fail" in verdicts else "pass" if verdicts == {"pass"} else "inconclusive"


def unchanged_passes(rulings: Sequence[Ruling]) -> float | None:
    """Chance that an unchanged model passes all rules, as if they were independent; None where none was tested."""
    chances = [ruling.unchanged_passes for ruling in rulings if ruling.unchanged_passes is not None]
    return math.prod(chances) if chances else None


def roughly(rulings: Sequence[Ruling]) -> str:
    """The word before that chance: "at least" where some standard error is too large rather than too small."""
    recorded = [ruling.evidence.recorded for ruling in rulings]
    return "at least" if any(one is not None and one.cautious for one in recorded) else "about"


def _p(found: Evidence, margin: float) -> float | None:
    if found.same or not found.stderr:
        return None
    return upper_tail((found.worse - margin) / found.stderr, found.degrees)


def _ruling(
    rule: GateRule, found: Evidence, margin: float, p: float | None, p_holm: float | None, tested: int, level: float
) -> Ruling:
    notes = [found.note, _identical(found.one_sided)]
    if margin > rule.margin_at(found.baseline):
        notes.append(
            f"the margin {rule.said} is raised to {margin:.3g}: the larger of 2% of the baseline and its seeds' sd"
        )
    if p is None or p_holm is None or not found.stderr:
        verdict: Verdict = "pass" if found.same else "inconclusive"
        if not found.same and found.stderr == 0.0:
            notes.append("no spread to judge by")
        return Ruling(rule, found, margin, verdict, note=_joined(notes))
    half = quantile(1.0 - level, found.degrees) * found.stderr
    low, high = found.worse - half, found.worse + half
    seen = quantile(POWER, found.degrees) * found.stderr
    mde = half + seen
    fails_from = margin + quantile(1.0 - level / tested, found.degrees) * found.stderr + seen
    verdict = "fail" if p_holm < level else "pass" if high < margin else "inconclusive"
    if (verdict == "pass" and found.one_sided.first) or (verdict == "fail" and found.one_sided.second):
        verdict = "inconclusive"
    elif verdict == "inconclusive":
        notes.append(_why_inconclusive(found, low, margin, mde, tested, level))
    elif mde > margin:
        few = "training seeds" if found.seeds else "images"
        notes.append(f"too few {few} for this margin: mde {mde:.3g} > {margin:.3g}")
    unchanged = _unchanged_passes(found, found.stderr, margin, level)
    return Ruling(rule, found, margin, verdict, low, high, p, p_holm, mde, fails_from, _joined(notes), unchanged)


def _unchanged_passes(found: Evidence, stderr: float, margin: float, level: float) -> float:
    if found.seeds is not None and found.seeds.sd > 0.0:
        return passes_seeds(margin / found.seeds.sd, found.seeds.baseline, found.seeds.candidate, level)
    if found.recorded is not None:
        return passes(margin / found.recorded.stderr, found.recorded.baseline, found.recorded.candidate, level)
    return passes_difference(margin / stderr, found.degrees, level)


def _why_inconclusive(found: Evidence, low: float, margin: float, mde: float, tested: int, level: float) -> str:
    if low > margin:
        return f"alone it would fail; among {tested} rules Holm asks for more"
    if mde <= margin:
        return f"worse or not, by about the margin: more {'seeds' if found.seeds else 'images'} would tell"
    if found.seeds is not None:
        seeds = seeds_needed(margin / found.seeds.sd, level, POWER) if found.seeds.sd > 0.0 else None
        enough = "" if seeds is None else f"; about {seeds} training seeds on each side would do"
        return f"too few training seeds for this margin: mde {mde:.3g} > {margin:.3g}{enough}"
    needed = None if found.n is None else images_needed(margin, mde, found.n)
    enough = "" if needed is None else f"; about {needed:,} images a side would do"
    return f"too few images for this margin: mde {mde:.3g} > {margin:.3g}{enough}"


def _identical(images: OneSided) -> str:
    """What the reader must know of images that only one of the two gives as they should be."""
    if not any(images):
        return ""
    return (
        f"identical to the original, which is an infinite value: {counted(images.first, 'image')} of the baseline "
        f"alone, {images.second:,} of the candidate alone; no mean holds that, so gate by ssim or mse"
    )


def _joined(notes: Sequence[str]) -> str:
    return "; ".join(filter(None, notes))
