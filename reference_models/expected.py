"""What recipes are expected to reach: read from `recipes/expected.json`.

The results stand apart from the plans, because they are measured and not chosen; `measured` writes them.
"""

import json
from pathlib import Path
from typing import Any

from ganeval.errors import DataError
from reference_models.recipe import Expected

FILE = Path(__file__).parent / "recipes" / "expected.json"


def read_expected(path: Path = FILE) -> dict[str, Any]:
    """Recipe -> what was measured; empty where nothing was."""
    table = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(table, dict):
        raise DataError(f"{path} is not a JSON object. Restore it from the repository.")
    return table


def expected_of(recipe: str) -> tuple[tuple[Expected, ...], str]:
    """(results of a recipe, its cost in words); ((), "") where it was not measured."""
    entry = read_expected().get(recipe)
    if entry is None:
        return (), ""
    rows = tuple(Expected(**row) for row in entry["expected"])
    return rows, f"{entry['seconds'] / 60:.1f} minutes of training on {entry['device']}"
