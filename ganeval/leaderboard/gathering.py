"""All boards of a folder of rows: those of `boards.toml`, one for each file that none of these takes, and timings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganeval.leaderboard.boards import Board, load_boards
from ganeval.leaderboard.paths import row_files
from ganeval.leaderboard.reading import Row, read_files
from ganeval.leaderboard.standings import Standings, feed, stand
from ganeval.leaderboard.timing_board import TimingTable, costs, timing_tables
from ganeval.leaderboard.timings import timings_among

TIMINGS = "timings"
"""What `--board` calls the timings."""


@dataclass(frozen=True)
class Gathered:
    """What there is to show.

    Attributes:
        rows: Of all files, in their order.
        boards: Name -> board with its lines; boards without a row have no lines.
        timings: The latest run first.
        problems: Damaged lines, in words.
    """

    rows: tuple[Row, ...]
    boards: Mapping[str, Standings]
    timings: tuple[TimingTable, ...]
    problems: tuple[str, ...]


def gather(results: Path | None = None) -> Gathered:
    """Reads rows and timings, each file once, and ranks them board by board.

    Args:
        results: A file or folder of rows; None as for `load`. A `boards.toml` beside the folder is taken, else that
            of the project.

    Raises:
        DataError: a path is not there, or a row is of a future schema.
        UsageError: boards.toml cannot be used.
    """
    read = read_files(row_files(results))
    rows, (timings, more) = read.rows(), timings_among(read.others)
    boards = load_boards(boards_beside(results))
    boards |= automatic_boards(boards, rows)
    tables = timing_tables(timings)
    taken = costs(tables)
    standings = {name: stand(board, rows, taken) for name, board in boards.items()}
    return Gathered(tuple(rows), standings, tuple(tables), (*read.problems, *more))


def boards_beside(results: Path | None) -> Path | None:
    """The `boards.toml` beside a folder of rows, or beside the folder of a file of rows; None where there is none."""
    if results is None:
        return None
    own = (results.parent if results.is_file() else results).absolute().parent / "boards.toml"
    return own if own.is_file() else None


def automatic_boards(boards: Mapping[str, Board], rows: Sequence[Row]) -> dict[str, Board]:
    """A board for each file whose rows none of `boards` shows, called as the file."""
    shown = {id(row) for board in boards.values() for row in feed(board, rows)}
    files: dict[str, list[Row]] = {}
    for row in rows:
        files.setdefault(row.file, []).append(row)
    fed = {file for file in files if any(board.feeds_on(file) for board in boards.values())}
    found = {}
    for file, members in files.items():
        if file in fed:
            continue
        # Rows of single classes ("fd_per_class:7@...") are parts of another row.
        keys = list(
            dict.fromkeys(r.key for r in members if r.status == "ok" and ":" not in r.key and id(r) not in shown)
        )
        name = file.removesuffix(".jsonl")
        if keys and name not in boards:
            found[name] = Board(
                name,
                name,
                "",
                "",
                tuple(keys),
                note=f"Every metric of {file}. boards.toml can choose them, and which one ranks.",
            )
    return found
