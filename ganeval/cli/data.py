"""`ganeval data`: what data sets there are, which lie below the data folder, and how the others come.

stdout is data (a table, lines of what was found), stderr is progress and messages.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli.options import DATASET, FOLDER
from ganeval.errors import UsageError

if TYPE_CHECKING:
    from ganeval.sources.datasets.table import DatasetInfo

DATA_ROOT = click.option("--data-root", type=FOLDER, envvar="GANEVAL_DATA", help="Folder of data sets.")


@click.group("data", short_help="Data sets: list, fetch, verify.")
def command() -> None:
    """List, fetch and check data sets below the data folder: --data-root DIR, or GANEVAL_DATA.

    Only `fetch` reaches the network. Read a set's licence before you fetch it: `list` prints it.

    \b
    ganeval data list
    ganeval data fetch fashion-mnist --data-root ./data
    """


@command.command("list")
@DATA_ROOT
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects instead of a table.")
def list_(data_root: Path | None, as_json: bool) -> None:
    """List all data sets, and which of them are here.

    \b
    ganeval data list --data-root ./data --json
    """
    from ganeval.cli.list import print_list
    from ganeval.sources.datasets.table import DATASETS

    rows = [_row(DATASETS.get(name), data_root) for name in DATASETS]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    table = []
    for row in rows:
        size = "?" if row["size"] is None else f"{float(str(row['size'])) / 1e6:,.0f} MB"
        size = "-" if row["here"] == "embedded" else size
        table.append((str(row["name"]), str(row["here"]), size, str(row["licence"]), str(row["summary"])))
    print_list(("name", "here", "size", "licence", "what"), table)
    for row in rows:
        if row["here"] == "part":
            click.echo(f"{row['name']}: missing {', '.join(map(str, _listed(row['missing'])))}", err=True)
    where = "No data folder was named" if data_root is None else f"The data folder is {data_root}"
    click.echo(f"{where}. Bring what is missing with `ganeval data fetch NAME --data-root DIR`.", err=True)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _row(info: "DatasetInfo", root: Path | None) -> dict[str, object]:
    from ganeval.sources.datasets.published import missing_of_all

    sizes = [each.size for each in info.published]
    missing = [] if root is None else missing_of_all(info.published, root)
    here = "embedded" if info.embedded else "no" if root is None else "yes" if not missing else "part"
    if here == "part" and not any((root / part).exists() for part in _parts(info)):  # type: ignore[operator]
        here = "no"
    return {
        "name": info.name,
        "here": here,
        "missing": missing,
        "splits": list(info.splits),
        "size": None if None in sizes else sum(size for size in sizes if size is not None),
        "licence": info.licence,
        "summary": info.summary,
        "files": [
            {"urls": list(each.urls), "size": each.size, "hash": each.digest or None, "published_by": each.pinned_by}
            for each in info.published
        ],
    }


def _parts(info: "DatasetInfo") -> list[str]:
    """Files and folders of a set below the data folder."""
    kept = [f"{each.into}/{each.name}" for each in info.published if not each.folders]
    return kept + [folder.into for each in info.published for folder in each.folders]


@command.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=DATASET)
@DATA_ROOT
def fetch(names: tuple[str, ...], data_root: Path | None) -> None:
    """Download data sets, check their hashes and put them below the data folder.

    What is here already is checked and left alone. A download that broke off is resumed.

    \b
    ganeval data fetch bsds500 set5 --data-root ./data
    """
    from ganeval.cli.bring import bring_data
    from ganeval.sources.datasets import fetch as fetching

    for name in names:
        fetching.published_of(name)  # a wrong name is told before a missing folder
    for name, line in bring_data(names, _root(data_root)):
        click.echo(f"{name}: {line}")


@command.command(short_help="Check the hashes of data sets below the data folder.")
@click.argument("names", metavar="[NAME...]", nargs=-1, type=DATASET)
@DATA_ROOT
def verify(names: tuple[str, ...], data_root: Path | None) -> None:
    """Check the hashes of data sets below the data folder: of each NAME, or of all that are here.

    Prints one line per set. Exits with 3 if one is damaged or incomplete.

    \b
    ganeval data verify fashion-mnist
    """
    from ganeval.errors import DataError
    from ganeval.sources.datasets import fetch as fetching
    from ganeval.sources.datasets.table import DATASETS

    root = _root(data_root)
    here = [name for name in DATASETS if _row(DATASETS.get(name), root)["here"] in ("yes", "part")]
    for name in names:
        fetching.published_of(name)
    faults = []
    for name in names or here:
        try:
            click.echo(f"{name}: {fetching.verify(name, root)}")
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError("\n".join(faults))
    if not names and not here:
        click.echo(f"No data set that can be fetched lies in {root}.", err=True)


def _root(data_root: Path | None) -> Path:
    """The data folder that was named.

    Raises:
        UsageError: none was.
    """
    if data_root is None:
        raise UsageError("Name the data folder with --data-root DIR, or set GANEVAL_DATA.")
    return data_root
