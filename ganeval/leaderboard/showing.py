"""Boards as cells of text: what the terminal and Markdown show. Loads neither pandas nor rich."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ganeval.escaping import markdown
from ganeval.formatting import counted, filled_columns
from ganeval.leaderboard.cells import Cell
from ganeval.leaderboard.costs import COSTS
from ganeval.leaderboard.significance import place
from ganeval.leaderboard.standings import Apart, Column, Entry, Standings
from ganeval.leaderboard.timing_board import TimingLine, TimingTable
from ganeval.leaderboard.timings import EXACT, TimingRow

ARROWS = {"lower": "↓", "higher": "↑"}
FIRST = 4  # columns before the numbers of an entry
NAMES_SHOWN = 4
_PLACES = {(kind.stage, kind.unit): index for index, kind in enumerate(COSTS)}


@dataclass(frozen=True)
class Sheet:
    """A table in words.

    Attributes:
        title: Above it.
        head: One text a column.
        lines: One text a cell.
        left: Columns that are aligned left; the others hold numbers.
        fixed: Leading columns that are always shown; the rest may be left out on the right where room is short.
        notes: Below it, one line each.
    """

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    left: frozenset[int]
    fixed: int
    notes: tuple[str, ...]


def _sheet(
    title: str,
    head: Sequence[str],
    lines: Sequence[Sequence[str]],
    left: Collection[int],
    fixed: int,
    notes: Sequence[str],
) -> Sheet:
    """A sheet without the columns that have no value in any line."""
    kept = filled_columns(head, lines)
    return Sheet(
        title,
        tuple(head[column] for column in kept),
        tuple(tuple(line[column] for column in kept) for line in lines),
        frozenset(place for place, column in enumerate(kept) if column in left),
        sum(column < fixed for column in kept),
        tuple(notes),
    )


def board_sheet(standings: Standings) -> Sheet:
    """A board of scores: ranks, entries, the sort key with its spread, other means, costs, anchors, what is apart."""
    board, columns = standings.board, _sorted_first(standings)
    common = _common_network(columns)
    head = ["rank", "entry", "checkpoint", "seeds"]
    headings = [_heading(column, common) for column in columns]
    beside, behind = _costs(standings.entries, fronts=True), _costs(standings.entries, fronts=False)
    head += [*headings[:1], *beside, *headings[1:], *behind]
    lines = []
    for index, entry in enumerate(standings.entries):
        name = f"{entry.name} ({entry.anchor})" if entry.anchor not in ("", entry.checkpoint) else entry.name
        cells = [_cell(entry.cells.get(column.key), column.key == board.sort) for column in columns]
        near, far = ([texts[index] for texts in costs.values()] for costs in (beside, behind))
        facts = (entry.rank, name, entry.checkpoint, str(len(entry.seeds) or ""))
        lines.append((*facts, *cells[:1], *near, *cells[1:], *far))
    against = f", against {board.data}" if board.data else ""
    return _sheet(board.title + against, head, lines, {0, 1, 2}, FIRST + 1, _notes(standings, common))


def timing_sheet(table: TimingTable) -> Sheet:
    """One stage of one run on one machine."""
    lines = tuple(
        (
            line.rank,
            line.row.name,
            number(line.row.value) + ("" if line.row.sd is None else f" ± {number(line.row.sd, 2)}"),
            "" if line.times_best is None else f"{line.times_best:.2f}x",
            str(line.row.n),
            line.row.device,
            "" if line.row.threads is None else str(line.row.threads),
        )
        for line in table.lines
    )
    head = ("rank", "name", f"{table.unit} {ARROWS[table.lines[0].row.better]}", "vs best", "n", "device", "threads")
    return _sheet(table.stage, head, lines, {0, 1, 5}, len(head), _origin([line.row for line in table.lines]))


def _origin(rows: Sequence[TimingRow]) -> tuple[str, ...]:
    """Machine, run, versions, and what else the rows of one run say, once each."""
    first = rows[0]
    versions = sorted({f"{name} {version}" for row in rows for name, version in row.versions.items()})
    notes = sorted({row.note for row in rows if row.note})
    threads = sorted({(row.device, row.threads) for row in rows if row.threads is not None})
    notes += [f"{device}, {n} thread{'' if n == 1 else 's'}" for device, n in threads]
    return (*notes, f"{first.machine}; run {first.run} of {first.time}; {', '.join(versions) or 'versions unknown'}")


def timing_columns_sheet(tables: Sequence[TimingTable]) -> Sheet:
    """Stages of one run on one machine as columns, a line for each name; a star marks the best of a column."""
    ordered = sorted(tables, key=lambda table: _PLACES.get((table.stage, table.unit), len(_PLACES)))
    cells = [{line.row.name: _marked(line) for line in table.lines} for table in ordered]
    names = dict.fromkeys(name for table in ordered for name in sorted(line.row.name for line in table.lines))
    lines = tuple((name, *(column.get(name, "") for column in cells)) for name in names)
    head = ("name", *(f"{_head(table)} {ARROWS[table.lines[0].row.better]}" for table in ordered))
    rows = [line.row for table in ordered for line in table.lines]
    notes = ("medians, * the best; stages and spreads: --board timings", *_origin(rows))
    return _sheet("Costs, one run on one machine", head, lines, {0}, 1, notes)


def _marked(line: TimingLine) -> str:
    return amount(line.row.value, line.row.unit) + ("*" if place(line.rank) == 1 and "?" not in line.rank else "")


def _head(table: TimingTable) -> str:
    named = {(kind.stage, kind.unit): kind.head for kind in COSTS}
    return named.get((table.stage, table.unit), f"{table.stage}, {table.unit}")


def to_markdown(sheet: Sheet) -> str:
    """A heading, the table, and its notes as a list. Names of strangers stay text."""
    rules = [":--" if place in sheet.left else "--:" for place in range(len(sheet.head))]
    lines = [f"## {markdown(sheet.title)}", "", _line(sheet.head), f"| {' | '.join(rules)} |"]
    lines += [_line(line) for line in sheet.lines]
    lines += ["", *(f"- {markdown(note)}" for note in sheet.notes)]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown, cells))} |"


def number(value: float, digits: int = 4) -> str:
    """Significant digits, without an exponent for everyday sizes."""
    if value == 0 or not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}" if value else "0"
    return f"{value:.{_places(value, digits)}f}"


def count(value: int) -> str:
    """A count of parameters or operations: 1.2M."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return str(value)


