"""`ganeval bench training` and `bench sampling`: how fast reference models train and draw."""

import datetime
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli.bench_table import show_table
from ganeval.cli.options import FILE, MODEL, PLACE, RECIPE, check_writable, one_of, whole
from ganeval.errors import UsageError

if TYPE_CHECKING:
    from ganeval.leaderboard.timings import TimingRow
    from reference_models.benchmarks.timing import Timed

TUTORIAL = "tutorial"
SOURCE = "ganeval bench"

_ROUNDS = click.option("--repeats", type=whole(1), default=5, show_default=True, help="Number of rounds.")
_DEVICE = click.option(
    "--device", default="auto", show_default=True, help="Device of the networks: auto, cpu, cuda or cuda:1."
)
_APPEND = click.option(
    "--append",
    type=FILE,
    help="JSONL file to append timing rows to, for a leaderboard.",
)
_JSON = click.option(
    "--json", "json_target", metavar="-|FILE", help="All measurements as JSON, to stdout (-) or a file."
)


def parse_batches(text: str) -> list[int]:
    """Reads "1" or "1,64".

    Raises:
        UsageError: no numbers, or zero.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 10 and int(part) >= 1 for part in parts):
        raise UsageError(f"--batch takes counts from 1 on, as in 1,64; got {text!r}.")
    return sorted({int(part) for part in parts})


@click.command("training", short_help="Count training steps per second of a reference model.")
@click.argument("model", type=MODEL)
@click.option("--recipe", type=RECIPE, metavar="NAME", help="Recipe of the model. Default: its small one.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting of the recipe.")
@click.option(
    "--vs",
    type=one_of([TUTORIAL]),
    help="Also time the tutorial's plain loop, without this project's techniques.",
)
@click.option("--bf16", is_flag=True, help="Also time bfloat16.")
@click.option("--steps", type=whole(1), default=10, show_default=True, help="Training steps per round.")
@_ROUNDS
@_DEVICE
@_APPEND
@_JSON
def training(
    model: str,
    recipe: str | None,
    assignments: tuple[str, ...],
    vs: str | None,
    bf16: bool,
    steps: int,
    repeats: int,
    device: str,
    append: Path | None,
    json_target: str | None,
) -> None:
    """Count training steps per second of a reference model; with --vs also those of the tutorial's plain loop, in turn.

    The plain loop is eager PyTorch as tutorials write it, on the same networks and data. A first call of each does not
    count.

    \b
    ganeval bench training gan-mlp
    ganeval bench training dcgan --vs tutorial --bf16
    """
    json_file = _checked(append, json_target)
    from ganeval.cli.train_reference import bring_weights, chosen_recipe
    from ganeval.devices import resolve_device
    from reference_models.benchmarks.timing import time_training
    from reference_models.benchmarks.tutorial_loop import plain
    from reference_models.recipes.recipe import Recipe

    chosen: Recipe = chosen_recipe(model, recipe, assignments)
    if vs is not None:
        plain(chosen)
    if chosen.tier != "cpu":
        raise UsageError(f"bench training takes recipes on bundled data, of tier cpu; {chosen.name} is {chosen.tier}.")
    bring_weights(chosen, offline=False)
    where = resolve_device(device)
    timed = time_training(chosen, where, steps, repeats, tutorial=vs is not None, bf16=bf16)
    stage = f"training step, batch {chosen.training.batch_size}"
    rows = [_row(f"{chosen.name}, {one.name}", stage, one, 1 / one.median, "steps/s", str(where)) for one in timed]
    head = ["loop", "steps/s", "images/s", "ms a step", f"x {timed[-1].name}"]
    lines = [
        [
            one.name,
            f"{1 / one.median:.2f}",
            f"{one.images / one.median:.0f}",
            f"{1000 * one.median:.1f}",
            f"{one.times(timed[-1]):.2f}",
        ]
        for one in timed
    ]
    _finish(chosen.name, stage, head, lines, rows, timed, append, json_file, json_target)


@click.command("sampling", short_help="Count images per second of a generator.")
@click.argument("subject", type=PLACE)
@click.option("--batch", "batches", default="1,64", show_default=True, metavar="N,N", help="Images per batch.")
@_ROUNDS
@_DEVICE
@_APPEND
@_JSON
def sampling(
    subject: str, batches: str, repeats: int, device: str, append: Path | None, json_target: str | None
) -> None:
    """Count images per second of a generator, from latents to bytes: a checkpoint, or a model by name (untrained).

    \b
    ganeval bench sampling dcgan
    ganeval bench sampling runs/dcgan.digits-cpu-seed0/last.safetensors --batch 1,16,64
    """
    json_file = _checked(append, json_target)
    sizes = parse_batches(batches)
    from ganeval.devices import resolve_device
    from ganeval.generators.shipped import checkpoint_file
    from ganeval.leaderboard.costs import LATENCY_P50
    from reference_models.benchmarks.timing import time_sampling, untrained_generator
    from reference_models.checkpoints.checkpoint import load_checkpoint
    from reference_models.models import MODELS
    from reference_models.recipes import RECIPES, default_recipe

    where, path = resolve_device(device), checkpoint_file(subject)
    if path.suffix == ".safetensors" or path.exists():
        loaded = load_checkpoint(path, where)
        network, spec, config, transform = loaded.network, loaded.spec, loaded.config, loaded.transform
        name = str(loaded.recipe.get("name") or spec.name)
    else:
        spec = MODELS.get(subject)
        plan = RECIPES.get(default_recipe(subject))
        config, transform, name = spec.configure(plan.settings), plan.data.transform, plan.name
        network = untrained_generator(plan, where)
    if not spec.kind.images:
        raise UsageError(f"{spec.name} gives numbers, not images. Name a model of images; see `ganeval list models`.")
    timed = time_sampling(network, spec, config, transform, sizes, repeats)
    rows = [_row(name, f"sampling, {one.name}", one, one.images / one.median, "images/s", str(where)) for one in timed]
    if timed[0].images == 1:
        rows.append(_row(name, LATENCY_P50.stage, timed[0], 1000 * timed[0].median, LATENCY_P50.unit, str(where)))
    head = ["batch", "images/s", "ms an image", "ms a batch"]
    lines = [
        [
            str(one.images),
            f"{one.images / one.median:.1f}",
            f"{1000 * one.median / one.images:.2f}",
            f"{1000 * one.median:.1f}",
        ]
        for one in timed
    ]
    _finish(name, "sampling, latents to bytes", head, lines, rows, timed, append, json_file, json_target)


def _checked(append: Path | None, json_target: str | None) -> Path | None:
    """The file of --json; every target is writable."""
    json_file = None if json_target in (None, "-") else Path(str(json_target))
    check_writable(append, json_file)
    return json_file


def _row(name: str, stage: str, one: "Timed", value: float, unit: str, device: str) -> "TimingRow":
    import statistics

    import torch

    from ganeval.bench.machine import describe_machine
    from ganeval.leaderboard.timings import TimingRow
    from ganeval.results.provenance import installed_versions

    per_call = [value * one.median / seconds if unit != "ms" else 1000 * seconds for seconds in one.seconds]
    return TimingRow(
        name=name,
        stage=stage,
        value=value,
        unit=unit,
        n=len(one.seconds),
        threads=torch.get_num_threads(),
        device=device,
        versions=installed_versions(),
        machine=describe_machine(),
        run=hashlib.sha256(repr(one).encode()).hexdigest()[:12],
        time=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        source=SOURCE,
        sd=statistics.stdev(per_call) if len(per_call) > 1 else None,
    )


def _finish(
    name: str,
    stage: str,
    head: list[str],
    lines: list[list[str]],
    rows: "list[TimingRow]",
    timed: "list[Timed]",
    append: Path | None,
    json_file: Path | None,
    json_target: str | None,
) -> None:
    """Rows of one run share its identifier; then files, then the table or JSON."""
    import dataclasses

    from ganeval.files.read_write import write_output
    from ganeval.leaderboard.timings import append_timings

    rows = [dataclasses.replace(row, run=rows[0].run, time=rows[0].time) for row in rows]
    if append is not None:
        append_timings(append, rows)
    measured = [dataclasses.asdict(one) for one in timed]
    text = json.dumps({"schema": 1, "measured": measured, "rows": [row.to_dict() for row in rows]}, indent=2)
    if json_file is not None:
        write_output(json_file, f"{text}\n".encode())
    if json_target == "-":
        click.echo(text)
        return
    threads = rows[0].threads
    notes = [
        f"{name}: {stage}; medians of {rows[0].n} rounds in turn; {rows[0].device}, {threads} "
        f"thread{'' if threads == 1 else 's'}",
        rows[0].machine,
    ]
    show_table(head, lines, notes)
