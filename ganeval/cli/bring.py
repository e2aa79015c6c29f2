"""Brings weights and data sets onto this machine, announced and with progress: `fetch` commands and `--fetch`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganeval.options import ScoreOptions


def bring_weights(names: Sequence[str]) -> Iterator[Path]:
    """Fetches weights one after the other, each announced on stderr; gives where they are.

    Raises:
        UsageError: an unknown name, before anything is downloaded.
        WeightsError: no network, or another hash than the pinned one.
    """
    from ganeval.backbones import weights_fetch
    from ganeval.backbones.weights_store import entry, locate

    for file in [entry(name) for name in names]:
        source = "here already, checking" if locate(file.name) is not None else f"from {weights_fetch.source_of(file)}"
        size = "" if file.size is None else f" ({file.size / 1e6:.0f} MB)"
        click.echo(f"{file.name}: {source}{size}", err=True)
        with progress_bar(file.name) as progress:
            path = weights_fetch.fetch(file.name, progress=progress)
        yield path  # after the bar: while it lives, rich sends sys.stdout to the bar's console


def bring_data(names: Sequence[str], root: Path) -> Iterator[tuple[str, str]]:
    """Fetches data sets one after the other, each announced on stderr with its licence; gives name and what was done.

    Raises:
        UsageError: a name that cannot be fetched, before anything is downloaded.
        DataError: no network, or another hash than the published one.
    """
    from ganeval.sources.datasets import fetch as fetching

    for info in [fetching.published_of(name) for name in names]:
        click.echo(f"{info.name}: licence: {info.licence}", err=True)
        with progress_bar(info.name) as progress:
            lines = fetching.fetch(info.name, root, progress)
        yield from ((info.name, line) for line in lines)


def bring_lacking(options: "ScoreOptions", subjects: Sequence[str]) -> None:
    """What a score lacks: the weights of its metrics, and its data sets below the data folder.

    Raises:
        UsageError: metrics that are not known.
        WeightsError, DataError: something cannot be fetched.
    """
    from ganeval.scoring.plan import lacking_weights
    from ganeval.sources.datasets.published import missing_of_all
    from ganeval.sources.datasets.table import DATASETS

    list(bring_weights(lacking_weights(options)))
    root = options.data_root
    if root is None:
        return
    places = (*subjects, options.reference, options.paired, options.train)
    named = dict.fromkeys(place.partition(":")[0] for place in places if place is not None and ":" in place)
    known = [DATASETS.get(name) for name in named if name in DATASETS]
    lacking = [info.name for info in known if not info.embedded and missing_of_all(info.published, root)]
    for name, line in bring_data(lacking, root):
        click.echo(f"{name}: {line}", err=True)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar of a download on a terminal; elsewhere nothing. Gives what takes bytes so far and in all."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from ganeval.cli.consoles import open_console

    console = open_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
