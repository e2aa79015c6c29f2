"""Takes finished runs into the shipped checkpoints: their last one, in half precision, and its line of the table.

    python -m reference_models.shipped.write runs/dcgan.digits-cpu-seed0

Data sets that are not embedded lie below GANEVAL_DATA. A file above 3 MB, and one whose score moves by more than 1% in
half precision, is refused.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

import torch

from ganeval.errors import DataError
from ganeval.files.read_write import sha256_of, write_atomically
from reference_models.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from reference_models.recipes import RECIPES
from reference_models.shipped.table import FILE, FOLDER, Shipped, shipped
from reference_models.training.evaluation import PeriodicEvaluator

LARGEST = 3_000_000  # bytes
MOVES = 0.01  # share of the score


def take(run: Path, data_root: Path | None) -> Shipped:
    """Ships the last checkpoint of a run, scored before and after.

    Raises:
        DataError: the file is too large, or the score moves.
    """
    device = torch.device("cpu")
    loaded = load_checkpoint(run / "last.safetensors", device)
    recipe = RECIPES.get(str(loaded.recipe["name"]))
    evaluator = PeriodicEvaluator(recipe, device, data_root)
    path = FOLDER / f"{recipe.name}.safetensors"
    save_checkpoint(path, loaded, half=True)
    before, after = (evaluator.score(each).value for each in (loaded.network, load_checkpoint(path, device).network))
    size = path.stat().st_size
    if size > LARGEST or abs(after - before) > MOVES * abs(before):
        path.unlink()
        raise DataError(
            f"{run} is not shipped: {size:,} bytes (at most {LARGEST:,}), {recipe.evaluation.metric} {before:.5g} -> "
            f"{after:.5g} in float16 (at most {MOVES:.0%})."
        )
    made = Shipped(loaded.seed, loaded.step, size, sha256_of(path), recipe.evaluation.metric, before, after)
    table = {
        **{name: dataclasses.asdict(row) for name, row in shipped().items()},
        recipe.name: dataclasses.asdict(made),
    }
    write_atomically(FILE, (json.dumps(dict(sorted(table.items())), indent=1) + "\n").encode())
    return made


if __name__ == "__main__":
    root = Path(os.environ["GANEVAL_DATA"]) if "GANEVAL_DATA" in os.environ else None
    for argument in sys.argv[1:]:
        sys.stdout.write(f"{argument}: {take(Path(argument), root)}\n")
