"""`ganeval leaderboard`: boards in the terminal, rows added, boards and rows exported."""

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli.options import FILE, PATH, check_writable, one_of, with_options
from ganeval.errors import UsageError
from ganeval.escaping import first_of, printable
from ganeval.formatting import counted
from ganeval.registry import listed, unknown_name

if TYPE_CHECKING:
    import pandas as pd

    from ganeval.leaderboard.showing import Sheet
    from ganeval.leaderboard.standings import Standings
    from ganeval.leaderboard.timing_board import TimingTable

FORMATS = ("table", "md", "csv", "parquet", "json", "hf-model-index")

OPTIONS = (
    click.option("--board", metavar="NAME", help="Board of boards.toml, or timings. Default: all that have rows."),
    click.option(
        "--results",
        type=PATH,
        help="Folder of .jsonl files, or one file. Default: leaderboards/results of this project.",
    ),
    click.option("-o", "--out", type=FILE, help="File to write. Default: stdout."),
    click.option("--entry", metavar="NAME", help="Recipe or subject, for hf-model-index."),
    click.option("--checkpoint", metavar="STEM", help="Checkpoint of --entry, for hf-model-index. Default: last."),
)


@click.group("leaderboard", short_help="Boards of scores and timings.")
def command() -> None:
    """Boards of scores and timings, rebuilt from leaderboards/results/*.jsonl.

    Training seeds are pooled as mean ± sd. Entries that don't differ significantly tie ("2="); "?" marks entries that
    could not be tested. Rows of other protocols are listed separately. Anchors (real images, the untrained generator,
    bicubic enlargement) are shown without a rank.
    """


@command.command("show")
@click.option("--format", "format_", type=one_of(FORMATS), default="table", show_default=True, help="Output format.")
@with_options(*OPTIONS)
def show(
    format_: str, board: str | None, results: Path | None, out: Path | None, entry: str | None, checkpoint: str | None
) -> None:
    """Print boards.

    \b
    ganeval leaderboard show
    ganeval leaderboard show --board digits
    """
    _write(format_, board, results, out, entry, checkpoint)


@command.command("export")
@click.option("--format", "format_", type=one_of(FORMATS), default="md", show_default=True, help="Output format.")
@with_options(*OPTIONS)
def export(
    format_: str, board: str | None, results: Path | None, out: Path | None, entry: str | None, checkpoint: str | None
) -> None:
    """Write boards, or rows, to a file or to stdout.

    csv and parquet hold one table: that of --board, or without it every row. hf-model-index is the metadata of one
    entry for a Hugging Face model card.

    \b
    ganeval leaderboard export --format md -o LEADERBOARD.md
    ganeval leaderboard export --format csv --board digits
    ganeval leaderboard export --format parquet -o rows.parquet
    ganeval leaderboard export --format hf-model-index --entry dcgan.digits-cpu
    """
    _write(format_, board, results, out, entry, checkpoint)


@command.command("add", short_help="Append rows that are not there yet.")
@click.argument("source", type=PATH)
@click.option("--board", metavar="NAME", help="Board to append to, the file NAME.jsonl. Default: SOURCE's own name.")
@click.option("--results", type=PATH, help="Folder of rows. Default: leaderboards/results of this project.")
def add(source: Path, board: str | None, results: Path | None) -> None:
    """Append the rows of SOURCE that are not there yet. Existing lines are never changed.

    SOURCE is a .jsonl file of `score --append`, the JSON of `score --json`, or that of pytest --benchmark-json.

    \b
    ganeval leaderboard add scores.jsonl --board digits
    ganeval leaderboard add benchmark.json
    """
    from ganeval.leaderboard import adding
    from ganeval.leaderboard.paths import project_folder

    name = source.stem if board is None else board
    if not name or name != Path(name).name or name.startswith("."):
        raise UsageError(f"--board {name!r} isn't a name of a file. Give one without slashes, as in --board digits.")
    if results is not None and results.is_file():
        raise UsageError(f"--results {results} is a file. Give its folder, and the file's stem as --board.")
    folder = results or (project_folder(Path.cwd()) or Path("leaderboards")) / "results"
    done = adding.add(source, folder, name)
    _tell(done.problems)
    for file, count in done.added.items():
        click.echo(f"added {counted(count, 'row')} to {printable(str(file))}")
    skipped = {**done.skipped, **({"damaged, see above": len(done.problems)} if done.problems else {})}
    for why, count in skipped.items():
        click.echo(f"skipped {counted(count, 'row')}: {why}")
    if not done.added:
        click.echo("added nothing")


