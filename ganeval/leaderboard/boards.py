"""What a board shows: read from `boards.toml`, one table a board."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganeval.errors import UsageError
from ganeval.files.read_write import MAX_SETTINGS, read_text
from ganeval.leaderboard.paths import leaderboards_folder
from ganeval.registry import unknown_name


@dataclass(frozen=True)
class Board:
    """One table of entries.

    Attributes:
        name: As `--board` takes it.
        title: For people.
        data: What is compared with ("digits:test"), in words of `score`.
        sort: The key by which entries are ranked, one of `metrics`; "" for the first that has a standard error in every
            row, at the counts of these rows.
        metrics: Keys, in the order of the columns.
        fingerprints: Key -> fingerprint of the protocol that the column shows. A key that is not here takes the one
            that most rows have.
        anchors: Subject -> what it is ("bicubic enlargement"). Anchors are shown and never ranked. Checkpoints called
            "untrained" are anchors without being named here.
        note: What the reader must know.
        files: Stems of the row files that feed the board; `digits` takes `digits.jsonl` and `digits.<anything>.jsonl`.
        models: Only these reference models (and what isn't a checkpoint); empty for all.
        task: The task's name in a Hugging Face model card.
    """

    name: str
    title: str
    data: str
    sort: str
    metrics: tuple[str, ...]
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    anchors: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    files: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    task: str = "unconditional-image-generation"

    def feeds_on(self, file: str) -> bool:
        """Whether rows of a file belong here, by the file's name."""
        stem = file.removesuffix(".jsonl")
        return any(stem == own or stem.startswith(f"{own}.") for own in self.files or (self.name,))


_TEXTS = ("title", "data", "sort", "note", "task")
_LISTS = ("metrics", "files", "models")
_TABLES = ("fingerprints", "anchors")
_REQUIRED = ("title", "data", "metrics")


def load_boards(path: Path | str | None = None) -> dict[str, Board]:
    """Every board by its name, in the order of the file.

    Args:
        path: A `boards.toml`. None: that of the project that one stands in, else the one that comes with the
            installation; no boards where a project has rows and no such file.

    Raises:
        UsageError: not TOML, or a board with an unknown, missing or wrong entry.
    """
    if path is None:
        path = leaderboards_folder() / "boards.toml"
        if not path.is_file():
            return {}
    try:
        tables = tomllib.loads(read_text(Path(path), MAX_SETTINGS))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}. Mend it.") from error
    return {name: _board(name, table, f"{path}, board {name!r}") for name, table in tables.items()}


def _board(name: str, table: Any, where: str) -> Board:
    if not isinstance(table, dict):
        raise UsageError(f"{where}: expected a table [{name}], got {table!r:.60}.")
    known = [*_TEXTS, *_LISTS, *_TABLES]
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"{where}: {unknown_name('entry', key, known)}")
        texts = [value] if key in _TEXTS else list(value.values()) if isinstance(value, dict) else value
        kind = str if key in _TEXTS else list if key in _LISTS else dict
        if not isinstance(value, kind) or not all(isinstance(text, str) for text in texts):
            wanted = {str: "text", list: "a list of texts", dict: "a table of texts"}[kind]
            raise UsageError(f"{where}: {key} must be {wanted}, got {value!r:.60}.")
    missing = [key for key in _REQUIRED if not table.get(key)]
    if missing:
        raise UsageError(f"{where} lacks {', '.join(missing)}.")
    strangers = {table.get("sort") or table["metrics"][0], *table.get("fingerprints", {})} - set(table["metrics"])
    if strangers:
        raise UsageError(f"{where}: {', '.join(sorted(strangers))} is not among its metrics.")
    lists = {key: tuple(table[key]) for key in _LISTS if key in table}
    return Board(name=name, **{"sort": "", **table, **lists})
