"""What a run leaves in its folder for people: metrics.jsonl, scores.jsonl, sample grids, and the recipe as JSON."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganeval.errors import DataError, GanevalError
from ganeval.files.figures import figure_bytes, own_style
from ganeval.files.read_write import MAX_JSON, append, read_text, write_atomically
from ganeval.results.result import SCHEMA, Result
from reference_models.checkpoints.sampling import draw_tensor, grid_of, save_png
from reference_models.data.training_data import mixture
from reference_models.training.held_out_grid import HeldOut, translated_grid
from reference_models.training.networks import Networks
from reference_models.training.steps import Losses

METRICS, SCORES, GRIDS = "metrics.jsonl", "scores.jsonl", "grids"
GRID_SEED = 7  # latents of the grids: the same in every run, so that grids can be laid side by side
GRID_IMAGES = 64
# Mean over pixels of the standard deviation over a grid's images, in grey levels; real digits have about 90.
COLLAPSED_BELOW = 0.5
# Before a quarter of the steps, and before 100, a generator may still give one image.
COLLAPSE_SHARE, COLLAPSE_STEPS = 0.25, 100
HISTOGRAM_NUMBERS = 5000


class DivergedError(GanevalError):
    """Training cannot go on: a loss is NaN, or every latent gives one image (exit 3)."""


class LossMeter:
    """Means of losses between two lines of metrics.jsonl; adding waits for no number."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor, int]] = {}

    def add(self, losses: Losses) -> None:
        """Adds one step's losses, tensors on any device."""
        for name, loss in losses.items():
            total, count = self._sums.get(name, (torch.zeros_like(loss), 0))
            self._sums[name] = (total + loss, count + 1)

    def means(self, step: int) -> dict[str, float]:
        """The means since the last call, and a fresh start.

        Raises:
            DivergedError: one of them is NaN or infinite.
        """
        means = {name: float(total) / count for name, (total, count) in self._sums.items()}
        self._sums = {}
        wrong = [name for name, mean in means.items() if not math.isfinite(mean)]
        if wrong:
            raise DivergedError(
                f"Training diverged before step {step:,}: {', '.join(wrong)} is NaN or infinite. The last checkpoint "
                "is from before that. Lower the learning rate (--set schedule.lr=...), or take another seed."
            )
        return means


def truncate_logs(folder: Path, step: int) -> None:
    """Drops the lines of metrics and scores beyond a step: what an interrupted run wrote after its last state.

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
            raise DataError(f"{path} cannot be read: {error}. Remove the run's folder and start anew.") from error
        for line in lines:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue  # cut off by the kill
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
    """Adds result rows, which boards read; not where a link leads."""
    lines = [json.dumps({"schema": SCHEMA, **row.to_dict()}, sort_keys=True, allow_nan=False) + "\n" for row in rows]
    append(folder / SCORES, "".join(lines).encode())


def append_metrics(folder: Path, row: dict[str, Any]) -> None:
    """Adds one line; not where a link leads."""
    append(folder / METRICS, (json.dumps(row, allow_nan=False) + "\n").encode())


def save_grid(folder: Path, networks: Networks, step: int, shown: Sequence[HeldOut]) -> None:
    """Writes grids/<steps done>.png from fixed latents, or test pictures; a histogram for numbers.

    Args:
        folder: The run's.
        networks: What is trained.
        step: Steps done.
        shown: The test pictures of a model that translates; empty for others.

    Raises:
        DivergedError: every latent gives one and the same image.
    """
    path = folder / GRIDS / f"{step:07d}.png"
    if networks.spec.kind == "one-dimensional":
        numbers = draw_tensor(
            networks.best_generator, networks.spec, networks.config, range(HISTOGRAM_NUMBERS), GRID_SEED
        )
        write_atomically(path, histogram(numbers))
        return
    if shown:
        save_png(path, translated_grid(networks, shown))
        return
    stage = () if networks.fade is None else tuple(networks.fade.at(step))
    images = draw_tensor(
        networks.best_generator, networks.spec, networks.config, range(GRID_IMAGES), GRID_SEED, arguments=stage
    )
    if step >= max(COLLAPSE_SHARE * networks.recipe.training.steps, COLLAPSE_STEPS):
        _refuse_collapse(images, networks, step)
    columns = networks.config.classes if networks.spec.kind == "conditional" else 8
    save_png(path, grid_of(images, networks.spec.output_range, columns))


def _refuse_collapse(images: Float[Tensor, "B C H W"], networks: Networks, step: int) -> None:
    low, high = networks.spec.output_range
    spread = float(images.float().std(dim=0).mean()) * 255.0 / (high - low)
    if spread < COLLAPSED_BELOW:
        raise DivergedError(
            f"The generator collapsed before step {step:,}: {len(images)} latents give one image (mean spread "
            f"{spread:.2f} grey levels, at least {COLLAPSED_BELOW} expected). Take another seed, or add a technique "
            "(--set techniques.augment_translation=.125, techniques.real_label=.9)."
        )


@own_style()
def histogram(numbers: Float[Tensor, "N 1"]) -> bytes:
    """A PNG: the density of generated numbers over that of the mixture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # a second to import; one model needs it
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bins = [k / 50 - 1 for k in range(101)]
    axes.hist(mixture(65_536, 1).numpy().ravel(), bins=bins, density=True, color="0.75", label="real")
    axes.hist(numbers.cpu().numpy().ravel(), bins=bins, density=True, histtype="step", color="C3", label="generated")
    axes.set_xlabel("value")
    axes.set_ylabel("density")
    axes.legend()
    return figure_bytes(figure, "png", dpi=100, tight=True)
