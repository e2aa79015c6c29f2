"""Timings side by side: ranked within one stage of one run on one machine, never across."""

from collections.abc import Sequence
from dataclasses import dataclass

from ganeval.leaderboard.cells import Cell
from ganeval.leaderboard.costs import COSTS, Cost, CostKind
from ganeval.leaderboard.significance import Contender, place, rank
from ganeval.leaderboard.timings import EXACT, TimingRow


@dataclass(frozen=True)
class TimingLine:
    """One measurement with its place.

    Attributes:
        rank: "1", "2=".
        row: What was measured.
        times_best: How many times the best value's cost it takes, >= 1; None where the best is zero.
    """

    rank: str
    row: TimingRow
    times_best: float | None


@dataclass(frozen=True)
class TimingTable:
    """Rows that may be ranked: one stage, unit, machine and run.

    Attributes:
        stage: Of all rows.
        unit: Of all rows.
        machine: Of all rows.
        run: Of all rows.
        time: Of the run.
        lines: Best first.
    """

    stage: str
    unit: str
    machine: str
    run: str
    time: str
    lines: tuple[TimingLine, ...]


def timing_tables(rows: Sequence[TimingRow]) -> list[TimingTable]:
    """Every table that the rows allow, the latest run first; of a row measured twice in a run the later counts."""
    groups: dict[tuple[str, str, str, str], dict[str, TimingRow]] = {}
    for row in rows:
        groups.setdefault((row.machine, row.run, row.stage, row.unit), {})[row.name] = row
    tables = []
    for (machine, run, stage, unit), named in groups.items():
        members = list(named.values())
        lines = _lines(members)
        tables.append(TimingTable(stage, unit, machine, run, max(row.time for row in members), lines))
    return sorted(tables, key=lambda table: table.time, reverse=True)


def latest(tables: Sequence[TimingTable]) -> list[TimingTable]:
    """The tables of each machine's latest run."""
    runs: dict[str, str] = {}
    for table in tables:  # latest first
        runs.setdefault(table.machine, table.run)
    return [table for table in tables if runs[table.machine] == table.run]


def by_columns(tables: Sequence[TimingTable]) -> list[list[TimingTable]]:
    """Tables of one run that share a name, together: one sheet can show them as columns. Their order stays."""
    groups: list[tuple[set[str], list[TimingTable]]] = []
    for table in tables:
        names = {line.row.name for line in table.lines}
        for known, group in groups:
            if (group[0].machine, group[0].run) == (table.machine, table.run) and known & names:
                known |= names
                group.append(table)
                break
        else:
            groups.append((names, [table]))
    return [group for _, group in groups]


def costs(tables: Sequence[TimingTable]) -> dict[str, Cost]:
    """What each recipe costs: each kind from the run that timed most recipes, and of those the latest."""
    found: dict[str, dict[str, float]] = {}
    for kind in COSTS:
        for name, value in _widest(tables, kind).items():
            found.setdefault(name, {})[kind.name] = value
    return dict(found)


def _widest(tables: Sequence[TimingTable], kind: CostKind) -> dict[str, float]:
    own = [table for table in tables if (table.stage, table.unit) == (kind.stage, kind.unit)]
    table = max(own, key=lambda table: len(table.lines), default=None)
    return {} if table is None else {line.row.name: line.row.value for line in table.lines}


def _lines(rows: Sequence[TimingRow]) -> tuple[TimingLine, ...]:
    better, values = rows[0].better, [row.value for row in rows]
    sign = 1.0 if better == "lower" else -1.0
    if rows[0].unit in EXACT:
        counts = [sum(sign * other < sign * value for other in values) for value in values]
        places = [f"{1 + n}{'=' if values.count(v) > 1 else ''}" for n, v in zip(counts, values, strict=True)]
    else:
        # A stage of milliseconds and one of minutes have no spread in common.
        cells = [Cell(r.value, r.sd if r.n > 1 else None, r.n, None, None, None) for r in rows]
        places = list(rank([Contender(cell) for cell in cells], better, share=False).ranks)
    best = min(values) if better == "lower" else max(values)
    lines = [TimingLine(text, row, _ratio(row, best)) for text, row in zip(places, rows, strict=True)]
    return tuple(sorted(lines, key=lambda line: (place(line.rank), sign * line.row.value, line.row.name)))


def _ratio(row: TimingRow, best: float) -> float | None:
    over, under = (row.value, best) if row.better == "lower" else (best, row.value)
    return over / under if under else None
