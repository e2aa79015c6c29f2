"""What is remembered between runs: digests of unchanged files, moments and estimates; and when it is not believed."""

import os

import numpy as np
import pytest

from ganeval.cache import FeatureStore
from ganeval.engine import summarise
from ganeval.errors import BadImageError
from ganeval.estimates import cached_estimates
from ganeval.metrics.base import Estimate
from ganeval.metrics.frechet import FD
from ganeval.plan import ScoreOptions
from ganeval.scoring import score
from ganeval.sources.folder import FolderSource
from ganeval.sources.memo import DigestMemo

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the time of status change is POSIX's")


@pytest.fixture
def settled(monkeypatch):
    """Files count as settled at once: tests do not wait two seconds."""
    monkeypatch.setattr("ganeval.sources.memo.SETTLED_NS", -1)


def opened(folder, cache):
    source = FolderSource(folder)
    source.memo = DigestMemo(cache, folder)
    return source


def digests(source):
    found = [source.read(i).digest for i in range(len(source))]
    source.close()
    return found


def test_unchanged_files_are_not_opened_again(make_folder, tmp_path, settled, monkeypatch):
    folder = make_folder("images", 5)
    first = digests(opened(folder, tmp_path / "cache"))
    monkeypatch.setattr("ganeval.sources.folder.read_whole", lambda *_: pytest.fail("read again"))

    assert digests(opened(folder, tmp_path / "cache")) == first


def test_a_changed_file_is_read_again_even_with_its_old_size_and_time(make_folder, tmp_path, settled):
    folder = make_folder("images", 3)
    first = digests(opened(folder, tmp_path / "cache"))
    path = folder / "00001.png"
    before, data = path.stat(), bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    again = digests(opened(folder, tmp_path / "cache"))

    assert [a == b for a, b in zip(first, again, strict=True)] == [True, False, True]


def test_a_file_that_has_just_changed_is_not_remembered(make_folder, tmp_path):
    folder = make_folder("images", 3)
    digests(opened(folder, tmp_path / "cache"))

    memo = DigestMemo(tmp_path / "cache", folder)

    assert memo.find("00000.png", (folder / "00000.png").stat()) is None


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_memo_is_forgotten(make_folder, tmp_path, settled, damage):
    folder = make_folder("images", 3)
    digests(opened(folder, tmp_path / "cache"))
    (path,) = (tmp_path / "cache").glob("*.json")
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data[:-9] if damage == "cut" else data)

    memo = DigestMemo(tmp_path / "cache", folder)

    assert memo.find("00000.png", (folder / "00000.png").stat()) is None


def test_a_file_that_changes_between_its_digest_and_its_pixels_is_refused(make_folder, tmp_path, settled):
    folder = make_folder("images", 2)
    digests(opened(folder, tmp_path / "cache"))
    source = opened(folder, tmp_path / "cache")
    raw = source.read(0)
    (folder / "00000.png").write_bytes((folder / "00001.png").read_bytes())

    with pytest.raises(BadImageError, match="changed during the run"):
        raw.decode()


def test_two_writers_of_one_memo_keep_what_both_learnt(make_folder, tmp_path, settled):
    folder = make_folder("images", 4)
    a, b = opened(folder, tmp_path / "cache"), opened(folder, tmp_path / "cache")
    a.read(0), b.read(1)
    a.close()
    b.close()

    memo = DigestMemo(tmp_path / "cache", folder)

    known = [memo.find(f"0000{i}.png", (folder / f"0000{i}.png").stat()) is not None for i in range(4)]
    assert known == [True, True, False, False]


def test_moments_of_a_large_set_are_read_the_second_time(make_folder, toy, tmp_path, monkeypatch):
    monkeypatch.setattr("ganeval.engine.KEPT_MOMENTS", 10)
    source, store = FolderSource(make_folder("images", 12)), FeatureStore(tmp_path / "c", "toy|v1")
    first = summarise(source, [toy], {"toy": store}, batch_size=8, on_bad="fail").sets["toy"].moments
    (kept,) = (tmp_path / "c" / "moments").iterdir()
    monkeypatch.setattr("ganeval.summaries.moments.Moments.of", lambda _: pytest.fail("computed again"))
    again = summarise(source, [toy], {"toy": store}, batch_size=8, on_bad="fail").sets["toy"].moments
    monkeypatch.undo()
    monkeypatch.setattr("ganeval.engine.KEPT_MOMENTS", 10)
    kept.write_bytes(kept.read_bytes()[:-8])
    third = summarise(source, [toy], {"toy": store}, batch_size=8, on_bad="fail").sets["toy"].moments

    assert np.array_equal(first.scatter, again.scatter)
    assert np.array_equal(first.scatter, third.scatter)


def test_an_estimate_is_computed_once_for_the_same_sides(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"fd": Estimate(1.5, 0.1, (1.3, 1.7), 1.4, "m", "n")}

    first = cached_estimates(FD, ("a", "b", "p"), tmp_path, compute)
    again = cached_estimates(FD, ("a", "b", "p"), tmp_path, compute)
    assert first == again
    assert len(calls) == 1
    cached_estimates(FD, ("b", "a", "p"), tmp_path, compute)
    assert len(calls) == 2
    cached_estimates(FD, ("a", None, "p"), tmp_path, compute)
    assert len(calls) == 3
    for path in tmp_path.iterdir():
        path.write_text(path.read_text().replace("1.5", "2.5"))
    assert cached_estimates(FD, ("a", "b", "p"), tmp_path, compute) == first
    assert len(calls) == 4


def test_a_second_score_of_the_same_folders_solves_nothing_and_says_the_same(make_folder, monkeypatch):
    fake, real = make_folder("fake", 8), make_folder("real", 8, seed=1)
    options = ScoreOptions(str(fake), str(real), metrics="fd,kd", engine="torch")
    first = score(options).results
    monkeypatch.setattr("ganeval.metrics.frechet.frechet_of_summaries", lambda *_: pytest.fail("solved again"))

    again = score(options).results

    assert [(r.key, r.value, r.note, r.fingerprint) for r in again] == [
        (r.key, r.value, r.note, r.fingerprint) for r in first
    ]
