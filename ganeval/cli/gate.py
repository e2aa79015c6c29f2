"""`ganeval gate`: stop a change that makes a model worse; `gate init` and `gate accept` record what it must match."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ganeval.cli.ci_log import for_commands
from ganeval.cli.gate_record import (
    BASELINE,
    MODES,
    RULES,
    accept,
    as_ruled,
    init,
    of_gate,
    require_baseline,
    rules_here,
)
from ganeval.cli.options import FILE, PLACE, GroupedCommand, check_writable, one_of, takes
from ganeval.errors import DataError, UsageError
from ganeval.files.read_write import write_output
from ganeval.options import ScoreOptions

if TYPE_CHECKING:
    from ganeval.gate.modes import Scores


class Gate(GroupedCommand, click.Group):
    """`gate SUBJECT` is a command of its own; a first word of `init` or `accept` is one of its commands."""

    allow_interspersed_args = True

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Goes on with the named command, or with the gate itself."""
        if args and args[0] in self.commands:
            # A bare group above it, so that the usage line does not repeat the gate's own arguments.
            outer = click.Context(click.Group(self.name), info_name=info_name, parent=parent)
            return self.commands[args[0]].make_context(args[0], args[1:], parent=outer, **extra)
        if args and args[0] == "run" and not Path("run").exists():
            raise UsageError("A gate needs no `run`: `ganeval gate SUBJECT`.")
        return super().make_context(info_name, args, parent, **extra)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the sections of options, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group("gate", cls=Gate, invoke_without_command=True, subcommand_metavar="", short_help="CI quality gate.")
@click.argument("subjects", metavar="SUBJECT...", type=PLACE, nargs=-1, required=True)
@BASELINE
@RULES
@of_gate(
    "--against",
    type=PLACE,
    metavar="OLDER",
    help="The older model itself: compared image by image, which detects far smaller changes.",
)
@of_gate("--mode", type=one_of(MODES), default="auto", show_default=True, help="How the two models are compared.")
@of_gate("--name", help="Subject or recipe in the baseline, if it has several.")
@takes("gate")
@click.option("--junit", type=FILE, metavar="FILE", help="JUnit XML file to write: one test case per rule.")
@click.option(
    "--markdown", type=FILE, metavar="FILE", help="Markdown file to append the report to, such as $GITHUB_STEP_SUMMARY."
)
@click.option("--annotations", type=one_of(["github"]), help="Annotations in the CI log.")
@click.option("--json", "json_target", metavar="-|FILE", help="The report as JSON, to stdout (-) or a file.")
@click.pass_context
def command(
    ctx: click.Context,
    subjects: tuple[str, ...],
    options: ScoreOptions,
    baseline: Path,
    rules: Path | None,
    against: str | None,
    mode: Literal["auto", "samples", "same-weights", "retrained"],
    name: str | None,
    junit: Path | None,
    markdown: Path | None,
    annotations: str | None,
    json_target: str | None,
) -> None:
    """Compare SUBJECT with its recorded baseline. Exit 0 passed, 4 failed, 5 inconclusive, 6 protocols differ.

    SUBJECT is images, a generator, or a file of rows (.jsonl, or .json of `score --json`). It is scored as the
    baseline was: same metrics, counts, seed. Several are training seeds of one model. A rule fails if the metric is
    significantly worse than its margin allows, passes if it is significantly better than that, and is inconclusive
    otherwise. Tests are one-sided at 95%; failures are corrected for the number of rules (Holm). For a folder called
    init or accept, type ./init.

    \b
    ganeval gate init main.safetensors --reference ./real
    ganeval gate new.safetensors
    ganeval gate ./samples --baseline samples.jsonl --reference ./real
    ganeval gate new.safetensors --against main.safetensors --junit gate.xml
    ganeval gate runs/new-seed*/last.safetensors --baseline seeds.jsonl --rules seeds.toml
    """
    if ctx.invoked_subcommand is not None:
        return
    check_writable(junit, markdown, None if json_target in (None, "-") else Path(str(json_target)))
    from ganeval.cli.consoles import terminal_width
    from ganeval.cli.progress import RichReporter
    from ganeval.gate.baseline import is_row_file
    from ganeval.gate.modes import GateOptions
    from ganeval.gate.report import to_annotations, to_dict, to_junit, to_markdown, to_text
    from ganeval.gate.rules import read_rules
    from ganeval.gate.run import run_gate

    reporter = RichReporter()
    require_baseline(baseline)
    rules = rules_here(rules)
    read = None if rules is None else read_rules(rules)
    scorer: Scores | None = None
    if not all(map(is_row_file, subjects)) or against is not None:  # torch is imported from here on, if at all
        from ganeval.gate.scorer import Scorer

        scorer = Scorer(as_ruled(options, read, rules), reporter)
    report = run_gate(GateOptions(subjects, baseline, read, mode, name, against), scorer, reporter)
    if junit is not None:
        write_output(junit, to_junit(report))
    if markdown is not None:
        _append(markdown, to_markdown(report))
    text = json.dumps(to_dict(report), indent=2, allow_nan=False)
    if json_target is not None and json_target != "-":
        write_output(Path(json_target), text + "\n")
    for line in to_annotations(report) if annotations == "github" else []:
        click.echo(line, file=for_commands(sys.stderr if json_target == "-" else sys.stdout))
    click.echo(text if json_target == "-" else to_text(report, terminal_width()))
    raise SystemExit(report.exit_code)


def _append(path: Path, text: str) -> None:
    """Adds a section: other steps of a CI job write into the same file.

    Raises:
        DataError: it cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise DataError(f"Cannot write {path}: {error.strerror}. Choose another file.") from error


command.add_command(init)
command.add_command(accept)
