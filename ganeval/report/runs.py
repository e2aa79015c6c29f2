"""Run folders of `train-reference`, read for people: recipe, curves, sample grids, and other pictures found there."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from ganeval.errors import BadImageError, DataError
from ganeval.files.read_write import MAX_JSON, MAX_SETTINGS, open_regular, read_bytes, read_text
from ganeval.report.charts import LineChart, Series
from ganeval.report.pictures import Album, Picture, read_picture

RECIPE, METRICS, GRIDS = "recipe.json", "metrics.jsonl", "grids"
SCORE = "score "  # what the names of scores in metrics.jsonl begin with
DEPTH = 3  # folders below the one that was named
MAX_GRIDS, MAX_VIEWS, MAX_CURVES, MAX_SEEDS = 8, 6, 12, 8  # grids and views of a run, curves and runs of a recipe
ASIDE = ("lr_g", "lr_d", "images/s")  # curves of the second row
VIEWS = "views"  # where `sample --views` is to write for the report
SHEET_DETAIL = 2
WORDS = {
    "nearest": "samples beside their nearest training images",
    "duplicates": "samples that look alike",
    "classes": "samples by class",
    "density": "density of the generated numbers",
}


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        folder: Where it lies, as text.
        recipe: What recipe.json says.
        label: What tells it from other runs of its recipe: its seed where a checkpoint tells it, else its folder.
        curves: Name of a number in metrics.jsonl -> (steps, values).
        grids: (step, picture), ascending, at most MAX_GRIDS of them.
        views: (words, picture) of other PNG files in the folder, and in its folder `views`.
    """

    folder: str
    recipe: Mapping[str, object]
    label: str
    curves: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]
    grids: Sequence[tuple[int, Picture]]
    views: Sequence[tuple[str, Picture]]

    @property
    def name(self) -> str:
        """The recipe's name."""
        return str(self.recipe.get("name", "")) or self.folder


@dataclass(frozen=True)
class Training:
    """All runs of one recipe, and the charts that lay them over each other.

    Attributes:
        name: Of the recipe.
        model: Its model.
        expected: The recipe's expected results, in words.
        scores: Charts of the scores.
        losses: Charts of the losses.
        aside: Charts of rates and speed.
        runs: In the order of their seeds.
        plan: The recipe as rows of name and value.
    """

    name: str
    model: str
    expected: Sequence[str]
    scores: Sequence[LineChart]
    losses: Sequence[LineChart]
    aside: Sequence[LineChart]
    runs: Sequence[Run]
    plan: Sequence[tuple[str, str]] = field(default_factory=tuple)


def find_runs(folder: Path) -> list[Path]:
    """Run folders at or below a folder.

    Raises:
        DataError: there is none.
    """
    if not folder.is_dir():
        raise DataError(
            f"--runs {str(folder)!r} is no folder; expected one that train-reference wrote. Check the path."
        )
    found = runs_below(folder)
    if not found:
        raise DataError(
            f"No run of train-reference in {str(folder)!r}: no {RECIPE} there nor up to {DEPTH - 1} folders below. "
            "Name the folder that --out named."
        )
    return found


def runs_below(folder: Path) -> list[Path]:
    """Run folders at or below a folder, none where there is none; not where a link leads out of it."""
    places = {path.parent for depth in range(DEPTH) for path in folder.glob("*/" * depth + RECIPE)}
    top = folder.resolve()
    return sorted(place for place in places if place.resolve().is_relative_to(top))


def read_run(folder: Path, album: Album, problems: list[str]) -> Run:
    """Reads one run folder; what cannot be read is told in `problems` and left out.

    Raises:
        DataError: recipe.json is no JSON object.
    """
    try:
        recipe = json.loads(read_text(folder / RECIPE, MAX_SETTINGS, folder))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"Cannot read {folder / RECIPE}: {error}. Leave the folder out of --runs.") from error
    if not isinstance(recipe, dict):
        raise DataError(f"{folder / RECIPE} holds no JSON object; expected a recipe. Leave the folder out of --runs.")
    name = str(recipe.get("name", folder.name))
    curves = _read_curves(folder / METRICS, folder, problems)
    grids = [
        (step, picture)
        for step, path in _spread(_grid_files(folder), MAX_GRIDS)
        if (picture := _picture(path, f"Sample grid of {name} at step {step:,}", folder, album, problems)) is not None
    ]
    views = [
        (words, picture)
        for path in sorted([*folder.glob("*.png"), *(folder / VIEWS).glob("*.png")])[:MAX_VIEWS]
        if (words := WORDS.get(path.stem, path.stem.replace("_", " ").replace("-", " ")))
        and (picture := _picture(path, f"{name}: {words}", folder, album, problems, SHEET_DETAIL)) is not None
    ]
    seed = _seed(folder)
    return Run(str(folder), recipe, f"seed {seed}" if seed else folder.name, curves, grids, views)


