"""Defaults from `ganeval.toml` or `[tool.ganeval]` in `pyproject.toml`; options on the command line win over them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from ganeval.errors import UsageError
from ganeval.files.read_write import MAX_SETTINGS, read_bytes, read_text
from ganeval.former import OPTIONS as FORMER
from ganeval.former import told
from ganeval.options.table import OPTIONS, checked, flag_of, taken_by
from ganeval.registry import unknown_name
from ganeval.untrusted import RecordedPlace

KEYS: Final = [name for name, option in taken_by("score").items() if option.setting]
"""The keys: options of `score` by their names with underscores."""


@dataclass(frozen=True)
class Settings:
    """Defaults that a file holds.

    Attributes:
        values: By the name of the option, in the form that a score uses.
        file: Name of the file, for the provenance of rows; None if there is none.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    file: str | None = None

    def of(self, command: str) -> Mapping[str, Any]:
        """The defaults of a command, by its word in the table: all go to `score`."""
        if command == "score":
            return self.values
        return {name: value for name, value in self.values.items() if command == "build" and name == "data_root"}


def find_file(folder: Path) -> Path | None:
    """`ganeval.toml` in this folder, else a `pyproject.toml` here that has [tool.ganeval]; parents are not searched."""
    own = folder / "ganeval.toml"
    if own.is_file():
        return own
    project = folder / "pyproject.toml"
    try:
        if project.is_file() and b"[tool.ganeval" in read_bytes(project, MAX_SETTINGS):
            return project
    except OSError:
        return None  # one that cannot be read holds no settings for us
    return None


def read_file(path: Path) -> dict[str, Any]:
    """The settings in one file.

    Raises:
        UsageError: not TOML, an unknown key, or a value that the option does not take.
    """
    try:
        table: object = tomllib.loads(read_text(path, MAX_SETTINGS))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}. Mend it, or run elsewhere.") from error
    for name in ("tool", "ganeval") if path.name == "pyproject.toml" else ():
        table = table.get(name, {}) if isinstance(table, Mapping) else table
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: [tool.ganeval] must be a table of settings, got {table!r:.60}.")
    settings: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name in FORMER:
            click.echo(f"{path}: {told(key, FORMER[name])}", err=True)
            name = FORMER[name]
        if name not in KEYS:
            raise UsageError(f"{path}: {_refused(key)}")
        if name == "follow_links" and value == "anywhere":
            raise UsageError(
                f"{path}: {key} = 'anywhere' lets images lie outside their folder, which only a person may ask for. "
                f"Type {flag_of(name)}-anywhere."
            )
        value = checked(name, value, f"{path}: {key}")
        if isinstance(value, str | Path):
            value = RecordedPlace(str(value), str(path), key, flag_of(name))
        settings[name] = value
    return settings


def _refused(key: str) -> str:
    """Why a key is none: a setting that there is not, or an option that only a person may type."""
    name = key.replace("-", "_")
    if name in OPTIONS and OPTIONS[name].flag:
        return f"{key} is typed for each run: {flag_of(name)}. Settings are {', '.join(KEYS)}."
    return str(unknown_name("setting", key, KEYS))


def load_settings() -> Settings:
    """The settings of the working folder.

    Raises:
        UsageError: a file of settings that cannot be used.
    """
    path = find_file(Path.cwd())
    return Settings() if path is None else Settings(read_file(path), path.name)
