"""`ganeval gate init` and `ganeval gate accept`: record what later gates are held against."""

import dataclasses
import functools
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli.options import FILE, PLACE, GroupedCommand, GroupedOption, check_writable, one_of, takes
from ganeval.errors import DataError, UsageError
from ganeval.files.read_write import write_output
from ganeval.formatting import counted
from ganeval.options import ScoreOptions

if TYPE_CHECKING:
    from ganeval.gate.modes import Scores
    from ganeval.gate.rules import GateRules, Mode
    from ganeval.results.result import Result

FIRST_BASELINE, FIRST_RULES = "baseline.jsonl", "gates.toml"
MODES: tuple["Mode", ...] = ("auto", "samples", "same-weights", "retrained")
of_gate = functools.partial(click.option, cls=GroupedOption, group="the gate")
BASELINE = of_gate(
    "--baseline",
    type=FILE,
    metavar="FILE.jsonl",
    default=Path(FIRST_BASELINE),
    show_default=True,
    help="Rows that `gate init` recorded.",
)
RULES = of_gate(
    "--rules",
    type=FILE,
    metavar="FILE.toml",
    help=f"What must not get worse, and by how much. Default: {FIRST_RULES} if it is here, else margins from the "
    "baseline's standard errors.",
)
WHY = of_gate("--why", default="", help="Reason to record in the rows.")


def require_baseline(file: Path) -> None:
    """Refuses a baseline that is not there.

    Raises:
        DataError: with the command that writes one.
    """
    if not file.exists():
        raise DataError(
            f"There is no baseline {file}. Record one with `ganeval gate init SUBJECT --reference REF`, or name "
            "it with --baseline."
        )


def rules_here(named: Path | None) -> Path | None:
    """The file of rules: the one that was named, or else the one of `gate init` in the working folder."""
    first = Path(FIRST_RULES)
    return named or (first if first.is_file() else None)


def as_ruled(options: ScoreOptions, rules: "GateRules | None", file: Path | None) -> ScoreOptions:
    """Options of a gate: what the rules compare with is added where it was not typed."""
    run = {} if rules is None else rules.run
    return dataclasses.replace(
        options,
        reference=options.reference or run.get("reference"),
        paired=options.paired or run.get("paired"),
        config_file=None if file is None else file.name,
    )


@click.command("init", cls=GroupedCommand, short_help="Write a first gates.toml and baseline.")
@click.argument("subjects", metavar="SUBJECT...", type=PLACE, nargs=-1, required=True)
@of_gate(
    "--baseline", type=FILE, default=Path(FIRST_BASELINE), show_default=True, help="New file for the recorded rows."
)
@of_gate("--rules", type=FILE, default=Path(FIRST_RULES), show_default=True, help="New file for the margins.")
@of_gate(
    "--mode",
    type=one_of(MODES),
    default="auto",
    show_default=True,
    help="Kind of comparison that the margins are for.",
)
@of_gate("--name", help="Name of the subject in the baseline; required for several.")
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
        raise UsageError(f"No metric can be gated ({reasons}). Score more images, or other metrics.")
    append_jsonl(baseline, recorded)
    write_output(rules, write_toml(proposed, left_out))
    lines = [
        f"{baseline}: {counted(len(recorded), 'row')} of {recorded[0].subject!r}",
        f"{rules}: {counted(len(proposed.rules), 'rule')}, mode {proposed.mode}; review the margins",
        *(f"  {rule.metric}: may get worse by {rule.said} ({rule.why})" for rule in proposed.rules),
        *(f"  not gated: {key}: {reason}" for key, reason in left_out.items()),
        f"Next: ganeval gate NEW{_named(baseline, rules)}",
    ]
    for line in lines:
        click.echo(printable(line))


def _named(baseline: Path, rules: Path) -> str:
    """The options of a gate by these files, "" for those that it takes by itself."""
    given = (("--baseline", baseline, FIRST_BASELINE), ("--rules", rules, FIRST_RULES))
    return "".join(f" {flag} {shlex.quote(str(path))}" for flag, path, default in given if str(path) != default)


@click.command("accept", cls=GroupedCommand, short_help="Append a reviewed new baseline.")
@click.argument("subjects", metavar="SUBJECT...", type=PLACE, nargs=-1, required=True)
@BASELINE
@RULES
@of_gate("--name", help="Subject in the baseline, if it has several.")
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
    ganeval gate accept new.safetensors --why "wider generator"
    """
    from ganeval.cli.progress import RichReporter
    from ganeval.cli.tables import format_value
    from ganeval.escaping import printable
    from ganeval.gate.baseline import is_row_file
    from ganeval.gate.record import accept as append_accepted
    from ganeval.gate.rules import read_rules

    reporter = RichReporter()
    require_baseline(baseline)
    rules = rules_here(rules)
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
    click.echo(f"{baseline}: {counted(len(pairs), 'row')} appended")
