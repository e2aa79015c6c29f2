"""`ganeval weights`: what weights there are, which are here, and how the others come.

stdout is data (a table, paths, hashes), stderr is progress and messages.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ganeval.cli.options import PATH, WEIGHTS
from ganeval.errors import GanevalError, UsageError

ALL = "all"


@click.group("weights")
def command() -> None:
    """List, fetch, import and check the weights of backbones.

    Every file is pinned by its sha256. Only `fetch` and `score --fetch` reach the network.

    \b
    ganeval weights list
    ganeval weights fetch inception
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects instead of a table.")
def list_(as_json: bool) -> None:
    """List all weights files, and which of them are on this machine.

    \b
    ganeval weights list --json
    """
    from ganeval.backbones import weights_files
    from ganeval.backbones.weights_store import cache_dir, locate
    from ganeval.cli.list import print_list

    rows = []
    for name, file in weights_files().items():
        path = locate(name)
        kind, source = file.origin.describe()
        rows.append(
            {
                "name": name,
                "present": path is not None,
                "path": None if path is None else str(path),
                "sha256": file.sha256 or None,
                "size": file.size,
                "origin": kind,
                "source": source,
                "license": file.license,
                "note": file.note,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    table = []
    for file, row in zip(weights_files().values(), rows, strict=True):
        table.append((file.name, "yes" if row["present"] else "no", _megabytes(file.size), file.license, file.note))
    print_list(("name", "here", "size", "licence", "what"), table)
    click.echo(f"The folder is {cache_dir()}. Bring what is missing with `ganeval weights fetch NAME`.", err=True)


@command.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=WEIGHTS)
def fetch(names: tuple[str, ...]) -> None:
    """Download weights, check their sha256 and print where they are.

    What is here already is checked and left alone. A download that broke off is resumed. NAME may be `all`. Files that
    torch hub keeps on this machine are used where they are. GANEVAL_WEIGHTS_MIRROR names an address to download from in
    place of the publishers': files with a published hash only, each under the publisher's file name.

    \b
    ganeval weights fetch inception lpips-vgg
    ganeval weights fetch all
    """
    from ganeval.backbones import weights_files
    from ganeval.backbones.weights_file import Embedded
    from ganeval.cli.bring import bring_weights

    _refuse_metrics(names)
    every = [name for name, file in weights_files().items() if not isinstance(file.origin, Embedded)]
    wanted = [one for name in names for one in (every if name.lower() == ALL else [name])]
    for path in bring_weights(list(dict.fromkeys(wanted))):
        click.echo(str(path))


@command.command("import")
@click.argument("name", type=WEIGHTS)
@click.argument("file", type=PATH)
def import_(name: str, file: Path) -> None:
    """Copy a local FILE into the folder of weights, for a machine without internet.

    FILE must be the published one, by its sha256. If the publisher ships it in a wheel on the package index, give that
    wheel.

    \b
    ganeval weights import inception pt_inception-2015-12-05-6726825d.pth
    """
    from ganeval.backbones.weights_fetch import import_file

    _refuse_metrics([name])
    click.echo(str(import_file(name, file)))


@command.command(short_help="Check the sha256 of weights on this machine.")
@click.argument("names", metavar="[NAME...]", nargs=-1, type=WEIGHTS)
def verify(names: tuple[str, ...]) -> None:
    """Check the sha256 of weights on this machine: of each NAME, or of all that are here.

    Prints one line per file: name, sha256, path. Exits with 3 if one is damaged, changed or missing.

    \b
    ganeval weights verify inception
    """
    from ganeval.backbones import weights_files, weights_store
    from ganeval.errors import WeightsError

    _refuse_metrics(names)
    faults = []
    for name in names or [name for name in weights_files() if weights_store.locate(name) is not None]:
        try:
            verified = weights_store.verify(name)
        except WeightsError as error:
            faults.append(str(error))
        else:
            click.echo(f"{name}  {verified.sha256}  {verified.path}")
    if faults:
        raise WeightsError("\n".join(faults))


def _refuse_metrics(names: Sequence[str]) -> None:
    """Refuses names of metrics and of backbones with other weights than their name: `fid`, `inception-clean`.

    Raises:
        UsageError: with the weights that they need.
    """
    from ganeval.backbones import weights_files
    from ganeval.metrics.keys import parse_key
    from ganeval.scoring.plan import needed_weights

    for name in names:
        if name in weights_files() or name.lower() == ALL:
            continue
        for key, what in ((name, "metric"), (f"fd@{name}", "backbone")):
            try:
                needed = needed_weights(parse_key(key))
            except GanevalError:  # no such name: the table of weights tells
                continue
            if needed:
                raise UsageError(f"{name!r} is a {what}. Name the weights that it needs: {' '.join(needed)}.")


def _megabytes(size: int | None) -> str:
    if size is None:
        return "?"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
