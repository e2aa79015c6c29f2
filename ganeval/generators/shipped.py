"""Trained generators that come with the installation: the name of a recipe as a subject.

Their table and files are those of `reference_models`, which depends on this package; so they are looked up by a string,
as what opens a kind of subject is.
"""

import importlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from ganeval.errors import UsageError, WeightsError
from ganeval.registry import listed, near_names

TABLE: Final = "reference_models.shipped.table"
RECIPES: Final = "reference_models.recipes"
LAST: Final = "last.safetensors"
NEAR: Final = 0.7  # of difflib: "dcgan.mnist" is near "dcgan.fashion-mnist" (0.73)
_FILE_NAME = re.compile(r".*\.(\w{1,4}|jsonl|safetensors|torchscript)", re.IGNORECASE)  # "gan-mlp.pt"


def shipped_names() -> list[str]:
    """Recipes whose trained checkpoint is shipped."""
    return list(_module(TABLE).shipped())


def listed_recipe(subject: str) -> str:
    """The name of a shipped recipe as it is listed, in whichever case it was typed; any other subject as it is."""
    return listed(subject, shipped_names()) if _may_name_a_recipe(subject) else subject


def is_shipped(subject: str) -> bool:
    """True for the name of a recipe whose trained checkpoint is shipped; a path that exists wins."""
    return _may_name_a_recipe(subject) and listed_recipe(subject) in shipped_names()


def is_run(subject: str) -> bool:
    """True for a folder of `train-reference`, which means its last checkpoint and not its grids."""
    return all((Path(subject) / name).is_file() for name in ("recipe.json", LAST))


def checkpoint_file(subject: str) -> Path:
    """The shipped file of a recipe by name, the last checkpoint of a run by its folder, else the path itself.

    Raises:
        WeightsError: the shipped file is missing or was changed.
    """
    if is_shipped(subject):
        return Path(_module(TABLE).shipped_path(listed_recipe(subject)))
    return Path(subject) / LAST if is_run(subject) else Path(subject)


def refuse_unshipped(subject: str) -> None:
    """Refuses the name of a recipe or model that has no shipped checkpoint; other subjects pass.

    Raises:
        WeightsError: a recipe without a shipped checkpoint.
        UsageError: a model, or a misspelt recipe.
    """
    if not _may_name_a_recipe(subject):
        return
    here = shipped_names()
    recipes = list(_module(RECIPES).RECIPES)
    subject = listed(subject, [*recipes, *(name.partition(".")[0] for name in recipes)])
    if subject in here:
        return
    model = subject.partition(".")[0]
    shipped = f"Shipped: {', '.join(here)}."
    if subject in recipes:
        raise WeightsError(
            f"{subject} is a recipe without a shipped checkpoint. Train it with `ganeval train-reference {model} "
            f"--recipe {subject}` and name its last.safetensors. {shipped}"
        )
    own = [name for name in recipes if name.partition(".")[0] == model]
    if subject == model and own:
        raise UsageError(f"{subject} is a model. Name a trained checkpoint of it.{_near(subject, here, 0.3)} {shipped}")
    if near := _near(subject, own, 0.0) or _near(subject, recipes, NEAR):
        raise UsageError(f"Neither a path nor a recipe: {subject!r}.{near} {shipped}")


def _may_name_a_recipe(subject: str) -> bool:
    of_a_file = set(subject) & set("/\\:") or _FILE_NAME.fullmatch(subject)
    return bool(subject) and not of_a_file and not Path(subject).exists()


def _near(name: str, known: Collection[str], cutoff: float) -> str:
    close = near_names(name, known, cutoff)
    return f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""


def _module(name: str) -> Any:
    return importlib.import_module(name)
