"""Recipe cards: a Markdown page per recipe, generated from its settings and measured results."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from reference_models.models import MODELS
from reference_models.recipes import RECIPES
from reference_models.recipes.expected import read_expected
from reference_models.recipes.quality import anchors, boards_of, cells, last_of, misses, picture_of, standings
from reference_models.recipes.recipe import Expected, Recipe, plan_to_json
from reference_models.shipped.table import shipped

SHOWN_PARTS = ("training", "optimiser", "techniques", "weights", "evaluation", "schedule", "d_schedule")
CHECKPOINTS = ("untrained", "last", "best")
INTRODUCTION = (
    "Generated from the recipes and what their runs reached (`reference_models/recipes/expected.json`): mean ± "
    "standard deviation over training seeds. Distance: how many of the larger of the two deviations the last "
    "checkpoint lies from the untrained generator; a number without a deviation is of one seed. Minutes: of training "
    "steps, on the machine each page names. "
    "Recipes without numbers have not been run here: most are full plans for a GPU.\n\n"
    "`<model>.<data>-cpu` is a small plan of minutes. `<model>.<data>` is the full one; on Fashion-MNIST it ends "
    "within an hour of two CPU cores. If a data set has two full plans, the suffix names them: `-tuned` "
    "is ours beside the tutorial's, `-tutorial` is the tutorial's beside ours, `-exponential` and `-cyclic` differ "
    "in the learning rate alone. `ganeval train-reference dcgan --data ./photos` trains on images of your own, by the "
    "small plan. GANs of text and speech, and style transfer by Gatys et al., are out of scope."
)

TRAINED_BOARD = "fashion-mnist-full"
MET = "Meets the [quality bar](README.md#quality-bar)."
BAR = (
    "The quality bar for images made from noise: precision and recall above 0; where the class is asked for, at least "
    "90% of the images of that class (`agreement`), or as many as of real images if a classifier finds fewer there, as "
    "on Fashion-MNIST; no speckle, no texture and no class missing in the grid."
)


def card(name: str) -> str:
    """The page of one recipe.

    Raises:
        UsageError: no such recipe.
    """
    recipe = RECIPES.get(name)
    spec = MODELS.get(recipe.model)
    lines = [f"# {recipe.name}", "", spec.summary, "", f"{spec.paper}."]
    if spec.fixed:
        lines += ["", f"What is fixed: {spec.fixed}"]
    command = f"ganeval train-reference {recipe.model}"
    if recipe.tier != "cpu":
        command += f" --recipe {recipe.name}"
    if recipe.tier != "cpu" and recipe.data.transform != "mixture":
        command += " --data-root DIR"
    lines += ["", "```sh", command, "```", "", *_results(recipe)]
    lines += _boards(recipe)
    lines += _shipped(recipe)
    lines += ["", "## Plan", "", *_plan(recipe)]
    if recipe.sources:
        lines += ["", "## Where the values are from", "", *_table(("value", "source"), recipe.sources.items())]
    return "\n".join(lines) + "\n"


def index() -> str:
    """The page that lists all recipes with their measured results."""
    rows = []
    for name in RECIPES:
        recipe = RECIPES.get(name)
        found = {expected.checkpoint: expected for expected in recipe.expected}
        cells = [_mean(found[checkpoint]) if checkpoint in found else "" for checkpoint in CHECKPOINTS]
        away = separation(found["untrained"], found["last"]) if found else None
        distance = "" if away is None else f"{away:.0f}"
        minutes = f"{read_expected()[name]['seconds'] / 60:.1f}" if found else ""
        rows.append((f"[{name}]({name}.md)", recipe.evaluation.metric, *cells, distance, minutes))
    header = ("recipe", "judged by", "untrained", "last", "best", "distance", "minutes")
    return (
        "\n".join(["# Recipes", "", INTRODUCTION, "", *_table(header, rows), "", *_all_trained(), "", *_all_shipped()])
        + "\n"
    )


def _all_trained() -> list[str]:
    """The board of fully trained recipes, with real images and untrained generators for comparison."""
    board = next(one for one in standings() if one.board.name == TRAINED_BOARD)
    lines = [entry for entry in board.entries if entry.checkpoint in ("last", "untrained")]
    rows = [("", label, "", *cells(board, entry), "") for label, entry in anchors(board).items()]
    for entry in lines:
        found = misses(board, entry, picture_of(entry.name).faults) if entry.checkpoint == "last" else None
        bar = "" if found is None else "; ".join(found) or "meets it"
        rows.append(
            (f"[{entry.name}]({entry.name}.md)", entry.checkpoint, str(len(entry.seeds)), *cells(board, entry), bar)
        )
    return [
        f"## {board.board.title}",
        "",
        board.board.note,
        "",
        *_table(
            ("recipe", "checkpoint", "training seeds", *(column.key for column in board.columns), "quality bar"), rows
        ),
        "",
        "## Quality bar",
        "",
        BAR,
    ]


def _all_shipped() -> list[str]:
    """The table of shipped checkpoints."""
    rows = [
        (f"[{name}]({name}.md)", str(one.seed), f"{one.size:,}", one.metric, f"{one.float16:.5g}", f"`{one.sha256}`")
        for name, one in shipped().items()
    ]
    return [
        "## Trained checkpoints",
        "",
        "These come with ganeval. Their names are subjects: `ganeval score dcgan.digits-cpu --reference digits:test`. "
        "On the boards their rows say `shipped`; scores are those of half precision.",
        "",
        *_table(("recipe", "training seed", "bytes", "judged by", "score", "sha256"), rows),
    ]


def separation(untrained: Expected, trained: Expected) -> float | None:
    """Distance of the means in units of the larger standard deviation over seeds; None with too few seeds."""
    if untrained.sd is None or trained.sd is None:
        return None
    return abs(trained.mean - untrained.mean) / max(untrained.sd, trained.sd, 1e-12)


def _mean(expected: Expected) -> str:
    return f"{expected.mean:.4g}" + ("" if expected.sd is None else f" ± {expected.sd:.2g}")


def _results(recipe: Recipe) -> list[str]:
    if not recipe.expected:
        return ["No run of this plan has been measured yet, so `--check` refuses."]
    rows = [(expected.checkpoint, _mean(expected), str(expected.seeds)) for expected in recipe.expected]
    found = {expected.checkpoint: expected for expected in recipe.expected}
    return [
        f"![Samples of the last checkpoint]({recipe.name}.png)",
        "",
        picture_of(recipe.name).shows,
        "",
        *_table(("checkpoint", recipe.evaluation.metric, "training seeds"), rows),
        "",
        f"{_distance(found['untrained'], found['last'])} {recipe.wall_time}. Scores are the run's own, of "
        f"{recipe.evaluation.n:,} images at most.",
    ]


def _boards(recipe: Recipe) -> list[str]:
    """A recipe's lines of the boards, with the lines for comparison, and whether it meets the quality bar."""
    parts: list[str] = []
    for board, lines in boards_of(recipe):
        rows = [(entry.checkpoint, str(len(entry.seeds)), *cells(board, entry)) for entry in lines]
        rows += [(label, "", *cells(board, entry)) for label, entry in anchors(board).items()]
        header = ("checkpoint", "training seeds", *(column.key for column in board.columns))
        parts += ["", f"{board.board.title}, against {board.board.data}:", "", *_table(header, rows)]
        last = last_of(lines)
        found = None if last is None else misses(board, last, picture_of(recipe.name).faults)
        if found is not None:
            verdict = f"Misses the [quality bar](README.md#quality-bar): {', '.join(found)}." if found else MET
            parts += ["", verdict]
    return ["", "## On the boards", *parts] if parts else []


