"""What recipes are expected to reach: read from `recipes/expected.json`.

Results are kept apart from the plans, because they are measured, not chosen; `measured` writes them.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganeval.errors import DataError
from ganeval.stats.student_t import quantile, upper_tail
from reference_models.recipes.recipe import Expected

CHANCE = 0.99  # of a fresh seed to be inside, where the untrained generator leaves room
FILE = Path(__file__).parent / "expected.json"


def read_expected(path: Path = FILE) -> dict[str, Any]:
    """Recipe -> what was measured; empty where nothing was."""
    table = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(table, dict):
        raise DataError(f"{path} is not a JSON object. Restore it from the repository.")
    return table


def expected_of(recipe: str) -> tuple[tuple[Expected, ...], str]:
    """(results of a recipe, its cost in words); ((), "") where it was not measured."""
    entry = read_expected().get(recipe)
    if entry is None:
        return (), ""
    rows = tuple(Expected(**row) for row in entry["expected"])
    return rows, f"{entry['seconds'] / 60:.1f} minutes of training on {entry['device']}"


@dataclass(frozen=True)
class CheckRange:
    """What `--check` accepts of one more training seed.

    Attributes:
        low: Smallest score.
        high: Largest score.
        passes: Chance that a fresh seed of the unchanged recipe lies between.
    """

    low: float
    high: float
    passes: float


def check_range(expected: Expected, untrained: float | None) -> CheckRange:
    """The 99% prediction interval of a fresh seed, as far as it leaves the untrained generator's score out.

    On the log scale, where scores of training seeds scatter alike at both ends and none is below zero: with mu and s
    the mean and standard deviation of the logarithms (of a log-normal distribution with the measured mean and
    deviation), exp(mu +- t s sqrt(1 + 1 / seeds)), seeds - 1 degrees of freedom. Of three seeds t is 9.9, and the
    interval may reach an untrained generator: it is cut there, and the chance that a fresh seed passes is what is left.

    Args:
        expected: What was measured, with a deviation.
        untrained: Score of the untrained generator, None where it was not measured.

    Raises:
        ValueError: no deviation.
    """
    if expected.sd is None:
        raise ValueError(f"{expected.metric} of {expected.checkpoint}: too few seeds for an interval")
    degrees, step = expected.seeds - 1, math.sqrt(1.0 + 1.0 / expected.seeds)
    logs = expected.mean > 0.0
    spread = math.sqrt(math.log1p((expected.sd / expected.mean) ** 2)) if logs else expected.sd
    centre = math.log(expected.mean) - 0.5 * spread**2 if logs else expected.mean
    t = quantile(0.5 + CHANCE / 2, degrees)
    ends = [centre - t * spread * step, centre + t * spread * step]
    low, high = map(math.exp, ends) if logs else ends
    if untrained is None or not low <= untrained <= high or untrained == expected.mean:
        return CheckRange(low, high, CHANCE)
    away = (math.log(untrained) if logs else untrained) - centre
    inside = 0.5 * (1.0 + CHANCE) - upper_tail(abs(away) / (spread * step), degrees)
    worse_above = untrained > expected.mean
    cut = math.nextafter(untrained, expected.mean)
    return CheckRange(low if worse_above else cut, cut if worse_above else high, inside)
