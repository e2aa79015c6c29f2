"""A protocol on a line of its own: a file holds it once, and rows name it by their fingerprint.

A protocol is half of a row, and a board has a few dozen of them behind thousands of rows. A row without the field
`protocol` takes the protocol that a line above it holds. Such a line is {"kind": "protocol", "fingerprint": ...,
"protocol": {...}, "schema": 1}; removing, adding or reordering rows leaves it valid.
"""

import json
from collections.abc import Mapping

from ganeval.errors import DataError
from ganeval.results.protocol import Protocol

KIND = "protocol"
_FIELDS = frozenset({"kind", "fingerprint", "protocol", "schema"})


def is_protocol_line(line: Mapping[str, object]) -> bool:
    """Whether a JSON object of a file of rows is a protocol and not a row."""
    return line.get("kind") == KIND


def protocol_line(protocol: Protocol, schema: int) -> str:
    """The line that holds a protocol, without its newline."""
    line = {"kind": KIND, "fingerprint": protocol.fingerprint, "protocol": protocol.to_dict(), "schema": schema}
    return json.dumps(line, sort_keys=True, allow_nan=False)


class ProtocolLines:
    """The protocols that the lines of one file held so far, by fingerprint."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[Protocol, str]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, fingerprint: object) -> bool:
        return fingerprint in self._held

    def add(self, line: Mapping[str, object]) -> None:
        """Takes a line in. Two equal ones are fine: two processes may write the same protocol.

        Raises:
            DataError: a field is unknown or missing, or the protocol is not that of the fingerprint.
        """
        if line.keys() != _FIELDS and line.keys() != _FIELDS - {"schema"}:
            unknown, missing = sorted(line.keys() - _FIELDS), sorted(_FIELDS - {"schema"} - line.keys())
            raise DataError(f"A protocol's line has unknown fields {unknown} and lacks {missing}.")
        stored, fields = line["fingerprint"], line["protocol"]
        if not isinstance(fields, dict):
            raise DataError(f"A protocol's line cannot be read: protocol is {fields!r:.60}, expected an object.")
        protocol = Protocol.from_dict(fields)
        if stored != protocol.fingerprint:
            raise DataError(
                f"A protocol's line is called {stored!r:.60}, and its protocol's fingerprint is "
                f"{protocol.fingerprint}. It was edited by hand or written by another version; take the line from the "
                "file's history."
            )
        self._held[protocol.fingerprint] = protocol, protocol.canonical_json()

    def get(self, fingerprint: object) -> Protocol | None:
        """The protocol of a fingerprint, None where no line held it."""
        return self._held[fingerprint][0] if isinstance(fingerprint, str) and fingerprint in self._held else None

    def canonical_json(self, fingerprint: str) -> str:
        """The canonical JSON of a protocol that a line held."""
        return self._held[fingerprint][1]
