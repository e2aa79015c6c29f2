"""One number with its uncertainty, protocol and provenance; and the append-only file of such rows."""

import contextlib
import dataclasses
import itertools
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args

import orjson

from ganeval.errors import DataError
from ganeval.files.read_write import lines, open_regular
from ganeval.results.protocol import Protocol
from ganeval.results.protocol_lines import ProtocolLines, is_protocol_line, protocol_line

SCHEMA = 1
PER_IMAGE = "per_image"
"""In the provenance of a row of a paired metric: image stem -> value, None where it is infinite. Boards and gates
compare rows image by image with it."""
IDENTICAL = "identical_pairs"
"""In the provenance of a row of PSNR: how many pairs its mean leaves out because they are identical; not there if 0."""
MOST_IMAGES = 5_000  # values by image that a row keeps: 5,000 are 110 kB
VALUE_DIGITS = 9  # significant, of each: more than float32 networks and 8-bit pixels give
LINES = 64  # read at a time; what is parsed of them stays in the processor's cache
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
        degrees: Degrees of freedom behind `stderr`, for Student's t; None for a normal distribution, and in rows that
            were written before this field was.
        debiased: Bias-corrected value, or None.
        method: How the uncertainty was computed.
        floor: Real against real at the counts of this row, from two random parts of the reference; or None.
        floor_n: Images in the smaller of those parts.
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
    protocol: Protocol | None = field(default=None, repr=False)
    stderr: float | None = None
    ci95: tuple[float, float] | None = None
    debiased: float | None = None
    method: str | None = field(default=None, repr=False)
    floor: float | None = None
    floor_n: int | None = None
    comparable_to_published: bool = False
    provenance: Mapping[str, object] = field(default_factory=dict, repr=False)
    timing: Mapping[str, float] = field(default_factory=dict, repr=False)
    degrees: float | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        numbers = [self.value, self.stderr, self.degrees, self.debiased, self.floor, *(self.ci95 or ())]
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
    def from_dict(row: Mapping[str, object], held: ProtocolLines | None = None) -> "Result":
        """Reads what `to_dict` wrote and checks that the fingerprint still belongs to the protocol.

        Args:
            row: A JSON object; its protocol may be a `Protocol` that was read before.
            held: The protocols that the lines above it held, for a row that only names its own.

        Raises:
            DataError: a field is unknown, missing or of another type, or the fingerprint does not match.
        """
        return Result(**check_fields(row, held))


# What a row of JSON becomes; `ganeval.leaderboard.quick_checks` checks many rows by the same table.
_NUMBER = (float, int, NoneType)
_COUNT = (int, NoneType)
FIELD_TYPES: Mapping[str, tuple[type, ...]] = {
    "subject": (str,),
    "key": (str,),
    "value": _NUMBER,
    "better": (str,),
    "n_real": _COUNT,
    "n_fake": _COUNT,
    "status": (str,),
    "note": (str,),
    "protocol": (Protocol, NoneType),
    "stderr": _NUMBER,
    "ci95": (tuple, NoneType),
    "debiased": _NUMBER,
    "method": (str, NoneType),
    "floor": _NUMBER,
    "floor_n": _COUNT,
    "comparable_to_published": (bool,),
    "provenance": (dict, Mapping),
    "timing": (dict, Mapping),
    "degrees": _NUMBER,
}
REQUIRED = frozenset({"subject", "key", "value", "better", "n_real", "n_fake", "status"})
_BETTER, _STATUS = ("lower", "higher", "neither"), get_args(Status)
LARGEST = 2**63 - 1  # of a count, as tables hold it


