"""`ganeval train-reference`: trains a reference model by a fixed recipe."""

import json
import shlex
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ganeval.cli.options import MODEL, PATH, RECIPE, one_of, option, whole, with_options
from ganeval.cli.processes import several
from ganeval.cli.progress import RichReporter
from ganeval.errors import DataError, UsageError, WeightsError
from ganeval.formatting import counted

if TYPE_CHECKING:
    from reference_models.recipes.recipe import Recipe
    from reference_models.training.train import TrainOutcome

OUTSIDE = 4  # as for a failed gate: the run is whole, its result is not the expected one
SHOWN_EVERY = 10  # lines of losses a run on stderr, beside those with a score


class TrainingReporter(RichReporter):
    """A bar with images/s and time left on a terminal; a line at every score, and about ten lines of losses a run."""

    def __init__(self, name: str, steps: int) -> None:
        super().__init__()
        self._name = name
        self._steps = steps
        self._shown = 0

    def scoring(self, step: int) -> AbstractContextManager[None]:
        """Says so on the bar; where there is none, a line."""
        if not self.console.is_terminal:
            self.console.print(f"step {step:,}/{self._steps:,}  scoring", markup=False, soft_wrap=True)
        return self.doing("scoring", self._name)

    def training(self, step: int, values: Mapping[str, float]) -> None:
        """Prints what is due."""
        scored = any(name.startswith("score ") for name in values)
        if not scored and step - self._shown < self._steps / SHOWN_EVERY:
            return
        self._shown = step
        told = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self.console.print(f"step {step:,}/{self._steps:,}  {told}", markup=False, soft_wrap=True)


