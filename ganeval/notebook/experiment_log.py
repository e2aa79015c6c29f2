"""Scores in an experiment log: TensorBoard writers, Weights & Biases runs, MLflow, Lightning loggers.

A target is known by its method, so that none of those packages is imported.
"""

import re
from collections.abc import Mapping

from ganeval.errors import UsageError


def logged_name(*parts: str) -> str:
    """A name in the letters that all of them take: ("score", "fd@efflite0") becomes "score/fd-efflite0"."""
    return re.sub(r"[^\w./-]", "-", "/".join(parts), flags=re.ASCII)


def log_numbers(target: object, numbers: Mapping[str, float], step: int) -> None:
    """Writes named numbers of one step.

    Args:
        target: Something with `add_scalar(name, value, step)` (a TensorBoard SummaryWriter), with
            `log_metrics(numbers, step=)` (the module mlflow, a Lightning logger), or with `log(numbers, step=)` (a W&B
            run).
        numbers: By name.
        step: Of training.

    Raises:
        UsageError: the target has none of these methods.
    """
    if callable(add_scalar := getattr(target, "add_scalar", None)):
        for name, value in numbers.items():
            add_scalar(name, value, step)
    elif callable(log_metrics := getattr(target, "log_metrics", None)):
        log_metrics(dict(numbers), step=step)
    elif callable(log := getattr(target, "log", None)):
        log(dict(numbers), step=step)
    else:
        raise UsageError(
            f"scores.log takes a TensorBoard SummaryWriter, a W&B run, mlflow or a Lightning logger; got a "
            f"{type(target).__name__}, which has no add_scalar, log_metrics or log."
        )