def check_fields(row: Mapping[str, object], held: ProtocolLines | None = None) -> dict[str, Any]:
    """The fields of a row as `Result` takes them, after all that a file could get wrong was checked.

    Args:
        row: A JSON object.
        held: As `Result.from_dict` says.

    Raises:
        DataError: as `Result.from_dict` says.
    """
    fields: dict[str, Any] = dict(row)
    stored = fields.pop("fingerprint", None)
    fields.pop("schema", None)
    if not REQUIRED <= fields.keys() <= FIELD_TYPES.keys():
        unknown, missing = sorted(fields.keys() - FIELD_TYPES.keys()), sorted(REQUIRED - fields.keys())
        raise DataError(f"A result row has unknown fields {unknown} and lacks {missing}; expected schema {SCHEMA}.")
    if stored is not None and "protocol" not in fields:
        fields["protocol"] = held.get(stored) if held is not None else None
        if fields["protocol"] is None:
            raise DataError(
                f"Row {fields['key']!s:.60} of {fields['subject']!s:.60} names the protocol {stored!r:.60}, and no "
                "line above it in its file holds that protocol. Take that line from the file's history, or score again."
            )
    protocol, ci95 = fields.get("protocol"), fields.get("ci95")
    if isinstance(protocol, dict):
        fields["protocol"] = protocol = Protocol.from_dict(protocol)
    if ci95 is not None:
        if (
            not isinstance(ci95, list | tuple)
            or len(ci95) != 2
            or not all(
                math.isfinite(end) if type(end) is float else type(end) is int and abs(end) <= LARGEST for end in ci95
            )
        ):
            raise DataError(f"A result row cannot be read: ci95 is {ci95!r:.60}.")
        fields["ci95"] = tuple(ci95)
    for name, value in fields.items():
        kind, kinds = type(value), FIELD_TYPES[name]
        if kind not in kinds and (kind is bool or not isinstance(value, kinds)):
            raise DataError(f"A result row cannot be read: {name} is {value!r:.60}.")
        if (kind is float and not math.isfinite(value)) or (kind is int and abs(value) > LARGEST):
            raise DataError(f"A result row cannot be read: {name} is {value!r:.60}, which is not finite.")
    better, status = fields["better"], fields["status"]
    if better not in _BETTER or status not in _STATUS or (fields["value"] is None) != (status != "ok"):
        raise DataError(
            f"A result row cannot be read: better {better!r}, status {status!r}, value {fields['value']!r}."
        )
    fingerprint = None if protocol is None else protocol.fingerprint
    if stored != fingerprint:
        raise DataError(
            f"Row {fields['key']} of {fields['subject']}: the stored fingerprint {stored} is not that of its protocol "
            f"({fingerprint}). The row was edited by hand or written by another version; score again."
        )
    return fields


def to_json(results: Iterable[Result]) -> str:
    """The machine form of `score --json`: {"schema": 1, "rows": [...]}."""
    return json.dumps({"schema": SCHEMA, "rows": [r.to_dict() for r in results]}, indent=2, allow_nan=False)


def append_jsonl(path: Path, results: Iterable[Result]) -> None:
    """Appends rows, one JSON object a line; see `append_lines`.

    Raises:
        DataError: the file cannot be written.
    """
    append_lines(
        path, [json.dumps({"schema": SCHEMA, **r.to_dict()}, sort_keys=True, allow_nan=False) for r in results]
    )


def append_to_board(path: Path, results: Sequence[Result]) -> None:
    """Appends rows to a board's file, which holds each protocol on one line of its own.

    A file whose rows hold their protocols themselves, as `append_jsonl` writes them, goes on that way.

    Raises:
        DataError: the file cannot be read or written, or a row of it is of a future schema.
    """
    held, rows = ProtocolLines(), False
    for _, found in iter_objects(path) if path.exists() else ():
        if isinstance(found, dict) and is_protocol_line(found):
            with contextlib.suppress(DataError):  # a damaged line holds nothing; readers report it
                held.add(found)
        rows = True
    if rows and not held:
        append_jsonl(path, results)
        return
    lines = []
    for result in results:
        row = {"schema": SCHEMA, **result.to_dict()}
        if result.protocol is not None:
            del row["protocol"]
            if result.fingerprint not in held:
                lines.append(protocol_line(result.protocol, SCHEMA))
                held.add(json.loads(lines[-1]))
        lines.append(json.dumps(row, sort_keys=True, allow_nan=False))
    append_lines(path, lines)


