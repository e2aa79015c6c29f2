"""What recipes cost: sampling, latency, training, memory, size and work of every recipe that has a measured score.

`make bench BENCH=tests/benchmarks/bench_recipes.py`, then `ganeval leaderboard add build/benchmark.json`. Recipes whose
data are not on this machine (GANEVAL_DATA) are not trained, and the row is left out.

Times are CPU time of one thread, so that other work on the machine hardly counts.
"""

import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from ganeval.bench.process import run_process
from ganeval.errors import DataError, WeightsError
from ganeval.leaderboard import costs
from ganeval.leaderboard.pytest_benchmark import TIMINGS
from reference_models.benchmarks.timing import operations, time_steps, untrained_drawer, untrained_generator
from reference_models.models import MODELS
from reference_models.recipes import RECIPES

CPU = torch.device("cpu")
ONE, BATCH, STEPS = 100, 7, 24  # rounds; the last are steps, spread over the plan
CHOSEN = [name for name in RECIPES if RECIPES.get(name).expected]
DATA = Path(os.environ["GANEVAL_DATA"]) if "GANEVAL_DATA" in os.environ else None


pytestmark = pytest.mark.benchmark(timer=time.process_time)


@pytest.fixture(autouse=True)
def private_cache():
    """The user's own cache in place of an empty one: some recipes need weights, which are fetched once."""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def measured(name, kind, value, n, sd=None):
    facts = {"threads": 1, "note": "times are CPU time"}
    return {"name": name, "stage": kind.stage, "unit": kind.unit, "value": value, "n": n, "sd": sd, **facts}


def seconds_of(benchmark):
    return list(benchmark.stats.stats.data)


def rate(name, kind, seconds, images):
    rates = [images / one for one in seconds]
    return measured(name, kind, images / statistics.median(seconds), len(seconds), statistics.stdev(rates))


@pytest.mark.parametrize("name", CHOSEN)
def test_one_image(benchmark, name):
    draw, numbers = untrained_drawer(RECIPES.get(name), 1, CPU), iter(range(10**6))
    benchmark.pedantic(lambda: draw(next(numbers)), rounds=ONE, warmup_rounds=3)
    seconds = seconds_of(benchmark)
    p50, p95 = (1000 * float(np.quantile(seconds, q)) for q in (0.5, 0.95))
    parameters = sum(p.numel() for p in untrained_generator(RECIPES.get(name), CPU).parameters())
    benchmark.extra_info[TIMINGS] = [
        rate(name, costs.SAMPLING_ONE, seconds, 1),
        measured(name, costs.LATENCY_P50, p50, ONE),
        measured(name, costs.LATENCY_P95, p95, ONE),
        measured(name, costs.PARAMETERS, parameters, 1),
        measured(name, costs.WORK, operations(draw), 1),
    ]


@pytest.mark.parametrize("name", CHOSEN)
def test_batch(benchmark, name):
    draw, numbers = untrained_drawer(RECIPES.get(name), 64, CPU), iter(range(10**6))
    benchmark.pedantic(lambda: draw(next(numbers)), rounds=BATCH, warmup_rounds=1)
    benchmark.extra_info[TIMINGS] = [rate(name, costs.SAMPLING, seconds_of(benchmark), 64)]


@pytest.mark.parametrize("name", CHOSEN)
def test_training(benchmark, name):
    """The mean step of the plan, times its steps: without scores, grids and checkpoints."""
    recipe = RECIPES.get(name)
    try:
        seconds = benchmark.pedantic(time_steps, args=(recipe, CPU, STEPS, time.process_time, DATA), rounds=1)
    except (DataError, WeightsError) as error:
        pytest.skip(str(error))
    steps = recipe.training.steps
    whole = [steps * one for one in seconds]
    benchmark.extra_info[TIMINGS] = [
        measured(name, costs.TRAINING, statistics.fmean(whole), len(whole), statistics.stdev(whole))
    ]


@pytest.mark.parametrize(("stage", "kind"), [("sampling", costs.SAMPLING_MEMORY), ("training", costs.TRAINING_MEMORY)])
@pytest.mark.parametrize("name", CHOSEN)
def test_memory(benchmark, name, stage, kind):
    command = [sys.executable, "-m", "reference_models.benchmarks.peak_memory", name, stage]
    command += [] if DATA is None else [str(DATA)]
    try:
        run = benchmark.pedantic(run_process, args=(name, command, {}, 600.0), rounds=1)
    except DataError as error:
        pytest.skip(str(error))
    benchmark.extra_info[TIMINGS] = [measured(name, kind, float(run.output), 1)]


def test_every_model_is_among_them():
    assert {RECIPES.get(name).model for name in CHOSEN} == set(MODELS)
