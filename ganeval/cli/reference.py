"""`ganeval reference`: statistics of a reference set, computed once, verified ever after."""

from pathlib import Path
from typing import Literal

import click

from ganeval.cli.options import PRECISION, RUN, check_writable, with_options
from ganeval.errors import UsageError


def parse_part(text: str | None) -> tuple[int, int] | None:
    """Reads "2/4".

    Raises:
        UsageError: no two numbers, or a part that there is not.
    """
    if text is None:
        return None
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UsageError(f"--part takes K/N with K from 1 to N, as in 2/4; got {text!r}.")
    return int(number), int(count)


@click.group("reference", short_help="Precompute reference statistics.")
def command() -> None:
    """Precompute reference statistics in one verifiable file."""


@command.command("build")
@click.argument("ref")
@click.option(
    "-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="*.safetensors to write."
)
@click.option("--backbone", "names", multiple=True, metavar="NAME", help="Repeat for several. Default: efflite0.")
@click.option("--moments-only", is_flag=True, help="Leave the feature rows out: a small file that serves fd alone.")
@click.option(
    "--part",
    metavar="K/N",
    callback=lambda _context, _option, value: parse_part(value),
    help="Only the K-th of N parts of the images, for `ganeval merge`.",
)
@with_options(*RUN, PRECISION)
def build(
    ref: str,
    out: Path,
    names: tuple[str, ...],
    moments_only: bool,
    part: tuple[int, int] | None,
    num_samples: int | None,
    seed: int,
    batch_size: int,
    device: str,
    engine: Literal["auto", "torch", "openvino"],
    precision: Literal["exact", "fast"],
    on_bad: Literal["fail", "skip"],
    weights: dict[str, Path],
    value_range: Literal["0..1", "-1..1"] | None,
    data_root: Path | None,
    no_cache: bool,
) -> None:
    """Compute the statistics of REF (folder, archive, npz or data set) and write them to one file.

    \b
    ganeval reference build fashion-mnist:train -o fashion.safetensors
    ganeval reference build ./real -o real.safetensors --backbone inception
    ganeval reference build ./real -o part-1.safetensors --part 1/4
    ganeval score ./samples --reference real.safetensors
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"The reference file must end in .safetensors; got {out}.")
    check_writable(out)
    from ganeval.cli.progress import RichReporter
    from ganeval.plan import ScoreOptions
    from ganeval.reference import save_reference
    from ganeval.scoring import build_reference

    options = ScoreOptions(
        subject=ref,
        num_samples=num_samples,
        seed=seed,
        batch_size=batch_size,
        device=device,
        engine=engine,
        precision=precision,
        on_bad=on_bad,
        weights=weights,
        data_root=data_root,
        value_range=value_range,
        cache=not no_cache,
    )
    reporter = RichReporter()
    statistics = build_reference(options, list(names) or ["efflite0"], reporter, part)
    written = save_reference(out, statistics, features=not moments_only)
    reporter.message(f"{out}: {statistics.n} images, {', '.join(statistics.sets)}, {written / 1e6:.1f} MB")
    click.echo(statistics.content_sha256)


@command.command("show")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def show(file: Path) -> None:
    """Verify a statistics file (of ganeval, or another tool's mu/sigma npz) and say what is in it.

    \b
    ganeval reference show real.safetensors
    """
    from ganeval.errors import ReferenceStatisticsError
    from ganeval.reference import is_statistics_file, load_reference
    from ganeval.text import printable

    if not is_statistics_file(file):
        raise ReferenceStatisticsError(
            f"{file} is no statistics file: expected *.safetensors, or mu and sigma in an npz."
        )
    statistics = load_reference(file)
    click.echo(printable(f"built from  {statistics.name}"))
    click.echo(f"images      {'unknown (file of another tool)' if statistics.n is None else statistics.n}")
    click.echo(f"content     {statistics.content_sha256}")
    for name, facts in statistics.facts.items():
        rows = "moments and feature rows" if statistics.sets[name].bank is not None else "moments only"
        click.echo(
            f"{name:<11} {rows}; weights {facts.weights_sha256[:12] or 'unknown'}; {facts.resize or 'resize unknown'}"
        )
