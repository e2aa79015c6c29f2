"""Steps of five models, then whole recipes by priority, as many as the time allows."""

import functools
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import torch

from reference_models.benchmarks.timing import time_training
from reference_models.recipes import RECIPES, default_recipe
from tests.gpu.speeds import timing
from tests.gpu.work import CheckError, Task, Work

MODELS = ("gan-mlp", "dcgan", "cgan-conv", "srresnet", "cyclegan")
# Best value first: what two CPU cores need hours for, and what the quality bar is about.
PRIORITY = (
    "dcgan.fashion-mnist",
    "wgan-gp.fashion-mnist",
    "cgan-conv.fashion-mnist",
    "gan-mlp.fashion-mnist",
    "progan.fashion-mnist",
    "gan-bn.fashion-mnist",
    "cgan-mnist.fashion-mnist",
    "cgan-dense.fashion-mnist",
    "wgan.fashion-mnist",
    "lsgan.fashion-mnist",
    "hinge-gan.fashion-mnist",
    "gan-fcn-cnn.fashion-mnist",
    "gan-mlp-small.fashion-mnist",
    "gan-fashion.fashion-mnist",
)
PACKED = 12 * 2**20  # bytes of the archive of run folders


def steps(work: Work, model: str) -> None:
    """Seconds of a training step, in float32 and bfloat16, in turn."""
    recipe = RECIPES.get(default_recipe(model))
    calls = 20 if work.device == "cuda" else 2
    timed = time_training(recipe, torch.device(work.device), calls, 3, tutorial=False, bf16=True)
    for one in timed:
        work.record("training step", recipe=recipe.name, loop=one.name, steps_s=1 / one.median)
        stage = f"training step, batch {recipe.training.batch_size}"
        timing(work, f"{recipe.name}, {one.name}", stage, 1 / one.median, "steps/s", len(one.seconds))


def recipe(work: Work, name: str) -> None:
    """A whole recipe, seed 0: resumed where an earlier call was cut off, stopped where the time is over."""
    data = os.environ.get("GANEVAL_DATA")
    if data is None or not (Path(data) / "FashionMNIST").is_dir():
        work.record("recipe", recipe=name, skipped="GANEVAL_DATA names no folder with FashionMNIST")
        return
    folder = work.kept / "runs" / f"{name}-seed0"
    command = [sys.executable, "-m", "ganeval.cli.main", "train-reference", name.partition(".")[0], "--recipe", name]
    command += ["--out", str(folder), "--device", work.device, "--offline", "--json"]
    if folder.exists():
        command.append("--resume")
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        text, _ = process.communicate(timeout=max(work.left, 1.0))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate()
        raise CheckError(f"{name}: the time is over, the next call resumes it; {text[-300:]}") from None
    found = json.loads(text[text.index("{") :]) if process.returncode == 0 and "{" in text else text[-600:]
    work.expect("recipe", process.returncode == 0, recipe=name, seconds=time.monotonic() - started, result=found)


def pack_runs(work: Work) -> None:
    """Run folders in one archive, without the resumable state: checkpoints, metrics, grids, recipe."""
    runs = sorted((work.kept / "runs").glob("*")) if (work.kept / "runs").is_dir() else []
    if not runs:
        return
    size = 0
    with tarfile.open(work.out / "runs.tar", "w") as archive:
        for path in (path for run in runs for path in sorted(run.rglob("*")) if path.is_file()):
            if path.name in ("state.safetensors", "untrained.safetensors") or size + path.stat().st_size > PACKED:
                continue
            size += path.stat().st_size
            archive.add(path, path.relative_to(work.kept))


TRAINING = (
    *(Task(f"steps-{model}", functools.partial(steps, model=model)) for model in MODELS),
    *(Task(f"recipe-{name}", functools.partial(recipe, name=name)) for name in PRIORITY),
)
