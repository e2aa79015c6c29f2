"""Summaries of Ray Data datasets: with two workers on this machine, byte for byte those of one process."""

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import DataError, UsageError
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.build_reference import build_reference

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of Ray itself


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, object_store_memory=2 * 10**8)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    for index in range(21):
        pixels = rng.integers(0, 256, (24, 20 + index % 3, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(where / f"{index:02d}.png")
    return where


@pytest.mark.parametrize("moments_only", [False, True])
def test_two_workers_give_the_summary_of_one_process(cluster, folder, tmp_path, moments_only):
    import ganeval.ray

    files = cluster.data.read_binary_files(str(folder), include_paths=True)
    out = tmp_path / "ray.safetensors"
    found = ganeval.ray.summarise(files, out, workers=2, batch_size=8, device="cpu", moments_only=moments_only)
    options = ScoreOptions(str(folder), device="cpu", cache=False, moments_only=moments_only)
    own = build_reference(options, ["efflite0"], Silent())

    assert (found.content_sha256, found.n, found.digests) == (own.content_sha256, 21, own.digests)
    assert (found.whole, found.facts) == (own.whole, own.facts)
    one, other = found.sets["efflite0"], own.sets["efflite0"]
    assert np.array_equal(one.moments.mean, other.moments.mean)
    assert np.array_equal(one.moments.scatter, other.moments.scatter)
    assert (one.bank is None) == (other.bank is None) == moments_only
    assert moments_only or np.array_equal(one.bank.rows(), other.bank.rows())
    scored = ganeval.score(out, reference=out, metrics="fd", device="cpu")
    assert scored["fd@efflite0"].value == pytest.approx(0.0, abs=1e-6)


def test_bad_datasets_are_refused(cluster, folder, tmp_path):
    import ganeval.ray

    files = cluster.data.read_binary_files(str(folder), include_paths=True)
    with pytest.raises(UsageError, match="has 3 CPUs; each worker takes one, and reading takes one"):
        ganeval.ray.summarise(files, tmp_path / "x.safetensors", workers=3)
    with pytest.raises(UsageError, match="without path"):
        ganeval.ray.summarise(cluster.data.read_binary_files(str(folder)), tmp_path / "x.safetensors")
    with pytest.raises(UsageError, match=r"must end in \.safetensors"):
        ganeval.ray.summarise(files, tmp_path / "x.npz")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.png").write_bytes(b"no picture")
    broken = cluster.data.read_binary_files(str(tmp_path / "bad"), include_paths=True)
    with pytest.raises(DataError, match=r"broken\.png"):
        ganeval.ray.summarise(broken, tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()
