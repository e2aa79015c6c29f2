"""Result rows and timing rows as pandas tables."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

try:
    import pyarrow
except ImportError:
    pyarrow = None

from ganeval.leaderboard.paths import row_files, timing_files
from ganeval.leaderboard.reading import Row, read_files
from ganeval.leaderboard.timings import TimingRow, read_timings

COUNTS = ("n_real", "n_fake", "floor_n", "training_seed", "step", "parameters", "threads", "cores", "identical_pairs")
NUMBERS = ("value", "stderr", "degrees", "ci_low", "ci_high", "debiased", "floor")


def load(results: Path | str | Sequence[Path | str] | None = None) -> pd.DataFrame:
    """Every result row, one line each; columns as `ganeval.leaderboard.reading.Row` describes them.

    Damaged lines are left out; `.attrs["problems"]` says which and why.

    Args:
        results: A file, a folder of `*.jsonl`, or several of these. None: `leaderboards/results` of the project that
            one stands in, else the copy that comes with the installation.

    Raises:
        DataError: a path is not there, or a row is of a future schema.
    """
    read = read_files(files_of(results))
    table = frame(read.columns)
    table.attrs["problems"] = list(read.problems)
    return table


def load_timings(results: Path | str | None = None) -> pd.DataFrame:
    """Every timing, one line each; columns as `TimingRow`, with `versions` as JSON. `.attrs["problems"]` as `load`.

    Args:
        results: A file, or a folder of which `timings*.jsonl` are read; None as for `load`.

    Raises:
        DataError: a path is not there, or a line is of a future schema.
    """
    rows, problems = read_timings(timing_files(None if results is None else Path(results)))
    names = [field.name for field in dataclasses.fields(TimingRow)]
    table = pd.DataFrame([[getattr(row, name) for name in names] for row in rows], columns=names)
    table["versions"] = [json.dumps(dict(row.versions)) for row in rows]
    table["threads"] = table["threads"].astype("Int64")
    table.attrs["problems"] = problems
    return table


def files_of(results: Path | str | Sequence[Path | str] | None) -> list[Path]:
    """Files of rows behind what `load` takes.

    Raises:
        DataError: a path is not there.
    """
    if results is None:
        return row_files()
    paths = [results] if isinstance(results, Path | str) else results
    return [file for path in paths for file in row_files(Path(path))]


def frame(columns: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """The table of columns in the order of `Row`: counts as nullable integers, times in UTC, missing text as NA."""
    return pd.DataFrame({name: _column(name, values) for name, values in zip(Row._fields, columns, strict=True)})


def _column(name: str, values: Sequence[Any]) -> pd.Series:
    if name in COUNTS or name in NUMBERS or name == "line":
        return pd.Series(values, dtype="Int64" if name in COUNTS else "float64" if name in NUMBERS else "int64")
    try:
        texts = _texts(values)
    except UnicodeEncodeError:  # half a character, of a file name that isn't text
        texts = _texts([v if v is None else v.encode("utf-8", "backslashreplace").decode() for v in values])
    if name == "time":
        return pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601").astype("datetime64[us, UTC]")
    return texts


def _texts(values: Sequence[str | None]) -> pd.Series:
    """A column of text; by pyarrow itself, where it is installed, at a third of the time."""
    if pyarrow is None:
        return pd.Series(values, dtype="str")
    return pd.Series(pd.array(pyarrow.array(values, pyarrow.large_string()), dtype="str"))
