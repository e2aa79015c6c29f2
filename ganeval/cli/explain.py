"""`ganeval explain`: why other libraries print another FID, PSNR or SSIM for the same images."""

from pathlib import Path

import click

from ganeval.cli.options import FILE, PLACE, GroupedCommand, check_writable, takes
from ganeval.errors import UsageError
from ganeval.explain.pipelines import parse_tools
from ganeval.files.read_write import write_output
from ganeval.options import ScoreOptions

PICTURES = (".png", ".svg", ".pdf")


@click.command("explain", cls=GroupedCommand, short_help="Why other libraries print another FID, PSNR or SSIM.")
@click.argument("subject", type=PLACE)
@takes("explain")
@click.option(
    "--fid-statistics-file",
    "statistics",
    type=FILE,
    help="Another tool's mu and sigma, in place of --reference.",
)
@click.option("--tools", metavar="NAMES", help="Comma-separated tools from the list above. Default: all.")
@click.option(
    "--terms/--no-terms",
    default=True,
    show_default=True,
    help="Split resize into resize, range and clipping, which takes up to two more network passes.",
)
@click.option(
    "--other-weights",
    type=FILE,
    help="Second Inception file, to show the effect of the weights.",
)
@click.option("--plot", type=FILE, help="Waterfall plot to write: .png, .svg or .pdf.")
@click.option("--json", "json_target", metavar="-|FILE", help="Rows with their terms as JSON, to stdout (-) or a file.")
def command(
    subject: str,
    options: ScoreOptions,
    statistics: Path | None,
    tools: str | None,
    terms: bool,
    other_weights: Path | None,
    plot: Path | None,
    json_target: str | None,
) -> None:
    """Show what other tools would print for SUBJECT against REF, and where the differences come from.

    With --reference it explains FID, with --paired PSNR and SSIM. SUBJECT and REF are what `ganeval score` takes:
    images, data sets, generators. For FID, REF may also be a statistics file.

    Each image is decoded once and put through each distinct resize; tools that do the same share the pass. Every row
    starts at ganeval's own FID and adds terms: how files are read, which files, resize, quantisation, range, dtype,
    ddof. If a tool would stop with an error, the row gives the reason in place of a number.

    Tools: torch-fidelity, pytorch-fid, clean-fid, clean-fid-legacy-pytorch, clean-fid-legacy-tensorflow,
    torchmetrics-1.7 (and older), torchmetrics-1.8 (and newer), adm, stylegan. For PSNR and SSIM: scikit-image,
    scikit-image-gaussian, basicsr, basicsr-y, piq, torchmetrics, torchmetrics-no-range, matlab-y. Each is given the
    border of --crop-border if it has such an argument.

    \b
    ganeval explain ./samples --reference ./real
    ganeval explain ./samples --reference ./real --tools pytorch-fid,clean-fid --plot why.png
    ganeval explain ./samples --fid-statistics-file stats.npz --json -
    ganeval explain ./sr --paired ./hr --channel y --crop-border 4
    ganeval explain ./samples --reference ./real --weights inception=FILE --other-weights OTHER
    """
    del subject  # in the options
    check_writable(plot, None if json_target in (None, "-") else Path(str(json_target)))
    if options.paired is not None:
        only_fid = {
            "--reference": options.reference,
            "--fid-statistics-file": statistics,
            "--plot": plot,
            "--other-weights": other_weights,
        }
        if named := [name for name, given in only_fid.items() if given is not None]:
            raise UsageError(
                f"{', '.join(named)} belong to the FID, and --paired to PSNR and SSIM. Explain one of them."
            )
        _explain_pairs(options, tools, json_target)
        return
    chosen = parse_tools(tools)
    if plot is not None and plot.suffix.lower() not in PICTURES:
        raise UsageError(f"--plot writes {', '.join(PICTURES)}; got {plot}.")
    if (options.reference is None) == (statistics is None):
        raise UsageError(
            "Name what to compare with: --reference REF or --fid-statistics-file FILE for the FID, or --paired REF for "
            "PSNR and SSIM; one of the three."
        )
    if options.channel != "rgb" or options.crop_border or options.mod_crop or options.pair_by:
        raise UsageError(
            "--channel, --crop-border, --mod-crop and --pair-by belong to --paired REF. Add it, or drop them."
        )

    import orjson

    from ganeval.cli.explain_show import print_explanation  # torch is imported from here on
    from ganeval.cli.progress import RichReporter
    from ganeval.explain.explain import ExplainOptions, explain
    from ganeval.explain.rows import to_json

    asked = ExplainOptions(options, chosen, terms, statistics, other_weights)
    found = explain(asked, RichReporter())
    if plot is not None:
        from ganeval.explain.plot import draw

        write_output(plot, draw(found, plot.suffix.lower()[1:]))
    if json_target is not None:
        text = orjson.dumps(to_json(found, asked), option=orjson.OPT_INDENT_2).decode()
        if json_target == "-":
            click.echo(text)
            return
        write_output(Path(json_target), (text + "\n").encode())
    print_explanation(found)


def _explain_pairs(options: ScoreOptions, tools: str | None, json_target: str | None) -> None:
    """PSNR and SSIM."""
    import orjson

    from ganeval.cli.explain_show import print_pixels
    from ganeval.cli.progress import RichReporter
    from ganeval.explain.pixels import explain_pixels, parse_pixel_tools, to_json

    found = explain_pixels(options, parse_pixel_tools(tools), RichReporter())
    if json_target is not None:
        text = orjson.dumps(to_json(found), option=orjson.OPT_INDENT_2).decode()
        if json_target == "-":
            click.echo(text)
            return
        write_output(Path(json_target), (text + "\n").encode())
    print_pixels(found)