def spread(mean: float, sd: float) -> str:
    """Mean ± sd, to two significant digits of the sd."""
    if sd == 0 or not 1e-4 <= sd < 1e6 or not abs(mean) < 1e6:
        return f"{number(mean)} ± {number(sd, 2)}"
    places = _places(sd, 2)
    return f"{mean:.{places}f} ± {sd:.{places}f}"


def _places(value: float, digits: int) -> int:
    """Places behind the point that show so many significant digits, after rounding: .0996 is .10 to two of them."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return max(0, digits - 1 - exponent)


def _cell(cell: Cell | None, whole: bool) -> str:
    if cell is None:
        return ""
    if whole and cell.sd is not None:
        return spread(cell.mean, cell.sd)
    if whole and cell.low is not None and cell.high is not None:
        return f"{number(cell.mean)} [{number(cell.low, 3)}, {number(cell.high, 3)}]"
    return number(cell.mean)


def _common_network(columns: Sequence[Column]) -> str:
    """The network that headings leave out: that of all columns with a network, or of most where each has one; or ""."""
    networks = Counter(column.key.partition("@")[2] for column in columns)
    unnamed = networks.pop("", 0)
    (name, count), *others = networks.most_common() or [("", 0)]
    return name if not others or (not unnamed and count > sum(networks.values()) / 2) else ""


def _sorted_first(standings: Standings) -> list[Column]:
    return sorted(standings.columns, key=lambda column: column.key != standings.board.sort)


def _heading(column: Column, common: str) -> str:
    key = column.key.removesuffix(f"@{common}") if common else column.key
    return " ".join(filter(None, [key, ARROWS.get(column.better, "")]))


def _costs(entries: Sequence[Entry], *, fronts: bool) -> dict[str, list[str]]:
    """Columns of the costs that some entry has; a star says that no entry is better in score and in this at once."""
    columns = {}
    for kind in COSTS:
        known = [entry.costs(kind) for entry in entries]
        if bool(kind.front) is fronts and any(value is not None for value in known):
            columns[kind.head] = [
                amount(value, kind.unit) + ("*" if kind.front and kind.front in entry.fronts else "")
                for value, entry in zip(known, entries, strict=True)
            ]
    return columns


def amount(value: float | None, unit: str) -> str:
    """A cost to three digits: counts with a letter (1.2M), times and rates as they are."""
    if value is None:
        return ""
    return count(round(value)) if unit in EXACT else number(value, 3)


def _notes(standings: Standings, common: str) -> list[str]:
    board = standings.board
    notes = [board.note] if board.note else []
    told = ["mean ± sd over training seeds" if any(len(e.seeds) > 1 for e in standings.entries) else ""]
    more = any(column.key.partition("@")[2] not in ("", common) for column in standings.columns)
    told += [f"on {common}{' where no network is named' if more else ''}" if common else ""]
    told += ["* no other entry is better in both score and cost" if any(e.fronts for e in standings.entries) else ""]
    notes.append("; ".join(filter(None, told)))
    notes += rank_notes(standings)
    prints: dict[str, list[str]] = {}
    for c in sorted(standings.columns, key=lambda column: not column.pinned):
        words = "protocols pinned in boards.toml" if c.pinned else "protocols of most rows"
        prints.setdefault("; ".join(filter(None, [c.facts, words])), []).append(f"{c.key} {c.fingerprint}")
    notes += [f"{words}: {', '.join(columns)}" for words, columns in prints.items()]
    debiased = [column.key for column in standings.columns if column.debiased]
    notes += [f"bias-corrected: {', '.join(debiased)}"] if debiased else []
    return [note for note in notes if note] + _apart(standings.apart)


def rank_notes(standings: Standings) -> list[str]:
    """What the marks behind ranks mean on this board, and what was tested."""
    marks = "".join(entry.rank for entry in standings.entries)
    why = "; ".join(f"{reason} ({counted(count, 'comparison')})" for reason, count in standings.untested.items())
    tested = counted(standings.tested, "comparison")
    found = [
        f"= no significant difference from another entry; {tested}, false discovery rate 5%" if "=" in marks else "",
        f"? untested against another entry: {why}" if why else "",
    ]
    return [note for note in found if note]


def _apart(apart: Sequence[Apart]) -> list[str]:
    """Rows of other protocols, by what differs and what to do."""
    groups: dict[tuple[str, str], list[Apart]] = {}
    for row in apart:
        groups.setdefault((row.differs, row.advice), []).append(row)
    lines = []
    for (differs, advice), rows in groups.items():
        names = list(dict.fromkeys(found.row.recipe or found.row.subject for found in rows))
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        pinned = {
            found.row.key: f"{found.row.key} {found.row.fingerprint}" if advice else found.row.key for found in rows
        }
        lines.append(
            f"apart, not comparable: {counted(len(rows), 'row')} of {', '.join(names[:NAMES_SHOWN])}{more} "
            f"({', '.join(pinned.values())}): "
            f"{differs}{f'. {advice}.' if advice else ''}"
        )
    return lines
