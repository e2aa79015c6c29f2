"""The logs in a run's folder: metrics.jsonl, scores.jsonl, sample grids, and the recipe as JSON."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganeval.errors import DataError, GanevalError
from ganeval.files.read_write import MAX_JSON, append, read_text, write_atomically
from ganeval.results.result import SCHEMA, Result
from reference_models.training.held_out_grid import HeldOut
from reference_models.training.networks import Networks
from reference_models.training.steps import Losses

METRICS, SCORES, GRIDS = "metrics.jsonl", "scores.jsonl", "grids"


class DivergedError(GanevalError):
    """Training cannot continue: a loss is NaN, or all latents give the same image (exit 3)."""


class LossMeter:
    """Means of losses between two lines of metrics.jsonl; adding does not synchronise the device."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor, int]] = {}

    def add(self, losses: Losses) -> None:
        """Adds one step's losses, tensors on any device."""
        for name, loss in losses.items():
            total, count = self._sums.get(name, (torch.zeros_like(loss), 0))
            self._sums[name] = (total + loss, count + 1)

    def means(self, step: int) -> dict[str, float]:
        """Returns the means since the last call and resets them.

        Raises:
            DivergedError: one of them is NaN or infinite.
        """
        means = {name: float(total) / count for name, (total, count) in self._sums.items()}
        self._sums = {}
        wrong = [name for name, mean in means.items() if not math.isfinite(mean)]
        if wrong:
            raise DivergedError(
                f"Training diverged before step {step:,}: {', '.join(wrong)} is NaN or infinite. The last checkpoint "
                "is older than that. Lower the learning rate (--set schedule.lr=...), or use another seed."
            )
        return means


def truncate_logs(folder: Path, step: int) -> None:
    """Drops lines of metrics and scores after a step: an interrupted run wrote them after its last state.

    Raises:
        DataError: a file cannot be read.
    """
    for name, step_of in ((METRICS, _step_of_metrics), (SCORES, _step_of_score)):
        path = folder / name
        if not path.is_file():
            continue
        kept = []
        try:
            lines = read_text(path, MAX_JSON, folder).splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read: {error}. Remove the run's folder and start again.") from error
        for line in lines:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue  # truncated when the run was killed
            done = step_of(row) if isinstance(row, dict) else None
            if isinstance(done, int) and done <= step:
                kept.append(line + "\n")
        write_atomically(path, "".join(kept).encode())


def _step_of_metrics(row: dict[str, Any]) -> object:
    return row.get("step", 0)


def _step_of_score(row: dict[str, Any]) -> object:
    provenance = row.get("provenance")
    origin = provenance.get("subject") if isinstance(provenance, dict) else None
    return origin.get("step") if isinstance(origin, dict) else None


def append_scores(folder: Path, rows: Sequence[Result]) -> None:
    """Appends result rows for boards; symbolic links are not followed."""
    lines = [json.dumps({"schema": SCHEMA, **row.to_dict()}, sort_keys=True, allow_nan=False) + "\n" for row in rows]
    append(folder / SCORES, "".join(lines).encode())


def append_metrics(folder: Path, row: dict[str, Any]) -> None:
    """Appends one line; symbolic links are not followed."""
    append(folder / METRICS, (json.dumps(row, allow_nan=False) + "\n").encode())


def save_grid(folder: Path, networks: Networks, step: int, shown: Sequence[HeldOut]) -> None:
    """Writes grids/<steps done>.png, drawn by the kind of model.

    Args:
        folder: Folder of the run.
        networks: The networks.
        step: Steps done.
        shown: Test images of an image-to-image model; empty for others.

    Raises:
        DivergedError: all latents give the same image.
    """
    made = networks.spec.kind.grid(networks, step, shown)
    write_atomically(folder / GRIDS / f"{step:07d}.png", made)
