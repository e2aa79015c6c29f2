"""`ganeval score`: options in, rows out."""

import dataclasses
import os
from pathlib import Path
from typing import Literal

import click

from ganeval.cli.options import FILE, PLACE, GroupedCommand, check_writable, one_of, takes, was_typed
from ganeval.cli.processes import several
from ganeval.errors import UsageError
from ganeval.options import ScoreOptions


@click.command("score", cls=GroupedCommand, short_help="Score a folder, archive, npz or data set.")
@click.argument("subjects", type=PLACE, nargs=-1, required=True, metavar="SUBJECT...")
@takes("score", own=("name",))
@click.option(
    "--fid-statistics-file",
    "statistics",
    type=FILE,
    help="Another tool's mu and sigma, in place of --reference.",
)
@click.option("--per-image", type=FILE, help="CSV file to write each image's values to.")
@click.option(
    "--blame",
    type=FILE,
    help="CSV file to write each image's influence to, worst first.",
)
@click.option("--name", "names", multiple=True, help="Name of the subject in the rows; once per subject.")
@click.option("--append", type=FILE, help="Append the rows to a JSONL file.")
@click.option("--json", "json_target", metavar="-|FILE", help="Rows as JSON, to stdout (-) or a file.")
@click.option(
    "--cross-check", is_flag=True, help="Compute fid, kid and is by torch-fidelity as well, and print the difference."
)
@click.option(
    "--format",
    "form",
    type=one_of(["table", "md", "csv", "latex"]),
    default="table",
    show_default=True,
    help="Format of the table of several subjects.",
)
@click.option("--fetch", is_flag=True, help="First fetch the weights and data sets that this run lacks.")
@click.option("--full", is_flag=True, help="Print every metric with its notes.")
@click.pass_context
def command(
    ctx: click.Context,
    subjects: tuple[str, ...],
    options: ScoreOptions,
    statistics: Path | None,
    per_image: Path | None,
    blame: Path | None,
    names: tuple[str, ...],
    append: Path | None,
    json_target: str | None,
    cross_check: bool,
    form: Literal["table", "md", "csv", "latex"],
    fetch: bool,
    full: bool,
) -> None:
    """Score SUBJECT: images, a data set such as digits:test, or a generator.

    Images are a folder, a zip or tar, an npz or npy, a .txt that lists image files, one path a line; for paired metrics
    also one image file. Generators are a checkpoint of train-reference, the name of a recipe whose checkpoint is
    shipped, TorchScript (.pt), ONNX, a state dict with --generator, or package.module:factory.

    Set metrics (fd, kd, mind, prdc, cs, vendi) compare the whole set with --reference; paired metrics (psnr, ssim,
    lpips, pd) compare image by image with --paired. Without either, the metrics that need no reference run.

    Several subjects make one table. Its best values are marked if they are significantly better than the second best.

    \b
    ganeval score ./samples
    ganeval score ./samples --reference fashion-mnist:train --num-samples 2000
    ganeval score samples.zip --reference ./real --metrics fid,kid --json -
    ganeval score ./samples --reference ./real --metrics fid --fetch
    ganeval score sr.png --paired hr.png
    ganeval score ./sr --paired ./hr --channel y --crop-border 4 --per-image psnr.csv
    ganeval score dcgan.digits-cpu --reference digits:test
    ganeval score bicubic/ lanczos/ mine/ --paired ./hr --format latex
    ganeval score runs/dcgan.digits-cpu-seed0/last.safetensors --reference digits:test
    ganeval score last.safetensors --reference fashion-mnist:train --metrics fd --until-rel 2%
    ganeval score generator.pt --latent-dim 100 --value-range -1..1 --reference ./real
    ganeval score reference_models.baselines:bicubic_x4 --paired ./hr --channel y --crop-border 4
    """
    if per_image is not None and options.paired is None and not _single_images(options):
        raise UsageError("--per-image writes values by image. Add --paired REF, or name metrics of single images.")
    if len(subjects) > 1 and cross_check:
        raise UsageError("--cross-check takes one subject. Score them one by one.")
    if len(names) > 1 and len(names) != len(subjects):
        raise UsageError(f"--name was given {len(names)} times for {len(subjects)} subjects. Name each one.")
    if statistics is not None:
        if was_typed(ctx, "reference"):
            raise UsageError("--fid-statistics-file takes the place of --reference. Give one of the two.")
        options = dataclasses.replace(options, reference=str(statistics))
    options = dataclasses.replace(options, name=names[0] if names else None, blame=blame is not None)
    options.check_match()

    # After each resize torch's threads would go on spinning on the processors that OpenVINO needs: resize and network
    # of 32 images took 2.56 s, so 2.09. It is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with several(options.device, options.devices, options.timeout) as processes:
        first = processes is None or processes.rank == 0
        if first:
            check_writable(per_image, blame, append, None if json_target in (None, "-") else Path(str(json_target)))
        if statistics is not None:
            from ganeval.summaries.reference_file import require_statistics

            require_statistics(statistics)
        if fetch:
            from ganeval.cli.bring import bring_lacking

            bring_lacking(options, subjects)
        # Nothing of these is needed for a wrong option, and some are slow to import.
        from ganeval.cli.progress import RichReporter
        from ganeval.cli.show import show_outcome, show_several
        from ganeval.progress import Silent
        from ganeval.scoring.evaluator import Evaluator
        from ganeval.scoring.open_inputs import check_places
        from ganeval.scoring.several_subjects import score_several

        options = dataclasses.replace(options, devices=1 if processes is None else processes.count)
        check_places(options, *subjects)
        reporter = RichReporter()
        if cross_check:
            from ganeval.explain.cross_check import check_possible, checked_outcome

            check_possible(options)
        if len(subjects) > 1:
            scored = score_several(options, subjects, names, reporter)
            show_several(
                scored,
                options,
                reporter,
                json_target=json_target,
                append=append,
                per_image=per_image,
                form=form,
                full=full,
            )
            return
        with Evaluator(options, reporter if first else Silent(), processes) as evaluator:
            outcome = evaluator.score(options.subject, options.name)
        if cross_check:
            outcome = checked_outcome(outcome, options, reporter)
        if first:
            show_outcome(
                outcome,
                options,
                reporter,
                json_target=json_target,
                append=append,
                per_image=per_image,
                blame=blame,
                form=form,
                full=full,
            )


def _single_images(options: ScoreOptions) -> bool:
    """Whether a metric of single images was asked for."""
    from ganeval.metrics.keys import ImageRequest, parse_keys

    return options.metrics is not None and any(isinstance(r, ImageRequest) for r in parse_keys(options.metrics))
