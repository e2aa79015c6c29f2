"""Flat rows for boards: one a result, with what is known of its checkpoint. Plain tuples, which load fast."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ganeval.errors import DataError
from ganeval.leaderboard.batch import KINDS, Columns, Protocols, checked, columns_of
from ganeval.results import LARGEST, Result, check_fields, iter_objects


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
        floor: The metric between two random halves of the reference.
        floor_n: Images in each half.
        fingerprint: Of the protocol.
        model: Reference model, of a checkpoint.
        recipe: Its recipe.
        training_seed: Its seed.
        checkpoint: "last", "best", "untrained", or another file's stem.
        step: Generator updates behind it.
        parameters: Of the generator, a count.
        time: ISO 8601.
        device: "cpu", "cuda:0".
        threads: Of the networks.
        cores: Of the machine.
        versions: JSON object, package -> version.
        protocol: JSON object, "" without.
        timing: JSON object, stage -> seconds.
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
    device: str | None
    threads: int | None
    cores: int | None
    versions: str
    protocol: str
    timing: str
    file: str
    line: int


Batch = list[tuple[int, dict[str, Any]]]
BATCH = 64  # lines; their dicts stay in the processor's cache
# What a row has where it does not say: as `Result`.
DEFAULTS: dict[str, Any] = dict.fromkeys(KINDS) | {"note": "", "provenance": {}, "timing": {}}


def read_rows(files: Iterable[Path]) -> tuple[list[Row], list[str]]:
    """All rows of some files in their order, and what was wrong with damaged lines.

    Raises:
        DataError: a file cannot be opened, or a row is of a future schema.
    """
    columns, problems = read_columns(files)
    return [Row(*values) for values in zip(*columns, strict=True)], problems


def read_columns(files: Iterable[Path]) -> tuple[list[list[Any]], list[str]]:
    """The same by column, in the order of `Row`.

    Raises:
        DataError: a file cannot be opened, or a row is of a future schema.
    """
    columns: list[list[Any]] = [[] for _ in Row._fields]
    problems: list[str] = []
    protocols = Protocols()
    for file in files:
        bad: dict[int, str] = {}
        for batch in _batches(file, bad):
            numbers, found = [number for number, _ in batch], columns_of([row for _, row in batch])
            known = None if found is None else checked(found, protocols)
            if found is None or known is None:
                numbers, found = _judged(batch, file, bad)
                known = [protocols.look_up(protocol) for protocol in found["protocol"]]
            for column, values in zip(columns, _flat(found, known, numbers, file.name), strict=True):
                column += values
        problems += [bad[number] for number in sorted(bad)]
    return columns, problems


def flat_rows(results: Sequence[Result]) -> list[Row]:
    """The rows of results that are in no file: `file` is "", `line` counts from 1."""
    protocols = Protocols()
    dicts: list[dict[str, Any]] = [result.to_dict() for result in results]
    given = {name: [row[name] for row in dicts] for name in KINDS}
    known = [protocols.look_up(protocol) for protocol in given["protocol"]]
    flat = _flat(given, known, list(range(1, len(dicts) + 1)), "")
    return [Row(*values) for values in zip(*flat, strict=True)]


def _batches(file: Path, bad: dict[int, str]) -> Iterator[Batch]:
    batch: Batch = []
    for number, row in iter_objects(file):
        if isinstance(row, str):
            bad[number] = row
        elif "kind" not in row:  # lines of another kind (timings) have readers of their own
            batch.append((number, row))
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _judged(batch: Batch, file: Path, bad: dict[int, str]) -> tuple[list[int], Columns]:
    numbers: list[int] = []
    good: list[dict[str, Any]] = []
    for number, row in batch:
        try:
            check_fields(row)
        except DataError as error:
            bad[number] = f"{file}:{number}: {error} Line skipped"
        else:
            numbers.append(number)
            good.append(row)
    return numbers, {name: [row.get(name, default) for row in good] for name, default in DEFAULTS.items()}


def _flat(columns: Columns, known: list[tuple[str | None, str]], numbers: list[int], file: str) -> list[Sequence[Any]]:
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
        **{name: _texts(facts, name) for name in ("time", "device")},
        **{name: _counts(facts, name) for name in ("threads", "cores")},
        "versions": [_json(fact.get("versions", {})) for fact in facts],
        "protocol": [text for _, text in known],
        "timing": [_json(timing) for timing in given["timing"]],
        "file": [file] * count,
        "line": numbers,
    }
    return [found[name] for name in Row._fields]


def _texts(facts: Sequence[dict[str, Any]], name: str) -> list[str | None]:
    return [fact if type(fact := of.get(name)) is str and fact else None for of in facts]


def _counts(facts: Sequence[dict[str, Any]], name: str) -> list[int | None]:
    return [fact if type(fact := of.get(name)) is int and abs(fact) <= LARGEST else None for of in facts]


def _json(fact: object) -> str:
    try:
        return orjson.dumps(fact).decode()
    except TypeError:  # half a character, which only the standard library writes
        return json.dumps(fact)