def append_lines(path: Path, lines: Sequence[str]) -> None:
    """Appends lines in one write: two processes at once lose nothing.

    A file whose last line was cut off by a crash gets its newline first, so that the new lines stay whole.

    Args:
        path: Created with its folders where it is not there.
        lines: Without their newlines.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # O_APPEND makes the position of each write atomic; one write a call keeps lines of two writers apart.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o666)
        try:
            torn = os.lseek(descriptor, 0, os.SEEK_END) > 0
            if torn:
                os.lseek(descriptor, -1, os.SEEK_END)
                torn = os.read(descriptor, 1) != b"\n"
            data = ("\n" if torn else "").encode() + "".join(f"{line}\n" for line in lines).encode()
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
    results: list[Result] = []
    problems: list[str] = []
    for _, found in iter_jsonl(path):
        if isinstance(found, Result):
            results.append(found)
        elif isinstance(found, str):
            problems.append(found)
    return results, problems


def iter_jsonl(path: Path) -> Iterator[tuple[int, Result | str | dict[str, object]]]:
    """Line by line, without holding the file: the line's number, and its row or what is wrong with it in words.

    Lines of another kind (timings) are given as they are: they have readers of their own.

    Raises:
        DataError: the file cannot be opened, or a row is of a future schema.
    """
    held = ProtocolLines()
    for number, row in iter_objects(path):
        if isinstance(row, str):
            yield number, row
            continue
        try:
            if is_protocol_line(row):
                held.add(row)
            else:
                yield number, row if "kind" in row else Result.from_dict(row, held)
        except DataError as error:
            yield number, f"{path}:{number}: {error} Line skipped"


def iter_objects(path: Path) -> Iterator[tuple[int, dict[str, object] | str]]:
    """The JSON objects of a file of lines, each with its line's number, or what is wrong with the line in words.

    Raises:
        DataError: the file cannot be opened, or an object is of a future schema.
    """
    for numbered in iter_lines(path):
        for number, line in numbered:
            found = object_of(line, f"{path}:{number}")
            if found is not None:
                yield number, found


def iter_lines(path: Path, count: int = LINES) -> Iterator[list[tuple[int, bytes]]]:
    """The lines of a file with their numbers, some at a time.

    Raises:
        DataError: the file cannot be opened.
    """
    try:
        with open_regular(path) as file:
            numbered = enumerate(lines(file), start=1)
            while some := list(itertools.islice(numbered, count)):
                yield some
    except OSError as error:
        raise DataError(f"Cannot read results from {path}: {error.strerror}. Check the path.") from error


def object_of(line: bytes, where: str) -> dict[str, object] | str | None:
    """The JSON object of one line, or what is wrong with it in words; None where it is blank.

    Raises:
        DataError: the object is of a future schema.
    """
    if line.isspace():
        return None
    try:
        row = parse_json(line)
    except ValueError as error:
        return f"{where}: not JSON ({error}); line skipped"
    if not isinstance(row, dict):
        return f"{where}: not a JSON object; line skipped"
    check_schema(row, where)
    return row


def parse_json(text: bytes) -> object:
    """One JSON value, fast; what the fast reader refuses, the standard one judges: it also takes lone surrogates.

    Raises:
        ValueError: not JSON, or not UTF-8.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def check_schema(row: Mapping[str, object], where: str) -> None:
    """Refuses what a later version wrote.

    Raises:
        DataError: naming the schema and the place.
    """
    schema = row.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise DataError(f"{where} is of schema {schema}; this version reads up to {SCHEMA}. Upgrade ganeval.")
