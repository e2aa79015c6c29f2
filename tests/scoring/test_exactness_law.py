"""The exactness law: one number whatever the batch, the processes, the engine and however often the run was killed."""

import importlib.util
import itertools
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.backbones.engines import use_engine
from ganeval.backbones.loading import load_backbone
from ganeval.metrics.frechet import frechet_of_summaries
from ganeval.scoring.feature_pass import Walked
from ganeval.scoring.feature_store import FeatureStore
from ganeval.scoring.loaded_networks import store_protocol
from ganeval.sources.base import Subset
from ganeval.sources.folder import FolderSource
from tests.one_pass import summarise

CPU = torch.device("cpu")
ENGINES = ["torch", *(["openvino"] if importlib.util.find_spec("openvino") else [])]
N = 30
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home, rng = tmp_path_factory.mktemp("law"), np.random.default_rng(0)
    for name in ("fake", "real"):
        (home / name).mkdir()
        for i in range(N):
            height, width = [(40, 40), (64, 31), (20, 90)][i % 3]
            coarse = rng.integers(0, 256 if name == "real" else 128, (-(-height // 8), -(-width // 8), 3))
            pixels = np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)[:height, :width]
            Image.fromarray(pixels).save(home / name / f"{i:03d}.png")
    return home


def run_share(engine, home, cache, engines, batch, rank, count):
    """One process: its share of both folders into the store."""
    backbone, store = opened(engine, cache, engines)
    for side in ("real", "fake"):
        source = FolderSource(home / side)
        own = Subset(source, range(len(source) * rank // count, len(source) * (rank + 1) // count))
        walked = Walked.of([backbone], {backbone.info.name: store})
        walked.add(own, batch, "fail")
        walked.finish(own.name)


def opened(engine, cache, engines):
    torch.set_num_threads(1)
    backbone = load_backbone("efflite0", device=CPU)
    use_engine(backbone, engine, "exact", engines)
    return backbone, FeatureStore(cache, store_protocol(backbone))


def distance(engine, home, cache, engines, batch):
    """What is left to do, done by one process, and the number."""
    backbone, store = opened(engine, cache, engines)
    name = backbone.info.name
    sides = [
        summarise(FolderSource(home / side), [backbone], {name: store}, batch_size=batch, on_bad="fail")
        for side in ("real", "fake")
    ]
    return frechet_of_summaries(*(side.sets[name] for side in sides)), sides


def in_processes(engine, home, cache, engines, batch, count, kill):
    """Both folders in shares; with `kill` the first process is killed as soon as it has written something."""
    workers = [
        SPAWN.Process(target=run_share, args=(engine, home, cache, engines, batch, rank, count))
        for rank in range(count)
    ]
    for worker in workers:
        worker.start()
    if kill:
        deadline = time.monotonic() + 60
        while not list(cache.glob("*")) and workers[0].is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(workers[0].pid, signal.SIGKILL)
    for worker in workers:
        worker.join()


@pytest.mark.slow
def test_the_batch_does_not_matter_to_the_last_digit(folders, tmp_path):
    values = [distance("torch", folders, tmp_path / str(batch), None, batch)[0] for batch in (1, 64)]

    assert values[0] == pytest.approx(values[1], rel=1e-9)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_batch_processes_kills_and_engine_give_one_number(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("ganeval.scoring.feature_pass.SHARD_ROWS", 8)
    values = {}
    for engine in ENGINES:
        alone, _ = distance(engine, folders, tmp_path / f"{engine}-alone", tmp_path / "engines", 16)
        values[engine] = alone
        for batch, count, kill in itertools.product((1, 7, 64), (1, 2, 3), (False, True)):
            cache = tmp_path / f"{engine}-{batch}-{count}-{kill}"
            if count > 1 or kill:
                in_processes(engine, folders, cache, tmp_path / "engines", batch, count, kill)
            value, sides = distance(engine, folders, cache, tmp_path / "engines", batch)
            print(f"{engine} batch {batch} processes {count} killed {kill}: off by {value / alone - 1:.1e}")  # noqa: T201 - figures for the reader
            assert value == pytest.approx(alone, rel=1e-9), (engine, batch, count, kill)
            if count > 1 and not kill:
                assert [side.computed["efflite0"] for side in sides] == [0, 0]
    for engine in ENGINES:
        assert values[engine] == pytest.approx(values["torch"], rel=1e-5)
