"""The one training loop, for every model and recipe, on one device or several.

Differences between kinds of models are in `reference_models.kinds`. The loop draws batches, runs steps, and writes
losses, scores, grids and checkpoints. It may be killed at any time: a resumed run ends with the weights of an
uninterrupted one (on the CPU bit for bit).
"""

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ganeval.errors import DataError, UsageError
from ganeval.progress import Reporter, Silent
from reference_models.checkpoints.checkpoint import Checkpoint, save_checkpoint
from reference_models.checkpoints.sampling import stream
from reference_models.data.training_data import Batch, TrainingData, load_training_data
from reference_models.models import MODELS
from reference_models.models.layers import draws_from
from reference_models.recipes.recipe import Recipe, plan_to_json, recipe_to_json
from reference_models.training.devices import from_all, gradient_sharing, open_fabric, share_buffers, together
from reference_models.training.evaluation import PeriodicEvaluator
from reference_models.training.held_out_grid import HeldOut, held_out_pictures
from reference_models.training.networks import Networks, make_networks
from reference_models.training.run_folder import check_folder, open_folder
from reference_models.training.run_log import (
    DivergedError,
    LossMeter,
    append_metrics,
    append_scores,
    save_grid,
)
from reference_models.training.state import FILE as STATE
from reference_models.training.state import Progress, replay_tensors, save_state

UNTRAINED, LAST, BEST = "untrained.safetensors", "last.safetensors", "best.safetensors"
_STEP, _DROPOUT = 3, 4  # streams of random numbers; 0 to 2 are those of weights and data order


class TrainingReporter(Reporter, Protocol):
    """A reporter that also shows the progress of training."""

    def training(self, step: int, values: Mapping[str, float]) -> None:
        """Shows losses, learning rates and scores after `step` steps."""
        ...

    def scoring(self, step: int) -> AbstractContextManager[None]:
        """Shows that the generator is being scored after `step` steps."""
        ...


