"""Flat rows for boards: one a result, with what is known of its checkpoint. Plain tuples, which load fast."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

import orjson

from ganeval.errors import DataError
from ganeval.leaderboard.quick_checks import KINDS, Columns, Protocols, checked, parsed, small
from ganeval.results.protocol_lines import ProtocolLines, is_protocol_line
from ganeval.results.result import IDENTICAL, LARGEST, PER_IMAGE, Result, check_fields, iter_lines, object_of

TEXTS, COUNTS = frozenset((str, NoneType)), frozenset((int, NoneType))


class Row(NamedTuple):
    """A result without nesting; None where a fact is not known.

    Attributes:
        subject: What was scored.
        key: "metric@backbone", or the field's own name.
        value: None where status is not "ok".
        stderr: Of `debiased` where that is given, else of `value`.
        ci_low: Lower end of the 95% interval.
        ci_high: Upper end.
        debiased: Bias-corrected value.
        better: "lower", "higher" or "neither".
        n_real: Reference images.
        n_fake: Scored images.
        status: "ok", "skipped" or "failed".
        note: In words.
        method: Of the uncertainty.
        floor: Real against real at these counts, from two random parts of the reference.
        floor_n: Images in the smaller part.
        fingerprint: Of the protocol.
        model: Reference model, of a checkpoint.
        recipe: Its recipe.
        training_seed: Its seed.
        checkpoint: "last", "best", "untrained", or another file's stem.
        step: Generator updates behind it.
        parameters: Of the generator, a count.
        time: ISO 8601.
        commit: Of the project in which it was scored.
        device: "cpu", "cuda:0".
        threads: Of the networks.
        cores: Of the machine.
        versions: JSON object, package -> version.
        protocol: JSON object, "" without.
        timing: JSON object, stage -> seconds.
        degrees: Degrees of freedom behind `stderr`; None for a normal distribution.
        per_image: JSON object, image -> value of a paired metric, null where infinite; "" where they were not kept.
        identical_pairs: Pairs that the mean of a paired metric leaves out, because their value is infinite.
        file: Name of the file that held the row.
        line: Its number there, from 1.
    """

    subject: str
    key: str
    value: float | None
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    debiased: float | None
    better: str
    n_real: int | None
    n_fake: int | None
    status: str
    note: str
    method: str | None
    floor: float | None
    floor_n: int | None
    fingerprint: str | None
    model: str | None
    recipe: str | None
    training_seed: int | None
    checkpoint: str | None
    step: int | None
    parameters: int | None
    time: str | None
    commit: str | None
    device: str | None
    threads: int | None
    cores: int | None
    versions: str
    protocol: str
    timing: str
    degrees: float | None
    per_image: str
    identical_pairs: int | None
    file: str
    line: int


@dataclass(frozen=True)
class Read:
    """What files of rows hold, each read once.

    Attributes:
        columns: Values of all rows in the order of the files, one list a field, in the order of `Row`.
        others: Objects of another kind (timings), for readers of their own, each with its place in words.
        problems: What was wrong with damaged lines, in words.
    """

    columns: Sequence[Sequence[Any]]
    others: Sequence[tuple[str, dict[str, Any]]]
    problems: Sequence[str]

    def rows(self) -> list[Row]:
        """The rows one by one."""
        return [Row(*values) for values in zip(*self.columns, strict=True)]


# What a row has where it does not say: as `Result`.
DEFAULTS: dict[str, Any] = dict.fromkeys(KINDS) | {"note": "", "provenance": {}, "timing": {}}


def read_rows(files: Iterable[Path]) -> tuple[list[Row], list[str]]:
    """All rows of some files in their order, and what was wrong with damaged lines.

    Raises:
        DataError: a file cannot be opened, or a row is of a future schema.
    """
    read = read_files(files)
    return read.rows(), list(read.problems)


def read_files(files: Iterable[Path]) -> Read:
    """Everything in some files of rows, in their order: some lines at a time, whose objects stay in the cache.

    Raises:
        DataError: a file cannot be opened, or a row is of a future schema.
    """
    columns: list[list[Any]] = [[] for _ in Row._fields]
    others: list[tuple[str, dict[str, Any]]] = []
    problems: list[str] = []
    for file in files:
        protocols = Protocols()
        for lines in iter_lines(file):
            numbers: Sequence[int] = [number for number, _ in lines]
            found = parsed([line for _, line in lines])
            known = None if found is None else checked(found, protocols)
            if found is None or known is None:
                numbers, found, known = _judged(lines, file, protocols.held, others, problems)
            for column, values in zip(columns, _flat(found, known, numbers, file.name), strict=True):
                column += values
    return Read(columns, others, problems)


def flat_rows(results: Sequence[Result]) -> list[Row]:
    """The rows of results that are in no file: `file` is "", `line` counts from 1."""
    protocols = Protocols()
    dicts: list[dict[str, Any]] = [result.to_dict() for result in results]
    given = {name: [row[name] for row in dicts] for name in KINDS}
    known = [protocols.look_up(protocol) for protocol in given["protocol"]]
    flat = _flat(given, known, list(range(1, len(dicts) + 1)), "")
    return [Row(*values) for values in zip(*flat, strict=True)]


def _judged(
    lines: Sequence[tuple[int, bytes]],
    file: Path,
    held: ProtocolLines,
    others: list[tuple[str, dict[str, Any]]],
    problems: list[str],
) -> tuple[list[int], Columns, list[tuple[str | None, str]]]:
    """Numbers, columns and protocols of those lines that hold good rows; what else there is goes where it belongs."""
    numbers: list[int] = []
    good: list[dict[str, Any]] = []
    known: list[tuple[str | None, str]] = []
    for number, line in lines:
        where = f"{file}:{number}"
        row = object_of(line, where)
        if isinstance(row, str):
            problems.append(row)
        elif row is not None:
            try:
                if is_protocol_line(row):
                    held.add(row)
                elif "kind" in row:
                    others.append((where, row))
                else:
                    protocol = check_fields(row, held).get("protocol")
                    known.append((None, "") if protocol is None else (protocol.fingerprint, protocol.canonical_json()))
                    numbers.append(number)
                    good.append(row)
            except DataError as error:
                problems.append(f"{where}: {error} Line skipped")
    return numbers, {name: [row.get(name, default) for row in good] for name, default in DEFAULTS.items()}, known


def _flat(
    columns: Columns, known: Sequence[tuple[str | None, str]], numbers: Sequence[int], file: str
) -> list[Sequence[Any]]:
    count = len(numbers)
    given = {name: columns.get(name) or [default] * count for name, default in DEFAULTS.items()}
    facts = given["provenance"]
    subjects = [subject if type(subject := fact.get("subject")) is dict else {} for fact in facts]
    ends = [interval or (None, None) for interval in given["ci95"]]
    found: dict[str, Sequence[Any]] = {
        **given,
        "ci_low": [low for low, _ in ends],
        "ci_high": [high for _, high in ends],
        "fingerprint": [fingerprint for fingerprint, _ in known],
        **{name: _texts(subjects, name) for name in ("model", "recipe", "checkpoint")},
        **{name: _counts(subjects, name) for name in ("training_seed", "step", "parameters")},
        **{name: _texts(facts, name) for name in ("time", "commit", "device")},
        **{name: _counts(facts, name) for name in ("threads", "cores")},
        "versions": _json([fact.get("versions", {}) for fact in facts]),
        "protocol": [text for _, text in known],
        "timing": _json(given["timing"]),
        "per_image": [_json([fact[PER_IMAGE]])[0] if PER_IMAGE in fact else "" for fact in facts],
        "identical_pairs": _counts(facts, IDENTICAL),
        "file": [file] * count,
        "line": numbers,
    }
    return [found[name] for name in Row._fields]


def _texts(facts: Sequence[dict[str, Any]], name: str) -> list[str | None]:
    found = [fact.get(name) for fact in facts]
    if TEXTS.issuperset(map(type, found)) and "" not in found:
        return found
    return [text if type(text) is str and text else None for text in found]


def _counts(facts: Sequence[dict[str, Any]], name: str) -> list[int | None]:
    found = [fact.get(name) for fact in facts]
    if COUNTS.issuperset(map(type, found)) and small(found):
        return found
    return [count if type(count) is int and abs(count) <= LARGEST else None for count in found]


def _json(facts: Sequence[object]) -> list[str]:
    try:
        return [text.decode() for text in map(orjson.dumps, facts)]
    except TypeError:  # half a character, which only the standard library writes
        return [json.dumps(fact) for fact in facts]
