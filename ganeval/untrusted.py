"""Places that a file named and not a person: settings, rules and rows may name images of this machine, nothing more.

A settings file or a baseline may come from an untrusted pull request. A place that one of them names keeps that mark
until it is opened, and what would run code, read a pickle or reach over the network asks for the mark first.
"""

from typing import Self

from ganeval.errors import UsageError


class UntrustedPlaceError(UsageError):
    """A file names what only a person may ask for (exit 2)."""


class RecordedPlace(str):
    """A place as a file names it. `str()` takes the mark away, so places are passed on as they are.

    Attributes:
        file: The file.
        key: Where in it: "reference", "[run] against", "subject of a row".
        option: What a person types to name the same place.
    """

    __slots__ = ("file", "key", "option")
    file: str
    key: str
    option: str

    def __new__(cls, text: str, file: str, key: str, option: str) -> Self:
        """The text with its origin."""
        place = super().__new__(cls, text)
        place.file, place.key, place.option = file, key, option
        return place

    def __getnewargs__(self) -> tuple[str, str, str, str]:  # type: ignore[override]
        """What a copy in another process is made of."""
        return str(self), self.file, self.key, self.option


def refuse_recorded(place: str | None, what: str) -> None:
    """Refuses to open a place that no person typed.

    Args:
        place: Where something lies.
        what: What opening it would mean: "an address, which would be fetched".

    Raises:
        UntrustedPlaceError: a file named it; the message names the file, the key and the option to type.
    """
    if isinstance(place, RecordedPlace):
        raise UntrustedPlaceError(
            f"{place.file}: {place.key} names {place[:200]!r}, {what}. A file may name images of this machine and "
            f".safetensors checkpoints only. If you trust it, type it yourself: {place.option} {place[:200]}"
        )
