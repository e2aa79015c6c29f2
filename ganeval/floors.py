"""The noise floor: what a metric says of two halves of the reference itself, at the count of the subject.

A Frechet distance of 12 means little alone; 12 where real against real gives 11 means "as good as can be seen here".
"""

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganeval.cache import read_json, write_json
from ganeval.metrics.base import SetMetric
from ganeval.summaries.base import SetSummary
from ganeval.summaries.copies import distinct_rows

HALVES_SEED = 2020
FORMAT = 2  # 1 drew the halves by the names of the images, and kept them by the content alone


@dataclass(frozen=True)
class Floor:
    """The floor of one metric.

    Attributes:
        values: Output name -> value of real against real.
        n: Images in each half; the subject's count, or half of the reference where that is smaller. Distinct ones.
    """

    values: dict[str, float]
    n: int


def noise_floor(metric: SetMetric, real: SetSummary, n_fake: int) -> Floor | None:
    """The metric between two disjoint random halves of the reference, each of the subject's count at most.

    The halves are drawn from the distinct images in canonical order: two halves that share copies would be too near.

    Args:
        metric: The declaration; None comes back where it has no `of_rows`.
        real: The reference, with feature rows.
        n_fake: Distinct images of the subject.

    Returns:
        The floor, or None where the reference has no rows or too few for two halves.
    """
    bank = real.canonical.bank
    if metric.of_rows is None or bank is None:
        return None
    rows = bank.rows()
    rows = rows[distinct_rows(rows)[0]]
    n = min(n_fake, len(rows) // 2)
    if n < metric.min_n:
        return None
    order = np.random.Generator(np.random.PCG64(HALVES_SEED)).permutation(len(rows))
    return Floor(metric.of_rows(rows[np.sort(order[:n])], rows[np.sort(order[n : 2 * n])], metric.params), n)


def cached_floor(
    metric: SetMetric, real: SetSummary, n_fake: int, identity: str | None, folder: Path | None
) -> Floor | None:
    """The same, kept on disk: the floor of a reference is computed once.

    Args:
        metric: The declaration.
        real: The reference.
        n_fake: Distinct images of the subject.
        identity: What tells this reference and these features from all others (its images or its file, weights,
            preprocessing), None where nothing does: then nothing is kept.
        folder: Where floors are kept, None to keep none.
    """
    if folder is None or metric.of_rows is None or identity is None:
        return noise_floor(metric, real, n_fake)
    parts = [FORMAT, metric.name, metric.version, dict(metric.params), identity, n_fake, HALVES_SEED]
    path = folder / f"{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]}.json"
    match read_json(path):
        case {"values": dict(values), "n": int(n)} if all(isinstance(value, float) for value in values.values()):
            return Floor(values, n)
    floor = noise_floor(metric, real, n_fake)
    if floor is not None:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the number
            write_json(path, {"values": floor.values, "n": floor.n})
    return floor
