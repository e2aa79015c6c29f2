"""`ganeval report`: one self-contained HTML page."""

from pathlib import Path

import click

from ganeval.cli.options import check_writable, option
from ganeval.cli.progress import RichReporter
from ganeval.errors import UsageError
from ganeval.escaping import first_of


@click.command("report", short_help="Write one self-contained HTML page.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, help="The page."
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Rows: a .jsonl file or a folder of them. Default: leaderboards/results of this project.",
)
@click.option("--runs", type=click.Path(path_type=Path), multiple=True, metavar="DIR", help="Runs of train-reference.")
@click.option(
    "--pairs",
    type=(click.Path(path_type=Path), str, str),
    multiple=True,
    metavar="CSV FAKE REAL",
    help="Table of score --per-image, and the images.",
)
@click.option(
    "--blame",
    type=(click.Path(path_type=Path), str),
    multiple=True,
    metavar="CSV IMAGES",
    help="Table of score --blame, and the images.",
)
@click.option(
    "--doctor",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="What doctor --json wrote.",
)
@click.option("--plots", type=click.Path(path_type=Path), metavar="DIR", help="Also every chart as PNG and SVG.")
@click.option(
    "--blind",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also a page for blind rating of the --pairs, whose answers are saved as CSV.",
)
@click.option("--title", default="ganeval report", show_default=True, help="Of the page.")
@option("data_root")
def command(
    out: Path,
    results: Path | None,
    runs: tuple[Path, ...],
    pairs: tuple[tuple[Path, str, str], ...],
    blame: tuple[tuple[Path, str], ...],
    doctor: tuple[Path, ...],
    plots: Path | None,
    blind: Path | None,
    title: str,
    data_root: Path | None,
) -> None:
    """Write one HTML page with boards, scores, training runs and pictures.

    The page is a single file below 8 MB that loads nothing from anywhere. Folders for --runs and --results are searched
    for runs. Several --pairs of the same REAL are also shown side by side, one crop of each picture. For
    --pairs and --blame, score the images first: the table says which of them are the worst and the best.

    \b
    ganeval report --out report.html
    ganeval report --runs runs --plots plots
    ganeval score ./sr --paired ./hr --per-image values.csv
    ganeval report --pairs values.csv ./sr ./hr
    ganeval report --pairs a.csv ./a ./hr --pairs b.csv ./b ./hr --blind rate.html
    ganeval score ./samples --reference ./real --blame blame.csv
    ganeval report --blame blame.csv ./samples
    ganeval doctor ./samples --against ./real --json doctor.json
    ganeval report --doctor doctor.json
    """
    check_writable(out, blind)
    if blind is not None and len({real for _, _, real in pairs}) != 1:
        raise UsageError("--blind needs --pairs CSV FAKE REAL, one or several of the same REAL.")
    if blind is not None and blind.absolute() == out.absolute():
        raise UsageError(f"--blind and --out are both {out}. Name two files.")
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder; expected the name of a file. Write --out {out / 'report.html'}.")
    if plots is not None and plots.exists() and not plots.is_dir():
        raise UsageError(f"--plots {plots} is a file; expected a folder. Name another one.")

    from ganeval.report import ReportOptions, write_report

    reporter = RichReporter()
    written = write_report(
        ReportOptions(out, results, runs, pairs, blame, doctor, plots, blind, data_root, title), reporter
    )
    for problem in first_of(written.page.problems):
        reporter.message(problem)
    if written.plots:
        reporter.message(f"{len(written.plots)} plots in {plots}")
    reporter.message(f"{out}: {written.size / 1e6:.1f} MB, loads nothing")
    click.echo(str(out))
    if blind is not None:
        click.echo(str(blind))
