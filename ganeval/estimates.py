"""Estimates on disk: a metric of the same images under the same protocol is computed once.

A metric is a pure function of summaries, so the images in their order, their labels and the protocol name its value.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from ganeval._version import __version__
from ganeval.cache import write_atomically
from ganeval.metrics.base import Estimate, SetMetric

Estimates = dict[str, Estimate]


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
    parts = [metric.name, metric.version, dict(metric.params), list(identities), __version__]
    path = folder / f"{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]}.json"
    known = _read(path)
    if known is not None:
        return known
    found = compute()
    body = json.dumps({name: dataclasses.asdict(estimate) for name, estimate in found.items()})
    try:
        write_atomically(path, json.dumps({"sha256": _hash(body), "estimates": body}).encode())
    except OSError:
        return found  # a cache that cannot be written costs time, not the number
    return found


def _read(path: Path) -> Estimates | None:
    try:
        stored = json.loads(path.read_bytes())
        if _hash(stored["estimates"]) != stored["sha256"]:
            return None
        rows = json.loads(stored["estimates"])
        return {
            name: Estimate(**{**row, "ci95": None if row["ci95"] is None else tuple(row["ci95"])})
            for name, row in rows.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
