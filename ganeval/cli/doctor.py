"""`ganeval doctor`: what is wrong with images before one trusts their score."""

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ganeval.cli.options import PLACE, GroupedCommand, GroupedOption, check_writable, one_of, takes
from ganeval.errors import UsageError
from ganeval.files.read_write import write_output
from ganeval.options import ScoreOptions

if TYPE_CHECKING:
    from ganeval.sources.base import ImageSource


@click.command("doctor", cls=GroupedCommand, short_help="Check images before you trust their score.")
@click.argument("subjects", type=PLACE, nargs=-1, required=True, metavar="SUBJECT...")
@click.option(
    "--against",
    cls=GroupedOption,
    group="inputs",
    type=PLACE,
    metavar="REF",
    help="Reference images that SUBJECT will be scored against.",
)
@click.option(
    "--effects/--no-effects",
    default=True,
    show_default=True,
    help="Measure how each kind of damage found changes fd, on 256 clean images, for a minute at most.",
)
@click.option(
    "--fail-on",
    type=one_of(["serious", "warning", "info"]),
    help="Exit with 4 if a finding is that severe or worse, for a CI.",
)
@takes("doctor")
@click.option("--json", "json_target", metavar="-|FILE", help="Findings as JSON, to stdout (-) or a file.")
def command(
    subjects: tuple[str, ...],
    options: ScoreOptions,
    against: str | None,
    effects: bool,
    fail_on: Literal["serious", "warning", "info"] | None,
    json_target: str | None,
) -> None:
    """Check the images of SUBJECT before you trust a score of them.

    SUBJECT and REF are image folders, archives, arrays or data sets; SUBJECT may also be a generator, as for `ganeval
    score`. Every image is decoded once and checked: file formats and JPEG quality, sizes, alpha, copies and leakage,
    flat or collapsed images, clipped or stretched values, channel order, traces of compression and resizing. Files that
    cannot be decoded are counted.

    A finding is serious (the score would be about this and not about the model), a warning (it may move the score) or
    info. With --effects, the table shows how much each kind of damage found would change fd@efflite0: it is applied to
    one of two clean sets, of REF or else of the bundled photos. Several subjects make one table, a line each, without
    effects.

    Exit codes: 0 examined, with or without findings; 4 with --fail-on if a finding is that severe; 2 and 3 as
    everywhere.

    \b
    ganeval doctor ./samples
    ganeval doctor ./samples --against ./real
    ganeval doctor ./old ./new --against ./real
    ganeval doctor samples.zip --against fashion-mnist:train --num-samples 5000 --json -
    ganeval doctor ./samples --against ./real --no-effects --fail-on serious
    ganeval doctor dcgan.digits-cpu --against digits:test
    """
    check_writable(None if json_target in (None, "-") else Path(str(json_target)))
    from ganeval.cli.doctor_show import print_examination, print_several, to_json_text
    from ganeval.cli.progress import RichReporter
    from ganeval.doctor.check_decoding import without_depth
    from ganeval.doctor.examine import examine_all
    from ganeval.generators.open import open_generated_reference, open_generator
    from ganeval.sources.base import seeded_subset
    from ganeval.summaries.reference_file import is_statistics_file

    if against is not None and is_statistics_file(Path(against)):
        raise UsageError(f"--against {against} holds statistics; doctor compares images. Name the images themselves.")
    reporter = RichReporter()
    with contextlib.ExitStack() as stack:
        options = dataclasses.replace(options, reference=against)
        opened_sets: list[ImageSource] = []
        for subject in subjects:
            own = dataclasses.replace(options, subject=subject)
            opened_sets.append(open_generator(own) or own.open("subject", subject, mixed=True))
            stack.callback(opened_sets[-1].close)
        if against is not None:
            opened_sets.append(
                open_generated_reference(options, against) or options.open("reference", against, mixed=True)
            )
            stack.callback(opened_sets[-1].close)
        sides = []
        for opened in opened_sets:
            for note in opened.notes:
                reporter.message(note)
            sides.append(seeded_subset(opened, options.num_samples, options.seed))
        effects = effects and len(subjects) == 1
        if effects or options.device != "auto":
            from ganeval.devices import device_name

            chosen = device_name(options.device)
        reference = None if against is None else sides.pop()
        found = examine_all(sides, reference, reporter)
        if options.peak is not None:
            found = tuple(dataclasses.replace(one, findings=without_depth(one.findings)) for one in found)
        if effects:
            from ganeval.doctor.effects import measure

            # Clean images are damaged and scored as they are: only what runs the network counts.
            network = ScoreOptions(
                subjects[0], batch_size=options.batch_size, engine=options.engine, on_bad="skip", cache=options.cache
            )
            found = (measure(found[0], reference, network, chosen, reporter),)
    if json_target == "-":
        click.echo(to_json_text(*found))
    else:
        if json_target is not None:
            write_output(Path(json_target), (to_json_text(*found) + "\n").encode())
        if len(found) == 1:
            print_examination(found[0])
        else:
            print_several(found, options.subject)
    if any(one.fails(fail_on) for one in found):
        raise SystemExit(4)
