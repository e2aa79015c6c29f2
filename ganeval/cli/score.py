"""`ganeval score`: options in, rows out."""

from pathlib import Path

import click

from ganeval.errors import UsageError


def parse_weights(values: tuple[str, ...]) -> dict[str, Path]:
    """Reads BACKBONE=FILE pairs.

    Raises:
        UsageError: no "=", or a backbone given twice.
    """
    files: dict[str, Path] = {}
    for value in values:
        name, equals, file = value.partition("=")
        if not equals or not name or not file:
            raise UsageError(f"--weights takes BACKBONE=FILE, as in --weights inception=weights.pth; got {value!r}.")
        if name in files:
            raise UsageError(f"--weights names {name} twice: {files[name]} and {file}.")
        files[name] = Path(file)
    return files


@click.command("score", short_help="Score a folder, archive, npz or data set.")
@click.argument("subject")
@click.option("--reference", metavar="REF", help="What set metrics compare with; also a statistics file.")
@click.option("--paired", metavar="REF", help="Originals that paired metrics compare with, matched by file stem.")
@click.option("--metrics", metavar="KEYS", help="Comma-separated, as in fid,kd@efflite0. Default: all that can run.")
@click.option("--num-samples", type=click.IntRange(min=2), metavar="N", help="Seeded subset of N images of each side.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the subset.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Images a network call.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "torch", "openvino"]),
    default="auto",
    show_default=True,
    help="What runs networks on a CPU.",
)
@click.option("--on-bad", type=click.Choice(["fail", "skip"]), default="fail", show_default=True, help="Bad images.")
@click.option("--channel", type=click.Choice(["rgb", "y"]), default="rgb", show_default=True, help="For psnr and ssim.")
@click.option("--crop-border", type=click.IntRange(min=0), default=0, show_default=True, help="Pixels off each side.")
@click.option("--weights", multiple=True, metavar="BACKBONE=FILE", help="Other weights in the same layout.")
@click.option("--value-range", type=click.Choice(["0..1", "-1..1"]), help="What floats in an npz or npy mean.")
@click.option(
    "--data-root", type=click.Path(path_type=Path), envvar="GANEVAL_DATA", help="Data sets in torchvision's layout."
)
@click.option("--no-cache", is_flag=True, help="Keep no features between runs.")
@click.option("--per-image", type=click.Path(dir_okay=False, path_type=Path), help="CSV of paired values by image.")
@click.option(
    "--blame", type=click.Path(dir_okay=False, path_type=Path), help="CSV of each image's influence, worst first."
)
@click.option("--name", help="What the rows call the subject.")
@click.option("--append", type=click.Path(dir_okay=False, path_type=Path), help="Append the rows to a JSONL file.")
@click.option("--json", "json_target", metavar="-|FILE", help="Rows as JSON, to stdout (-) or a file.")
@click.pass_context
def command(
    ctx: click.Context,
    subject: str,
    reference: str | None,
    paired: str | None,
    metrics: str | None,
    num_samples: int | None,
    seed: int,
    batch_size: int,
    device: str,
    engine: str,
    on_bad: str,
    channel: str,
    crop_border: int,
    weights: tuple[str, ...],
    value_range: str | None,
    data_root: Path | None,
    no_cache: bool,
    per_image: Path | None,
    blame: Path | None,
    name: str | None,
    append: Path | None,
    json_target: str | None,
) -> None:
    """Score SUBJECT: an image folder, zip or tar, npz or npy, a data set such as digits:test, or a checkpoint.

    Set metrics (fd, kd, mind, prdc, cs, vendi) compare the whole set with --reference; paired metrics (psnr, ssim,
    lpips, pd) compare image by image with --paired. Without either, the metrics that need no reference run.

    \b
    ganeval score ./samples
    ganeval score ./samples --reference fashion-mnist:train --num-samples 2000
    ganeval score samples.zip --reference ./real --metrics fid,kid --json -
    ganeval score ./sr --paired ./hr --channel y --crop-border 4 --per-image psnr.csv
    ganeval score runs/dcgan.digits-cpu-seed0/last.safetensors --reference digits:test
    """
    if per_image is not None and paired is None:
        raise UsageError("--per-image writes paired values. Add --paired REF.")
    files = parse_weights(weights)
    for target in (per_image, blame, append, None if json_target in (None, "-") else Path(str(json_target))):
        if target is not None and not target.absolute().parent.is_dir():
            raise UsageError(f"Cannot write {target}: the folder {target.absolute().parent} does not exist. Create it.")

    from ganeval.cli.checkpoint import open_checkpoint
    from ganeval.cli.show import show_outcome  # torch is imported from here on
    from ganeval.plan import ScoreOptions
    from ganeval.scoring import score

    options = ScoreOptions(
        subject=subject,
        reference=reference,
        paired=paired,
        metrics=metrics,
        num_samples=num_samples,
        seed=seed,
        batch_size=batch_size,
        device=device,
        engine="auto" if engine == "auto" else "torch" if engine == "torch" else "openvino",
        on_bad="skip" if on_bad == "skip" else "fail",
        channel="y" if channel == "y" else "rgb",
        crop_border=crop_border,
        weights=files,
        data_root=data_root,
        value_range=None if value_range is None else ("0..1" if value_range == "0..1" else "-1..1"),
        cache=not no_cache,
        name=name,
        blame=blame is not None,
        config_file=ctx.obj["config"],
    )
    from ganeval.cli.progress import RichReporter

    reporter = RichReporter()
    outcome = score(options, reporter, open_checkpoint)
    show_outcome(outcome, options, reporter, json_target=json_target, append=append, per_image=per_image, blame=blame)
