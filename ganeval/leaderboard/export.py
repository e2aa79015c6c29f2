"""Boards and rows as files: CSV, Parquet, JSON."""

import dataclasses
import importlib.util
import io
import json
from collections.abc import Mapping, Sequence

import pandas as pd

from ganeval.errors import UsageError
from ganeval.escaping import spreadsheet
from ganeval.leaderboard.ranking import tables
from ganeval.leaderboard.significance import LEVEL
from ganeval.leaderboard.standings import Standings
from ganeval.leaderboard.timing_board import TimingTable

SCHEMA = 1


def board_frame(standings: Standings) -> pd.DataFrame:
    """The board's table, one line an entry."""
    return tables(standings).table


def timing_frame(timings: Sequence[TimingTable]) -> pd.DataFrame:
    """Every timing with its rank among those of its stage, unit, machine and run."""
    lines = [
        {"rank": line.rank, **dataclasses.asdict(line.row), "times_best": line.times_best}
        for table in timings
        for line in table.lines
    ]
    frame = pd.DataFrame(lines)
    if lines:
        frame["versions"] = [json.dumps(line["versions"], sort_keys=True) for line in lines]
    return frame


def to_csv(frame: pd.DataFrame) -> str:
    """CSV in which no text is taken for a formula: an apostrophe goes in front of what would be."""
    safe = frame.rename(columns=spreadsheet)
    for name in safe.columns:
        if pd.api.types.is_string_dtype(safe[name].dtype):
            safe[name] = safe[name].map(spreadsheet, na_action="ignore")
    return safe.to_csv(index=False, lineterminator="\n")


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Parquet bytes.

    Raises:
        UsageError: pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError("--format parquet needs pyarrow. Install it: pip install 'ganeval[parquet]'.")
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def to_json(boards: Mapping[str, Standings], timings: Sequence[TimingTable]) -> str:
    """Boards and timings whole, for machines: {"schema": 1, "boards": {...}, "timings": [...]}."""
    content = {
        "schema": SCHEMA,
        "boards": {name: _board(standings) for name, standings in boards.items()},
        "timings": [dataclasses.asdict(table) for table in timings],
    }
    return json.dumps(content, indent=2, allow_nan=False)


def _board(standings: Standings) -> dict[str, object]:
    return {
        "title": standings.board.title,
        "data": standings.board.data,
        "sort": standings.board.sort,
        "note": standings.board.note,
        "ranks": {"correction": "Benjamini-Hochberg", "level": LEVEL, "tested": standings.tested}
        | {"untested": dict(standings.untested)},
        "columns": [dataclasses.asdict(column) for column in standings.columns],
        "entries": [dataclasses.asdict(entry) for entry in standings.entries],
        "apart": [
            {
                "subject": apart.row.subject,
                "recipe": apart.row.recipe,
                "checkpoint": apart.row.checkpoint,
                "training_seed": apart.row.training_seed,
                "key": apart.row.key,
                "value": apart.row.value,
                "fingerprint": apart.row.fingerprint,
                "differs": apart.differs,
            }
            for apart in standings.apart
        ],
    }
