"""Checks many rows at once, column by column: what lets 100,000 of them load in seconds.

`ganeval.results.result.check_fields` is the definition of a good row. Here is only a quick look that says "all of these
would pass it, for sure"; where it does not, the rows are judged one by one.
"""

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

import orjson

from ganeval.errors import DataError
from ganeval.results.protocol import Protocol
from ganeval.results.protocol_lines import ProtocolLines
from ganeval.results.result import FIELD_TYPES, LARGEST, REQUIRED, SCHEMA

_IN_JSON: Mapping[type, type] = {Protocol: dict, Mapping: dict, tuple: list}
KINDS = {name: frozenset(_IN_JSON.get(kind, kind) for kind in kinds) for name, kinds in FIELD_TYPES.items()}
NAMES = frozenset({*KINDS, "schema", "fingerprint"})
# better, status, and whether there is no value
STATES = {
    (better, status, status != "ok")
    for better in ("lower", "higher", "neither")
    for status in ("ok", "skipped", "failed")
}

_NAMES_OF_PROTOCOLS = frozenset((str, NoneType))

Columns = Mapping[str, Sequence[Any]]


class Protocols:
    """Protocols of one file met so far: few stand behind many rows, and each is hashed once.

    Attributes:
        held: Those on lines of their own, which rows name.
    """

    def __init__(self) -> None:
        self.held: ProtocolLines = ProtocolLines()
        self._seen: dict[bytes, tuple[str, str]] = {}

    def look_up(self, protocol: dict[str, Any] | None) -> tuple[str | None, str]:
        """Fingerprint and canonical JSON; None and "" without a protocol.

        Raises:
            DataError: it is of another version of ganeval.
        """
        if protocol is None:
            return None, ""
        try:
            text = orjson.dumps(protocol)
        except TypeError:  # half a character, which only the standard library writes
            checked = Protocol.from_dict(protocol)
            return checked.fingerprint, checked.canonical_json()
        if text not in self._seen:
            checked = Protocol.from_dict(protocol)
            self._seen[text] = checked.fingerprint, checked.canonical_json()
        return self._seen[text]


def parsed(lines: Sequence[bytes]) -> Columns | None:
    """Field -> its values, where each line is an object of the same fields in the same order, as written; else None."""
    try:
        rows = list(map(orjson.loads, lines))
    except orjson.JSONDecodeError:
        return None
    if set(map(type, rows)) != {dict} or len(set(map(tuple, rows))) != 1:
        return None
    return dict(zip(rows[0], zip(*map(dict.values, rows), strict=True), strict=True))


def checked(columns: Columns, protocols: Protocols) -> list[tuple[str | None, str]] | None:
    """Each row's fingerprint and protocol where every row surely passes `check_fields`; None where one may not."""
    if not REQUIRED <= columns.keys() <= NAMES:
        return None
    if any(type(schema) is not int or schema > SCHEMA for schema in set(columns.get("schema", ()))):
        return None
    for name, values in columns.items():
        kinds = KINDS.get(name)
        if kinds is not None and not kinds.issuperset(map(type, values)):
            return None
        if kinds is not None and int in kinds and not small(values):
            return None
    if not all(two_floats(ends) for ends in columns.get("ci95", ()) if ends is not None):
        return None
    if not STATES.issuperset(zip(columns["better"], columns["status"], map(_is_none, columns["value"]), strict=True)):
        return None
    nothing = (None,) * len(columns["key"])
    fingerprints = columns.get("fingerprint", nothing)
    if not _NAMES_OF_PROTOCOLS.issuperset(map(type, fingerprints)):
        return None
    if "protocol" not in columns:
        if not all(name is None or name in protocols.held for name in set(fingerprints)):
            return None
        return [(name, "" if name is None else protocols.held.canonical_json(name)) for name in fingerprints]
    try:
        known = [protocols.look_up(protocol) for protocol in columns["protocol"]]
    except DataError:
        return None
    return known if [fingerprint for fingerprint, _ in known] == list(fingerprints) else None


def small(numbers: Sequence[float | None]) -> bool:
    """Whether the sum of sizes is, which it is not with a number that is not finite or too large for a table."""
    try:
        return sum(map(abs, filter(None, numbers))) <= LARGEST
    except OverflowError:  # a whole number beyond floats
        return False


_is_none = functools.partial(operator.is_, None)


def two_floats(ends: list[Any]) -> bool:
    """Whether an interval is two finite floats."""
    return len(ends) == 2 and all(type(end) is float and math.isfinite(end) for end in ends)
