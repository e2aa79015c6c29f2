"""What stands behind each number: the fields of its protocol, and how it was run."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ganeval.leaderboard.reading import Row

MAX_RUNS = 5


@dataclass(frozen=True)
class ProtocolFacts:
    """One fingerprint.

    Attributes:
        fingerprint: 16 hex digits.
        keys: Keys that were measured under it.
        fields: (name, value) of the protocol; fields without a value are left out.
        runs: Distinct ways it was run (device, threads, versions), newest first, at most MAX_RUNS.
        more: How many further ways there are.
        files: Files that hold its rows.
    """

    fingerprint: str
    keys: Sequence[str]
    fields: Sequence[tuple[str, str]]
    runs: Sequence[str]
    more: int
    files: Sequence[str]


def protocols(rows: Iterable[Row], shown: Collection[str]) -> list[ProtocolFacts]:
    """The protocols of the page, in order of first appearance.

    Args:
        rows: Oldest first.
        shown: Fingerprints that the page names.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.fingerprint is not None and row.fingerprint in shown:
            groups.setdefault(row.fingerprint, []).append(row)
    found = []
    for fingerprint, part in groups.items():
        runs = [_how(*told) for told in dict.fromkeys((r.device, r.threads, r.cores, r.versions) for r in part[::-1])]
        keys = list(dict.fromkeys(row.key for row in part))
        fields = list(_flat(_object(part[-1].protocol)))
        files = sorted({row.file for row in part})
        found.append(ProtocolFacts(fingerprint, keys, fields, runs[:MAX_RUNS], max(0, len(runs) - MAX_RUNS), files))
    return found


def _how(device: str | None, threads: int | None, cores: int | None, versions: str) -> str:
    """One way of running, in words."""
    parts = [device or "unknown device"]
    if threads is not None:
        parts.append(f"{threads} threads" if threads != 1 else "1 thread")
    if cores is not None:
        parts.append(f"{cores} cores")
    return ", ".join([*parts, *(f"{name} {value}" for name, value in _object(versions).items())])


def _object(text: str) -> dict[str, object]:
    """A cell of JSON; {} for a missing one."""
    loaded = json.loads(text or "{}")
    return loaded if isinstance(loaded, dict) else {}


def _flat(fields: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat({f"{name}.{key}": part for key, part in value.items()})
        elif value is not None:
            yield name, value if isinstance(value, str) else json.dumps(value)
