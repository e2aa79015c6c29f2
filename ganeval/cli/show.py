"""What `score` leaves behind: the table or JSON on stdout, the files that were asked for, findings on stderr."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ganeval.cli.consoles import open_console
from ganeval.cli.first_screen import first_screen, print_screen, print_table
from ganeval.cli.progress import RichReporter
from ganeval.cli.tables import print_results
from ganeval.doctor.score_checks import checks_of
from ganeval.escaping import spreadsheet
from ganeval.files.read_write import write_output
from ganeval.notebook.subject_table import SubjectTable, subject_table
from ganeval.options import ScoreOptions
from ganeval.results.result import append_jsonl, to_json
from ganeval.scoring.evaluator import ScoreOutcome
from ganeval.scoring.several_subjects import SeveralScores

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["table", "md", "csv", "latex"]
SHOWN = 8  # stems of the worst and of the best images


def per_image_table(outcome: ScoreOutcome) -> "pd.DataFrame | None":
    """Columns `image` (the stem) and one per metric; None without values by image."""
    import pandas as pd

    parts = [part for part in (outcome.pairs, outcome.images) if part is not None]
    tables = [pd.DataFrame({"image": part.stems, **part.values}) for part in parts]
    return functools.reduce(lambda a, b: a.merge(b, on="image", how="outer", sort=False), tables) if tables else None


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
    form: Format,
    full: bool,
) -> None:
    """Writes files first, then stdout: a reader of stdout may take its end as the end of the work."""
    if per_image is not None and (table := per_image_table(outcome)) is not None:
        write_output(per_image, csv(table))
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
    if form != "table":
        alone = (options.name or options.subject,), [outcome.results], ()
        click.echo(written(subject_table(*alone, named=full or options.metrics is not None), form), nl=False)
    elif full:
        print_results(outcome.results, console)
    else:
        print_screen(first_screen(outcome.results, options, doubtful=bool(found)), console)


def show_several(
    scored: SeveralScores,
    options: ScoreOptions,
    reporter: RichReporter,
    *,
    json_target: str | None,
    append: Path | None,
    per_image: Path | None,
    form: Format,
    full: bool,
) -> None:
    """The same of several subjects: files first, then one table.

    `--per-image` has a column more, `subject`.
    """
    results = [result for outcome in scored.outcomes for result in outcome.results]
    if per_image is not None:
        tables = [
            csv(images.assign(subject=spreadsheet(name)))
            for name, outcome in zip(scored.names, scored.outcomes, strict=True)
            if (images := per_image_table(outcome)) is not None
        ]
        head, _, first = tables[0].partition("\n")
        write_output(per_image, "".join([f"{head}\n{first}", *(table.partition("\n")[2] for table in tables[1:])]))
    if append is not None:
        append_jsonl(append, [result for result in results if result.status == "ok"])
    found: dict[str, list[str]] = {}
    for name, outcome in zip(scored.names, scored.outcomes, strict=True):
        for line in checks_of(outcome, options.peak):
            found.setdefault(line, []).append(name)
    for line, names in found.items():
        reporter.message(f"note: {', '.join(names)}: {line}")
    if json_target == "-":
        click.echo(to_json(results))
        return
    if json_target is not None:
        write_output(Path(json_target), to_json(results) + "\n")
    rows = [outcome.results for outcome in scored.outcomes]
    table = subject_table(scored.names, rows, scored.standings, named=full or options.metrics is not None)
    if form != "table":
        click.echo(written(table, form), nl=False)
    else:
        print_table(table, rows[0], options, open_console())


def written(table: SubjectTable, form: Literal["md", "csv", "latex"]) -> str:
    """The table as text of that form."""
    return {"md": table.to_markdown, "csv": table.to_csv, "latex": table.to_latex}[form]()
