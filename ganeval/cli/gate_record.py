"""`ganeval gate init` and `ganeval gate accept`: record what later gates are held against."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli.options import PLACE, check_writable, takes
from ganeval.errors import UsageError
from ganeval.files.read_write import write_output
from ganeval.options import ScoreOptions

if TYPE_CHECKING:
    from ganeval.gate.modes import Scores
    from ganeval.gate.rules import GateRules, Mode
    from ganeval.results.result import Result

MODES: tuple["Mode", ...] = ("auto", "samples", "same-weights", "retrained")
FILE = click.Path(dir_okay=False, path_type=Path)
WHY = click.option("--why", default="", help="A reason, kept in the rows.")


def as_ruled(options: ScoreOptions, rules: "GateRules | None", file: Path | None) -> ScoreOptions:
    """Options of a gate: what the rules compare with is added where it was not typed."""
    run = {} if rules is None else rules.run
    return dataclasses.replace(
        options,
        reference=options.reference or run.get("reference"),
        paired=options.paired or run.get("paired"),
        config_file=None if file is None else file.name,
    )


@click.command("init", short_help="Write a first gates.toml and baseline.")
@click.argument("subjects", metavar="SUBJECT...", type=PLACE, nargs=-1, required=True)
@click.option("--baseline", type=FILE, default=Path("baseline.jsonl"), show_default=True, help="Rows, new file.")
@click.option("--rules", type=FILE, default=Path("gates.toml"), show_default=True, help="Margins, new file.")
@click.option("--mode", type=click.Choice(MODES), default="auto", show_default=True, help="What the margins are for.")
@click.option("--name", help="What the baseline calls the subject; needed for several.")
@WHY
@takes("init")
def init(
    subjects: tuple[str, ...],
    options: ScoreOptions,
    baseline: Path,
    rules: Path,
    mode: "Mode",
    name: str | None,
    why: str,
) -> None:
    """Score SUBJECT, or take its rows from a file, and write a baseline and first rules with margins to review.

    Several subjects are training seeds of one model; three or more make a gate for retrained models.

    \b
    ganeval gate init last.safetensors --reference digits:train
    ganeval gate init ./sr --paired ./hr --channel y --crop-border 4
    ganeval gate init runs/dcgan-seed*/last.safetensors --name dcgan --reference digits:train
    """
    for path in (baseline, rules):
        if path.exists():
            raise UsageError(
                f"{path} is there already. Record a reviewed baseline with `ganeval gate accept`, or name other files."
            )
    if len(subjects) > 1 and name is None:
        raise UsageError(f"{len(subjects)} subjects are taken as training seeds of one model. Give it a --name.")
    check_writable(baseline, rules)
    from ganeval.cli.progress import RichReporter
    from ganeval.escaping import printable
    from ganeval.gate.baseline import is_row_file
    from ganeval.gate.propose import propose
    from ganeval.gate.record import accepted_rows, rows_in_file
    from ganeval.gate.rules import write_toml
    from ganeval.results.result import append_jsonl

    reporter = RichReporter()
    replicates: list[list[Result]] = []
    for subject in subjects:
        if is_row_file(subject):
            replicates.append(rows_in_file(subject, reporter))
            continue
        from ganeval.gate.scorer import first_rows  # torch is imported from here on

        replicates.append(
            first_rows(dataclasses.replace(options, subject=subject), reporter, larger=len(subjects) == 1)
        )
    recorded = accepted_rows(replicates, name=name, why=why)
    by_key: dict[str, list[Result]] = {}
    for row in recorded:
        by_key.setdefault(row.key, []).append(row)
    run = {"reference": options.reference, "paired": options.paired, "name": name}
    proposed, left_out = propose(by_key, mode, {key: value for key, value in run.items() if value is not None})
    if not proposed.rules:
        reasons = "; ".join(f"{key}: {reason}" for key, reason in left_out.items())
        raise UsageError(f"None of these metrics can be gated ({reasons}). Score more images, or other metrics.")
    append_jsonl(baseline, recorded)
    write_output(rules, write_toml(proposed, left_out))
    lines = [
        f"{baseline}: {len(recorded)} rows of {recorded[0].subject!r}",
        f"{rules}: {len(proposed.rules)} rules, mode {proposed.mode}; review the margins",
        *(f"  {rule.metric}: no worse than {rule.said} ({rule.why})" for rule in proposed.rules),
        *(f"  not gated: {key}: {reason}" for key, reason in left_out.items()),
    ]
    for line in lines:
        click.echo(printable(line))


@click.command("accept", short_help="Append a reviewed new baseline.")
@click.argument("subjects", metavar="SUBJECT...", type=PLACE, nargs=-1, required=True)
@click.option("--baseline", type=FILE, required=True, metavar="FILE.jsonl", help="Recorded rows; appended to.")
@click.option("--rules", type=FILE, metavar="gates.toml", help="Where reference and originals stand.")
@click.option("--name", help="Subject in the baseline, where it has several.")
@WHY
@takes("gate")
def accept(
    subjects: tuple[str, ...],
    options: ScoreOptions,
    baseline: Path,
    rules: Path | None,
    name: str | None,
    why: str,
) -> None:
    """Score SUBJECT as the baseline was, and append its rows as the new baseline. Nothing in the file is rewritten.

    \b
    ganeval gate accept new.safetensors --baseline baseline.jsonl --rules gates.toml --why "wider generator"
    """
    from ganeval.cli.progress import RichReporter
    from ganeval.cli.tables import format_value
    from ganeval.escaping import printable
    from ganeval.gate.baseline import is_row_file
    from ganeval.gate.record import accept as append_accepted
    from ganeval.gate.rules import read_rules

    reporter = RichReporter()
    read = None if rules is None else read_rules(rules)
    scorer: Scores | None = None
    if not all(map(is_row_file, subjects)):
        from ganeval.gate.scorer import Scorer  # torch is imported from here on

        scorer = Scorer(as_ruled(options, read, rules), reporter)
    name = name or (None if read is None else read.run.get("name"))
    pairs = append_accepted(subjects, baseline, name=name, why=why, scorer=scorer, reporter=reporter)
    for old, new in pairs:
        values = (format_value(row.value) if row.value is not None else "-" for row in (old, new))
        click.echo(printable(f"{new.key}  {' -> '.join(values)}"))
    click.echo(f"{baseline}: {len(pairs)} rows appended")
