"""The finding of a check: severity, counts, examples, a next step, and the effect on a score."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ganeval.doctor.damage import Damage

Severity = Literal["info", "warning", "serious"]
SEVERITIES: Final[tuple[Severity, ...]] = ("serious", "warning", "info")
EXAMPLES: Final = 8


@dataclass(frozen=True)
class Effect:
    """The effect of one kind of damage on a distance, measured with the score's own engine.

    Attributes:
        key: The metric, as in "fd@efflite0".
        clean: Distance between two disjoint sets of n clean images: the effect of chance at this n.
        damaged: The same with one of the sets damaged.
        apart: Distance between that one set before and after the damage, image by image the same: without chance.
        n: Images of each set.
        of: Name of their source.
        damage: Description of the damage.
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
        count: Number of affected images.
        of: Number of examined images.
        says: The finding in one sentence with counts.
        do: The next step.
        examples: Up to eight stems of images.
        damage: Damage to clean images that shows the effect on a score; None if it cannot be measured.
        effect: The measured effect; None if it was not measured.
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
    """True if `severity` is at least `level`."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(level)
