"""The table of shipped checkpoints: which recipes have one, and that its file is the one that was published.

The files are `last.safetensors` of one training seed, in half precision, at most 3 MB each; `write` makes them.
Listing the names loads no torch.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ganeval.errors import WeightsError
from ganeval.files.read_write import sha256_of

FOLDER = Path(__file__).parent
FILE = FOLDER / "table.json"


@dataclass(frozen=True)
class Shipped:
    """One shipped checkpoint.

    Attributes:
        seed: Training seed.
        step: Steps done.
        size: Bytes of the file.
        sha256: Of the file.
        metric: What its run was scored by.
        float32: Its score as it was trained.
        float16: Its score as it is shipped, by the same images.
    """

    seed: int
    step: int
    size: int
    sha256: str
    metric: str
    float32: float
    float16: float


def shipped() -> dict[str, Shipped]:
    """Recipe -> its shipped checkpoint."""
    return {name: Shipped(**row) for name, row in json.loads(FILE.read_text(encoding="utf-8")).items()}


def shipped_path(recipe: str) -> Path:
    """The file of a recipe in the table.

    Raises:
        WeightsError: it is missing, or was changed.
    """
    path = FOLDER / f"{recipe}.safetensors"
    again = "Install ganeval again: pip install --force-reinstall --no-deps ganeval"
    if not path.is_file():
        raise WeightsError(f"The shipped checkpoint {path} is missing. {again}")
    wanted, found = shipped()[recipe].sha256, sha256_of(path)
    if found != wanted:
        raise WeightsError(
            f"The shipped checkpoint {path} was changed: its sha256 is {found}, expected {wanted}. {again}"
        )
    return path
