"""Training and its scores where people already look: TensorBoard by Fabric's logger, MLflow by its own client."""

import contextlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from ganeval.errors import UsageError
from reference_models.recipe import Recipe, recipe_to_json
from reference_models.train import TrainingReporter

LogTo = Literal["tensorboard", "mlflow"]
TENSORBOARD = "tensorboard"  # folder in the run's
MLFLOW_EXPERIMENT = "ganeval"
Write = Callable[[Mapping[str, float], int], None]  # named numbers, and their step


class LoggedReporter:
    """A reporter that also writes losses, speed and scores to a logger.

    Args:
        inner: Who tells the user.
        write: Where the numbers go.
    """

    def __init__(self, inner: TrainingReporter, write: Write) -> None:
        self._inner = inner
        self._write = write

    def stage(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """As the inner one."""
        return self._inner.stage(title, total)

    def message(self, text: str) -> None:
        """As the inner one."""
        self._inner.message(text)

    def training(self, step: int, values: Mapping[str, float]) -> None:
        """Writes, then tells."""
        self._write({tag(name): value for name, value in values.items()}, step)
        self._inner.training(step, values)


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

    TensorBoard's files go into the run's folder; MLflow's go where its own settings say (MLFLOW_TRACKING_URI).

    Args:
        kind: "tensorboard" or "mlflow"; None gives the inner reporter back.
        inner: Who tells the user.
        recipe: What is trained; its settings become MLflow's parameters.
        folder: The run's.
        seed: Of the training.
    """
    if kind is None:
        yield inner
        return
    opened = {"tensorboard": _tensorboard, "mlflow": _mlflow}[kind]
    with opened(recipe, folder, seed) as write:
        yield LoggedReporter(inner, write)


@contextlib.contextmanager
def _tensorboard(recipe: Recipe, folder: Path, seed: int) -> Iterator[Write]:
    from lightning_fabric.loggers.tensorboard import TensorBoardLogger

    del recipe, seed
    logger = TensorBoardLogger(root_dir=folder, name="", version=TENSORBOARD)
    try:
        yield logger.log_metrics
    finally:
        logger.finalize("done")


@contextlib.contextmanager
def _mlflow(recipe: Recipe, folder: Path, seed: int) -> Iterator[Write]:
    import mlflow

    client = mlflow.MlflowClient()
    runs: list[str] = []  # opened at the first numbers: of several processes, only the first ever has any

    def write(values: Mapping[str, float], step: int) -> None:
        if not runs:
            runs.append(_open_mlflow_run(client, recipe, folder, seed))
        for name, value in values.items():
            client.log_metric(runs[0], name, value, step=step)

    ended = "FAILED"
    try:
        yield write
        ended = "FINISHED"
    finally:
        for run in runs:
            client.set_terminated(run, ended)


def _open_mlflow_run(client: Any, recipe: Recipe, folder: Path, seed: int) -> str:
    experiment = client.get_experiment_by_name(MLFLOW_EXPERIMENT)
    number = client.create_experiment(MLFLOW_EXPERIMENT) if experiment is None else experiment.experiment_id
    run = str(client.create_run(number, run_name=f"{recipe.name}-seed{seed}").info.run_id)
    client.set_tag(run, "folder", str(folder))
    client.log_param(run, "seed", seed)
    for name, value in _parameters(recipe_to_json(recipe)):
        client.log_param(run, tag(name), value)
    return run


def _parameters(recipe: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The recipe's plan, flat; where its choices come from is for people."""
    for name, value in recipe.items():
        if isinstance(value, Mapping) and name != "sources":
            yield from _parameters(value, f"{prefix}{name}.")
        elif isinstance(value, str | int | float | bool):
            yield f"{prefix}{name}", value
