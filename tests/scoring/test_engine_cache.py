"""The loop over images and the feature store: each image once, the same number for any batch, writes that are safe."""

import hashlib
import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save

from ganeval.errors import BadImageError, DataError
from ganeval.files.read_write import write_atomically
from ganeval.metrics.frechet import frechet_distance
from ganeval.scoring.feature_pass import run_network
from ganeval.scoring.feature_store import FeatureStore
from ganeval.sources.base import Subset, content_hash, seeded_subset
from ganeval.sources.folder import FolderSource
from ganeval.sources.image_facts import ImageFacts
from tests.conftest import ToyBackbone
from tests.one_pass import summarise

FACTS = ImageFacts(4, 5, "png", ("grey",))


def store(folder):
    return FeatureStore(folder, "toy|v1")


def go(source, toy, folder, **options):
    options = {"batch_size": 8, "on_bad": "fail"} | options
    return summarise(source, [toy], {"toy": store(folder)}, **options)


# ---- the store


def test_written_rows_are_found_again_by_digest(tmp_path):
    features, logits = np.arange(12, dtype=np.float32).reshape(3, 4), np.ones((3, 2), dtype=np.float32)
    digests = [hashlib.sha256(bytes([i])).digest() for i in range(3)]
    store(tmp_path).write(digests, [FACTS] * 3, features, logits)

    row = store(tmp_path).find(digests[1])

    assert row.facts == FACTS
    assert np.array_equal(FeatureStore.load(row.shard, "features", np.array([row.row])), features[1:2])
    assert store(tmp_path).find(hashlib.sha256(b"other").digest()) is None


def test_largest_samples_are_kept_and_16_bit_images_of_shards_without_them_are_decoded_again(tmp_path):
    digests = [hashlib.sha256(bytes([i])).digest() for i in range(3)]
    deep = ImageFacts(4, 5, "png", ("16-bit",), 4095)
    facts = [deep, replace(deep, peak=None), FACTS]
    store(tmp_path).write(digests, facts, np.ones((3, 4), np.float32), None)
    assert [store(tmp_path).find(digest).facts for digest in digests] == facts

    (shard,) = tmp_path.glob("*.safetensors")
    with safe_open(shard, framework="numpy") as file:
        meta, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    old = [{"format": kind["format"], "notes": kind["notes"]} for kind in json.loads(meta["facts"])]
    data = save(tensors, metadata={**meta, "facts": json.dumps(old)})
    shard.unlink()
    (tmp_path / f"{hashlib.sha256(data).hexdigest()[:32]}.safetensors").write_bytes(data)

    assert [row and row.facts for row in map(store(tmp_path).find, digests)] == [None, None, FACTS]

    (tmp_path / f"{hashlib.sha256(data).hexdigest()[:32]}.safetensors").unlink()
    data = save(tensors, metadata={**meta, "facts": meta["facts"].replace("4095", '"4095"')})
    (tmp_path / f"{hashlib.sha256(data).hexdigest()[:32]}.safetensors").write_bytes(data)
    assert [store(tmp_path).find(digest) for digest in digests] == [None] * 3


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "append"])
def test_an_altered_shard_is_never_trusted(tmp_path, damage):
    digest = hashlib.sha256(b"x").digest()
    store(tmp_path).write([digest], [FACTS], np.ones((1, 4), np.float32), None)
    (shard,) = tmp_path.glob("*.safetensors")
    data = bytearray(shard.read_bytes())
    if damage == "flip":
        data[-2] ^= 1
    shard.write_bytes({"flip": data, "cut": data[:-5], "empty": b"", "append": data + b"\0"}[damage])

    assert store(tmp_path).find(digest) is None


def test_a_shard_of_another_protocol_is_ignored(tmp_path):
    digest = hashlib.sha256(b"x").digest()
    store(tmp_path).write([digest], [FACTS], np.ones((1, 4), np.float32), None)

    assert FeatureStore(tmp_path, "toy|v2").find(digest) is None


