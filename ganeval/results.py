"""One number with its uncertainty, protocol and provenance; and the append-only file of such rows."""

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ganeval.errors import DataError
from ganeval.protocol import Protocol

SCHEMA = 1
Status = Literal["ok", "skipped", "failed"]


@dataclass(frozen=True)
class Result:
    """One row.

    Attributes:
        subject: What was scored, as the user named it.
        key: "metric@backbone", or the field's own name where the pairing is canonical ("fid").
        value: Finite, or None when status is not "ok".
        better: "lower", "higher" or "neither".
        n_real: Count of reference images, None without reference.
        n_fake: Count of scored images.
        status: "ok", "skipped" (could not be had here; the note says why) or "failed".
        note: What a reader must know, in words.
        protocol: Everything that may change the number; None for a row that was skipped before it was known.
        stderr: Standard error, or None where none is valid.
        ci95: 95% interval, or None.
        debiased: Bias-corrected value, or None.
        method: How the uncertainty was computed.
        floor: The metric between two random halves of the reference, or None.
        floor_n: Images in each of those halves.
        comparable_to_published: True only for canonical weights under the field's own protocol.
        provenance: Device, versions, host, time, configuration file, counts of skipped images; under "subject" the
            model, recipe, training seed and step of a checkpoint.
        timing: Seconds by stage.
    """

    subject: str
    key: str
    value: float | None
    better: str
    n_real: int | None
    n_fake: int | None
    status: Status = "ok"
    note: str = ""
    protocol: Protocol | None = None
    stderr: float | None = None
    ci95: tuple[float, float] | None = None
    debiased: float | None = None
    method: str | None = None
    floor: float | None = None
    floor_n: int | None = None
    comparable_to_published: bool = False
    provenance: Mapping[str, object] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = [self.value, self.stderr, self.debiased, self.floor, *(self.ci95 or ())]
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise ValueError(f"row {self.key} of {self.subject} holds a NaN or an infinity: {numbers}")
        if (self.value is None) != (self.status != "ok"):
            raise ValueError(f"row {self.key}: status {self.status!r} does not go with value {self.value}")

    @property
    def fingerprint(self) -> str | None:
        """The protocol's fingerprint."""
        return None if self.protocol is None else self.protocol.fingerprint

    def to_dict(self) -> dict[str, object]:
        """Plain JSON types, with the fingerprint written out."""
        row = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        row["protocol"] = None if self.protocol is None else self.protocol.to_dict()
        row["ci95"] = None if self.ci95 is None else list(self.ci95)
        row["provenance"], row["timing"] = dict(self.provenance), dict(self.timing)
        row["fingerprint"] = self.fingerprint
        return row

    @staticmethod
    def from_dict(row: Mapping[str, object]) -> "Result":
        """Reads what `to_dict` wrote and checks that the fingerprint still belongs to the protocol.

        Raises:
            DataError: a field is unknown, missing or of another type, or the fingerprint does not match.
        """
        fields = dict(row)
        stored = fields.pop("fingerprint", None)
        fields.pop("schema", None)
        known = {f.name for f in dataclasses.fields(Result)}
        unknown = sorted(set(fields) - known)
        missing = sorted({"subject", "key", "value", "better", "n_real", "n_fake", "status"} - set(fields))
        if unknown or missing:
            raise DataError(f"A result row has unknown fields {unknown} and lacks {missing}; expected schema {SCHEMA}.")
        protocol, ci95 = fields.get("protocol"), fields.get("ci95")
        fields["protocol"] = Protocol.from_dict(protocol) if isinstance(protocol, Mapping) else None
        fields["ci95"] = (float(ci95[0]), float(ci95[1])) if isinstance(ci95, list) and len(ci95) == 2 else None
        try:
            result = Result(**fields)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise DataError(f"A result row cannot be read: {error}.") from error
        if stored != result.fingerprint:
            raise DataError(
                f"Row {result.key} of {result.subject}: the stored fingerprint {stored} is not that of its protocol "
                f"({result.fingerprint}). The row was edited by hand or written by another version; score again."
            )
        return result


def to_json(results: Iterable[Result]) -> str:
    """The machine form of `score --json`: {"schema": 1, "rows": [...]}."""
    return json.dumps({"schema": SCHEMA, "rows": [r.to_dict() for r in results]}, indent=2, allow_nan=False)


def append_jsonl(path: Path, results: Iterable[Result]) -> None:
    """Appends rows, one JSON object a line, in one write: two processes at once lose nothing.

    A file whose last line was cut off by a crash gets its newline first, so that the new rows stay whole.

    Raises:
        DataError: the file cannot be written.
    """
    lines = [json.dumps({"schema": SCHEMA, **r.to_dict()}, sort_keys=True, allow_nan=False) + "\n" for r in results]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # O_APPEND makes the position of each write atomic; one write a call keeps rows of two writers apart.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            data = ("\n" if torn else "").encode() + "".join(lines).encode()
            written = os.write(descriptor, data)
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes were written")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DataError(
            f"Cannot append {len(lines)} rows to {path}: {error}. Free space or choose another file."
        ) from error


def read_jsonl(path: Path) -> tuple[list[Result], list[str]]:
    """Reads rows and the problems met: a damaged line is reported with its number and skipped, never lost silently.

    Raises:
        DataError: the file cannot be opened, or a row is of a future schema.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"Cannot read results from {path}: {error.strerror}. Check the path.") from error
    results: list[Result] = []
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            problems.append(f"{path}:{number}: not JSON ({error.msg} at column {error.colno}); line skipped")
            continue
        if not isinstance(row, dict):
            problems.append(f"{path}:{number}: not a JSON object; line skipped")
            continue
        if isinstance(row.get("schema"), int) and row["schema"] > SCHEMA:
            raise DataError(
                f"{path}:{number} is of schema {row['schema']}; this version reads up to {SCHEMA}. Upgrade ganeval."
            )
        try:
            results.append(Result.from_dict(row))
        except DataError as error:
            problems.append(f"{path}:{number}: {error} Line skipped")
    return results, problems
