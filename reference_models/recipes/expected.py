"""Expected results of recipes, from `recipes/expected.json`.

Results are kept apart from the settings because they are measured, not chosen; `measured` writes them.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganeval.errors import DataError
from ganeval.stats.student_t import quantile, upper_tail
from reference_models.recipes.recipe import Expected

CHANCE = 0.99  # probability that a new seed is inside, if the untrained generator's score lies outside
FILE = Path(__file__).parent / "expected.json"


def read_expected(path: Path = FILE) -> dict[str, Any]:
    """Recipe -> measured results; empty if there are none."""
    table = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(table, dict):
        raise DataError(f"{path} is not a JSON object. Restore it from the repository.")
    return table


def expected_of(recipe: str) -> tuple[tuple[Expected, ...], str]:
    """Results of a recipe and its cost in words; ((), "") if it was not measured."""
    entry = read_expected().get(recipe)
    if entry is None:
        return (), ""
    rows = tuple(Expected(**row) for row in entry["expected"])
    return rows, f"{entry['seconds'] / 60:.1f} minutes of training on {entry['device']}"


@dataclass(frozen=True)
class CheckRange:
    """The interval that `--check` accepts for a new training seed.

    Attributes:
        low: Smallest score.
        high: Largest score.
        passes: Probability that a new seed of the unchanged recipe lies inside.
    """

    low: float
    high: float
    passes: float


def check_range(expected: Expected, untrained: float | None) -> CheckRange:
    """The 99% prediction interval of a new seed, cut where it reaches the untrained generator's score.

    It is computed on the log scale, on which scores of training seeds scatter symmetrically and stay positive. With mu
    and s the mean and standard deviation of the logarithms (of a log-normal distribution with the measured mean and
    deviation), it is exp(mu +- t s sqrt(1 + 1 / seeds)), with seeds - 1 degrees of freedom. With three seeds t is 9.9,
    and the interval may reach the untrained generator: it is cut there, and `passes` is the remaining probability.

    Args:
        expected: Measured result with a standard deviation.
        untrained: Score of the untrained generator; None if it was not measured.

    Raises:
        ValueError: there is no standard deviation.
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