def test_an_interrupted_write_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    target = tmp_path / "file"
    write_atomically(target, b"old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))

    with pytest.raises(OSError, match="No space"):
        write_atomically(target, b"new")

    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


# ---- the loop


def test_each_image_goes_through_the_network_once_and_not_at_all_the_second_time(make_folder, toy, tmp_path):
    source = FolderSource(make_folder("images", 30))

    first = go(source, toy, tmp_path / "cache")
    second = go(source, toy, tmp_path / "cache")

    assert toy.seen == 30
    assert (first.computed["toy"], second.computed["toy"]) == (30, 0)
    assert second.content_sha256 == first.content_sha256
    assert np.array_equal(second.sets["toy"].bank.rows(), first.sets["toy"].bank.rows())
    assert second.facts == first.facts


def test_new_images_are_computed_alone_and_renames_are_free(make_folder, toy, tmp_path):
    folder = make_folder("images", 30)
    go(FolderSource(folder), toy, tmp_path / "cache")
    folder.joinpath("00000.png").rename(folder / "renamed.png")
    Image.new("RGB", (9, 9), "red").save(folder / "00011a.png")

    again = go(FolderSource(folder), toy, tmp_path / "cache")

    assert again.n == 31
    assert again.computed["toy"] == 1


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_batch_size_does_not_matter(make_folder, toy, tmp_path, batch_size):
    source = FolderSource(make_folder("images", 40, sizes=[(12, 12), (20, 9), (33, 40)]))
    other = FolderSource(make_folder("others", 30, seed=5))
    whole = go(source, toy, tmp_path / "a", batch_size=16)
    reference = go(other, toy, tmp_path / "a").sets["toy"].moments

    split = go(source, toy, tmp_path / f"b{batch_size}", batch_size=batch_size)

    assert np.allclose(split.sets["toy"].bank.rows(), whole.sets["toy"].bank.rows(), rtol=1e-5, atol=1e-6)
    assert frechet_distance(reference, split.sets["toy"].moments) == pytest.approx(
        frechet_distance(reference, whole.sets["toy"].moments), rel=1e-5
    )


def test_shards_of_any_size_give_the_same_number(make_folder, toy, tmp_path, monkeypatch):
    source = FolderSource(make_folder("images", 40))
    whole = go(source, toy, tmp_path / "a").sets["toy"]
    monkeypatch.setattr("ganeval.scoring.feature_pass.SHARD_ROWS", 8)

    split = go(source, toy, tmp_path / "b").sets["toy"]

    assert len(list((tmp_path / "b").glob("*.safetensors"))) == 5
    assert len(split.bank.blocks) == 5
    assert np.array_equal(split.bank.rows(), whole.bank.rows())
    assert np.allclose(split.moments.scatter, whole.moments.scatter, rtol=1e-12)


def test_copies_count_as_images_but_are_computed_once(make_folder, toy, tmp_path):
    folder = make_folder("images", 10)
    for i in range(5):
        shutil.copy(folder / "00003.png", folder / f"copy{i}.png")

    summary = go(FolderSource(folder), toy, tmp_path / "cache")

    assert summary.n == 15
    assert summary.sets["toy"].moments.n == 15
    assert summary.computed["toy"] == 10


def test_a_bad_image_fails_or_is_skipped_and_counted(make_folder, toy, tmp_path):
    folder = make_folder("images", 10)
    (folder / "00004.png").write_bytes((folder / "00004.png").read_bytes()[:60])
    (folder / "notes.png").write_text("not an image")

    with pytest.raises(BadImageError, match=r"00004\.png"):
        go(FolderSource(folder), toy, tmp_path / "cache")
    summary = go(FolderSource(folder), toy, tmp_path / "cache", on_bad="skip")

    assert summary.n == 9
    assert len(summary.skipped) == 2
    assert summary.sets["toy"].bank.indices().tolist() == list(range(9))


def test_nothing_but_bad_images_is_an_error(make_folder, toy, tmp_path):
    folder = make_folder("images", 2)
    for path in folder.iterdir():
        path.write_bytes(b"")

    with pytest.raises(DataError, match=r"No image of .* could be decoded \(2 images\)"):
        go(FolderSource(folder), toy, tmp_path / "cache", on_bad="skip")


def test_nan_features_stop_the_run_and_are_not_cached(make_folder, toy, tmp_path):
    toy.projection[:] = float("nan")

    with pytest.raises(DataError, match="NaN or infinite features for 8 of 8 images"):
        go(FolderSource(make_folder("images", 10)), toy, tmp_path / "cache")

    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_costs_only_the_cache(make_folder, toy, tmp_path):
    blocked = tmp_path / "cache"
    blocked.write_text("a file where the folder should be")

    summary = go(FolderSource(make_folder("images", 10)), toy, blocked)

    assert summary.sets["toy"].bank.rows().shape == (10, 16)
    assert "cannot be written" in summary.warnings[0]


def test_progress_counts_every_image(make_folder, toy, tmp_path):
    steps = []
    go(FolderSource(make_folder("images", 11)), toy, tmp_path / "cache", progress=steps.append)

    assert sum(steps) == 11


def test_an_image_gets_the_same_features_in_any_company(toy):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (3, h, w), dtype=np.uint8) for h, w in [(9, 9), (20, 7), (9, 9), (31, 16)]]

    together, logits = run_network(toy, images)

    for i, image in enumerate(images):
        alone, _ = run_network(toy, [image])
        assert np.allclose(alone[0], together[i], rtol=1e-5, atol=1e-6)
    assert logits.shape == (4, 5)