@click.command("train-reference", short_help="Train a reference model by a fixed recipe.")
@click.argument("model", required=False, type=MODEL)
@click.option(
    "--recipe",
    "recipe_name",
    type=RECIPE,
    metavar="R",
    help="Recipe, as --list names it. Default: the model's small one.",
)
@click.option("--seed", type=whole(0), default=0, show_default=True, help="Seed of weights, order and noise.")
@click.option("--out", type=PATH, help="Folder of the run. Default: runs/<recipe>-seed<seed>.")
@option("data_root")
@click.option("--data", type=PATH, metavar="FOLDER", help="Folder of your own images to train on.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change the recipe, as in --set steps=200; repeatable.",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out; a finished one is left as it is.")
@click.option(
    "--check", is_flag=True, help="Check that the result is inside the expected interval; exit with 4 if not."
)
@click.option("--show", is_flag=True, help="Print the whole recipe, changes by --set included, without training.")
@click.option("--list", "list_them", is_flag=True, help="List the recipes, of MODEL or of all.")
@click.option("--offline", is_flag=True, help="Never download the weights that a recipe pins.")
@with_options(option("device"), option("devices"), option("timeout"))
@click.option(
    "--log",
    type=one_of(["tensorboard", "mlflow", "wandb"]),
    help="Log losses, scores and grids to this tool as well.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the recipes of --list, or the result, as JSON.")
def command(
    model: str | None,
    recipe_name: str | None,
    seed: int,
    out: Path | None,
    data_root: Path | None,
    data: Path | None,
    assignments: tuple[str, ...],
    resume: bool,
    check: bool,
    show: bool,
    list_them: bool,
    offline: bool,
    device: str,
    devices: int,
    timeout: float,
    log: Literal["tensorboard", "mlflow", "wandb"] | None,
    as_json: bool,
) -> None:
    """Train MODEL by a fixed recipe, score it while it trains, and leave last.safetensors and best.safetensors.

    MODEL may also be the name of a recipe, as --list prints it. A model's small recipe uses bundled data and takes
    minutes on two CPU cores. With --data it trains on a folder of yours: size, grey or color, and classes (one folder
    each) come from the folder, and the recipe is named after its content.

    \b
    ganeval train-reference --list
    ganeval train-reference gan-mlp
    ganeval train-reference dcgan --data ./photos --set model.image_size=64
    ganeval train-reference gan-mlp --set lr=5e-4 --set loss=hinge
    ganeval train-reference gan-mlp --set schedule.kind=cyclic --set d_schedule.lr=4e-4 --show
    ganeval train-reference dcgan --seed 3 --set techniques.spectral_norm=true --out runs/sn
    ganeval train-reference dcgan --out runs/sn --resume --seed 3 --set techniques.spectral_norm=true
    """
    if list_them:
        list_recipes(model, as_json)
        return
    if model is None:
        raise UsageError("Name a model, as in `ganeval train-reference gan-mlp`, or list the recipes with --list.")
    if data is None:
        recipe = chosen_recipe(model, recipe_name, assignments)
    else:
        if recipe_name is not None:
            raise UsageError("--data trains by the model's small plan; drop --recipe, and change the plan by --set.")
        recipe = recipe_of_folder(model, data, assignments)
        data_root = data
    if show:
        show_recipe(recipe, as_json)
        return
    trained = [expected for expected in recipe.expected if expected.checkpoint != "untrained"]
    if check and all(expected.sd is None for expected in trained):
        seeds = max((expected.seeds for expected in trained), default=0)
        why = (
            "--set changed it"
            if assignments
            else f"{seeds} of the 2 training seeds that an interval needs were measured"
        )
        why = why if data is None else "--data names images of your own"
        raise UsageError(f"{recipe.name} has no expected result to check against: {why}. Run without --check.")
    with several(device, devices, timeout) as processes:
        first = processes is None or processes.rank == 0
        if processes is not None:
            processes.lines.work(False)  # steps end together: who hangs is known by its heartbeat alone
        bring_weights(recipe, offline)

        from reference_models.training.loggers import logged, require  # torch is imported from here on
        from reference_models.training.train import TrainOptions, train

        if log is not None:
            require(log)

        folder = Path("runs") / f"{recipe.name}-seed{seed}" if out is None else out
        reporter = TrainingReporter(recipe.name, recipe.training.steps)
        options = TrainOptions(recipe, folder, seed, data_root, resume, device, devices)
        try:
            with logged(log if first else None, reporter, recipe, folder, seed) as told:
                outcome = train(options, told)
        except OSError as error:
            why = error.strerror or str(error)
            raise DataError(f"Cannot write into {folder}: {why}. Free space or use another.") from error
        if not first:
            return  # one process speaks for all
        show_result(recipe, outcome, as_json, data)
        outside = check and not inside_expected(recipe, outcome)
    if outside:
        raise click.exceptions.Exit(OUTSIDE)


def list_recipes(model: str | None, as_json: bool) -> None:
    """Prints the recipes of a model, or all of them."""
    from ganeval.cli.list import recipes, show_entries
    from reference_models.models import MODELS
    from reference_models.recipes import RECIPES

    if model is not None and model not in RECIPES:
        MODELS.get(model)  # a wrong name gets its did-you-mean
    show_entries([entry for entry in recipes() if model in (None, entry["model"], entry["name"])], as_json)


def chosen_recipe(model: str, name: str | None, assignments: tuple[str, ...]) -> "Recipe":
    """The recipe asked for, changed by --set, with every setting checked.

    Raises:
        UsageError: unknown model, recipe or key, or a recipe of another model.
    """
    from reference_models.models import MODELS
    from reference_models.recipes import RECIPES, default_recipe, recipes_of
    from reference_models.recipes.recipe import with_settings

    if model in RECIPES:
        if name not in (None, model):
            raise UsageError(f"{model} is a recipe, and --recipe names {name}. Give one of them.")
        name, model = model, RECIPES.get(model).model
    spec = MODELS.get(model)
    if name is not None and name not in RECIPES and (full := RECIPES.listed(f"{model}.{name}")) in RECIPES:
        name = full
    recipe = RECIPES.get(default_recipe(model) if name is None else name)
    if recipe.model != model:
        raise UsageError(
            f"{recipe.name} trains {recipe.model}, not {model}. Take one of {', '.join(recipes_of(model))}."
        )
    changed = with_settings(recipe, assignments)
    tell_taken_along(recipe, changed, assignments)
    spec.configure(changed.settings)
    return changed


def tell_taken_along(before: "Recipe", after: "Recipe", assignments: tuple[str, ...]) -> None:
    """Says on stderr which settings a new loss took along."""
    from reference_models.recipes.recipe import taken_along

    if along := taken_along(before, after, assignments):
        click.echo(f"--set loss={after.training.loss} also sets {', '.join(along)}; name them to choose", err=True)


def recipe_of_folder(model: str, folder: Path, assignments: tuple[str, ...]) -> "Recipe":
    """The recipe for a folder of one's own, changed by --set, with every setting checked and images enough.

    Raises:
        UsageError: unknown model or key, or a model that such a folder does not fit.
        DataError: the folder cannot be used, or holds too few images.
    """
    from reference_models.data.own_folder import own_recipe, require_enough
    from reference_models.models import MODELS
    from reference_models.recipes.recipe import with_settings

    spec = MODELS.get(model)
    plan, count = own_recipe(model, folder)
    recipe = with_settings(plan, assignments)
    tell_taken_along(plan, recipe, assignments)
    spec.configure(recipe.settings)
    require_enough(recipe, folder, count)
    return recipe


def show_recipe(recipe: "Recipe", as_json: bool) -> None:
    """Prints a recipe by the names that --set takes, the model's settings among them, and where its values are from."""
    from reference_models.models import MODELS
    from reference_models.models.config import to_json
    from reference_models.recipes.recipe import PARTS, plan_to_json, recipe_to_json

    if as_json:
        click.echo(json.dumps(recipe_to_json(recipe), indent=2))
        return
    spec, plan = MODELS.get(recipe.model), plan_to_json(recipe)
    parts = {"model": to_json(spec.configure(recipe.settings)), **{part: plan[part] for part in PARTS}}
    rows = [(f"{part}.{key}", value) for part, own in parts.items() if own is not None for key, value in own.items()]
    width = max(len(key) for key, _ in rows)
    click.echo(f"{recipe.name}: {spec.summary}\n{spec.paper}\n")
    for key, value in rows:
        click.echo(f"{key:{width}}  {value if isinstance(value, str) else json.dumps(value)}")
    if recipe.d_schedule is None:
        click.echo(f"{'d_schedule':{width}}  as schedule")
    click.echo("\nWhere the values are from")
    for what, source in recipe.sources.items():
        click.echo(f"{what}: {source}")


def bring_weights(recipe: "Recipe", offline: bool) -> None:
    """Fetches the pinned weights that a recipe needs, saying so; checks that the others are here.

    Raises:
        WeightsError: weights are missing and --offline forbids fetching them.
    """
    from ganeval.backbones.weights_fetch import fetch
    from ganeval.backbones.weights_store import entry, locate
    from reference_models.training.evaluation import needed_weights_of

    for name in needed_weights_of(recipe):
        if locate(name) is not None:
            continue
        if offline:
            raise WeightsError(
                f"{recipe.name} needs the weights {name!r}, which are not here, and --offline forbids fetching them. "
                f"Run `ganeval weights import {name} FILE`."
            )
        click.echo(f"{recipe.name} needs the weights {name!r}; fetching {entry(name).origin.describe()[1]}", err=True)
        fetch(name)


def inside_expected(recipe: "Recipe", outcome: "TrainOutcome") -> bool:
    """Compares a run with the expected range of each checkpoint, and says so on stderr.

    The line also states how often a fresh seed of the unchanged recipe passes.
    """
    from reference_models.recipes.expected import check_range

    inside = True
    untrained = next((expected.mean for expected in recipe.expected if expected.checkpoint == "untrained"), None)
    for expected in recipe.expected:
        if expected.checkpoint == "untrained" or expected.sd is None:
            continue
        value = outcome.last_score if expected.checkpoint == "last" else outcome.best_score
        found = check_range(expected, untrained)
        passed = found.low <= value <= found.high
        inside = inside and passed
        click.echo(
            f"{expected.checkpoint}: {expected.metric} {value:.4g} is {'inside' if passed else 'OUTSIDE'} "
            f"[{found.low:.4g}, {found.high:.4g}], expected of {expected.seeds} seeds; a fresh seed passes "
            f"{100 * found.passes:.0f} times in 100",
            err=True,
        )
    return inside


def show_result(recipe: "Recipe", outcome: "TrainOutcome", as_json: bool, data: Path | None) -> None:
    """What came of it: stdout is data. `data` is the folder of one's own, if it was trained on that."""
    row = {
        "recipe": recipe.name,
        "folder": str(outcome.folder),
        "metric": recipe.evaluation.metric,
        "n": recipe.evaluation.n,
        "last": outcome.last_score,
        "best": outcome.best_score,
        "best_step": outcome.best_step,
        "steps": outcome.steps,
        "seconds": round(outcome.seconds, 1),
    }
    if as_json:
        click.echo(json.dumps(row, indent=2))
        return
    click.echo(
        f"{recipe.evaluation.metric} last {outcome.last_score:.5g}, best {outcome.best_score:.5g} at step "
        f"{outcome.best_step:,}, in {outcome.seconds / 60:.1f} minutes"
    )
    for line in (*expected_lines(recipe), *what_next(recipe, outcome, data)):
        click.echo(line, err=True)
    click.echo(str(outcome.folder / "last.safetensors"))


def expected_lines(recipe: "Recipe") -> list[str]:
    """What our own runs of the recipe reached, to hold the result against; a changed recipe has no such line."""
    from ganeval.leaderboard.showing import number, spread

    return [
        f"expected: {each.checkpoint} {number(each.mean) if each.sd is None else spread(each.mean, each.sd)} "
        f"({counted(each.seeds, 'training seed')})"
        for each in recipe.expected
    ]


def what_next(recipe: "Recipe", outcome: "TrainOutcome", own: Path | None = None) -> list[str]:
    """Where the last grid is, and the commands that look further: they can be pasted as they are."""
    from reference_models.data.transforms import CONDITIONS
    from reference_models.models import MODELS

    kind, folder, data = MODELS.get(recipe.model).kind, outcome.folder, recipe.data
    test = f"{data.id}:{data.test}" if own is None else shlex.quote(str(own))
    last = shlex.quote(str(folder / "last.safetensors"))
    lines = [f"samples: {grid}" for grid in sorted((folder / "grids").glob("*.png"))[-1:]]
    if not kind.images:
        lines.append(f"next: ganeval sample {last} --views {shlex.quote(str(folder / 'views'))}")
    elif not kind.translates:
        lines.append(f"next: ganeval score {last} --reference {test}")
    elif data.transform in ("crops", *CONDITIONS) and (data.id == "photos" or own is not None):
        lines.append(f"next: ganeval score {last} --paired {test}")
    else:
        lines.append(f"next: ganeval sample {last} --inputs FOLDER -o {shlex.quote(str(folder / 'made'))}")
    return [*lines, f"report: ganeval report --runs {shlex.quote(str(folder))} --out report.html"]
