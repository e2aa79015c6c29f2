"""`write_report`: reads what was asked for, builds the page, writes one HTML file and, if wanted, the plots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganeval.doctor.read_findings import read_examination
from ganeval.doctor.section import doctor_section
from ganeval.errors import DataError
from ganeval.files.read_write import MAX_JSON, read_bytes, write_atomically
from ganeval.leaderboard.gathering import Gathered, gather
from ganeval.leaderboard.paths import leaderboards_folder, project_folder
from ganeval.leaderboard.timing_board import latest
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.report.blind import blind_page
from ganeval.report.boards import board_views
from ganeval.report.charts import Chart
from ganeval.report.crops import read_crops
from ganeval.report.galleries import Gallery, read_blame, read_pairs
from ganeval.report.page import Page, render
from ganeval.report.pictures import Album
from ganeval.report.plots import write_plots
from ganeval.report.protocols import protocols
from ganeval.report.runs import by_recipe, find_runs, read_run, runs_below
from ganeval.report.scores import class_charts, histories, score_tables, usable


@dataclass(frozen=True)
class ReportOptions:
    """What a report is made of.

    Attributes:
        out: The HTML file.
        results: A file or a folder of rows, as `ganeval.leaderboard.gathering.gather` takes it. None: those of the
            project that one stands in; where nothing else is named either, the copy that comes with the installation.
            Run folders below a named one are shown too.
        runs: Run folders, or folders that hold some.
        pairs: (CSV of `score --per-image`, scored images, originals).
        blame: (CSV of `score --blame`, the images).
        doctor: Files of `doctor --json`.
        plots: Folder for PNG and SVG files, None for none.
        blind: HTML file of a page for blind rating of the pairs, None for none.
        reading: How the images of pairs and of blame are read; its own subject does not count.
        title: Of the page.
    """

    out: Path
    results: Path | None = None
    runs: Sequence[Path] = ()
    pairs: Sequence[tuple[Path, str, str]] = ()
    blame: Sequence[tuple[Path, str]] = ()
    doctor: Sequence[Path] = ()
    plots: Path | None = None
    blind: Path | None = None
    reading: ScoreOptions = field(default_factory=lambda: ScoreOptions(""))
    title: str = "ganeval report"


@dataclass(frozen=True)
class Written:
    """What came of it.

    Attributes:
        page: What the page holds.
        size: Bytes of the HTML file.
        plots: Files beside it.
    """

    page: Page
    size: int
    plots: Sequence[Path]


def write_report(options: ReportOptions, reporter: Reporter) -> Written:
    """Builds and writes everything; nothing is written where something is wrong.

    Raises:
        DataError: an input is missing or cannot be used, there is nothing to show, or the page would be too large.
    """
    page = build(options, reporter)
    if not page.sections:
        raise DataError(
            "There is nothing to show: no row with a value, no run, no pair. Name some with --results FILE.jsonl (as "
            "`ganeval score --append` writes), --runs FOLDER, --pairs, --blame or --doctor."
        )
    data = render(page, options.title)
    rating = None
    if options.blind is not None:
        rating = blind_page(options.pairs, options.reading, f"{options.title}: rating", page.problems)
    plots = [] if options.plots is None else write_plots(list(charts(page)), options.plots, reporter)
    try:
        write_atomically(options.out, data)
        if options.blind is not None and rating is not None:
            write_atomically(options.blind, rating)
    except OSError as error:
        raise DataError(f"Cannot write {options.out}: {error.strerror}. Choose another file with --out.") from error
    return Written(page, len(data), plots)


def build(options: ReportOptions, reporter: Reporter) -> Page:
    """Reads all inputs.

    Raises:
        DataError: one is missing or cannot be used.
    """
    album = Album()
    place = _rows_at(options)
    gathered = Gathered((), {}, (), ()) if place is None else gather(place)
    problems = list(gathered.problems)
    valued = usable(gathered.rows)
    tables, left_out = score_tables(valued)
    boards = board_views(gathered.boards)
    named = {table.fingerprint for table in tables} | {c.fingerprint for board in boards for c in board.columns}
    found = [] if options.results is None else runs_below(options.results)
    folders = list(dict.fromkeys([*(run for folder in options.runs for run in find_runs(folder)), *found]))
    runs = []
    with reporter.stage("runs", len(folders)) as advance:
        for folder in folders:
            runs.append(read_run(folder, album, problems))
            advance(1)
    pairs = [read_pairs(*named, options.reading, album, problems) for named in options.pairs]
    crops = read_crops(options.pairs, options.reading, album, problems)
    blamed = [read_blame(*named, options.reading, album, problems) for named in options.blame]
    examined = [doctor_section(read_examination(_bytes_of(file), str(file))) for file in options.doctor]
    return Page(
        boards=boards,
        timings=latest(gathered.timings),
        tables=tables,
        tables_left_out=left_out,
        histories=histories(valued),
        classes=class_charts(valued),
        trainings=by_recipe(runs),
        pairs=pairs,
        crops=crops,
        blamed=blamed,
        examined=examined,
        protocols=protocols(valued, named),
        album=album,
        problems=problems,
    )


def _bytes_of(file: Path) -> bytes:
    try:
        return read_bytes(file, MAX_JSON)
    except OSError as error:
        raise DataError(
            f"Cannot read {file}: {error.strerror}. Write it with `ganeval doctor FOLDER --json {file}`."
        ) from error


def charts(page: Page) -> Iterator[Chart]:
    """Every chart of a page, in its order."""
    for board in page.boards:
        yield from board.scatters
    yield from (table.chart for table in page.tables)
    yield from page.histories
    yield from page.classes
    for training in page.trainings:
        yield from (*training.scores, *training.losses)
    galleries: Sequence[Gallery] = (*page.pairs, *page.blamed)
    for gallery in galleries:
        yield from gallery.histograms


def _rows_at(options: ReportOptions) -> Path | None:
    """Where the rows are that go into the page; None for none."""
    if options.results is not None:
        return options.results
    others = options.runs or options.pairs or options.blame or options.doctor
    folder = project_folder(Path.cwd()) if others else leaderboards_folder()
    return None if folder is None else folder / "results"
