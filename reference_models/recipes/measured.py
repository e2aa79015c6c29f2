"""Results of finished runs: reads run folders, pools training seeds, and writes expected results."""

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ganeval.errors import DataError
from ganeval.files.read_write import MAX_JSON, MAX_SETTINGS, read_text, write_atomically
from reference_models.checkpoints.checkpoint import load_checkpoint
from reference_models.recipes import RECIPES
from reference_models.recipes.expected import FILE, read_expected
from reference_models.recipes.recipe import SETTINGS, Recipe, plan_to_json
from reference_models.training.evaluation import PeriodicEvaluator
from reference_models.training.networks import make_networks
from reference_models.training.run_folder import TRAINED_ON

ENOUGH_SEEDS = 3
ASLEEP = 20  # a rate lower than the run's median by this factor comes from a suspended machine


@dataclass(frozen=True)
class RunResult:
    """One finished run.

    Attributes:
        recipe: Name of its recipe.
        seed: Training seed.
        metric: The recipe's metric.
        better: "lower" or "higher".
        untrained: Score of the generator before the first step.
        last: Score of the last checkpoint.
        best: Score of the best checkpoint.
        seconds: Duration of the training steps, without scores and grids.
        device: The device in words; "" if the run's folder does not state it.
    """

    recipe: str
    seed: int
    metric: str
    better: str
    untrained: float
    last: float
    best: float
    seconds: float
    device: str = ""


def read_run(folder: Path, data_root: Path | None = None) -> RunResult:
    """Reads a finished run, and scores its untrained generator as the run scored its checkpoints.

    Args:
        folder: Folder of the run.
        data_root: Folder of data sets that are not embedded.

    Raises:
        DataError: the folder has no finished run of an unchanged recipe.
    """
    try:
        stored = json.loads(read_text(folder / "recipe.json", MAX_SETTINGS, folder))
        lines = [json.loads(line) for line in read_text(folder / "metrics.jsonl", MAX_JSON, folder).splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} holds no run that can be read: {error}. Train the recipe again.") from error
    recipe = RECIPES.get(str(stored.get("name")).partition("+")[0])  # "+" marks a recipe changed by --set
    plan: Mapping[str, Any] = json.loads(json.dumps(plan_to_json(recipe)))
    changed = [part for part in plan if _completed(recipe, part, stored.get(part)) != plan[part]]
    if changed:
        raise DataError(f"{folder} is of another plan than {recipe.name}: {', '.join(changed)} differ. Train it again.")
    key = f"score {recipe.evaluation.metric}"
    scores = [line[key] for line in lines if key in line]
    if not lines or lines[-1].get("step") != recipe.training.steps or not scores:
        raise DataError(f"{folder} is not finished: expected {recipe.training.steps:,} steps. Go on with --resume.")
    seed = load_checkpoint(folder / "last.safetensors", torch.device("cpu")).seed
    networks = make_networks(recipe, seed, torch.device("cpu"), torch.Tensor.backward)
    evaluator = PeriodicEvaluator(recipe, torch.device("cpu"), data_root)
    steps = [line["step"] for line in lines]
    rates = _awake([line["images/s"] for line in lines])
    seconds = sum(
        (step - before) * recipe.training.batch_size / rate
        for before, step, rate in zip([0, *steps], steps, rates, strict=False)
    )
    return RunResult(
        recipe=recipe.name,
        seed=seed,
        metric=recipe.evaluation.metric,
        better=evaluator.better,
        untrained=evaluator.score(networks.best_generator).value,
        last=scores[-1],
        best=min(scores) if evaluator.better == "lower" else max(scores),
        seconds=seconds,
        device=str(stored.get(TRAINED_ON, "")),
    )


def _awake(rates: Sequence[float]) -> list[float]:
    """Images per second of a run, without the time in which the machine was suspended (a rate near 0)."""
    usual = statistics.median(rates)
    return [usual if rate < usual / ASLEEP else rate for rate in rates]


def _completed(recipe: Recipe, part: str, stored: object) -> object:
    """A part of a stored recipe, with defaults for settings that were added later and did not exist then."""
    own = getattr(recipe, part)
    if part not in SETTINGS or not isinstance(stored, dict):
        return stored
    later = {f.name: f.default for f in dataclasses.fields(own) if f.default is not dataclasses.MISSING}
    return {**later, **stored}


def pooled(runs: Sequence[RunResult]) -> dict[str, object]:
    """Results of one recipe: mean and standard deviation over seeds for each checkpoint, and the cost.

    The deviation is None with fewer than three seeds: from two it is known to a factor of thirty only.

    Raises:
        DataError: runs of different recipes, a repeated seed, or fewer than three seeds of a small recipe.
    """
    if len({(run.recipe, run.metric) for run in runs}) != 1:
        raise DataError(f"Results of one recipe are pooled; got {sorted({run.recipe for run in runs})}.")
    seeds = sorted(run.seed for run in runs)
    least = ENOUGH_SEEDS if RECIPES.get(runs[0].recipe).tier == "cpu" else 1
    if len(set(seeds)) != len(seeds) or len(seeds) < least:
        raise DataError(f"{runs[0].recipe}: expected {least} different seeds or more; got {seeds}.")
    expected = []
    for checkpoint in ("untrained", "last", "best"):
        values = [float(getattr(run, checkpoint)) for run in runs]
        expected.append(
            {
                "metric": runs[0].metric,
                "checkpoint": checkpoint,
                "mean": statistics.fmean(values),
                "sd": statistics.stdev(values) if len(values) >= ENOUGH_SEEDS else None,
                "seeds": len(values),
            }
        )
    fastest = min(runs, key=lambda run: run.seconds)  # other load on the machine can only add time
    if not fastest.device:
        raise DataError(f"{fastest.recipe}, seed {fastest.seed}: its folder does not name the device. Name it.")
    return {
        "expected": expected,
        "seconds": round(fastest.seconds, 1),
        "runs": [asdict(run) for run in runs],
        "device": fastest.device,
    }


def write_expected(runs: Sequence[RunResult], path: Path = FILE) -> None:
    """Writes the results of these runs into the file; those of other recipes stay.

    Args:
        runs: Runs of any recipes, with at least three seeds of each small one.
        path: The file.
    """
    table = read_expected(path)
    for recipe in sorted({run.recipe for run in runs}):
        table[recipe] = pooled([run for run in runs if run.recipe == recipe])
    write_atomically(path, (json.dumps(dict(sorted(table.items())), indent=1) + "\n").encode())
