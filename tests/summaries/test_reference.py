"""Reference files: read back as written, mu/sigma files of other tools are read and marked, lies are refused."""

import numpy as np
import pytest
from safetensors.numpy import save_file

import ganeval
from ganeval.errors import ProtocolMismatchError, ReferenceStatisticsError
from ganeval.metrics.frechet import frechet_distance
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.build_reference import build_reference
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from ganeval.summaries.reference_file import (
    BackboneFacts,
    ReferenceStatistics,
    is_statistics_file,
    load_reference,
    save_reference,
)
from tests.one_pass import score

ROWS = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)


def statistics(labels=None):
    summary = SetSummary(Moments.of(ROWS), FeatureBank.of(ROWS), None, labels)
    facts = {"efflite0": BackboneFacts("ab" * 32, "resize", "exact")}
    return ReferenceStatistics("images", "cd" * 32, 20, "decode", {"efflite0": summary}, facts)


def test_a_file_gives_back_what_was_written(tmp_path):
    path = tmp_path / "r.safetensors"
    original = statistics(tuple("ab" * 10))
    size = save_reference(path, original, features=True)
    loaded = load_reference(path)

    assert size == path.stat().st_size
    assert (loaded.name, loaded.content_sha256, loaded.n, loaded.facts) == ("images", "cd" * 32, 20, original.facts)
    assert np.array_equal(loaded.sets["efflite0"].bank.rows(), ROWS)
    assert np.array_equal(loaded.sets["efflite0"].moments.scatter, original.sets["efflite0"].moments.scatter)
    assert loaded.sets["efflite0"].labels == tuple("ab" * 10)
    assert not loaded.peer


def test_without_features_only_the_moments_are_there(tmp_path):
    save_reference(tmp_path / "r.safetensors", statistics(tuple("ab" * 10)), features=False)
    loaded = load_reference(tmp_path / "r.safetensors").sets["efflite0"]

    assert loaded.bank is None
    assert loaded.labels is None
    assert loaded.moments.n == 20


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "checkpoint", "flip"])
def test_files_that_are_not_what_they_claim_are_refused(tmp_path, damage):
    path = tmp_path / "r.safetensors"
    save_reference(path, statistics(), features=True)
    data = path.read_bytes()
    if damage == "checkpoint":
        save_file({"weight": np.ones(3, np.float32)}, path)
    else:
        flipped = bytearray(data)
        flipped[-5] ^= 1
        path.write_bytes({"text": b"hello world", "empty": b"", "cut": data[:-30], "flip": bytes(flipped)}[damage])

    with pytest.raises(ReferenceStatisticsError, match=r"r\.safetensors"):
        load_reference(path)


def peer_file(path, mu, sigma):
    np.savez(path, mu=mu, sigma=sigma)
    return path


def test_a_peers_file_gives_the_distance_of_its_moments(tmp_path):
    rng = np.random.default_rng(1)
    real = rng.normal(size=(2100, 2048)).astype(np.float32)
    fake = Moments.of(rng.normal(size=(40, 2048)) + 0.1)
    path = peer_file(tmp_path / "stats.npz", real.mean(0), np.cov(real, rowvar=False))
    loaded = load_reference(path)

    assert is_statistics_file(path)
    assert loaded.peer
    assert loaded.n is None
    assert frechet_distance(loaded.sets["inception"].moments, fake) == pytest.approx(
        frechet_distance(Moments.of(real), fake), rel=1e-6
    )


class Touch:
    """Unpickling it would leave a file, which no test may see."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickled_dict_of_mu_and_sigma_is_read_without_running_it(tmp_path):
    """As pytorch-fid's first files were saved: numpy.save of a dict."""
    rng = np.random.default_rng(1)
    real = rng.normal(size=(2100, 2048)).astype(np.float32)
    mu, sigma = real.mean(0), np.cov(real, rowvar=False)
    plain = load_reference(peer_file(tmp_path / "stats.npz", mu, sigma))
    np.save(tmp_path / "stats.npy", {"mu": mu, "sigma": sigma}, allow_pickle=True)
    pickled = load_reference(tmp_path / "stats.npy")

    assert is_statistics_file(tmp_path / "stats.npy")
    assert pickled.peer
    np.testing.assert_array_equal(pickled.sets["inception"].moments.scatter, plain.sets["inception"].moments.scatter)
    evil = {"mu": Touch(tmp_path / "trace"), "sigma": sigma}
    np.save(tmp_path / "evil.npy", evil, allow_pickle=True)
    with pytest.raises(ReferenceStatisticsError, match="nothing of it was run"):
        load_reference(tmp_path / "evil.npy")
    np.save(tmp_path / "list.npy", np.array([{"mu": mu}, {"sigma": sigma}], dtype=object), allow_pickle=True)
    with pytest.raises(ReferenceStatisticsError, match="nothing of it was run"):
        load_reference(tmp_path / "list.npy")
    np.save(tmp_path / "images.npy", np.zeros((2, 4, 4, 3), np.uint8))
    assert not is_statistics_file(tmp_path / "images.npy")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("mu", "sigma", "words"),
    [
        (np.zeros(5), lambda: np.eye(5), "5 dimensions"),
        (np.zeros(2048), lambda: np.eye(3), "expected"),
        (np.zeros((2, 2)), lambda: np.eye(2), "expected"),
        (np.full(2048, np.nan), lambda: np.eye(2048), "NaN"),
        (np.zeros(2048), lambda: np.triu(np.ones((2048, 2048))), "not symmetric"),
    ],
)
def test_a_peers_file_of_another_kind_is_refused(tmp_path, mu, sigma, words):
    with pytest.raises(ReferenceStatisticsError, match=words):
        load_reference(peer_file(tmp_path / "stats.npz", mu, sigma()))


def test_a_pickle_inside_an_npz_is_refused(tmp_path):
    path = peer_file(tmp_path / "stats.npz", np.array([{}], dtype=object), np.eye(2))

    with pytest.raises(ReferenceStatisticsError, match="cannot be read"):
        load_reference(path)


def test_an_npz_of_images_is_no_statistics_file(tmp_path):
    np.savez(tmp_path / "images.npz", arr_0=np.zeros((2, 4, 4, 3), np.uint8))

    assert not is_statistics_file(tmp_path / "images.npz")
    assert not is_statistics_file(tmp_path / "missing.npz")


def test_a_file_of_another_protocol_cannot_stand_for_the_reference(tmp_path, make_folder):
    folder = str(make_folder("images", 4))
    built = build_reference(ScoreOptions(folder, engine="torch"), ["efflite0"], Silent())
    old = {"efflite0": BackboneFacts(built.facts["efflite0"].weights_sha256, "bilinear-224", "exact")}
    changed = ReferenceStatistics(built.name, built.content_sha256, built.n, built.decode, built.sets, old)
    save_reference(tmp_path / "old.safetensors", changed, features=True)

    with pytest.raises(ProtocolMismatchError, match="another protocol of efflite0"):
        score(ScoreOptions(folder, str(tmp_path / "old.safetensors"), metrics="fd", engine="torch"))


def test_python_scores_a_statistics_file_as_a_subject(tmp_path, monkeypatch, make_folder):
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    folder, file = make_folder("set", 6), tmp_path / "set.safetensors"
    options = ScoreOptions(str(folder), device="cpu")
    save_reference(file, build_reference(options, ["pixels"], Silent()), features=True)

    assert ganeval.score(file, reference=folder, metrics="fd@pixels")["fd@pixels"].value == pytest.approx(0, abs=1e-9)