def test_class_folders_become_labels(make_folder, toy, tmp_path):
    folder = make_folder("images", 6)
    for i, path in enumerate(sorted(folder.iterdir())):
        target = folder / ("cat" if i % 2 else "dog")
        target.mkdir(exist_ok=True)
        path.rename(target / path.name)

    assert go(FolderSource(folder), toy, tmp_path / "c").sets["toy"].labels == ("cat",) * 3 + ("dog",) * 3


def _summarise_part(folder, cache, indices):
    summarise(
        Subset(FolderSource(folder), indices),
        [ToyBackbone()],
        {"toy": FeatureStore(cache, "toy|v1")},
        batch_size=4,
        on_bad="fail",
    )


@pytest.mark.parametrize("processes", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_any_number_of_processes_gives_the_same_number(make_folder, toy, tmp_path, monkeypatch, processes):
    """Parts computed by processes at once, this one among them, into one cold cache, with a part that all share."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))  # torch-fidelity installs a package `tests`, too
    folder, other = make_folder("images", 30), FolderSource(make_folder("others", 30, seed=5))
    reference = go(other, toy, tmp_path / "a").sets["toy"].moments
    alone = go(FolderSource(folder), toy, tmp_path / "a").sets["toy"].moments
    context = multiprocessing.get_context("spawn")
    mine, *theirs = [sorted({*range(k, 30, processes), *range(5)}) for k in range(processes)]
    workers = [context.Process(target=_summarise_part, args=(folder, tmp_path / "b", part)) for part in theirs]
    for worker in workers:
        worker.start()
    _summarise_part(folder, tmp_path / "b", mine)
    for worker in workers:
        worker.join()

    merged = go(FolderSource(folder), toy, tmp_path / "b")

    assert [worker.exitcode for worker in workers] == [0] * (processes - 1)
    assert merged.computed["toy"] == 0
    assert frechet_distance(reference, merged.sets["toy"].moments) == pytest.approx(
        frechet_distance(reference, alone), rel=1e-5
    )


# ---- subsets and content


def test_a_seeded_subset_is_the_same_each_time_and_another_for_another_seed(make_folder):
    source = FolderSource(make_folder("images", 30))

    names = [[item.name for item in seeded_subset(source, 10, seed).items] for seed in (0, 0, 1)]

    assert names[0] == names[1] == sorted(names[0])
    assert names[0] != names[2]
    assert seeded_subset(source, 30, 0) is source
    assert seeded_subset(source, None, 0) is source


def test_a_subset_reads_the_items_it_names(make_folder):
    source = FolderSource(make_folder("images", 10))
    subset = Subset(source, [7, 2])

    assert [subset.read(i).digest for i in range(2)] == [source.read(2).digest, source.read(7).digest]


def test_the_content_hash_sees_content_and_not_order():
    a, b = b"a" * 32, b"b" * 32

    assert content_hash([a, b]) == content_hash([b, a])
    assert content_hash([a, b]) != content_hash([a, a, b])
