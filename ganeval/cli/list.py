"""`ganeval list`: what there is, one line each."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import click
from rich.markup import escape

from ganeval.cli.options import one_of
from ganeval.formatting import filled_columns
from ganeval.registry import Registry

Entry = dict[str, object]


def metrics() -> list[Entry]:
    """Every metric, with its outputs, direction and what it needs."""
    from ganeval.metrics import METRICS
    from ganeval.metrics.base import ImageMetric, OwnPairsMetric, PyramidMetric, SetMetric

    entries: list[Entry] = []
    for name in METRICS:
        metric = METRICS.get(name)
        outputs = metric.outputs
        kind = "paired"
        if isinstance(metric, SetMetric):
            kind = "set, needs a reference" if metric.reference else "set, no reference"
        elif isinstance(metric, ImageMetric):
            kind = "single images"
        elif isinstance(metric, OwnPairsMetric):
            kind = "pairs within a set" if metric.paths is None else "generator"
        entries.append(
            {
                "name": name,
                "names": list(dict.fromkeys([name, *metric.aliases, *(output.name for output in outputs)])),
                "kind": kind,
                "package": METRICS.package(name),
                "summary": metric.summary,
                "outputs": [output.name for output in outputs],
                "better": {output.name: output.better for output in outputs},
                "range": {output.name: [_json_number(x) for x in output.range] for output in outputs},
                "aliases": list(metric.aliases),
                "backbones": list(metric.backbones) if isinstance(metric, PyramidMetric | OwnPairsMetric) else None,
                "version": metric.version,
                "params": dict(metric.params),
            }
        )
    return entries


def _json_number(x: float) -> float | None:
    return None if x in (float("inf"), float("-inf")) else x


def backbones() -> list[Entry]:
    """Every backbone, with whether its weights are here."""
    from ganeval.backbones import BACKBONES
    from ganeval.backbones.weights_store import locate

    entries: list[Entry] = []
    for name in BACKBONES:
        info = BACKBONES.get(name)
        here = info.weights is None or locate(info.weights.name) is not None
        entries.append(
            {
                "name": name,
                "kind": "weights here" if here else "fetch first",
                "package": BACKBONES.package(name),
                "fetch": None if here or info.weights is None else f"ganeval weights fetch {info.weights.name}",
                "summary": info.summary,
                "dim": info.dim,
                "classes": info.classes,
                "resize": info.resize,
                "canonical": info.canonical,
                "license": info.license,
            }
        )
    return entries


def datasets() -> list[Entry]:
    """Every data set id."""
    from ganeval.sources.datasets.table import DATASETS

    entries: list[Entry] = []
    for name in DATASETS:
        dataset = DATASETS.get(name)
        entries.append(
            {
                "name": name,
                "kind": "embedded" if dataset.embedded else "under --data-root",
                "package": DATASETS.package(name),
                "fetch": f"ganeval data fetch {name} --data-root DIR" if dataset.published else None,
                "summary": dataset.summary,
                "splits": list(dataset.splits),
                "license": dataset.licence,
            }
        )
    return entries


def models() -> list[Entry]:
    """Every reference model, with its paper and recipes."""
    from reference_models.models import MODELS
    from reference_models.recipes import recipes_of

    entries: list[Entry] = []
    for name in MODELS:
        spec = MODELS.get(name)
        entries.append(
            {
                "name": name,
                "kind": spec.kind_name,
                "summary": spec.summary,
                "paper": spec.paper,
                "fixed": spec.fixed,
                "recipes": recipes_of(name),
            }
        )
    return entries


def recipes() -> list[Entry]:
    """Every recipe of every reference model."""
    from reference_models.recipes import RECIPES
    from reference_models.recipes.recipe import recipe_to_json
    from reference_models.shipped.table import shipped

    here = shipped()
    entries: list[Entry] = []
    for name in RECIPES:
        recipe = RECIPES.get(name)
        training = recipe.training
        said = f"{training.steps:,} steps of {training.batch_size}, judged by {recipe.evaluation.metric}"
        if name in here:
            said += "; trained checkpoint shipped"
        entries.append({**recipe_to_json(recipe), "kind": recipe.tier, "summary": said, "shipped": name in here})
    return entries


TABLES: dict[str, Callable[[], list[Entry]]] = {
    "models": models,
    "recipes": recipes,
    "metrics": metrics,
    "backbones": backbones,
    "datasets": datasets,
}


TIERS = "cpu: bundled data, minutes. data: a data set under --data-root, minutes. full: as in the paper or tutorial."


@click.command("list", short_help="List models, recipes, metrics, backbones or data sets.")
@click.argument("what", type=one_of(TABLES))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects instead of a table.")
def command(what: str, as_json: bool) -> None:
    """List models, recipes, metrics, backbones or datasets, one line each.

    \b
    ganeval list metrics
    ganeval list backbones --json
    """
    show_entries(TABLES[what](), as_json)
    if what == "recipes" and not as_json:
        click.echo(TIERS, err=True)
    for problem in _problems(what):
        click.echo(f"warning: {problem}", err=True)


def _problems(what: str) -> list[str]:
    """What is wrong with entries that other packages add."""
    from ganeval.backbones import BACKBONES
    from ganeval.metrics import METRICS
    from ganeval.sources.datasets.table import DATASETS

    tables: dict[str, Registry[Any]] = {"metrics": METRICS, "backbones": BACKBONES, "datasets": DATASETS}
    return tables[what].problems() if what in tables else []


def show_entries(entries: list[Entry], as_json: bool) -> None:
    """Prints one line an entry, or all of each as JSON."""
    if as_json:
        click.echo(json.dumps(entries, indent=2))
        return
    foreign = any(entry.get("package", "ganeval") != "ganeval" for entry in entries)
    rows = []
    for entry in entries:
        names = entry.get("names")  # of a metric, all that `--metrics` takes
        named = ", ".join(map(str, names)) if isinstance(names, list) else str(entry["name"])
        of = [str(entry.get("package", ""))] if foreign else []
        rows.append((named, str(entry["kind"]), str(entry["summary"]), *of))
    print_list(("name", "kind", "summary", *(["package"] if foreign else [])), rows)


def print_list(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of words: in a terminal cells are wrapped to its width, in a pipe each entry has a line of its own."""
    from rich.table import Table

    from ganeval.cli.consoles import open_list_console

    table = Table(box=None, pad_edge=False, header_style="bold")
    kept = filled_columns(head, rows)
    for column in kept:
        table.add_column(head[column], overflow="fold")
    for row in rows:
        table.add_row(*(escape(row[column]) for column in kept))
    open_list_console().print(table)
