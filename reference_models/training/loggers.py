"""Logs of training in TensorBoard (Fabric's logger), MLflow and Weights & Biases (their own clients)."""

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
TENSORBOARD = "tensorboard"  # folder inside the run's
PROJECT = "ganeval"  # MLflow's experiment, W&B's project
GRIDS = "grids"  # folder inside the run's; files are named by their step


class Writer(Protocol):
    """A logger: numbers and images by step."""

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Logs the numbers of a step by name."""
        ...

    def picture(self, path: Path, step: int) -> None:
        """Logs the PNG of a step."""
        ...


class LoggedReporter:
    """A reporter that also writes losses, speed, scores and sample grids to a logger.

    Args:
        inner: The reporter that shows progress to the user.
        writer: The logger.
        folder: Folder of the run.
    """

    def __init__(self, inner: TrainingReporter, writer: Writer, folder: Path) -> None:
        self._inner = inner
        self._writer = writer
        self._grids = folder / GRIDS
        self._sent = set(_grids(self._grids))  # a resumed run has sent the earlier ones

    def stage(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Forwards to the inner reporter."""
        return self._inner.stage(title, total)

    def message(self, text: str) -> None:
        """Forwards to the inner reporter."""
        self._inner.message(text)

    def training(self, step: int, values: Mapping[str, float]) -> None:
        """Logs the numbers and all new grids, then forwards to the inner reporter."""
        for path, drawn in _grids(self._grids).items():  # grids first: W&B rejects a step smaller than the last one
            if path not in self._sent:
                self._sent.add(path)
                self._writer.picture(path, drawn)
        self._writer.numbers({tag(name): value for name, value in values.items()}, step)
        self._inner.training(step, values)

    def scoring(self, step: int) -> AbstractContextManager[None]:
        """Forwards to the inner reporter."""
        return self._inner.scoring(step)


def _grids(folder: Path) -> dict[Path, int]:
    """Sample grids with their steps, in order of steps."""
    return {path: int(path.stem) for path in sorted(folder.glob("*.png")) if path.stem.isdecimal()}


def tag(name: str) -> str:
    """A name in characters that both tools accept: "score fd@efflite0" becomes "score/fd-efflite0"."""
    return re.sub(r"[^\w./-]", "-", name.replace("score ", "score/", 1))


def require(kind: LogTo) -> None:
    """Refuses a logger whose package is not installed, before anything runs.

    Raises:
        UsageError: the message has the command that installs it.
    """
    if importlib.util.find_spec(kind) is None:
        raise UsageError(f"--log {kind} needs the package {kind}. Run `pip install 'ganeval[{kind}]'`.")


@contextlib.contextmanager
def logged(
    kind: LogTo | None, inner: TrainingReporter, recipe: Recipe, folder: Path, seed: int
) -> Iterator[TrainingReporter]:
    """A reporter that logs while the block runs.

    TensorBoard and W&B write into the run's folder, MLflow where MLFLOW_TRACKING_URI points to. Whether a W&B run is
    uploaded depends on its own settings (WANDB_MODE, `wandb login`).

    Args:
        kind: One of `LogTo`; None returns the inner reporter.
        inner: The reporter that shows progress to the user.
        recipe: Its settings become parameters of the run.
        folder: Folder of the run.
        seed: Training seed.
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
        """The run, opened at the first write: only the first of several processes writes."""
        self.run = self.run or self._start()
        return self.run

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._client.log_metric(self._opened(), name, value, step=step)

    def picture(self, path: Path, step: int) -> None:
        del step  # names the file
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
    """The recipe's settings as a flat dict, without their sources."""
    for name, value in recipe.items():
        if isinstance(value, Mapping) and name != "sources":
            yield from _parameters(value, f"{prefix}{name}.")
        elif isinstance(value, str | int | float | bool):
            yield f"{prefix}{name}", value
