"""Defaults from `ganeval.toml` or `[tool.ganeval]` in `pyproject.toml`; options on the command line win over them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ganeval.errors import UsageError
from ganeval.files.read_write import MAX_SETTINGS, read_bytes, read_text
from ganeval.registry import unknown_name
from ganeval.untrusted import RecordedPlace

# Key -> type. The keys are the long options of `score` with underscores.
KEYS: dict[str, type] = {
    "reference": str,
    "paired": str,
    "metrics": str,
    "num_samples": int,
    "seed": int,
    "batch_size": int,
    "device": str,
    "on_bad": str,
    "channel": str,
    "crop_border": int,
    "peak": int,
    "data_root": str,
}


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
        UsageError: not TOML, an unknown key, or a value of another type.
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
        if name not in KEYS:
            raise UsageError(f"{path}: {unknown_name('setting', key, list(KEYS))}")
        if name == "metrics" and isinstance(value, list) and all(isinstance(v, str) for v in value):
            value = ",".join(value)
        if not isinstance(value, KEYS[name]) or isinstance(value, bool):
            raise UsageError(f"{path}: {key} must be {KEYS[name].__name__}, got {value!r}.")
        option = f"--{name.replace('_', '-')}"
        settings[name] = RecordedPlace(value, str(path), key, option) if isinstance(value, str) else value
    return settings


def load_defaults(ctx: click.Context) -> dict[str, Any]:
    """Click's default map for the commands; the file's name goes along for the row's provenance."""
    path = find_file(Path.cwd())
    settings = {} if path is None else read_file(path)
    ctx.obj = {"config": None if path is None else path.name}
    return {"score": settings, "reference": {"build": {k: v for k, v in settings.items() if k == "data_root"}}}