def _shipped(recipe: Recipe) -> list[str]:
    """How to use the shipped checkpoint; "" without one."""
    row = shipped().get(recipe.name)
    if row is None:
        return []
    if MODELS.get(recipe.model).kind.translates:
        example = f"ganeval sample {recipe.name} --inputs photos:test -n 16 -o made"
    else:
        example = f"ganeval sample {recipe.name} -n 64 --grid -o grid.png"
    return [
        "",
        "## Trained checkpoint",
        "",
        f"It comes with ganeval: the last checkpoint of training seed {row.seed}, in half precision.",
        "",
        "```sh",
        example,
        "```",
        "",
        *_table(
            ("bytes", f"{row.metric} as trained", f"{row.metric} as shipped", "sha256"),
            [(f"{row.size:,}", f"{row.float32:.5g}", f"{row.float16:.5g}", f"`{row.sha256}`")],
        ),
    ]


def _distance(untrained: Expected, last: Expected) -> str:
    away = separation(untrained, last)
    if away is None:
        return "Too few seeds for a deviation, so `--check` refuses."
    return f"The last checkpoint lies {away:.0f} standard deviations from the untrained generator."


def _plan(recipe: Recipe) -> list[str]:
    plan = plan_to_json(recipe)
    rows = [("data", ", ".join(f"{k} {v}" for k, v in plan["data"].items() if v not in (False, "")))]
    if recipe.settings:
        rows.append(("model", ", ".join(f"{k} {v}" for k, v in recipe.settings.items())))
    for part in SHOWN_PARTS:
        settings = plan[part]
        if settings is None:
            continue
        own = getattr(recipe, part)
        shown = _changed(own, settings) if part in ("techniques", "weights", "evaluation") else settings
        if shown:
            rows.append((part, ", ".join(f"{k} {v}" for k, v in shown.items())))
    return _table(("part", "settings"), rows)


def _changed(part: object, settings: Mapping[str, object]) -> Mapping[str, object]:
    """Settings that differ from the defaults of their part."""
    defaults = {field.name: field.default for field in dataclasses.fields(part)}  # type: ignore[arg-type]
    return {name: value for name, value in settings.items() if value != defaults[name]}


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
