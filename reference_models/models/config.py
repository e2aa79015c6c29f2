"""Settings that survive JSON: flat frozen dataclasses, checked field by field when they come from outside.

A field is an int, a float, a str, a bool, a Literal of strings, or a tuple of ints (a JSON list). That is all that a
checkpoint's metadata or a `--set key=value` has to carry, and all that `from_json` has to check.
"""

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ganeval.errors import UsageError
from ganeval.registry import unknown_name

ConfigValue = int | float | str | bool | Sequence[int]
C = TypeVar("C")


def to_json(config: Any) -> dict[str, ConfigValue]:
    """All fields of a settings dataclass as JSON values: tuples become lists, nothing is left out."""
    return {
        field.name: list(value) if isinstance(value := getattr(config, field.name), tuple) else value
        for field in dataclasses.fields(config)
    }


def from_json(config_type: type[C], values: Mapping[str, object], what: str) -> C:
    """Makes settings of `config_type` from a mapping that names every field without a default.

    Args:
        config_type: A frozen dataclass of the field types named above.
        values: Field name -> value, as JSON gives them; an int is accepted for a float, a list for a tuple.
        what: Whose settings these are, for the message ("model 'dcgan'").

    Raises:
        UsageError: an unknown or missing field, a value of another type, or one that the dataclass itself refuses.
    """
    hints = typing.get_type_hints(config_type)
    fields = {field.name: field for field in dataclasses.fields(config_type)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise unknown_name(f"setting of {what}:", name, list(fields))
    missing = [
        name
        for name, field in fields.items()
        if name not in values and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(f"{what} lacks {len(missing)} setting(s) that have no default: {', '.join(missing)}.")
    checked = {name: _checked(hints[name], value, f"{what}: {name}") for name, value in values.items()}
    try:
        return config_type(**checked)
    except UsageError as error:
        raise UsageError(f"{what}: {error}") from None


def updated(config: C, values: Mapping[str, object], what: str) -> C:
    """`config` with the fields named in `values` replaced; checked as in `from_json`.

    Raises:
        UsageError: as `from_json`.
    """
    return from_json(type(config), {**to_json(config), **values}, what)


def require_positive(config: Any) -> None:
    """Refuses settings in which an int (or an int of a tuple) is below 1 or a float below 0; for `__post_init__`.

    Raises:
        UsageError: names the field and its value.
    """
    _require_at_least(config, smallest_int=1)


def require_not_negative(config: Any) -> None:
    """As `require_positive`, but an int may be 0.

    Raises:
        UsageError: names the field and its value.
    """
    _require_at_least(config, smallest_int=0)


def _require_at_least(config: Any, *, smallest_int: int) -> None:
    for name, value in to_json(config).items():
        numbers = [value] if isinstance(value, bool | int | float) else [] if isinstance(value, str) else value
        for number in numbers:
            smallest = smallest_int if isinstance(number, int) else 0
            if number < smallest and not isinstance(number, bool):
                raise UsageError(f"{name} must be at least {smallest}; got {number}.")


def require_share(name: str, value: float) -> None:
    """Refuses a probability or share outside 0 <= value < 1.

    Raises:
        UsageError: names the field and its value.
    """
    if not 0.0 <= value < 1.0:
        raise UsageError(f"{name} must be at least 0 and below 1; got {value}.")


def _checked(hint: Any, value: object, where: str) -> Any:
    """`value` in the field's own type, or a UsageError that says what the field takes."""
    if typing.get_origin(hint) is typing.Literal:
        if value not in typing.get_args(hint):
            raise UsageError(f"{where} must be one of {', '.join(map(repr, typing.get_args(hint)))}; got {value!r}.")
        return value
    if typing.get_origin(hint) is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(type(n) is int for n in value):
            raise UsageError(f"{where} must be a list of integers; got {value!r}.")
        return tuple(value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    # type(), not isinstance(): True is an int to Python, but no one means 1 image channel by it.
    if hint is float or type(value) is not hint:
        kind = {int: "an integer", float: "a finite number", str: "a string", bool: "true or false"}[hint]
        raise UsageError(f"{where} must be {kind}; got {value!r} ({type(value).__name__}).")
    return value
