"""What `score` leaves behind: the table or JSON on stdout, the files that were asked for, findings on stderr."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli.consoles import open_console
from ganeval.cli.first_screen import first_screen, print_screen
from ganeval.cli.progress import RichReporter
from ganeval.cli.tables import print_results
from ganeval.doctor.score_checks import checks_of
from ganeval.escaping import spreadsheet
from ganeval.files.read_write import write_output
from ganeval.options import ScoreOptions
from ganeval.results.result import append_jsonl, to_json
from ganeval.scoring.pair_pass import PairScores
from ganeval.scoring.score import ScoreOutcome

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 8  # stems of the worst and of the best images


def per_image_table(pairs: PairScores) -> "pd.DataFrame":
    """Columns `image` (the stem) and one per metric."""
    import pandas as pd

    return pd.DataFrame({"image": pairs.stems, **pairs.values})


def csv(table: "pd.DataFrame") -> str:
    """A table of images as CSV; a stem that a spreadsheet would run as a formula gets an apostrophe."""
    return table.assign(image=[spreadsheet(str(stem)) for stem in table["image"]]).to_csv(index=False)


def show_outcome(
    outcome: ScoreOutcome,
    options: ScoreOptions,
    reporter: RichReporter,
    *,
    json_target: str | None,
    append: Path | None,
    per_image: Path | None,
    blame: Path | None,
    full: bool,
) -> None:
    """Writes files first, then stdout: a reader of stdout may take its end as the end of the work."""
    if per_image is not None and outcome.pairs is not None:
        write_output(per_image, csv(per_image_table(outcome.pairs)))
    if blame is not None and outcome.blame is not None:
        write_output(blame, csv(outcome.blame))
        images = [str(image) for image in outcome.blame["image"]]
        reporter.message(f"raise {outcome.blame.columns[1]} most: {', '.join(images[:SHOWN])}")
        reporter.message(f"lower it most: {', '.join(images[: -SHOWN - 1 : -1])}")
    if append is not None:
        append_jsonl(append, [result for result in outcome.results if result.status == "ok"])
    found = checks_of(outcome, options.peak)
    for line in found:
        reporter.message(f"note: {line}")
    if json_target == "-":
        if options.reference is None and options.paired is None:
            reporter.message("Name a reference: --reference FOLDER (or digits:test), or --paired FOLDER.")
        click.echo(to_json(outcome.results))
        return
    if json_target is not None:
        write_output(Path(json_target), to_json(outcome.results) + "\n")
    console = open_console()
    if full:
        print_results(outcome.results, console)
    else:
        print_screen(first_screen(outcome.results, options, doubtful=bool(found)), console)
