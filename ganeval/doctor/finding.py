"""What a check says: severity, counts, examples, a next step, and what the damage does to a score."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ganeval.doctor.damage import Damage

Severity = Literal["info", "warning", "serious"]
SEVERITIES: Final[tuple[Severity, ...]] = ("serious", "warning", "info")
EXAMPLES: Final = 8


@dataclass(frozen=True)
class Effect:
    """What one damage does to a distance, measured with the score's own engine.

    Attributes:
        key: The metric, as in "fd@efflite0".
        clean: Distance between two disjoint sets of n clean images: what chance alone gives at this n.
        damaged: The same with one of the sets damaged.
        apart: Distance between that one set before and after the damage, image by image the same: without chance.
        n: Images of each set.
        of: Where they come from.
        damage: What was done to them, in words.
    """

    key: str
    clean: float
    damaged: float
    apart: float
    n: int
    of: str
    damage: str

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        return {
            "key": self.key,
            "clean": self.clean,
            "damaged": self.damaged,
            "apart": self.apart,
            "n": self.n,
            "of": self.of,
            "damage": self.damage,
        }


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Attributes:
        name: The check that found it.
        severity: "serious": the score would be about this and not about the model; "warning": it may move the score;
            "info": good to know.
        count: Images that it concerns.
        of: Images that were looked at.
        says: What it is, one sentence with counted facts.
        do: What to do about it.
        examples: Up to eight stems of images.
        damage: What to do to clean images to see what this does to a score; None where nothing can be measured.
        effect: What that gave; None where it was not measured.
    """

    name: str
    severity: Severity
    count: int
    of: int
    says: str
    do: str
    examples: tuple[str, ...] = ()
    damage: Damage | None = field(default=None, compare=False)
    effect: Effect | None = None

    @property
    def share(self) -> float:
        """Count over the images that were looked at, 0 to 1."""
        return self.count / self.of if self.of else 0.0

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; a row of `ganeval doctor --json`."""
        return {
            "name": self.name,
            "severity": self.severity,
            "count": self.count,
            "of": self.of,
            "share": self.share,
            "says": self.says,
            "do": self.do,
            "examples": list(self.examples),
            "effect": None if self.effect is None else self.effect.to_json(),
        }


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """By severity, then in the order of the table of checks."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def at_least(severity: Severity, level: Severity) -> bool:
    """True where `severity` is as bad as `level` or worse."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(level)
