"""The folder of a run: whether this run may write there, and how far it has come."""

import json
from pathlib import Path
from typing import Any

from ganeval.errors import DataError, UsageError
from ganeval.files.read_write import MAX_SETTINGS, read_text, write_atomically
from ganeval.progress import Reporter
from reference_models.recipes.recipe import Recipe, recipe_to_json
from reference_models.training.devices import machine_of
from reference_models.training.networks import Networks
from reference_models.training.run_log import GRIDS, METRICS, truncate_logs
from reference_models.training.state import FILE as STATE
from reference_models.training.state import Progress, load_state

RECIPE = "recipe.json"
TRAINED_ON = "trained_on"  # beside the recipe: the device in words, for what a run's time is worth


def check_folder(folder: Path, resume: bool, identity: dict[str, Any]) -> None:
    """Refuses a folder that a run may not write to.

    Raises:
        UsageError: it holds a run and --resume was not given, or another run, or something else.
    """
    if (folder / GRIDS).is_symlink():
        raise UsageError(f"{folder / GRIDS} is a link, and grids would be written where it leads. Name another --out.")
    if (folder / STATE).is_file():
        if not resume:
            raise UsageError(f"{folder} holds a run already. Go on with it by --resume, or name another --out.")
        return  # `load_state` compares the rest
    begun = (folder / RECIPE).is_file()
    if folder.exists() and not begun and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and holds no run. Name another folder with --out.")
    if begun and not resume:
        raise UsageError(
            f"{folder} holds a run that wrote no state yet. Start it again by --resume, or name another --out."
        )
    if begun and _stored_plan(folder) != json.loads(json.dumps(identity["plan"])):
        raise UsageError(f"{folder} holds a run of another recipe. Name another folder with --out.")


def open_folder(
    folder: Path, recipe: Recipe, networks: Networks, identity: dict[str, Any], reporter: Reporter, *, rank: int
) -> Progress:
    """A new run's folder, or the state of the one that is resumed; `check_folder` has found it fit.

    Args:
        folder: The run's.
        recipe: The plan.
        networks: Get the state of a run that is resumed.
        identity: What a resumed run must agree in.
        reporter: Is told what begins, or goes on.
        rank: Number of this device; the first one writes.

    Raises:
        UsageError: the state is of another run.
        DataError: it cannot be read, or the folder cannot be written.
    """
    if (folder / STATE).is_file():
        progress = load_state(folder / STATE, networks, identity, rank)
        if rank == 0:
            truncate_logs(folder, progress.step)
        reporter.message(f"resumed at step {progress.step:,} of {recipe.training.steps:,}")
        return progress
    if rank == 0:
        try:
            kept = {**recipe_to_json(recipe), TRAINED_ON: machine_of(next(networks.generators[0].parameters()).device)}
            write_atomically(folder / RECIPE, json.dumps(kept, indent=2).encode())
            write_atomically(folder / METRICS, b"")
        except OSError as error:
            raise DataError(f"Cannot write into {folder}: {error.strerror}. Name another folder with --out.") from error
    training = recipe.training
    reporter.message(f"{recipe.name}: {training.steps:,} steps of {training.batch_size} into {folder}")
    return Progress()


def _stored_plan(folder: Path) -> object:
    try:
        stored = json.loads(read_text(folder / RECIPE, MAX_SETTINGS, folder))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(stored, dict):
        return None
    return {k: v for k, v in stored.items() if k not in ("sources", "expected", "wall_time", TRAINED_ON)}
