"""`ganeval merge`: statistics of parts become those of the whole set."""

from pathlib import Path

import click

from ganeval.cli.options import FILE, check_writable
from ganeval.errors import UsageError


@click.command("merge", short_help="Join features that were computed on several machines.")
@click.argument("parts", nargs=-1, required=True, type=FILE)
@click.option("-o", "--out", required=True, type=FILE, help="File to write, *.safetensors.")
@click.option("--moments-only", is_flag=True, help="Leave the feature rows out: a small file, for fd alone.")
def command(parts: tuple[Path, ...], out: Path, moments_only: bool) -> None:
    """Join PARTS of `reference build --part` into the statistics of the whole set.

    The machines need no connection to each other, and the numbers are those of one machine. A part records which set
    it belongs to: count, names, a few images, subset, weights, precision, version. Parts of different sets, missing
    parts and overlapping parts are refused. Use the result as --reference or as the subject of `ganeval score`.

    \b
    ganeval reference build ./real --part 1/2 -o part-1.safetensors     # on one machine
    ganeval reference build ./real --part 2/2 -o part-2.safetensors     # on another
    ganeval merge part-1.safetensors part-2.safetensors -o real.safetensors
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"The merged file must end in .safetensors; got {out}.")
    check_writable(out)
    from ganeval.cli.progress import RichReporter
    from ganeval.summaries.merge_files import merge
    from ganeval.summaries.reference_file import load_reference, save_reference

    whole = merge([load_reference(part) for part in parts], [str(part) for part in parts])
    written = save_reference(out, whole, features=not moments_only)
    message = f"{out}: {whole.n} images of {len(parts)} parts, {', '.join(whole.sets)}, {written / 1e6:.1f} MB"
    RichReporter().message(message)
    click.echo(whole.content_sha256)
