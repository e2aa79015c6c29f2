"""Estimates on disk: a metric of the same images under the same protocol is computed once.

A metric is a pure function of summaries in canonical order, so the images, their labels and the protocol name its
value; the order and the names of the images have no part in it.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganeval._version import __version__
from ganeval.files.disk_cache import read_json, write_json
from ganeval.metrics.base import Estimate, SetMetric

FORMAT = 2  # 1 went by the order of the images, and counted copies as images
Estimates = dict[str, Estimate]
SEQUENCES = ("ci95", "deleted")


def cached_estimates(
    metric: SetMetric, identities: tuple[str | None, ...], folder: Path | None, compute: Callable[[], Estimates]
) -> Estimates:
    """The estimates of a metric, from disk where they were computed before.

    Args:
        metric: The declaration; its version and params are part of the name.
        identities: What tells the sides and their features from all others; with a None among them nothing is kept.
        folder: Where estimates are kept, None to keep none.
        compute: Gives them.

    Raises:
        DataError: as `compute` does; nothing is kept then.
    """
    if folder is None or None in identities:
        return compute()
    parts = [FORMAT, metric.name, metric.version, dict(metric.params), list(identities), __version__]
    path = folder / f"{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]}.json"
    known = _read(path)
    if known is not None:
        return known
    found = compute()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the number
        write_json(path, {name: dataclasses.asdict(estimate) for name, estimate in found.items()})
    return found


def _read(path: Path) -> Estimates | None:
    rows: Any = read_json(path)
    try:
        return {
            # Fields are asked for by name, so that estimates that were kept before they were there are computed again.
            name: Estimate(**{**row, "degrees": row["degrees"]} | {part: _tuple(row[part]) for part in SEQUENCES})
            for name, row in rows.items()
        }
    except (KeyError, TypeError, AttributeError):
        return None


def _tuple(values: Any) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)
