"""One kind of table for everything that can be named: a literal dict of lazy `module:attribute` strings.

Listing names imports nothing. A wrong name gets a did-you-mean. To add a thing: write its file, add one line to its
table.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from ganeval.errors import DataError, UsageError

T = TypeVar("T")


def listed(name: str, known: Collection[str]) -> str:
    """`name` as it is listed, in whichever case it was typed; one that isn't listed stays as it is."""
    if name in known:
        return name
    folded = name.casefold()
    return next((each for each in known if each.casefold() == folded), name)


def near_names(name: str, known: Collection[str], cutoff: float = 0.5, most: int = 3) -> list[str]:
    """The names that are spelled most alike, in any case; the nearest first."""
    folded = {each.casefold(): each for each in known}
    return [folded[each] for each in difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=cutoff)]


MOST_NAMES = 40  # in one error: more hide the sentence that they follow
_LISTED = ("metric", "recipe", "model", "backbone")  # what `ganeval list` prints, in the plural


def unknown_name(kind: str, name: str, known: list[str]) -> UsageError:
    """Builds the error for a name that is in no table: did-you-mean first, then what there is, or how to list it."""
    close = near_names(name, known)
    hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
    if len(known) <= MOST_NAMES:
        return UsageError(f"Unknown {kind} {name!r}.{hint} Available: {', '.join(known)}.")
    if kind in _LISTED:
        return UsageError(f"Unknown {kind} {name!r}.{hint} `ganeval list {kind}s` prints all of them.")
    return UsageError(
        f"Unknown {kind} {name!r}.{hint} Available: {', '.join(known[:MOST_NAMES])} and {len(known) - MOST_NAMES} more."
    )


def imported(place: str) -> Any:
    """What "package.module:attribute" names, imported now."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Registry(Generic[T]):
    """Names mapped to objects that are imported when first asked for: ganeval's own, and those of other packages.

    Another package adds one by an entry point of its metadata: the group is the registry's, the name that of the entry,
    the value "package.module:attribute". One that cannot be used stops nothing but what asks for it by name.

    Args:
        kind: What one entry is, in the words of an error message ("metric", "backbone").
        table: name -> "package.module:attribute", or the entry itself where it is made without heavy imports.
        group: Entry points of other packages ("ganeval.metrics"); None where there are none.
        check: "package.module:function" of (name, object, objects by name that are there already) -> why the object
            cannot be used, "" where it can.
    """

    def __init__(self, kind: str, table: Mapping[str, str | T], group: str | None = None, check: str = "") -> None:
        self.kind = kind
        self._table = dict(table)
        self._group = group
        self._check = check
        self._problems: dict[str, str] = {}
        self._usable: dict[str, T] | None = None

    def __contains__(self, name: object) -> bool:
        return name in self._table or name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def names(self) -> list[str]:
        """All names: those of the table in its order, then those of other packages that can be used."""
        return [*self._table, *self._of_packages()]

    def listed(self, name: str) -> str:
        """The name as it is listed, in whichever case it was typed; one that isn't listed stays as it is."""
        return listed(name, [*self._table, *self._entries])

    def get(self, name: str) -> T:
        """Imports and returns the entry; the name may be in any case.

        Raises:
            UsageError: no such name; the message offers the nearest ones.
            DataError: that of another package, which cannot be used.
        """
        name = self.listed(name)
        if name in self._table:
            entry = self._table[name]
            return cast(T, imported(entry)) if isinstance(entry, str) else entry
        if name in self._entries:
            usable = self._of_packages()
            if name in usable:
                return usable[name]
            raise DataError(self._problems[name])
        raise unknown_name(self.kind, name, self.names())

    def package(self, name: str) -> str:
        """Which package an entry comes from."""
        return "ganeval" if name in self._table else self._entries[name][0].package

    def problems(self) -> list[str]:
        """What is wrong with entries of other packages, a sentence each."""
        self._of_packages()
        return list(self._problems.values())

    @functools.cached_property
    def _entries(self) -> dict[str, list[Entry]]:
        """Name -> the entries of other packages that are called so; nothing of theirs is imported."""
        found: dict[str, list[Entry]] = {}
        for entry in [] if self._group is None else entries_of_packages(self._group):
            found.setdefault(entry.name, []).append(entry)
        return dict(sorted(found.items()))

    def _of_packages(self) -> dict[str, T]:
        """Those of other packages that can be used, imported the first time."""
        if self._usable is None:
            self._usable = {}  # a package may look at this table while it is imported
            for name, entries in self._entries.items():
                found = self._loaded(name, entries)
                if found is not None:
                    self._usable[name] = found
        return self._usable

    def _loaded(self, name: str, entries: list[Entry]) -> T | None:
        packages = " and ".join(dict.fromkeys(entry.package for entry in entries))
        what = f"The {self.kind} {name!r} of the package {packages}"
        if name in self._table:
            self._problems[name] = f"{what} is left out: ganeval has a {self.kind} of that name. Rename it there."
        elif len(entries) > 1:
            self._problems[name] = f"{what} is left out: {len(entries)} are called so. Uninstall one of them."
        elif not re.fullmatch(r"[a-z][a-z0-9_.-]{0,63}", name):
            self._problems[name] = f"{what} is left out: names are of a-z, 0-9, _, . and -. Rename it there."
        else:
            try:
                found = imported(entries[0].place)
                own = {known: self.get(known) for known in self._table}
                reason = imported(self._check)(name, found, {**own, **(self._usable or {})})
            except (Exception, SystemExit) as error:  # what another package does when it is imported is its own affair
                reason = f"{type(error).__name__}: {str(error)[:200]}"
            if not reason:
                return cast(T, found)
            self._problems[name] = f"{what} cannot be used: {reason}. Update or uninstall the package."
        return None


@dataclass(frozen=True)
class Entry:
    """An entry point of another package.

    Attributes:
        name: Of the entry.
        package: Whose it is, with its version.
        place: "package.module:attribute".
    """

    name: str
    package: str
    place: str


def entries_of_packages(group: str) -> list[Entry]:
    """All entry points of a group, of the packages that are installed."""
    from importlib.metadata import entry_points

    found = []
    for point in entry_points(group=group):
        name = "an unknown package" if point.dist is None else f"{point.dist.name} {point.dist.version}"
        found.append(Entry(point.name, name, f"{point.module}:{point.attr}"))
    return found
