"""`ganeval score`: options in, rows out."""

import os
from pathlib import Path
from typing import Literal

import click

from ganeval.cli.options import (
    COMPARED,
    DEVICES,
    DIRECTION,
    GENERATED,
    PLACE,
    PRECISION,
    RUN,
    check_match,
    check_writable,
    parse_share,
    with_options,
)
from ganeval.cli.several import several
from ganeval.errors import UsageError


@click.command("score", short_help="Score a folder, archive, npz or data set.")
@click.argument("subjects", type=PLACE, nargs=-1, required=True, metavar="SUBJECT...")
@with_options(*COMPARED, *GENERATED, *DIRECTION, *RUN, PRECISION, *DEVICES)
@click.option(
    "--fid-statistics-file",
    "statistics",
    type=click.Path(dir_okay=False, path_type=Path),
    help="mu and sigma of another tool, in place of --reference.",
)
@click.option("--per-image", type=click.Path(dir_okay=False, path_type=Path), help="CSV of paired values by image.")
@click.option(
    "--blame", type=click.Path(dir_okay=False, path_type=Path), help="CSV of each image's influence, worst first."
)
@click.option(
    "--until-se",
    type=float,
    metavar="X",
    help="Score 500, 1000, 2000, ... images, at most --num-samples, until the standard error is X.",
)
@click.option(
    "--until-rel",
    metavar="1%",
    callback=lambda _context, _option, value: None if value is None else parse_share(value),
    help="The same with X as a share of the value, at most 10%.",
)
@click.option("--name", "names", multiple=True, help="Name of the subject in the rows; once per subject.")
@click.option("--append", type=click.Path(dir_okay=False, path_type=Path), help="Append the rows to a JSONL file.")
@click.option("--json", "json_target", metavar="-|FILE", help="Rows as JSON, to stdout (-) or a file.")
@click.option(
    "--cross-check", is_flag=True, help="Compute fid, kid and is by torch-fidelity as well, and print the difference."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "md", "csv", "latex"]),
    default="table",
    show_default=True,
    help="Form of the table of several subjects.",
)
@click.option("--full", is_flag=True, help="Print every metric with its notes.")
@click.pass_context
def command(
    ctx: click.Context,
    subjects: tuple[str, ...],
    reference: str | None,
    paired: str | None,
    metrics: str | None,
    channel: Literal["rgb", "y"],
    crop_border: int,
    peak: int | None,
    inputs: str | None,
    generator: str | None,
    latent_dim: tuple[int, ...] | None,
    direction: Literal["a2b", "b2a"] | None,
    num_samples: int | None,
    seed: int,
    match: dict[str, str],
    labels: bool | None,
    follow_links: Literal["no", "inside", "anywhere"],
    batch_size: int,
    device: str,
    engine: Literal["auto", "torch", "openvino"],
    precision: Literal["exact", "fast"],
    devices: int,
    timeout: float,
    on_bad: Literal["fail", "skip"],
    weights: dict[str, Path],
    value_range: Literal["0..1", "-1..1"] | None,
    data_root: Path | None,
    no_cache: bool,
    statistics: Path | None,
    per_image: Path | None,
    blame: Path | None,
    until_se: float | None,
    until_rel: float | None,
    names: tuple[str, ...],
    append: Path | None,
    json_target: str | None,
    cross_check: bool,
    form: Literal["table", "md", "csv", "latex"],
    full: bool,
) -> None:
    """Score SUBJECT: images, a data set such as digits:test, or a generator.

    Images are a folder, a zip or tar, an npz or npy. Generators are a checkpoint of train-reference, the name of a
    recipe whose checkpoint is shipped, TorchScript (.pt), ONNX, a state dict with --generator, or
    package.module:factory.

    Set metrics (fd, kd, mind, prdc, cs, vendi) compare the whole set with --reference; paired metrics (psnr, ssim,
    lpips, pd) compare image by image with --paired. Without either, the metrics that need no reference run.

    Several subjects make one table. Its best values are marked if they are significantly better than the second best.

    \b
    ganeval score ./samples
    ganeval score ./samples --reference fashion-mnist:train --num-samples 2000
    ganeval score samples.zip --reference ./real --metrics fid,kid --json -
    ganeval score ./sr --paired ./hr --channel y --crop-border 4 --per-image psnr.csv
    ganeval score dcgan.digits-cpu --reference digits:test
    ganeval score bicubic/ lanczos/ mine/ --paired ./hr --format latex
    ganeval score runs/dcgan.digits-cpu-seed0/last.safetensors --reference digits:test
    ganeval score last.safetensors --reference fashion-mnist:train --metrics fd --until-rel 2%
    ganeval score generator.pt --latent-dim 100 --value-range -1..1 --reference ./real
    ganeval score reference_models.baselines:bicubic_x4 --paired ./hr --channel y --crop-border 4
    """
    if per_image is not None and paired is None:
        raise UsageError("--per-image writes paired values. Add --paired REF.")
    if len(subjects) == 1 and form != "table":
        raise UsageError("--format is for several subjects. Name them, or take --json for the rows of one.")
    if len(subjects) > 1 and cross_check:
        raise UsageError("--cross-check takes one subject. Score them one by one.")
    if len(names) > 1 and len(names) != len(subjects):
        raise UsageError(f"--name was given {len(names)} times for {len(subjects)} subjects. Name each one.")
    check_match(match, reference=reference, paired=paired, inputs=inputs)
    if statistics is not None:
        if reference is not None:
            raise UsageError("--fid-statistics-file stands in place of --reference. Give one of the two.")
        reference = str(statistics)

    # After each resize torch's threads would go on spinning on the processors that OpenVINO needs: resize and network
    # of 32 images took 2.56 s, so 2.09. It is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with several(device, devices, timeout) as processes:
        first = processes is None or processes.rank == 0
        if first:
            check_writable(per_image, blame, append, None if json_target in (None, "-") else Path(str(json_target)))
        if statistics is not None:
            from ganeval.summaries.reference_file import require_statistics

            require_statistics(statistics)
        from ganeval.cli.show import show_outcome, show_several  # torch is imported from here on
        from ganeval.options import ScoreOptions
        from ganeval.progress import Silent
        from ganeval.scoring.open_inputs import check_places
        from ganeval.scoring.score import score
        from ganeval.scoring.several_subjects import score_several

        options = ScoreOptions(
            subject=subjects[0],
            reference=reference,
            paired=paired,
            metrics=metrics,
            num_samples=num_samples,
            seed=seed,
            batch_size=batch_size,
            device=device,
            engine=engine,
            precision=precision,
            devices=1 if processes is None else processes.count,
            on_bad=on_bad,
            channel=channel,
            crop_border=crop_border,
            peak=peak,
            weights=weights,
            data_root=data_root,
            value_range=value_range,
            inputs=inputs,
            generator=generator,
            latent_dim=latent_dim,
            direction=direction,
            match=match,
            labels=labels,
            follow_links=follow_links,
            cache=not no_cache,
            name=names[0] if names else None,
            blame=blame is not None,
            until_se=until_se,
            until_rel=until_rel,
            config_file=ctx.obj["config"],
        )
        from ganeval.cli.progress import RichReporter

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
        outcome = score(options, reporter if first else Silent(), processes)
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
                full=full,
            )
