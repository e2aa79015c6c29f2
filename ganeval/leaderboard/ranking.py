"""Boards as pandas tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ganeval.leaderboard.boards import Board
from ganeval.leaderboard.costs import COSTS, PARAMETERS, Cost
from ganeval.leaderboard.reading import Row
from ganeval.leaderboard.standings import Standings, stand

APART = ("subject", "recipe", "checkpoint", "training_seed", "key", "value", "fingerprint", "differs", "file", "line")


@dataclass(frozen=True)
class RankedBoard:
    """A board with its lines.

    Attributes:
        board: What is shown.
        table: One line an entry, best first, then what has no rank, then the anchors. Columns: `rank` ("1", "2=", "2?",
            "" for anchors), `entry` (recipe of a checkpoint, else the subject), `checkpoint` ("" for what is none),
            `seeds` (count of training seeds), `anchor` (bool), `label` (what an anchor is), `parameters`,
            the costs of `ganeval.leaderboard.costs` by their names, `pareto` (bool: no entry is better in quality and
            in one of the three costs that have a front at once), `fronts` (in which), and for each key `<key> mean`,
            `<key> sd`, `<key> low`, `<key> high`.
        apart: Rows under another protocol, with `differs`: the fields in words.
        columns: One line a key: `key`, `better`, `fingerprint`, `debiased` (what the column shows), `pinned`.
        standings: The same without pandas.
    """

    board: Board
    table: pd.DataFrame
    apart: pd.DataFrame
    columns: pd.DataFrame
    standings: Standings


def ranked(board: Board, rows: pd.DataFrame, costs: Mapping[str, Cost] | None = None) -> RankedBoard:
    """Pools training seeds, ranks with ties, and sets other protocols apart.

    An entry's rank is 1 + the number of entries that are significantly better, at a false discovery rate of 5% over all
    pairs (`ganeval.leaderboard.significance`). "=" marks an entry that is not significantly different from another, "?"
    one that could not be tested against another.

    Args:
        board: Of `load_boards`.
        rows: Of `load`, whole or filtered.
        costs: Entry -> what it costs (`ganeval.leaderboard.timing_board.costs`).
    """
    return tables(stand(board, rows_of(rows), costs))


def rows_of(table: pd.DataFrame) -> list[Row]:
    """The rows behind a table of `load`; columns that were dropped read as unknown."""
    columns = []
    for name in Row._fields:
        if name not in table:
            columns.append([None] * len(table))
            continue
        values = table[name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            values = values.map(lambda time: time.isoformat(), na_action="ignore")
        columns.append(values.astype("object").where(values.notna(), None).tolist())
    return [Row(*values) for values in zip(*columns, strict=True)]


def tables(standings: Standings) -> RankedBoard:
    """The tables of what was ranked without pandas."""
    lines = []
    for entry in standings.entries:
        line: dict[str, object] = {
            "rank": entry.rank,
            "entry": entry.name,
            "checkpoint": entry.checkpoint,
            "seeds": len(entry.seeds),
            "anchor": bool(entry.anchor),
            "label": entry.anchor,
            **{kind.name: entry.costs(kind) for kind in COSTS},
            "pareto": bool(entry.fronts),
            "fronts": " ".join(entry.fronts),
        }
        for column in standings.columns:
            cell = entry.cells.get(column.key)
            for part in ("mean", "sd", "low", "high"):
                line[f"{column.key} {part}"] = None if cell is None else getattr(cell, part)
        lines.append(line)
    texts = ("rank", "entry", "checkpoint", "label", "fronts")
    numbers = [f"{c.key} {part}" for c in standings.columns for part in ("mean", "sd", "low", "high")]
    costs = [kind.name for kind in COSTS if kind is not PARAMETERS]
    kinds = {
        **dict.fromkeys(texts, "str"),
        **dict.fromkeys(("anchor", "pareto"), "bool"),
        **dict.fromkeys(("seeds", "parameters"), "Int64"),
        **dict.fromkeys((*costs, *numbers), "float64"),
    }
    order = ["rank", "entry", "checkpoint", "seeds", "anchor", "label", "parameters", *costs, "pareto", "fronts"]
    order += numbers
    apart = [[*(getattr(a.row, n) if n != "differs" else a.differs for n in APART)] for a in standings.apart]
    columns = [(c.key, c.better, c.fingerprint, c.debiased, c.pinned) for c in standings.columns]
    return RankedBoard(
        standings.board,
        pd.DataFrame(lines, columns=order).astype(kinds),
        pd.DataFrame(apart, columns=list(APART)),
        pd.DataFrame(columns, columns=["key", "better", "fingerprint", "debiased", "pinned"]),
        standings,
    )
