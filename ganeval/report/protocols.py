"""What stands behind each number: the fields of its protocol, and how it was run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ganeval.report.scores import records, text, whole

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


def protocols(rows: pd.DataFrame) -> list[ProtocolFacts]:
    """The protocols of all rows, in order of first appearance."""
    found = []
    for fingerprint, part in rows.groupby("fingerprint", sort=False):
        runs = list(dict.fromkeys(_how(row) for row in records(part.iloc[::-1])))
        found.append(
            ProtocolFacts(
                str(fingerprint),
                list(dict.fromkeys(map(str, part["key"]))),
                list(_flat(_object(part["protocol"].iloc[-1]))),
                runs[:MAX_RUNS],
                max(0, len(runs) - MAX_RUNS),
                sorted({str(file) for file in part["file"]}),
            )
        )
    return found


def _how(row: Mapping[str, object]) -> str:
    """One way of running, in words."""
    parts = [text(row["device"]) or "unknown device"]
    if (threads := whole(row["threads"])) is not None:
        parts.append(f"{threads} threads" if threads != 1 else "1 thread")
    if (cores := whole(row["cores"])) is not None:
        parts.append(f"{cores} cores")
    parts += [f"{name} {value}" for name, value in _object(row["versions"]).items()]
    return ", ".join(parts)


def _object(value: object) -> dict[str, object]:
    """A cell of JSON; {} for a missing one."""
    loaded = json.loads(text(value) or "{}")
    return loaded if isinstance(loaded, dict) else {}


def _flat(fields: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat({f"{name}.{key}": part for key, part in value.items()})
        elif value is not None:
            yield name, value if isinstance(value, str) else json.dumps(value)
