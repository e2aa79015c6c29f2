"""Leaderboards as the page shows them: ranked lines with ties, cells with their spread, quality against cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ganeval.leaderboard.cells import Cell
from ganeval.leaderboard.costs import COSTS, CostKind
from ganeval.leaderboard.showing import rank_notes
from ganeval.leaderboard.standings import Column, Entry, Standings
from ganeval.report.axes import Axis
from ganeval.report.charts import Dot, Point, Scatter
from ganeval.report.numbers import duration, magnitude
from ganeval.report.svg import glyph_axis

MAX_APART = 50


@dataclass(frozen=True)
class BoardView:
    """One board.

    Attributes:
        name: Of the board; part of ids in the page.
        title: For people.
        data: What is compared with.
        note: What the reader must know.
        ranks: What the marks behind ranks mean here, and what was tested.
        sort: The column by which it is ranked, None where no entry has it.
        columns: Of scores.
        costs: Those that some entry has.
        entries: Best first, then what has no rank, then the anchors.
        axis: Of the intervals that are drawn beside the sort column.
        apart: (label, key, value, how its protocol differs) of rows that may not be compared, at most MAX_APART.
        more_apart: How many further rows there are.
        scatters: Quality against each cost, where two entries or more know it.
    """

    name: str
    title: str
    data: str
    note: str
    ranks: Sequence[str]
    sort: Column | None
    columns: Sequence[Column]
    costs: Sequence[CostKind]
    entries: Sequence[Entry]
    axis: Axis | None
    apart: Sequence[tuple[str, str, float, str]]
    more_apart: int
    scatters: Sequence[Scatter]


def board_views(boards: Mapping[str, Standings]) -> list[BoardView]:
    """The boards that have a line."""
    return [_view(name, standings) for name, standings in boards.items() if standings.entries]


def _view(name: str, standings: Standings) -> BoardView:
    board, entries = standings.board, standings.entries
    sort = next((column for column in standings.columns if column.key == board.sort), None)
    dots = [] if sort is None else [dot_of(entry, sort) for entry in entries if sort.key in entry.cells]
    apart = [
        (f"{one.row.recipe or one.row.subject} {one.row.checkpoint or ''}".strip(), one.row.key, value, one.differs)
        for one in standings.apart
        if (value := one.row.value) is not None
    ]
    return BoardView(
        name,
        board.title,
        board.data,
        board.note,
        rank_notes(standings),
        sort,
        standings.columns,
        [cost for cost in COSTS if any(entry.costs(cost) is not None for entry in entries)],
        entries,
        glyph_axis(dots, bars=False) if dots else None,
        apart[:MAX_APART],
        max(0, len(apart) - MAX_APART),
        [] if sort is None else list(_scatters(board.title, sort, entries)),
    )


def dot_of(entry: Entry, column: Column) -> Dot:
    """An entry's number with its interval; the caller knows that it has one."""
    cell: Cell = entry.cells[column.key]
    return Dot(f"{entry.name} {entry.checkpoint}".strip(), cell.mean, cell.low, cell.high, bool(entry.anchor))


def in_words(cost: CostKind, value: float) -> str:
    """A cost as people read it: 12 min, 4.56M, 37.1."""
    return duration(value) if cost.unit == "s" else magnitude(value)


def _scatters(title: str, sort: Column, entries: Sequence[Entry]) -> Iterable[Scatter]:
    for cost in (kind for kind in COSTS if kind.front):
        points = tuple(
            Point(f"{entry.name} {entry.checkpoint}".strip(), float(spent), cell.mean, cost.front in entry.fronts)
            for entry in entries
            if not entry.anchor and (cell := entry.cells.get(sort.key)) and (spent := entry.costs(cost)) and spent > 0
        )
        if len(points) > 1:
            yield Scatter(f"{title}: {sort.key} against {cost.head}", cost.words, sort.key, points)