def by_recipe(runs: Iterable[Run]) -> list[Training]:
    """Groups runs by recipe, and draws their curves over each other."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.name, []).append(run)
    return [_training(name, _told_apart(sorted(group, key=_seed_order))) for name, group in groups.items()]


def _told_apart(runs: list[Run]) -> list[Run]:
    """Adds the folder to labels that several runs share."""
    counts = Counter(run.label for run in runs)
    return [
        replace(run, label=f"{run.label}, {Path(run.folder).name}") if counts[run.label] > 1 else run for run in runs
    ]


def _training(name: str, runs: list[Run]) -> Training:
    drawn = runs[:MAX_SEEDS]
    curves = list(dict.fromkeys(curve for run in drawn for curve in run.curves))
    losses = [curve for curve in curves if not curve.startswith(SCORE) and curve not in ASIDE]
    recipe = runs[0].recipe
    expected = [entry for entry in _list(recipe.get("expected")) if isinstance(entry, Mapping)]
    return Training(
        name,
        str(recipe.get("model", "")),
        [_expected_words(entry) for entry in expected],
        [_chart(name, curve, drawn, expected) for curve in curves if curve.startswith(SCORE)],
        [_chart(name, curve, drawn, []) for curve in losses[:MAX_CURVES]],
        [_chart(name, curve, drawn, []) for curve in curves if curve in ASIDE],
        runs,
        list(_flat(recipe)),
    )


def _chart(name: str, curve: str, runs: Sequence[Run], expected: Sequence[Mapping[str, object]]) -> LineChart:
    series = tuple(Series(run.label, *run.curves[curve]) for run in runs if curve in run.curves)
    metric = curve.removeprefix(SCORE)
    band = None
    for entry in expected:
        mean, sd = entry.get("mean"), entry.get("sd")
        if entry.get("checkpoint") == "last" and entry.get("metric") == metric and _finite(mean) and _finite(sd):
            band = (float(mean) - float(sd), float(mean) + float(sd))  # type: ignore[arg-type]
    return LineChart(f"{name} {metric}", "step", metric, series, band)


def _expected_words(entry: Mapping[str, object]) -> str:
    mean, sd = (f"{entry[k]:.4g}" if _finite(entry.get(k)) else "?" for k in ("mean", "sd"))
    told, seeds = f"{entry.get('checkpoint')}: {entry.get('metric')} {mean}", entry.get("seeds")
    if "sd" in entry and entry["sd"] is None:
        return f"{told} of {seeds} seed" + ("" if seeds == 1 else "s")
    return f"{told} ± {sd} over {seeds} seeds"


def _read_curves(
    path: Path, folder: Path, problems: list[str]
) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Finite numbers by step; lines that cannot be read are counted, not fatal."""
    curves: dict[str, tuple[list[float], list[float]]] = {}
    bad = 0
    try:
        lines = read_bytes(path, MAX_JSON, folder).decode("utf-8", "replace").splitlines()
    except OSError as error:
        problems.append(f"{path}: {error.strerror}; the run has no curves")
        return {}
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not _finite(row.get("step")):
            bad += 1
            continue
        for name, value in row.items():
            if name != "step" and _finite(value):
                steps, values = curves.setdefault(name, ([], []))
                steps.append(float(row["step"]))
                values.append(float(value))
    if bad:
        problems.append(f"{path}: {bad} of {len(lines)} lines are no rows of training; left out")
    return {name: _ascending(steps, values) for name, (steps, values) in curves.items()}


def _ascending(steps: list[float], values: list[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    order = np.argsort(steps, kind="stable")
    return tuple(steps[i] for i in order), tuple(values[i] for i in order)


def _grid_files(folder: Path) -> list[tuple[int, Path]]:
    found = [(int(path.stem), path) for path in (folder / GRIDS).glob("*.png") if re.fullmatch(r"\d{1,12}", path.stem)]
    return sorted(found)


def _spread(found: list[tuple[int, Path]], count: int) -> list[tuple[int, Path]]:
    """At most `count` of them, evenly, the first and the last among them."""
    if len(found) <= count:
        return found
    return [found[round(place)] for place in np.linspace(0, len(found) - 1, count)]


def _picture(path: Path, alt: str, folder: Path, album: Album, problems: list[str], detail: int = 1) -> Picture | None:
    try:
        return album.add(read_picture(path, folder), alt, detail)
    except BadImageError as error:
        problems.append(str(error))
        return None


def _seed(folder: Path) -> str:
    """The training seed as a checkpoint tells it; its header alone is read."""
    for path in (folder / "last.safetensors", folder / "untrained.safetensors"):
        try:
            open_regular(path, folder).close()
            with safe_open(path, framework="numpy") as file:
                return str((file.metadata() or {}).get("seed", ""))
        except (OSError, SafetensorError):
            continue
    return ""


def _seed_order(run: Run) -> tuple[int, int, str]:
    seed = run.label.removeprefix("seed ")
    return (0, int(seed), run.folder) if seed.isdecimal() and len(seed) < 20 else (1, 0, run.folder)


def _flat(value: object, name: str = "") -> Iterable[tuple[str, str]]:
    """Nested JSON as rows: ("training.steps", "1500")."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else str(key))
    elif not isinstance(value, list) or value:
        yield name, value if isinstance(value, str) else json.dumps(value)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300  # false for NaN
