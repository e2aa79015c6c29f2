"""Timings: rows of how fast, how large and how much memory, each with the machine and the run it was measured in.

Only rows of one machine and one run may be ranked: one public project measured 0.3% spread within a job and 26% between
jobs.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType

from ganeval.errors import DataError
from ganeval.results.result import LARGEST, append_lines, iter_objects

SCHEMA = 1
KIND = "timing"
UNITS: Mapping[str, str] = {
    "images/s": "higher",
    "steps/s": "higher",
    "s": "lower",
    "ms": "lower",
    "us": "lower",
    "MiB": "lower",
    "parameters": "lower",
    "FLOP": "lower",
}
"""Unit -> which direction is good. FLOP are a count, of one image where nothing else is said."""
EXACT = ("parameters", "FLOP")
"""Units of what is counted, not timed: any difference counts."""


@dataclass(frozen=True)
class TimingRow:
    """One measurement.

    Attributes:
        name: What was measured: a recipe, "score fd@efflite0", a benchmark.
        stage: Which part, with its batch: "sampling, batch 64", "latency p95, batch 1", "training", "decode". Rows of
            one stage and unit are ranked against each other.
        value: Median of the warm repeats, in `unit`.
        unit: One of `UNITS`.
        n: Repeats behind the value.
        threads: Of the processor, None where unknown.
        device: "cpu", or the accelerator's name.
        versions: Package -> version.
        machine: Which machine, in words that hold no host name: "Linux x86_64, 2 cores, Intel Xeon".
        run: Identifier that all rows of one uninterrupted session share.
        time: ISO 8601, of the run's start.
        source: What measured: "ganeval bench", "pytest-benchmark 5.3".
        sd: Standard deviation of the repeats, None where unknown.
        note: What else a reader must know, such as the load of the machine; "" for nothing.
    """

    name: str
    stage: str
    value: float
    unit: str
    n: int
    threads: int | None
    device: str
    versions: Mapping[str, str]
    machine: str
    run: str
    time: str
    source: str
    sd: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("name", "stage", "device", "machine", "run", "time", "source", "note"):
            if not isinstance(getattr(self, name), str):
                raise DataError(f"A timing's {name} must be text; got {getattr(self, name)!r:.60}.")
        if not isinstance(self.unit, str) or self.unit not in UNITS:
            raise DataError(f"A timing's unit must be one of {', '.join(UNITS)}; got {self.unit!r:.60}.")
        for name in ("value", "sd"):
            number = getattr(self, name)
            allowed = (int, float) if name == "value" else (int, float, NoneType)
            if not isinstance(number, allowed) or (number is not None and not 0 <= number <= LARGEST):
                raise DataError(f"A timing's {name} must be finite and not negative; got {number!r:.60}.")
        if not isinstance(self.n, int) or not 1 <= self.n <= LARGEST or not isinstance(self.threads, int | NoneType):
            raise DataError(
                f"A timing's n and threads must be whole numbers; got {self.n!r:.60}, {self.threads!r:.60}."
            )
        if not isinstance(self.versions, Mapping):
            raise DataError(f"A timing's versions must be a table; got {self.versions!r:.60}.")

    @property
    def better(self) -> str:
        """Which direction is good: "lower" or "higher"."""
        return UNITS[self.unit]

    def to_dict(self) -> dict[str, object]:
        """Plain JSON types."""
        return {**dataclasses.asdict(self), "kind": KIND, "schema": SCHEMA}


FIELDS = frozenset(f.name for f in dataclasses.fields(TimingRow))
REQUIRED = frozenset(f.name for f in dataclasses.fields(TimingRow) if f.default is dataclasses.MISSING)


def timing_from_dict(row: Mapping[str, object]) -> TimingRow:
    """Reads what `to_dict` wrote.

    Raises:
        DataError: a field is unknown, missing or wrong.
    """
    fields = {name: value for name, value in row.items() if name not in ("kind", "schema")}
    if not REQUIRED <= fields.keys() <= FIELDS:
        unknown, missing = sorted(fields.keys() - FIELDS), sorted(REQUIRED - fields.keys())
        raise DataError(f"A timing has unknown fields {unknown} and lacks {missing}; expected schema {SCHEMA}.")
    return TimingRow(**fields)  # type: ignore[arg-type]


def append_timings(path: Path, rows: Iterable[TimingRow]) -> None:
    """Appends timings, one JSON object a line, in one write: two processes at once lose nothing.

    Raises:
        DataError: the file cannot be written.
    """
    append_lines(path, [json.dumps(row.to_dict(), sort_keys=True, allow_nan=False) for row in rows])


def read_timings(files: Sequence[Path]) -> tuple[list[TimingRow], list[str]]:
    """Timings of some files in their order, and what was wrong with damaged ones; other lines are passed over.

    Raises:
        DataError: a file cannot be opened, or a line is of a future schema.
    """
    return timings_among(
        (f"{file}:{number}", row) for file in files for number, row in iter_objects(file) if isinstance(row, dict)
    )


def timings_among(objects: Iterable[tuple[str, Mapping[str, object]]]) -> tuple[list[TimingRow], list[str]]:
    """Timings among JSON objects of any kind, and what was wrong with damaged ones.

    Args:
        objects: Each with its place in words.
    """
    rows: list[TimingRow] = []
    problems: list[str] = []
    for where, row in objects:
        if row.get("kind") == KIND:
            try:
                rows.append(timing_from_dict(row))
            except DataError as error:
                problems.append(f"{where}: {error} Line skipped")
    return rows, problems
