"""Takes finished runs into the repository: expected results, sample grids, rows of the boards, recipe cards.

    python docs/record_runs.py runs/*            # at least three training seeds of each small recipe
    python docs/record_runs.py --rows-only runs/dcgan.digits-cpu-seed0
    python docs/record_runs.py --expected-only runs/dcgan.digits-cpu-seed*    # more seeds than the boards show
    python docs/record_runs.py --shipped dcgan.digits-cpu   # rows of a shipped checkpoint (reference_models/shipped)
    python docs/record_runs.py --device "one thread on 2 cores of ..." runs/*    # of runs that do not say it themselves

A recipe's former rows go: they may be of a plan it no longer has. `--rows-only`, and too few seeds, take away those of
the same seeds alone.

Every row is what `ganeval score CHECKPOINT ... --append` would write; doing it in one process loads the networks once.
Data sets that are not embedded lie below GANEVAL_DATA; super-resolution is scored on Set5 as well where its five images
are in set5/ there.
"""

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from ganeval.files.read_write import write_atomically
from ganeval.options import ScoreOptions
from ganeval.results.protocol import Protocol
from ganeval.results.protocol_lines import is_protocol_line
from ganeval.results.provenance import provenance
from ganeval.results.result import Result, append_to_board
from ganeval.scoring.evaluator import Evaluator
from reference_models.checkpoints.checkpoint import load_checkpoint
from reference_models.data.transforms import CONDITIONS
from reference_models.models import MODELS
from reference_models.recipes import RECIPES
from reference_models.recipes.cards import card, index
from reference_models.recipes.measured import ENOUGH_SEEDS, RunResult, read_run, write_expected
from reference_models.recipes.recipe import DIRECTIONS, Recipe
from reference_models.training.evaluation import SCORE_SEED, PeriodicEvaluator

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "recipes"
RESULTS = ROOT / "leaderboards" / "results"
# Images of the small tiers: all test digits; of Fashion-MNIST half as many again as an interval of fd needs, which is
# 1,350 at 1,280 features.
SAMPLES = {"digits": 599, "fashion-mnist": 2000}


def data_root() -> Path | None:
    """The folder of data sets that are not embedded."""
    return Path(os.environ["GANEVAL_DATA"]) if "GANEVAL_DATA" in os.environ else None


def plans(recipe: Recipe, checkpoint: Path) -> Iterator[tuple[str, ScoreOptions]]:
    """(board file, how the checkpoint is scored for it); nothing for data that no board is about."""
    transform, root = recipe.data.transform, data_root()
    options = ScoreOptions(str(checkpoint), name=recipe.name, data_root=root)
    if transform == "images":
        yield from _drawn(recipe, options)
    elif transform == "crops":
        yield "photos-sr", dataclasses.replace(options, paired="photos:test")
        if root is not None and (root / "set5").is_dir():
            yield "set5-sr", dataclasses.replace(options, paired=str(root / "set5"), channel="y", crop_border=4)
        if root is not None and (root / "bsds500").is_dir():
            yield "bsd100-sr", dataclasses.replace(options, paired="bsds500:test", channel="y", crop_border=4)
    elif transform in CONDITIONS:
        yield f"photos-{transform}", dataclasses.replace(options, paired=f"{recipe.data.id}:{recipe.data.test}")
    elif transform == "restyled":
        yield "photos-restyled", dataclasses.replace(options, paired="photos-evening:test", inputs="photos:test")
    elif transform == "two-sets" and root is not None:
        for direction in DIRECTIONS:
            given, wanted = (
                str(root / recipe.data.id / f"{recipe.data.test}{letter.upper()}") for letter in direction[::2]
            )
            yield (
                f"{recipe.data.id}-{direction}",
                dataclasses.replace(options, inputs=given, reference=wanted, direction=direction),
            )


def _drawn(recipe: Recipe, options: ScoreOptions) -> Iterator[tuple[str, ScoreOptions]]:
    """Images from noise: a full plan by as many as its own scores, on a board of its own: fd goes by the count."""
    data = recipe.data.id
    full = recipe.tier == "full"
    board, count = (f"{data}-full", recipe.evaluation.n) if full else (data, SAMPLES[data])
    counted = dataclasses.replace(options, num_samples=count)
    yield board, dataclasses.replace(counted, reference=f"{data}:test")
    if MODELS.get(recipe.model).kind.labels:
        yield board, dataclasses.replace(counted, reference=f"{data}:train", metrics="agreement@pixels")


