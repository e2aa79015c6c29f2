"""Reads the output of `ganeval doctor --json FILE` strictly, so that a report shows it without examining again."""

from typing import Any, TypeVar, get_args

import orjson

from ganeval.doctor.examine import Examination
from ganeval.doctor.finding import Effect, Finding, Severity, worst_first
from ganeval.errors import DataError

Kind = TypeVar("Kind", str, int, float)


def read_examination(data: bytes, where: str) -> Examination:
    """An examination from its JSON.

    Args:
        data: The whole file.
        where: Its name, for the message.

    Raises:
        DataError: no JSON, or not what doctor writes; the message names the first field that is wrong.
    """
    try:
        found = orjson.loads(data)
        if not isinstance(found, dict) or found.get("schema") != 1:
            raise ValueError("schema: expected 1")
        rows = found.get("rows")
        if not isinstance(rows, list):
            raise ValueError("rows: expected a list")
        return Examination(
            _field(found, "subject", str),
            None if found.get("against") is None else _field(found, "against", str),
            _field(found, "n", int),
            None if found.get("n_against") is None else _field(found, "n_against", int),
            worst_first([_finding(row) for row in rows]),
            _field(found, "checks", int),
        )
    except (orjson.JSONDecodeError, ValueError) as error:
        raise DataError(
            f"{where} is not what `ganeval doctor --json FILE` writes: {error}. Write it again with this version."
        ) from error


def _finding(row: Any) -> Finding:
    if not isinstance(row, dict):
        raise ValueError("rows: expected objects")
    severity = next((known for known in get_args(Severity) if known == row.get("severity")), None)
    examples = row.get("examples")
    if severity is None:
        raise ValueError(f"severity: {row.get('severity')!r}; expected one of {', '.join(get_args(Severity))}")
    if not isinstance(examples, list) or not all(isinstance(stem, str) for stem in examples):
        raise ValueError("examples: expected a list of names")
    return Finding(
        _field(row, "name", str),
        severity,
        _field(row, "count", int),
        _field(row, "of", int),
        _field(row, "says", str),
        _field(row, "do", str),
        tuple(examples),
        effect=None if row.get("effect") is None else _effect(row["effect"]),
    )


def _effect(row: Any) -> Effect:
    if not isinstance(row, dict):
        raise ValueError("effect: expected an object")
    return Effect(
        _field(row, "key", str),
        _field(row, "clean", float),
        _field(row, "damaged", float),
        _field(row, "apart", float),
        _field(row, "n", int),
        _field(row, "of", str),
        _field(row, "damage", str),
    )


def _field(row: dict[str, Any], name: str, kind: type[Kind]) -> Kind:
    value = row.get(name)
    wanted = int | float if kind is float else kind
    if isinstance(value, bool) or not isinstance(value, wanted) or (isinstance(value, int) and value < 0):
        raise ValueError(f"{name}: {value!r}; expected {kind.__name__}")
    return kind(value)