def _write(
    format_: str, board: str | None, results: Path | None, out: Path | None, entry: str | None, checkpoint: str | None
) -> None:
    """Everything is checked and made before the first byte is written."""
    check_writable(out)
    if (entry is None) != (format_ != "hf-model-index"):
        raise UsageError("--entry NAME goes with --format hf-model-index, and the other way round.")
    if checkpoint is not None and entry is None:
        raise UsageError("--checkpoint goes with --format hf-model-index --entry NAME.")
    if format_ == "parquet" and out is None and sys.stdout.isatty():
        raise UsageError("--format parquet isn't text. Give a file: -o rows.parquet.")

    if format_ in ("csv", "parquet") and board is None:
        from ganeval.leaderboard.rows import load

        rows = load(results)
        _tell(rows.attrs["problems"])
        data = _table(rows, format_)
    else:
        data = _boards(format_, board, results, entry, checkpoint, to_file=out is not None)
    if out is None:
        click.echo(data, nl=False)
        return
    from ganeval.files.read_write import write_output

    write_output(out, data)


def _boards(
    format_: str, board: str | None, results: Path | None, entry: str | None, checkpoint: str | None, *, to_file: bool
) -> bytes:
    """The output; nothing where a table went to the terminal already."""
    from ganeval.leaderboard.gathering import TIMINGS, gather

    gathered = gather(results)
    _tell(gathered.problems)
    names = [*gathered.boards, TIMINGS]
    board = None if board is None else listed(board, names)
    if board is not None and board not in names:
        raise unknown_name("board", board, names)
    filled = {name: own for name, own in gathered.boards.items() if own.entries or own.apart}
    chosen = {name: own for name, own in filled.items() if board in (None, name)}
    timings = gathered.timings if board in (None, TIMINGS) else ()
    if not chosen and not timings:
        what = f"No rows for {board}" if board else f"No rows in {results or 'leaderboards/results'}"
        _tell([f"{what}. Append some: ganeval score ... --append leaderboards/results/{board or 'NAME'}.jsonl"])
    if format_ == "hf-model-index":
        from ganeval.leaderboard.model_index import model_index

        return model_index(chosen.values(), entry or "", checkpoint).encode()
    if format_ in ("table", "md"):
        sheets = _sheets(list(chosen.values()), timings, whole=board == TIMINGS)
        if format_ == "md" or to_file:
            return (_markdown(sheets) if format_ == "md" else _text(sheets)).encode()
        from ganeval.cli.board_tables import print_sheets
        from ganeval.cli.consoles import open_console

        print_sheets(sheets, open_console())
        return b""
    from ganeval.leaderboard import export

    if format_ == "json":
        return (export.to_json(chosen, timings) + "\n").encode()
    if board == TIMINGS:
        return _table(export.timing_frame(timings), format_)
    return _table(export.board_frame(gathered.boards[board or ""]), format_)


def _table(frame: "pd.DataFrame", format_: str) -> bytes:
    from ganeval.leaderboard.export import to_csv, to_parquet

    return to_parquet(frame) if format_ == "parquet" else to_csv(frame).encode()


def _sheets(boards: "Sequence[Standings]", timings: "Sequence[TimingTable]", *, whole: bool) -> "list[Sheet]":
    """Boards, then timings: stages of the same names as columns; `whole` also shows each stage with its spread."""
    from ganeval.leaderboard.showing import board_sheet, timing_columns_sheet, timing_sheet
    from ganeval.leaderboard.timing_board import by_columns, latest

    recent = latest(timings)
    if len(recent) < len(timings):
        _tell([f"{len(timings) - len(recent)} tables of earlier runs are in --format json."])
    sheets = [*map(board_sheet, boards)]
    for group in by_columns(recent):
        sheets += [timing_columns_sheet(group)] if len(group) > 1 else []
        sheets += map(timing_sheet, group) if whole or len(group) == 1 else []
    return sheets


def _markdown(sheets: "Sequence[Sheet]") -> str:
    from ganeval.leaderboard.showing import to_markdown

    return "\n".join(to_markdown(sheet) for sheet in sheets)


def _text(sheets: "Sequence[Sheet]") -> str:
    from ganeval.cli.board_tables import print_sheets
    from ganeval.cli.consoles import open_console

    buffer = io.StringIO()
    print_sheets(sheets, open_console(file=buffer))
    return buffer.getvalue()


def _tell(messages: Sequence[str]) -> None:
    for message in first_of(messages):
        click.echo(printable(message), err=True)
