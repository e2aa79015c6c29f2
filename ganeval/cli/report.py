"""`ganeval report`: one self-contained HTML page."""

import functools
from pathlib import Path
from typing import Any

import click

from ganeval.cli.options import FILE, PATH, GroupedCommand, GroupedOption, check_writable, option, with_options
from ganeval.cli.progress import RichReporter
from ganeval.errors import UsageError
from ganeval.escaping import first_of
from ganeval.options import ScoreOptions

READING = ("data_root", "num_samples", "seed", "pair_by", "inputs")  # as the images were scored


of_inputs = functools.partial(click.option, cls=GroupedOption, group="inputs")


@click.command("report", cls=GroupedCommand, short_help="Write one self-contained HTML page.")
@click.option("--out", type=PATH, default=Path("report.html"), show_default=True, help="HTML file to write.")
@of_inputs(
    "--results",
    type=PATH,
    metavar="PATH",
    help="Folder of .jsonl files, or one file. Default: leaderboards/results of this project.",
)
@of_inputs(
    "--runs",
    type=PATH,
    multiple=True,
    metavar="DIR",
    help="Folder of runs of train-reference.",
)
@of_inputs(
    "--pairs",
    type=(PATH, str, str),
    multiple=True,
    metavar="CSV FAKE REAL",
    help="Table that score --per-image wrote, and the two sets of images.",
)
@of_inputs(
    "--blame",
    type=(PATH, str),
    multiple=True,
    metavar="CSV IMAGES",
    help="Table that score --blame wrote, and the images.",
)
@of_inputs(
    "--doctor",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="File that doctor --json wrote.",
)
@click.option("--plots", type=PATH, metavar="DIR", help="Folder for every chart as PNG and SVG.")
@click.option(
    "--blind",
    type=FILE,
    metavar="FILE",
    help="Second page to write, for blind rating of the --pairs; it saves the answers as CSV.",
)
@click.option("--title", default="ganeval report", show_default=True, help="Title of the page.")
@with_options(*map(option, READING))
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
    **reading: Any,
) -> None:
    """Write one HTML page with boards, scores, training runs and pictures.

    The page is a single file below 8 MB that loads nothing from the network. Folders for --runs and --results are
    searched for runs. Several --pairs of the same REAL are also shown side by side, one crop of each picture. For
    --pairs and --blame, score the images first: the table ranks them from worst to best. FAKE and IMAGES may be any
    subject of `ganeval score`, read with the same options.

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
    read = ScoreOptions("", **reading)
    written = write_report(ReportOptions(out, results, runs, pairs, blame, doctor, plots, blind, read, title), reporter)
    for problem in first_of(written.page.problems):
        reporter.message(problem)
    if written.plots:
        reporter.message(f"{len(written.plots)} plots in {plots}")
    reporter.message(f"{out}: {written.size / 1e6:.1f} MB, loads nothing")
    click.echo(str(out))
    if blind is not None:
        click.echo(str(blind))
