"""One kind of table for everything that can be named: a literal dict of lazy `module:attribute` strings.

Listing names imports nothing. A wrong name gets a did-you-mean. To add a thing: write its file, add one line to its
table.
"""

import difflib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from ganeval.errors import UsageError

T = TypeVar("T")


def unknown_name(kind: str, name: str, known: list[str]) -> UsageError:
    """Builds the error for a name that is in no table: did-you-mean first, then all that there is."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
    return UsageError(f"Unknown {kind} {name!r}.{hint} Available: {', '.join(known)}.")


def imported(place: str) -> Any:
    """What "package.module:attribute" names, imported now."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Registry(Generic[T]):
    """Names mapped to objects that are imported when first asked for.

    Args:
        kind: What one entry is, in the words of an error message ("metric", "backbone").
        table: name -> "package.module:attribute".
    """

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def names(self) -> list[str]:
        """All names, in the order of the table."""
        return list(self._table)

    def get(self, name: str) -> T:
        """Imports and returns the entry.

        Raises:
            UsageError: no such name; the message offers the nearest ones.
        """
        if name not in self._table:
            raise unknown_name(self.kind, name, self.names())
        return cast(T, imported(self._table[name]))
