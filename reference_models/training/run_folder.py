"""The folder of a run: checks before writing, and the state of a resumed run."""

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
TRAINED_ON = "trained_on"  # beside the recipe: the device in words, to interpret the run's duration


def check_folder(folder: Path, resume: bool, identity: dict[str, Any]) -> None:
    """Refuses a folder that this run may not write to.

    Raises:
        UsageError: it holds a run and --resume was not given, another run, or other files.
    """
    if (folder / GRIDS).is_symlink():
        raise UsageError(
            f"{folder / GRIDS} is a symbolic link, and grids would be written to its target. Name another --out."
        )
    if (folder / STATE).is_file():
        if not resume:
            raise UsageError(f"{folder} already holds a run. Continue it with --resume, or name another --out.")
        return  # `load_state` compares everything else
    begun = (folder / RECIPE).is_file()
    if folder.exists() and not begun and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and isn't a run's folder. Name another folder with --out.")
    if begun and not resume:
        raise UsageError(
            f"{folder} holds a run without a saved state. Start it again with --resume, or name another --out."
        )
    if begun and _stored_plan(folder) != json.loads(json.dumps(identity["plan"])):
        raise UsageError(f"{folder} holds a run of another recipe. Name another folder with --out.")


def open_folder(
    folder: Path, recipe: Recipe, networks: Networks, identity: dict[str, Any], reporter: Reporter, *, rank: int
) -> Progress:
    """Creates a new run's folder, or loads the state of a resumed run, after `check_folder`.

    Args:
        folder: Folder of the run.
        recipe: The recipe.
        networks: Take the state of a resumed run.
        identity: Facts that must agree in a resumed run.
        reporter: Gets a message on the start or the resumed step.
        rank: Index of this device; the first one writes.

    Raises:
        UsageError: the state belongs to another run.
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
