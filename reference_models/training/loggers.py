"""Training and its scores where people already look: TensorBoard by Fabric's logger, MLflow and W&B by their own."""

import contextlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from PIL import Image

from ganeval.errors import UsageError
from reference_models.recipes.recipe import Recipe, recipe_to_json
from reference_models.training.train import TrainingReporter

LogTo = Literal["tensorboard", "mlflow", "wandb"]
TENSORBOARD = "tensorboard"  # folder in the run's
PROJECT = "ganeval"  # MLflow's experiment, W&B's project
GRIDS = "grids"  # folder in the run's; its files are called by their steps


class Writer(Protocol):
    """What a logger takes."""

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Named numbers of a step."""
        ...

    def picture(self, path: Path, step: int) -> None:
        """A PNG of a step."""
        ...


class LoggedReporter:
    """A reporter that also writes losses, speed, scores and sample grids to a logger.

    Args:
        inner: Who tells the user.
        writer: Where they go.
        folder: The run's.
    """

    def __init__(self, inner: TrainingReporter, writer: Writer, folder: Path) -> None:
        self._inner = inner
        self._writer = writer
        self._grids = folder / GRIDS
        self._sent = set(_grids(self._grids))  # of a resumed run, those that were sent before

    def stage(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """As the inner one."""
        return self._inner.stage(title, total)

    def message(self, text: str) -> None:
        """As the inner one."""
        self._inner.message(text)

    def training(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers, and the grids that are new since the last time; then tells."""
        for path, drawn in _grids(self._grids).items():  # first: W&B takes no step smaller than one it has had
            if path not in self._sent:
                self._sent.add(path)
                self._writer.picture(path, drawn)
        self._writer.numbers({tag(name): value for name, value in values.items()}, step)
        self._inner.training(step, values)

    def scoring(self, step: int) -> AbstractContextManager[None]:
        """As the inner one."""
        return self._inner.scoring(step)


def _grids(folder: Path) -> dict[Path, int]:
    """Sample grids and their steps, in their order."""
    return {path: int(path.stem) for path in sorted(folder.glob("*.png")) if path.stem.isdecimal()}


def tag(name: str) -> str:
    """A name in the letters that both tools take: "score fd@efflite0" becomes "score/fd-efflite0"."""
    return re.sub(r"[^\w./-]", "-", name.replace("score ", "score/", 1))


def require(kind: LogTo) -> None:
    """Refuses a kind whose package is not installed, before anything runs.

    Raises:
        UsageError: with the command that installs it.
    """
    if importlib.util.find_spec(kind) is None:
        raise UsageError(f"--log {kind} needs the package {kind}. Run `pip install 'ganeval[{kind}]'`.")


@contextlib.contextmanager
def logged(
    kind: LogTo | None, inner: TrainingReporter, recipe: Recipe, folder: Path, seed: int
) -> Iterator[TrainingReporter]:
    """A reporter that writes while the block runs.

    Files of TensorBoard and W&B go into the run's folder; MLflow's go where its own settings say (MLFLOW_TRACKING_URI).
    Whether a W&B run is sent is for its own settings too (WANDB_MODE, `wandb login`).

    Args:
        kind: One of `LogTo`; None gives the inner reporter back.
        inner: Who tells the user.
        recipe: What is trained; its settings become parameters of the run.
        folder: The run's.
        seed: Of the training.
    """
    if kind is None:
        yield inner
        return
    opened = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}[kind]
    with opened(recipe, folder, seed) as writer:
        yield LoggedReporter(inner, writer, folder)


class _TensorBoard:
    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        self._logger.log_metrics(values, step)

    def picture(self, path: Path, step: int) -> None:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._logger.experiment.add_image(GRIDS, pixels, step, dataformats="HWC")


@contextlib.contextmanager
def _tensorboard(recipe: Recipe, folder: Path, seed: int) -> Iterator[Writer]:
    from lightning_fabric.loggers.tensorboard import TensorBoardLogger

    del recipe, seed
    logger = TensorBoardLogger(root_dir=folder, name="", version=TENSORBOARD)
    try:
        yield _TensorBoard(logger)
    finally:
        logger.finalize("done")


class _Mlflow:
    def __init__(self, client: Any, start: Callable[[], str]) -> None:
        self._client = client
        self._start = start
        self.run = ""

    def _opened(self) -> str:
        """The run, opened when the first thing is written: of several processes, only the first ever writes."""
        self.run = self.run or self._start()
        return self.run

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._client.log_metric(self._opened(), name, value, step=step)

    def picture(self, path: Path, step: int) -> None:
        del step  # the file is called by it
        self._client.log_artifact(self._opened(), str(path), GRIDS)


@contextlib.contextmanager
def _mlflow(recipe: Recipe, folder: Path, seed: int) -> Iterator[Writer]:
    import mlflow

    client = mlflow.MlflowClient()
    writer = _Mlflow(client, lambda: _open_mlflow_run(client, recipe, folder, seed))
    ended = "FAILED"
    try:
        yield writer
        ended = "FINISHED"
    finally:
        if writer.run:
            client.set_terminated(writer.run, ended)


def _open_mlflow_run(client: Any, recipe: Recipe, folder: Path, seed: int) -> str:
    experiment = client.get_experiment_by_name(PROJECT)
    number = client.create_experiment(PROJECT) if experiment is None else experiment.experiment_id
    run = str(client.create_run(number, run_name=f"{recipe.name}-seed{seed}").info.run_id)
    client.set_tag(run, "folder", str(folder))
    client.log_param(run, "seed", seed)
    for name, value in _parameters(recipe_to_json(recipe)):
        client.log_param(run, tag(name), value)
    return run


class _Wandb:
    def __init__(self, start: Callable[[], Any]) -> None:
        self._start = start
        self.run: Any = None

    def _opened(self) -> Any:
        self.run = self.run or self._start()
        return self.run

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        self._opened().log(dict(values), step=step)

    def picture(self, path: Path, step: int) -> None:
        import wandb

        self._opened().log({GRIDS: wandb.Image(str(path))}, step=step)


@contextlib.contextmanager
def _wandb(recipe: Recipe, folder: Path, seed: int) -> Iterator[Writer]:
    import wandb

    config = {"seed": seed, **dict(_parameters(recipe_to_json(recipe)))}
    name = f"{recipe.name}-seed{seed}"
    writer = _Wandb(lambda: wandb.init(project=PROJECT, name=name, dir=str(folder), config=config))
    failed = 1
    try:
        yield writer
        failed = 0
    finally:
        if writer.run is not None:
            writer.run.finish(exit_code=failed)


def _parameters(recipe: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The recipe's plan, flat; where its choices come from is for people."""
    for name, value in recipe.items():
        if isinstance(value, Mapping) and name != "sources":
            yield from _parameters(value, f"{prefix}{name}.")
        elif isinstance(value, str | int | float | bool):
            yield f"{prefix}{name}", value
