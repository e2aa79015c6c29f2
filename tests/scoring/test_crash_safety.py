"""Races and kills: whatever happens to a run, what it leaves is either whole or not believed."""

import hashlib
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image

from ganeval.metrics.frechet import frechet_distance
from ganeval.scoring.feature_store import FeatureStore
from ganeval.sources.folder import FolderSource
from tests.conftest import ToyBackbone
from tests.one_pass import summarise

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="SIGKILL")]
SPAWN = multiprocessing.get_context("spawn")
SHARD = 16


class SlowToy(ToyBackbone):
    """Takes its time, so that a kill meets every stage of the work."""

    def forward(self, prepared):
        time.sleep(0.02)
        return super().forward(prepared)


def score(folder, cache, ready=None):
    """One whole pass; says when it starts, so that imports do not count."""
    import ganeval.scoring.feature_pass

    ganeval.scoring.feature_pass.SHARD_ROWS = SHARD
    if ready is not None:
        ready.set()
    store = FeatureStore(cache, "toy|v1")
    return summarise(FolderSource(folder), [SlowToy()], {"toy": store}, batch_size=8, on_bad="fail")


def trusted(cache):
    """Every row that a later run would believe, digest -> features."""
    store = FeatureStore(cache, "toy|v1")
    rows = {digest: store.find(digest) for digest in store._places}
    return {
        digest: FeatureStore.load(row.shard, "features", np.array([row.row]))[0]
        for digest, row in rows.items()
        if row is not None
    }


def truth(folder):
    """Digest -> features, image by image, without a store."""
    from ganeval.scoring.feature_pass import run_network

    toy, source = ToyBackbone(), FolderSource(folder)
    raws = [source.read(i) for i in range(len(source))]
    return {raw.digest: run_network(toy, [raw.decode().pixels])[0][0] for raw in raws}


def test_three_processes_racing_on_one_cold_cache_leave_one_valid_cache(make_folder, tmp_path):
    folder, cache = make_folder("images", 120), tmp_path / "cache"
    alone = score(folder, tmp_path / "alone").sets["toy"].moments
    racers = [SPAWN.Process(target=score, args=(folder, cache)) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    after = score(folder, cache)

    assert [racer.exitcode for racer in racers] == [0, 0, 0]
    assert after.computed["toy"] == 0
    assert all(hashlib.sha256(p.read_bytes()).hexdigest()[:32] == p.stem for p in cache.glob("*.safetensors"))
    assert not list(cache.glob(".*.part"))
    other = alone.merge(alone)
    assert frechet_distance(other, after.sets["toy"].moments) == pytest.approx(frechet_distance(other, alone), abs=1e-9)


def test_a_kill_at_ten_random_moments_leaves_nothing_that_is_trusted_wrongly(make_folder, tmp_path):
    folder, cache = make_folder("images", 120), tmp_path / "cache"
    expected = truth(folder)
    rng, killed, believed = np.random.default_rng(0), 0, []
    for _ in range(10):
        ready = SPAWN.Event()
        victim = SPAWN.Process(target=score, args=(folder, cache, ready))
        victim.start()
        assert ready.wait(120)
        time.sleep(float(rng.uniform(0.0, 0.25)))
        if victim.is_alive():
            os.kill(victim.pid, signal.SIGKILL)
            killed += 1
        victim.join()
        found = trusted(cache)
        believed.append(len(found))
        for digest, features in found.items():
            assert np.allclose(features, expected[digest], rtol=1e-5, atol=1e-6)

    last = score(folder, cache)

    assert killed >= 5
    assert believed == sorted(believed), "a kill took back what was finished"
    assert last.computed["toy"] == len(expected) - believed[-1]
    assert trusted(cache).keys() == expected.keys()


def test_fifty_thousand_images_are_listed_in_two_seconds_and_summarised_in_bounded_memory(tmp_path):
    import resource
    import tarfile

    n, folder = 50_000, tmp_path / "many"
    folder.mkdir()
    from ganeval.sources.datasets.photos import photo, photo_names

    photos, rng = [photo(name) for name in photo_names()], np.random.default_rng(0)
    with tarfile.open(tmp_path / "many.tar", "w") as tar:
        for i in range(n):
            whole = photos[i % len(photos)]
            top, left = rng.integers(whole.shape[1] - 32), rng.integers(whole.shape[2] - 32)
            path = folder / f"{i:06d}.bmp"
            Image.fromarray(whole[:, top : top + 32, left : left + 32].transpose(1, 2, 0)).save(path)
            tar.add(path, path.name)
    seconds = {}
    for name in ("many", "many.tar"):
        from ganeval.sources.resolve import open_source

        started = time.process_time()
        source = open_source(str(tmp_path / name), data_root=None)
        seconds[name] = time.process_time() - started
        assert len(source) == n
        source.close()
    steps = []
    store = {"toy": FeatureStore(tmp_path / "cache", "toy|v1")}
    few = FolderSource(folder)
    few.items = few.items[:2000]
    summarise(few, [ToyBackbone()], store, batch_size=64, on_bad="fail")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    all_of = summarise(
        FolderSource(folder), [ToyBackbone()], store, batch_size=64, on_bad="fail", progress=steps.append
    )
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    assert (all_of.n, sum(steps)) == (n, n)
    assert grown < 150, f"{grown:.0f} MiB more for 25 times the images"  # their names, digests and facts
    assert max(seconds.values()) < 2.0, seconds
