"""Estimates on disk: a metric of the same images under the same protocol is computed once.

A metric is a pure function of summaries in canonical order, so the images, their labels and the protocol name its
value; the order and the names of the images have no part in it.
"""

import dataclasses
from pathlib import Path
from typing import Any

from ganeval._version import __version__
from ganeval.files.disk_cache import Kept, content_key
from ganeval.metrics.base import Estimate, SetMetric

FORMAT = 3  # 1 depended on the order of the images, and counted copies as images; 2 warned of few images below 3 d
Estimates = dict[str, Estimate]


def kept_estimates(metric: SetMetric, identities: tuple[str | None, ...], folder: Path | None) -> Kept[Estimates]:
    """The place on disk of a metric's estimates.

    Args:
        metric: The declaration; its version and params are part of the name.
        identities: Identify both sets and their features; with a None among them nothing is kept.
        folder: The cache, None for none.
    """
    parts = (FORMAT, metric.name, metric.version, dict(metric.params), list(identities), __version__)
    return Kept(None if None in identities else folder, content_key(*parts), _to_json, _from_json)


def _to_json(found: Estimates) -> object:
    return {name: dataclasses.asdict(estimate) for name, estimate in found.items()}


def _from_json(rows: Any) -> Estimates | None:
    try:
        return {
            # Fields are read by name, so that estimates of older versions, which lack some, are computed again.
            name: Estimate(**{**row, "degrees": row["degrees"], "ci95": _interval(row["ci95"])})
            for name, row in rows.items()
        }
    except (LookupError, TypeError, AttributeError):
        return None


def _interval(limits: Any) -> tuple[float, float] | None:
    return None if limits is None else (limits[0], limits[1])
