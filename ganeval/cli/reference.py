"""`ganeval reference`: statistics of a reference set, computed once, verified ever after."""

from pathlib import Path

import click

from ganeval.cli.options import BACKBONE, FILE, PLACE, GroupedCommand, check_writable, one_of, option, takes, whole
from ganeval.errors import UsageError
from ganeval.options import ScoreOptions
from ganeval.summaries.peer_files.origins import ORIGINS


def parse_part(text: str | None) -> tuple[int, int] | None:
    """Reads "2/4".

    Raises:
        UsageError: no two numbers, or a part that there is not.
    """
    if text is None:
        return None
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and len(text) < 20 and 1 <= int(number) <= int(count)):
        raise UsageError(f"--part takes K/N with K from 1 to N, as in 2/4; got {text!r}.")
    return int(number), int(count)


def check_reference_name(out: Path) -> None:
    """Refuses a target that could not be read back, or not be written.

    Raises:
        UsageError: another ending, or no such folder.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"The reference file must end in .safetensors; got {out}.")
    check_writable(out)


@click.group("reference", short_help="Precompute reference statistics.")
def command() -> None:
    """Precompute reference statistics in one verifiable file."""


@command.command("build", cls=GroupedCommand, short_help="Compute the statistics of REF into one file.")
@click.argument("ref", type=PLACE)
@click.option("-o", "--out", required=True, type=FILE, help="File to write, *.safetensors.")
@click.option(
    "--backbone",
    "names",
    multiple=True,
    type=BACKBONE,
    metavar="NAME",
    help="Backbone; repeat for several. Default: efflite0.",
)
@click.option(
    "--part",
    metavar="K/N",
    callback=lambda _context, _option, value: parse_part(value),
    help="Only the K-th of N parts of the images, or of the tar files of a set in several; for `ganeval merge`.",
)
@takes("build")
def build(
    ref: str,
    options: ScoreOptions,
    out: Path,
    names: tuple[str, ...],
    part: tuple[int, int] | None,
) -> None:
    """Compute the statistics of REF (folder, archive, npz or data set) and write them to one file.

    \b
    ganeval reference build fashion-mnist:train -o fashion.safetensors
    ganeval reference build ./real -o real.safetensors --backbone inception
    ganeval reference build ./real -o part-1.safetensors --part 1/4
    ganeval score ./samples --reference real.safetensors
    """
    del ref  # in the options
    check_reference_name(out)
    from ganeval.cli.progress import RichReporter
    from ganeval.scoring.build_reference import build_reference
    from ganeval.summaries.reference_file import save_reference

    reporter = RichReporter()
    statistics = build_reference(options, list(names) or ["efflite0"], reporter, part)
    written = save_reference(out, statistics, features=not options.moments_only)
    reporter.message(f"{out}: {statistics.n} images, {', '.join(statistics.sets)}, {written / 1e6:.1f} MB")
    click.echo(statistics.content_sha256)


@command.command("import", short_help="Import another tool's statistics.")
@click.argument("file", type=FILE)
@click.option("--from", "tool", required=True, type=one_of(ORIGINS), help="Tool that made the file.")
@click.option("-o", "--out", required=True, type=FILE, help="File to write, *.safetensors.")
@click.option("--n", type=whole(2), help="Number of images behind the file, if it does not hold it.")
@option("weights")
def import_(file: Path, tool: str, out: Path, n: int | None, weights: dict[str, Path]) -> None:
    """Turn another tool's statistics into a reference file that records their protocol.

    FILE is an npz, npy, pkl or pt; pickles are read by a reader that builds arrays and plain containers, and runs
    nothing. It works for metrics with that tool's own preparation (fd@inception-clean for clean-fid): any other
    comparison ends with exit code 6. If the number of images behind the file is unknown, rows have no interval and no
    debiased value.

    \b
    ganeval reference import fid_stats_cifar10_train.npz --from ttur -o cifar10.safetensors
    ganeval reference import real.npz --from pytorch-fid --n 10000 -o real.safetensors
    ganeval reference import img512.pkl --from edm -o imagenet512.safetensors
    ganeval score ./samples --reference real.safetensors --metrics fd@inception-pytorch
    """
    check_reference_name(out)
    strangers = sorted(set(weights) - {"inception"})
    if strangers:
        raise UsageError(f"--weights names {', '.join(strangers)}; these statistics are of inception alone.")
    from ganeval.backbones import BACKBONES
    from ganeval.backbones.weights_store import entry, identify, sha256_of
    from ganeval.cli.progress import RichReporter
    from ganeval.summaries.peer_files.import_statistics import import_statistics
    from ganeval.summaries.reference_file import save_reference

    pinned = entry("inception")
    given = weights.get("inception")
    sha256 = pinned.sha256 if given is None else identify(pinned, sha256_of(given))[0]
    backbone = ORIGINS[tool].backbone
    statistics = import_statistics(file, tool, weights_sha256=sha256, resize=BACKBONES.get(backbone).resize, n=n)
    written = save_reference(out, statistics, features=True)
    count = "an unknown number of images" if statistics.n is None else f"{statistics.n} images"
    RichReporter().message(
        f"{out}: {tool}, {count}, {written / 1e6:.1f} MB, "
        f"{'taken to be made with the canonical weights' if given is None else f'weights {sha256[:8]}'}; "
        f"score with --metrics {','.join(f'fd@{name}' for name in statistics.sets)}"
    )
    click.echo(statistics.content_sha256)


@command.command("show")
@click.argument("file", type=FILE)
def show(file: Path) -> None:
    """Verify a statistics file and print what it holds.

    FILE is a file of ganeval, or another tool's npz of mu and sigma.

    \b
    ganeval reference show real.safetensors
    """
    from ganeval.errors import ReferenceStatisticsError
    from ganeval.escaping import printable
    from ganeval.summaries.reference_file import is_statistics_file, load_reference

    if not is_statistics_file(file):
        raise ReferenceStatisticsError(
            f"{file} isn't a statistics file: expected *.safetensors, or mu and sigma in an npz."
        )
    statistics = load_reference(file)
    click.echo(printable(f"built from  {statistics.name}"))
    click.echo(f"images      {'unknown (file of another tool)' if statistics.n is None else statistics.n}")
    if statistics.tool:
        click.echo(printable(f"made by     {statistics.tool}"))
    click.echo(f"content     {statistics.content_sha256}")
    for name, facts in statistics.facts.items():
        rows = "moments and feature rows" if statistics.sets[name].bank is not None else "moments only"
        click.echo(
            f"{name:<11} {rows}; weights {facts.weights_sha256[:12] or 'unknown'}; {facts.resize or 'resize unknown'}"
        )
