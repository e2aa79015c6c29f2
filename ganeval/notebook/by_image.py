"""Values by image of paired metrics: which rows keep them, and which images are the worst and the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganeval.results.result import PER_IMAGE, Result

AT_EACH_END = 4


@dataclass(frozen=True)
class Ends:
    """The worst and the best images by one metric.

    Attributes:
        key: Of the metric.
        worst: Image stems, the worst first.
        best: The best first; no image is in both.
    """

    key: str
    worst: tuple[str, ...]
    best: tuple[str, ...]


def by_image(row: Result) -> Mapping[str, float | None] | None:
    """Image stem -> value, None where it is infinite; None for a row that keeps none."""
    values = row.provenance.get(PER_IMAGE)
    return values if isinstance(values, dict) and values else None


def ends_of(rows: Sequence[Result]) -> Ends | None:
    """Worst and best images by the first metric that keeps its values; None without one, or with fewer than two."""
    for row in rows:
        values = by_image(row)
        if values is None or row.better == "neither":
            continue
        known = {stem: value for stem, value in values.items() if value is not None}
        order = sorted(known, key=lambda stem: known[stem], reverse=row.better == "lower")  # worst first
        count = min(AT_EACH_END, len(order) // 2)
        if count:
            return Ends(row.key, tuple(order[:count]), tuple(order[: -count - 1 : -1]))
    return None
