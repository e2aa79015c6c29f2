"""`ganeval doctor`: what is wrong with images before one trusts their score."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Literal

import click

from ganeval.cli.options import LISTED, PEAK, PLACE, SUBSET, check_writable, with_options
from ganeval.errors import UsageError
from ganeval.files.read_write import write_output


@click.command("doctor", short_help="Say what is wrong with images before one trusts a score.")
@click.argument("folder", metavar="FOLDER", type=PLACE)
@click.option("--against", type=PLACE, metavar="REF", help="The images that FOLDER is to be scored against.")
@click.option(
    "--effects/--no-effects",
    default=True,
    show_default=True,
    help="Measure what the damage that was found does to fd, on 256 clean images, for a minute at most.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["serious", "warning", "info"]),
    help="Exit 4 where a finding is that severe, or more: for a CI.",
)
@with_options(*SUBSET, *LISTED)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Images a network call.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1; for the effects.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "torch", "openvino"]),
    default="auto",
    show_default=True,
    help="What runs the network on a CPU.",
)
@PEAK
@click.option("--value-range", type=click.Choice(["0..1", "-1..1"]), help="What floats of arrays mean.")
@click.option(
    "--data-root", type=click.Path(path_type=Path), envvar="GANEVAL_DATA", help="Data sets in torchvision's layout."
)
@click.option("--no-cache", is_flag=True, help="Keep no features between runs.")
@click.option("--json", "json_target", metavar="-|FILE", help="Findings as JSON, to stdout (-) or a file.")
def command(
    folder: str,
    against: str | None,
    effects: bool,
    fail_on: Literal["serious", "warning", "info"] | None,
    num_samples: int | None,
    seed: int,
    match: dict[str, str],
    labels: bool | None,
    follow_links: Literal["no", "inside", "anywhere"],
    batch_size: int,
    device: str,
    engine: Literal["auto", "torch", "openvino"],
    peak: int | None,
    value_range: Literal["0..1", "-1..1"] | None,
    data_root: Path | None,
    no_cache: bool,
    json_target: str | None,
) -> None:
    """Say what is wrong with the images of FOLDER before you trust a score of them.

    FOLDER and REF are image folders, archives, arrays or data sets. Every image is decoded once and held against a
    table of checks: file formats and JPEG quality, sizes, alpha, copies and leakage, flat or collapsed images, clipped
    or stretched values, channel order, traces of compression and resizing. Files that cannot be decoded are counted.

    A finding is serious (the score would be about this and not about the model), a warning (it may move the score) or
    info. With --effects, each damage is done to clean images, of REF or else of the embedded photos, and the table says
    what fd@efflite0 of two clean sets becomes when one of them is damaged.

    Exit codes: 0 it ran, whatever it found; 4 with --fail-on, where something is that severe; 2 and 3 as everywhere.

    \b
    ganeval doctor ./samples
    ganeval doctor ./samples --against ./real
    ganeval doctor samples.zip --against fashion-mnist:train --num-samples 5000 --json -
    ganeval doctor ./samples --against ./real --no-effects --fail-on serious
    """
    check_writable(None if json_target in (None, "-") else Path(str(json_target)))
    from ganeval.cli.doctor_show import print_examination, to_json_text
    from ganeval.cli.progress import RichReporter
    from ganeval.doctor.check_decoding import without_depth
    from ganeval.doctor.examine import examine
    from ganeval.sources.base import seeded_subset
    from ganeval.sources.listing import Place, Selection
    from ganeval.sources.resolve import open_source
    from ganeval.summaries.reference_file import is_statistics_file

    if against is not None and is_statistics_file(Path(against)):
        raise UsageError(f"--against {against} holds statistics; doctor compares images. Name the images themselves.")
    reporter = RichReporter()
    with contextlib.ExitStack() as stack:
        sides = []
        places: tuple[tuple[Place, str | None], ...] = (("subject", folder), ("reference", against))
        for place, name in places:
            if name is None:
                continue
            opened = open_source(
                name,
                data_root=data_root,
                value_range=value_range,
                peak=peak,
                selection=Selection(match.get(place), labels, follow_links, place),
                mixed=True,
            )
            stack.callback(opened.close)
            for note in opened.notes:
                reporter.message(note)
            sides.append(seeded_subset(opened, num_samples, seed))
        if effects or device != "auto":
            from ganeval.devices import resolve_device  # torch is imported from here on

            chosen = resolve_device(device)
        reference = sides[1] if len(sides) > 1 else None
        found = examine(sides[0], reference, reporter)
        if peak is not None:
            found = dataclasses.replace(found, findings=without_depth(found.findings))
        if effects:
            from ganeval.doctor.effects import measure
            from ganeval.options import ScoreOptions

            options = ScoreOptions(
                subject=folder, batch_size=batch_size, engine=engine, on_bad="skip", cache=not no_cache
            )
            found = measure(found, reference, options, chosen, reporter)
    if json_target == "-":
        click.echo(to_json_text(found))
    else:
        if json_target is not None:
            write_output(Path(json_target), (to_json_text(found) + "\n").encode())
        print_examination(found)
    if found.fails(fail_on):
        raise SystemExit(4)
