"""`ganeval explain`: why other libraries print another FID for the same images."""

from pathlib import Path
from typing import Literal

import click

from ganeval.cli.options import PLACE, READ, SUBSET, check_writable, with_options
from ganeval.errors import UsageError
from ganeval.explain.pipelines import parse_tools
from ganeval.files.read_write import write_output

PICTURES = (".png", ".svg", ".pdf")


@click.command("explain", short_help="Why other libraries print another FID for the same images.")
@click.argument("subject", type=PLACE)
@click.option("--reference", type=PLACE, metavar="REF", help="What to compare with: images, or a file of statistics.")
@click.option(
    "--fid-statistics-file",
    "statistics",
    type=click.Path(dir_okay=False, path_type=Path),
    help="mu and sigma of another tool in place of reference images.",
)
@click.option("--tools", metavar="NAMES", help="Comma-separated, of those above; all by default.")
@click.option(
    "--terms/--no-terms",
    default=True,
    show_default=True,
    help="Tell range from resize and clipping from resize: up to two network passes more.",
)
@click.option(
    "--other-weights",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A second Inception file, to say what the weights do.",
)
@with_options(*SUBSET, *READ)
@click.option("--name", help="What the rows call the subject.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="The waterfall as .png, .svg or .pdf.")
@click.option("--json", "json_target", metavar="-|FILE", help="Rows with their terms as JSON, to stdout (-) or a file.")
@click.pass_context
def command(
    ctx: click.Context,
    subject: str,
    reference: str | None,
    statistics: Path | None,
    tools: str | None,
    terms: bool,
    other_weights: Path | None,
    num_samples: int | None,
    seed: int,
    match: dict[str, str],
    labels: bool | None,
    follow_links: Literal["no", "inside", "anywhere"],
    batch_size: int,
    device: str,
    engine: Literal["auto", "torch", "openvino"],
    on_bad: Literal["fail", "skip"],
    weights: dict[str, Path],
    value_range: Literal["0..1", "-1..1"] | None,
    data_root: Path | None,
    no_cache: bool,
    name: str | None,
    plot: Path | None,
    json_target: str | None,
) -> None:
    """Say what other tools would print as the FID of SUBJECT against REF, and where the differences come from.

    SUBJECT and REF are folders, archives, arrays or data sets; REF may be a file of statistics.

    Each image is decoded once and put through each distinct resize; tools that do the same share the pass. Every row
    starts at ganeval's own FID and is taken apart into terms: how files are read, which files, resize, quantisation,
    range, dtype, ddof. Where a tool would stop with an error, the row says so in place of a number.

    Tools: torch-fidelity, pytorch-fid, clean-fid, clean-fid-legacy-pytorch, clean-fid-legacy-tensorflow,
    torchmetrics-1.7 (and older), torchmetrics-1.8 (and newer), adm, stylegan.

    \b
    ganeval explain ./samples --reference ./real
    ganeval explain ./samples --reference ./real --tools pytorch-fid,clean-fid --plot why.png
    ganeval explain ./samples --fid-statistics-file stats.npz --json -
    ganeval explain ./samples --reference ./real --weights inception=FILE --other-weights OTHER
    """
    chosen = parse_tools(tools)
    check_writable(plot, None if json_target in (None, "-") else Path(str(json_target)))
    if plot is not None and plot.suffix.lower() not in PICTURES:
        raise UsageError(f"--plot writes {', '.join(PICTURES)}; got {plot}.")
    if (reference is None) == (statistics is None):
        raise UsageError("Name what to compare with: --reference REF, or --fid-statistics-file FILE; one of the two.")

    import orjson

    from ganeval.cli.explain_show import print_explanation  # torch is imported from here on
    from ganeval.cli.progress import RichReporter
    from ganeval.explain.explaining import ExplainOptions, explain
    from ganeval.explain.rows import to_json
    from ganeval.options import ScoreOptions

    run = ScoreOptions(
        subject=subject,
        reference=reference,
        num_samples=num_samples,
        seed=seed,
        batch_size=batch_size,
        device=device,
        engine=engine,
        on_bad=on_bad,
        weights=weights,
        data_root=data_root,
        value_range=value_range,
        match=match,
        labels=labels,
        follow_links=follow_links,
        cache=not no_cache,
        name=name,
        config_file=ctx.obj["config"],
    )
    options = ExplainOptions(run, chosen, terms, statistics, other_weights)
    found = explain(options, RichReporter())
    if plot is not None:
        from ganeval.explain.plot import draw

        write_output(plot, draw(found, plot.suffix.lower()[1:]))
    if json_target is not None:
        text = orjson.dumps(to_json(found, options), option=orjson.OPT_INDENT_2).decode()
        if json_target == "-":
            click.echo(text)
            return
        write_output(Path(json_target), (text + "\n").encode())
    print_explanation(found)