def number_row(recipe: Recipe, path: Path) -> Result:
    """The row of a generator of numbers: what its run was scored by, from the checkpoint itself."""
    device = torch.device("cpu")
    loaded = load_checkpoint(path, device)
    count = recipe.evaluation.n
    protocol = Protocol(
        metric=recipe.evaluation.metric,
        version=1,
        params={"reference": f"{recipe.data.id}, 65,536 draws, seed 1", "latents": SCORE_SEED},
        quantisation="none: numbers",
        n_real=65_536,
        n_fake=count,
    )
    return Result(
        subject=recipe.name,
        key=recipe.evaluation.metric,
        value=PeriodicEvaluator(recipe, device, None).score(loaded.network).value,
        better="lower",
        n_real=65_536,
        n_fake=count,
        note="1-Wasserstein distance of numbers; no interval: one draw of latents",
        protocol=protocol,
        provenance={**provenance("cpu"), "subject": loaded.origin(path)},
    )


def forget(recipe: str, seeds: set[int] | None, *, shipped: bool = False) -> None:
    """Takes a recipe's former rows off every board: those of these training seeds, or (None) of all.

    The rows of its shipped checkpoint stay, or are the ones that go.
    """
    for board in sorted(RESULTS.glob("*.jsonl")):
        lines = board.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = []
        for line in lines:
            subject = json.loads(line).get("provenance", {}).get("subject")
            former = isinstance(subject, dict) and subject.get("recipe") == recipe
            former = former and (subject["checkpoint"] == "shipped") == shipped
            if not (former and (seeds is None or subject["training_seed"] in seeds)):
                kept.append(line)
        if len(kept) < len(lines):
            named = {row["fingerprint"] for row in map(json.loads, kept) if not is_protocol_line(row)}
            kept = [
                line for line in kept if not is_protocol_line(row := json.loads(line)) or row["fingerprint"] in named
            ]
            write_atomically(board, "".join(kept).encode())


def add_scored(board: str, options: ScoreOptions) -> None:
    """Scores a checkpoint and appends its rows to a board's file, but not those of single classes.

    No board shows these ("fd_per_class:7@efflite0"), and they would be two rows of five.
    """
    with Evaluator(options) as evaluator:
        outcome = evaluator.score(options.subject, options.name)
    rows = [row for row in outcome.results if row.status == "ok" and ":" not in row.key]
    append_to_board(RESULTS / f"{board}.jsonl", rows)
    print(f"{board}: {len(rows)} rows of {options.subject}", flush=True)


def add_rows(recipe: Recipe, run: Path) -> None:
    """Scores the three checkpoints of a run and appends their rows."""
    for checkpoint in ("untrained", "last", "best"):
        if not MODELS.get(recipe.model).kind.images:
            append_to_board(
                RESULTS / f"{recipe.data.id}.jsonl", [number_row(recipe, run / f"{checkpoint}.safetensors")]
            )
            continue
        for board, options in plans(recipe, run / f"{checkpoint}.safetensors"):
            add_scored(board, options)


def add_shipped(name: str) -> None:
    """Scores a shipped checkpoint, by the name of its recipe, in place of its former rows."""
    forget(name, None, shipped=True)
    for board, options in plans(RECIPES.get(name), Path(name)):
        add_scored(board, options)


def main(arguments: list[str]) -> None:
    """Records the runs that are named."""
    if arguments[:1] == ["--shipped"]:
        for name in arguments[1:]:
            add_shipped(name)
        return
    device = ""
    if "--device" in arguments:
        place = arguments.index("--device")
        device, arguments = " ".join(arguments[place + 1 : place + 2]), arguments[:place] + arguments[place + 2 :]
    options = {argument for argument in arguments if argument.startswith("--")}
    if unknown := options - {"--rows-only", "--expected-only"}:
        sys.exit(f"Unknown: {', '.join(sorted(unknown))}. Take --rows-only, --expected-only or --device WORDS.")
    rows_only, expected_only = "--rows-only" in options, "--expected-only" in options
    folders = [Path(argument) for argument in arguments if argument not in options]
    runs: dict[str, list[tuple[RunResult, Path]]] = {}
    for folder in folders:
        result = read_run(folder, data_root())
        result = dataclasses.replace(result, device=result.device or device)
        print(
            f"{result.recipe} seed {result.seed}: {result.untrained:.5g} -> {result.last:.5g} (best {result.best:.5g})"
        )
        runs.setdefault(result.recipe, []).append((result, folder))
    for name, found in runs.items():
        enough = len(found) >= ENOUGH_SEEDS or RECIPES.get(name).tier != "cpu"
        whole = enough and not rows_only
        if not expected_only:
            forget(name, None if whole else {result.seed for result, _ in found})
            for _, folder in found:
                add_rows(RECIPES.get(name), folder)
        if not whole:
            continue
        write_expected([result for result, _ in found])
        first = min(found, key=lambda one: one[0].seed)[1]
        shutil.copyfile(max((first / "grids").iterdir()), PAGES / f"{name}.png")
    if not rows_only:
        write_pages()


def write_pages() -> None:
    """All recipe cards and their index."""
    for name in RECIPES:
        (PAGES / f"{name}.md").write_text(card(name), encoding="utf-8")
    (PAGES / "README.md").write_text(index(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