class Unheard(Silent):
    """The reporter of all processes except the first."""

    def training(self, step: int, values: Mapping[str, float]) -> None:
        """Does nothing."""
        del step, values

    def scoring(self, step: int) -> AbstractContextManager[None]:
        """Does nothing."""
        del step
        return contextlib.nullcontext()


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training run.

    Attributes:
        recipe: The recipe.
        out: Folder of the run.
        seed: Seed of weights, data order and noise.
        data_root: Folder of data sets that are not embedded.
        resume: Continue the run in `out`.
        device: "cpu" or "cuda"; "auto" takes CUDA if available.
        devices: Number of devices.
    """

    recipe: Recipe
    out: Path
    seed: int = 0
    data_root: Path | None = None
    resume: bool = False
    device: str = "auto"
    devices: int = 1


@dataclass(frozen=True)
class TrainOutcome:
    """Result of a run.

    Attributes:
        folder: Folder of the run.
        steps: Steps done.
        last_score: Score of the last checkpoint by the recipe's metric.
        best_score: Score of the best checkpoint.
        best_step: Steps done at the best score.
        seconds: Duration since the start, or since the run was resumed.
        first: True in the first process, which prints.
    """

    folder: Path
    steps: int
    last_score: float
    best_score: float
    best_step: int
    seconds: float
    first: bool = True


def train(options: TrainOptions, reporter: TrainingReporter) -> TrainOutcome:
    """Trains a recipe to its end.

    Raises:
        UsageError: the folder holds another run, or settings conflict.
        DataError: data are missing, or a state cannot be read or written.
        DivergedError: NaN or collapse; earlier checkpoints stay.
    """
    started = time.perf_counter()
    recipe, training = options.recipe, options.recipe.training
    fabric = open_fabric(options.device, options.devices, training.precision)
    reporter = reporter if fabric.is_global_zero else Unheard()
    with together(fabric):
        if training.batch_size % fabric.world_size:
            raise UsageError(
                f"A batch of {training.batch_size} cannot be split evenly over {fabric.world_size} devices. Set "
                "batch_size to a multiple."
            )
        networks = make_networks(
            recipe, options.seed, fabric.device, fabric.backward, gradient_sharing(fabric), fabric.world_size
        )
        data = load_training_data(
            recipe.data,
            networks.config,
            MODELS.get(recipe.model).output_range,
            batch_size=training.batch_size,
            seed=options.seed,
            device=fabric.device,
            data_root=options.data_root,
            rank=fabric.global_rank,
            world_size=fabric.world_size,
        )
        evaluator = PeriodicEvaluator(recipe, fabric.device, options.data_root) if fabric.is_global_zero else None
        identity = {"plan": plan_to_json(recipe), "seed": options.seed, "data": data.digest}
        if fabric.world_size > 1:
            identity["devices"] = fabric.world_size
        if fabric.is_global_zero:
            check_folder(options.out, options.resume, identity)
    with together(fabric):
        progress = open_folder(options.out, recipe, networks, identity, reporter, rank=fabric.global_rank)
    run = _Run(options, fabric, networks, data, evaluator, progress, identity, reporter)
    run.loop()
    progress = fabric.broadcast(progress)  # only the first process scores
    if progress.last_score is None or progress.best_score is None or progress.best_step is None:
        raise DataError(f"{options.out} holds a run of {training.steps} steps without a score. Train it again.")
    return TrainOutcome(
        folder=options.out,
        steps=progress.step,
        last_score=progress.last_score,
        best_score=progress.best_score,
        best_step=progress.best_step,
        seconds=time.perf_counter() - started,
        first=fabric.is_global_zero,
    )


@dataclass
class _Run:
    """A run in progress."""

    options: TrainOptions
    fabric: Fabric
    networks: Networks
    data: TrainingData
    evaluator: PeriodicEvaluator | None
    progress: Progress
    identity: dict[str, Any]
    reporter: TrainingReporter

    def loop(self) -> None:
        """Runs the steps; scores, draws grids and saves checkpoints when due."""
        recipe, training, folder = self.options.recipe, self.options.recipe.training, self.options.out
        meter, clock = LossMeter(), time.perf_counter()
        done_at_clock = self.progress.step
        shown = held_out_pictures(self.networks, self.options.data_root) if self.fabric.is_global_zero else []
        if self.progress.step == 0 and self.fabric.is_global_zero:
            save_grid(folder, self.networks, 0, shown)
            self._save(UNTRAINED, None)  # baseline for later scores
        with self.reporter.stage(recipe.name, training.steps) as advance:
            advance(self.progress.step)
            for step in range(self.progress.step, training.steps):
                rates = self.networks.set_learning_rates(step)
                meter.add(self._step(step))
                done = self.progress.step = step + 1
                ends = done == training.steps
                scored = (ends or done % recipe.evaluation.every == 0) and self.networks.full_size(done)
                saved = ends or done % training.save_every == 0
                drawn = ends or done % training.grid_every == 0
                if scored or saved or drawn or done % training.log_every == 0:
                    share_buffers(self.fabric, self._saved_networks())
                    replays = from_all(self.fabric, replay_tensors(self.networks)) if saved else []
                    with together(self.fabric):
                        values = meter.means(done)
                        elapsed = time.perf_counter() - clock
                        values["images/s"] = round((done - done_at_clock) * training.batch_size / elapsed, 1)
                        if scored or saved:
                            self._require_finite()
                        if self.fabric.is_global_zero:
                            self._record(done, rates, values, shown, scored=scored, replays=replays, drawn=drawn)
                    clock, done_at_clock = time.perf_counter(), done
                advance(1)

    def _record(
        self,
        done: int,
        rates: Mapping[str, float],
        values: dict[str, float],
        shown: Sequence[HeldOut],
        *,
        scored: bool,
        replays: Sequence[Mapping[str, Tensor]],
        drawn: bool,
    ) -> None:
        """Writes the results of a step: grid, score, line of metrics; with `replays`, checkpoint and state."""
        folder = self.options.out
        if drawn:
            save_grid(folder, self.networks, done, shown)
        if scored:
            with self.reporter.scoring(done):
                values[f"score {self.options.recipe.evaluation.metric}"] = self._score()
        append_metrics(folder, {"step": done, **rates, **values})
        self.reporter.training(done, values)
        if replays:
            self._save(LAST, self.progress.last_score if scored else None)
            save_state(folder / STATE, self.networks, self.progress, self.identity, replays)

    def _saved_networks(self) -> list[nn.Module]:
        """All networks whose buffers are saved or scored."""
        return [*self.networks.by_name().values(), *(average.average for average in self.networks.averages)]

    def _step(self, step: int) -> dict[str, Tensor]:
        """One step. All its random numbers are functions of (seed, step, rank)."""
        seed, rank, device = self.options.seed, self.fabric.global_rank, self.fabric.device
        rng = stream(seed, _STEP, step, rank)
        d_steps = self.options.recipe.training.d_steps

        def draw(number: int) -> Batch:
            return self.data.batch(step * d_steps + number, rng)

        with draws_from(stream(seed, _DROPOUT, step, rank, device=device)), self.fabric.autocast():
            losses = self.networks.spec.kind.step(self.networks, draw, step, rng)
        for average, generator in zip(self.networks.averages, self.networks.generators, strict=False):
            average.update(generator)
        return losses

    def _score(self) -> float:
        """Scores the current generator, and saves it if it is the best so far."""
        if self.evaluator is None:
            raise TypeError("only the first process scores")
        recipe, out = self.options.recipe, self.options.out
        origin = self._checkpoint({}).origin(out / LAST)
        scored = self.evaluator.score(self.networks.best_generator, recipe.name, origin)
        value = scored.value
        if not math.isfinite(value):
            raise DivergedError(
                f"The score at step {self.progress.step:,} is {value}: the generator's images cannot be "
                "scored. The last checkpoint is older than that."
            )
        if scored.rows:
            append_scores(out, scored.rows)
        self.progress.last_score = value
        if self.evaluator.is_better(value, self.progress.best_score):
            self.progress.best_score, self.progress.best_step = value, self.progress.step
            self._save(BEST, value)
        return value

    def _require_finite(self) -> None:
        """Refuses to save weights that are NaN or infinite."""
        for name, network in self.networks.by_name().items():
            if not all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters()):
                raise DivergedError(
                    f"Training diverged before step {self.progress.step:,}: weights of {name} are NaN or infinite. The "
                    "last checkpoint is older than that. Lower the learning rate (--set schedule.lr=...)."
                )

    def _save(self, name: str, score: float | None) -> None:
        evaluation = self.options.recipe.evaluation
        said = {} if score is None else {"metric": evaluation.metric, "value": score, "n": evaluation.n}
        save_checkpoint(self.options.out / name, self._checkpoint(said))

    def _checkpoint(self, score: Mapping[str, object]) -> Checkpoint:
        networks = self.networks
        return Checkpoint(
            networks.sampled[0],
            networks.spec,
            networks.config,
            recipe_to_json(self.options.recipe),
            self.options.seed,
            self.progress.step,
            score,
            self.data.classes,
            back=networks.sampled[1] if len(networks.sampled) > 1 else None,
        )
