"""The noise floor: what a metric gives for real images against real ones, at the counts of the score beside it.

A Frechet distance of 12 means little alone; 12 where real against real gives 11 means "as good as can be seen here". It
is measured between two parts of the reference. Those are smaller than the reference and the subject, so that a perfect
model came out at half the floor; carried to the counts of the score, a perfect model is at 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganeval.files.disk_cache import Kept, content_key
from ganeval.metrics.base import SetMetric
from ganeval.stats.order_statistics import normal_null
from ganeval.summaries.base import SetSummary
from ganeval.summaries.copies import distinct_rows

HALVES_SEED = 2020
FORMAT = 3  # 1 drew the halves by the names of the images, and kept them by the content alone; 2 drew equal parts only


@dataclass(frozen=True)
class Floor:
    """The floor of one metric.

    Attributes:
        values: Output name -> value of real against real, at these counts or, by `at_counts`, at those of a score.
        n: Images in the part that is scored; the subject's count, or half of the reference where that is smaller.
            Distinct ones.
        against: Images in the part that it is scored against: as many, or all others.
    """

    values: dict[str, float]
    n: int
    against: int


def noise_floor(metric: SetMetric, real: SetSummary, n_fake: int) -> Floor | None:
    """The metric between two disjoint random parts of the reference: real images against real ones.

    The part that is scored has the subject's count, at most half of the reference. It is scored against as many, or
    where the value depends on both counts (`null_bias`) against all others: what its bias would be at unequal counts
    cannot be told from equal ones alone (of fd in 256 dimensions, 4,000 images against 500, it is 5% more). The parts
    are drawn from the distinct images in canonical order: two that share copies would be too near.

    Args:
        metric: The declaration; None comes back where it has no `of_rows`.
        real: The reference, with feature rows.
        n_fake: Distinct images of the subject.

    Returns:
        The floor, or None where the reference has no rows or too few for two halves.
    """
    rows = _distinct(real)
    if metric.of_rows is None or rows is None:
        return None
    n = min(n_fake, len(rows) // 2)
    if n < metric.min_n:
        return None
    against = n if metric.null_bias is None or n == len(rows) // 2 else len(rows) - n
    parts = rows[_drawn(len(rows), n, n + against)], rows[_drawn(len(rows), 0, n)]
    return Floor(metric.of_rows(*parts, metric.params), n, against)


def at_counts(
    floor: Floor, metric: SetMetric, real: SetSummary, fake: SetSummary, values: Mapping[str, float]
) -> Floor:
    """The floor at the counts of a score: what a perfect model would have there.

    Of fd the value between two sets of one distribution is a bias of c (1 / n_real + 1 / n_fake), so that the floor of
    parts of n and m images is carried over by that over c (1 / m + 1 / n). Up to n = d its bias is another; there the
    subject is scored at the counts of the parts too, and the floor is to the value as theirs is to that. mind is a mean
    over lines, on which most projections of features are nearly normal (Diaconis & Freedman 1984), and goes as two
    samples of a normal distribution do: `normal_null`. Other metrics have no such bias, and keep theirs.

    Args:
        floor: Of `noise_floor`.
        metric: The declaration.
        real: The reference.
        fake: The subject.
        values: Output name -> value of the score.
    """
    if metric.null_bias is None or metric.of_rows is None:
        return floor
    n, against = floor.n, floor.against
    if metric.null_bias == "normal quantiles" or n > real.moments.dim:
        null = normal_null if metric.null_bias == "normal quantiles" else _inverse_counts
        scale = null(real.distinct, fake.distinct) / null(against, n)
        return replace(floor, values={name: scale * value for name, value in floor.values.items()})
    rows, subject = _distinct(real), _distinct(fake)
    if rows is None or subject is None:
        return floor
    near = metric.of_rows(rows[_drawn(len(rows), n, n + against)], subject[_drawn(len(subject), 0, n)], metric.params)
    carried = {
        name: value * values[name] / near[name] if near.get(name) and name in values else value
        for name, value in floor.values.items()
    }
    return replace(floor, values=carried)


def _inverse_counts(n_real: int, n_fake: int) -> float:
    return 1.0 / n_real + 1.0 / n_fake


def _distinct(side: SetSummary) -> np.ndarray | None:
    """Distinct feature rows in canonical order: two halves that share copies would be too near."""
    bank = side.canonical.bank
    if bank is None:
        return None
    rows = bank.rows()
    return np.asarray(rows[distinct_rows(rows)[0]])


def _drawn(count: int, start: int, stop: int) -> npt.NDArray[np.int64]:
    """Places `start` to `stop` of a seeded permutation, ascending."""
    order = np.random.Generator(np.random.PCG64(HALVES_SEED)).permutation(count)
    return np.sort(order[start:stop])


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
    key = content_key(FORMAT, metric.name, metric.version, dict(metric.params), identity, n_fake, HALVES_SEED)
    kept = Kept(None if metric.of_rows is None or identity is None else folder, key, _to_json, _from_json)
    if (floor := kept.read()) is None and (floor := noise_floor(metric, real, n_fake)) is not None:
        kept.write(floor)
    return floor


def _to_json(floor: Floor) -> object:
    return {"values": floor.values, "n": floor.n, "against": floor.against}


def _from_json(body: object) -> Floor | None:
    match body:
        case {"values": dict(values), "n": int(n), "against": int(against)} if all(
            isinstance(value, float) for value in values.values()
        ):
            return Floor(values, n, against)
    return None
