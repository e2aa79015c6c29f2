"""`ganeval.Evaluator`: the numbers of `ganeval.score`, with everything loaded and read once."""

import dataclasses
import json
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
import torch.distributed as dist
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import ganeval
from ganeval.backbones import loading
from ganeval.errors import DataError, TooFewSamplesError, UsageError
from ganeval.gate.scorer import Scorer
from ganeval.options import ScoreOptions
from ganeval.options.table import keyword_of, taken_by
from ganeval.progress import Silent
from ganeval.scoring.several_subjects import score_several
from ganeval.sources.arrays import ArraySource
from ganeval.sources.folder import FolderSource
from tests.conftest import TOY, ToyBackbone

RNG = np.random.default_rng(3)
REAL = RNG.integers(0, 200, (48, 12, 12, 3), dtype=np.uint8)
FAKE = RNG.integers(40, 256, (41, 12, 12, 3), dtype=np.uint8)
KEYS = "fd@pixels,kd@pixels,mind@pixels,prdc@pixels"


def rows_of(scores, *, but=("timing",)):
    """Rows as JSON, without times and without the word on what was cached."""
    told = []
    for row in scores:
        fields = row.to_dict()
        for name in but:
            fields.pop(name)
        fields["provenance"].pop("time")
        fields["provenance"]["engine"] = fields["provenance"]["engine"].removesuffix(" (cached)")
        told.append(json.dumps(fields, sort_keys=True))
    return told


def folder_of(path, images):
    path.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(path / f"{i:06d}.png")
    return path


# ---- many subjects


@pytest.mark.parametrize("cache", [True, False])
def test_five_subjects_load_the_network_once_and_read_the_reference_once(tmp_path, monkeypatch, cache):
    read, loaded = [], []
    real = folder_of(tmp_path / "real", REAL)
    subjects = [folder_of(tmp_path / f"s{i}", np.roll(FAKE, i, axis=2)) for i in range(5)]
    plain, load = FolderSource.read, loading.load_backbone

    def counted(self, index):
        raw = plain(self, index)

        def decode():
            read.append(self.name)
            return raw.decode()

        read.append(f"{self.name} read")
        return dataclasses.replace(raw, decode=decode)

    alone = [ganeval.score(subject, reference=real, metrics=KEYS, cache=cache) for subject in subjects]
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "another"))
    monkeypatch.setattr(FolderSource, "read", counted)
    monkeypatch.setattr(loading, "load_backbone", lambda name, **given: (loaded.append(name), load(name, **given))[1])
    with ganeval.Evaluator(reference=real, metrics=KEYS, cache=cache) as evaluator:
        together = [evaluator.score(subject) for subject in subjects]

    assert loaded == ["pixels"]
    assert read.count(f"{real} read") == len(REAL)
    assert read.count(str(real)) == len(REAL)
    assert [rows_of(scores) for scores in together] == [rows_of(scores) for scores in alone]


def test_several_subjects_of_one_score_go_through_one_evaluator(tmp_path, monkeypatch):
    subjects = [str(folder_of(tmp_path / name, images)) for name, images in (("a", FAKE), ("b", FAKE[::-1] // 2))]
    load, loaded = loading.load_backbone, []
    monkeypatch.setattr(loading, "load_backbone", lambda name, **given: (loaded.append(name), load(name, **given))[1])

    found = score_several(ScoreOptions("", metrics="vendi@pixels"), subjects)

    assert loaded == ["pixels"]
    assert [outcome.results[0].subject for outcome in found.outcomes] == subjects


@pytest.mark.parametrize("cache", [True, False])
def test_the_best_subject_is_tested_against_the_second_without_loading_or_reading_again(tmp_path, monkeypatch, cache):
    real = folder_of(tmp_path / "real", REAL)
    subjects = [str(folder_of(tmp_path / f"s{i}", FAKE // (i + 1))) for i in range(3)]
    load, loaded, read, plain = loading.load_backbone, [], [], FolderSource.read
    monkeypatch.setattr(loading, "load_backbone", lambda name, **given: (loaded.append(name), load(name, **given))[1])
    monkeypatch.setattr(FolderSource, "read", lambda self, index: (read.append(self.name), plain(self, index))[1])
    options = ScoreOptions("", reference=str(real), metrics="kd@pixels,mind@pixels", cache=cache)

    found = score_several(options, subjects)

    assert loaded == ["pixels"]
    assert len(read) == len(REAL) + 3 * len(FAKE)
    assert [standing.key for standing in found.standings] == ["kd@pixels", "mind@pixels"]
    ranked = sorted(found.outcomes, key=lambda outcome: outcome.results[0].debiased or outcome.results[0].value)
    a, b = ranked[1].results[0].subject, ranked[0].results[0].subject
    (kd,) = ganeval.compare(a, b, reference=real, metrics="kd@pixels", cache=cache)
    assert f"{kd.difference.delta:+.3g}" in found.standings[0].words


def test_a_gate_loads_the_network_once_for_rows_of_several_settings(tmp_path, monkeypatch):
    real, fake = folder_of(tmp_path / "real", REAL), folder_of(tmp_path / "fake", FAKE)
    given = {"reference": real, "metrics": "kd@pixels"}
    wanted = [ganeval.score(fake, **given)["kd"], ganeval.score(fake, n=30, **given)["kd"]]
    load, loaded = loading.load_backbone, []
    monkeypatch.setattr(loading, "load_backbone", lambda name, **given: (loaded.append(name), load(name, **given))[1])

    Scorer(ScoreOptions("", reference=str(real), cache=False), Silent()).rows(str(fake), wanted)

    assert loaded == ["pixels"]


def test_influences_are_on_the_scores():
    scores = ganeval.score(FAKE, reference=REAL, metrics="kd@pixels,fd@pixels", blame=True)

    assert list(scores.influences) == ["image", "kd@pixels", "fd@pixels"]
    assert len(scores.influences) == len(FAKE)
    assert scores.influences["kd@pixels"].is_monotonic_decreasing
    assert scores.influences["kd@pixels"].sum() == pytest.approx(0.0, abs=1e-9)
    assert ganeval.score(FAKE, reference=REAL, metrics="kd@pixels").influences is None


def test_labels_of_batches_are_those_of_class_folders(tmp_path):
    classes = ["cat" if i % 2 else "dog" for i in range(len(REAL))]
    for place, images in (("real", REAL), ("fake", FAKE)):
        for i, (image, label) in enumerate(zip(images, classes, strict=False)):
            (tmp_path / place / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(tmp_path / place / label / f"{i:06d}.png")
    given = {"reference": tmp_path / "real", "metrics": "fd_per_class@pixels"}
    whole = ganeval.score(tmp_path / "fake", **given)
    with ganeval.Evaluator(**given) as evaluator:
        evaluator.update(FAKE[:17], labels=classes[:17])
        evaluator.update(torch.from_numpy(FAKE[17:]).permute(0, 3, 1, 2), labels=np.array(classes[17 : len(FAKE)]))
        found = evaluator.compute()
        with pytest.raises(DataError, match=r"41 images and 2 labels"):
            evaluator.update(FAKE, labels=[1, 2])

    assert [(row.key, row.value) for row in found] == [(row.key, pytest.approx(row.value)) for row in whole]
    assert any(":cat" in row.key for row in found)


def test_pairs_and_sets_of_one_evaluator_are_those_of_scores():
    other = RNG.integers(0, 256, REAL.shape, dtype=np.uint8)
    with ganeval.Evaluator(paired=REAL, metrics="psnr,ssim", channel="y") as evaluator:
        found = [evaluator.score(images, name="x") for images in (other, REAL)]

    for scores, images in zip(found, (other, REAL), strict=True):
        alone = ganeval.score(images, paired=REAL, metrics="psnr,ssim", channel="y", name="x")
        assert [row.to_dict()["value"] for row in scores] == [row.to_dict()["value"] for row in alone]
        assert [row.fingerprint for row in scores] == [row.fingerprint for row in alone]


def test_the_index_of_features_does_not_grow_with_the_number_of_scores():
    with ganeval.Evaluator(reference=REAL, metrics=KEYS) as evaluator:
        evaluator.score(FAKE)
        (store,) = evaluator._loaded._passes.stores.values()
        before = len(store._places)
        for _ in range(3):
            evaluator.score(RNG.integers(0, 256, FAKE.shape, dtype=np.uint8))

    assert len(store._places) == before


# ---- batches


def as_they_come(kind):
    images = torch.from_numpy(FAKE).permute(0, 3, 1, 2)
    return {
        "uint8 tensor": images,
        "floats": images / 127.5 - 1,
        "array": FAKE,
        "PIL images": [Image.fromarray(image) for image in FAKE],
        "list of tensors": list(images),
    }[kind]


@pytest.mark.parametrize("kind", ["uint8 tensor", "floats", "array", "PIL images", "list of tensors"])
def test_batches_of_any_kind_give_one_score_of_all_images(kind):
    images = as_they_come(kind)
    value_range = "-1..1" if kind == "floats" else None
    alone = ganeval.score(FAKE, reference=REAL, metrics=KEYS, cache=False, name="batches")

    with ganeval.Evaluator(reference=REAL, metrics=KEYS, value_range=value_range, cache=False) as evaluator:
        for _ in range(2):
            for start in range(0, len(FAKE), 9):
                evaluator.update(images[start : start + 9])
            scores = evaluator.compute()
            evaluator.reset()

    assert rows_of(scores) == rows_of(alone)
    assert [row.fingerprint for row in scores] == [row.fingerprint for row in alone]


def test_more_may_be_added_after_a_computation_and_the_batches_of_a_loader_come_with_labels():
    data = TensorDataset(torch.from_numpy(FAKE).permute(0, 3, 1, 2), torch.arange(41))
    loader = DataLoader(data, batch_size=10, generator=torch.Generator())
    with ganeval.Evaluator(reference=REAL, metrics=KEYS) as evaluator:
        for number, batch in enumerate(loader):
            evaluator.update(batch)
            if number == 1:
                assert evaluator.compute()["kd"].n_fake == 20
        scores = evaluator.compute("all")

    assert rows_of(scores) == rows_of(ganeval.score(FAKE, reference=REAL, metrics=KEYS, name="all"))


def test_images_of_batches_are_not_kept_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path))
    with ganeval.Evaluator(reference=REAL, metrics="kd@pixels") as evaluator:
        evaluator.update(FAKE)
        evaluator.compute()
        (store,) = evaluator._loaded._passes.stores.values()

    digests = {ArraySource(FAKE, "").read(i).digest for i in range(len(FAKE))}
    assert not digests & set(store._places)


def test_batches_that_cannot_be_used_are_refused_in_words():
    with ganeval.Evaluator(reference=REAL, metrics="kd@pixels") as evaluator:
        with pytest.raises(DataError, match=r"update\(images\)"):
            evaluator.compute()
        with pytest.raises(DataError, match="value_range="):
            evaluator.update(torch.zeros(2, 3, 8, 8))
        with pytest.raises(UsageError, match="a batch of images; got a float"):
            evaluator.update(3.5)
        evaluator.update(FAKE[:1])
        with pytest.raises(TooFewSamplesError, match="at least 2 generated images; got 1"):
            evaluator.compute()
        evaluator.update(FAKE[1:])
        assert evaluator.compute()["kd"].n_fake == 41
    with (
        ganeval.Evaluator(paired=REAL, metrics="psnr") as evaluator,
        pytest.raises(UsageError, match=r"Call update\(images, originals\)"),
    ):
        evaluator.update(FAKE)
    with (
        ganeval.Evaluator(reference=REAL, metrics="kd@pixels", n=20) as evaluator,
        pytest.raises(UsageError, match="n="),
    ):
        evaluator.update(FAKE)


def test_pixels_that_are_tensors_already_have_the_features_of_their_arrays():
    from ganeval.generators.in_memory import batch_of
    from ganeval.scoring.feature_pass import run_network

    images = torch.from_numpy(FAKE).permute(0, 3, 1, 2).contiguous()
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    from_arrays = run_network(backbone, [image.numpy() for image in images])[0]
    from_tensors = run_network(backbone, list(images))[0]
    assert np.array_equal(from_arrays, from_tensors)
    assert batch_of(images, None, None)[1] is None


TWO = """
import datetime, sys, json, numpy as np, torch.distributed as dist, ganeval
rank, count, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
meeting = {"init_method": f"file://{folder}/rendezvous", "timeout": datetime.timedelta(seconds=120)}
dist.init_process_group("gloo", rank=rank, world_size=count, **meeting)
with np.load(f"{folder}/images.npz") as data:
    fake, real, other = data["fake"], data["real"], data["other"]
with ganeval.Evaluator(reference=real, metrics=sys.argv[4], cache=False) as evaluator:
    for start in range(rank * 5, len(fake), 5 * count):
        evaluator.update(fake[start : start + 5])
    rows = [[row.to_dict() for row in evaluator.compute()]]
    evaluator.reset()
    try:
        if rank == 0:
            evaluator.update(fake[:1])
        evaluator.compute()
    except ganeval.errors.GanevalError as error:
        rows.append(str(error))
    evaluator.reset()
    evaluator.update(fake[rank:][:10])
    rows.append(evaluator.compute()["kd"].n_fake)
with ganeval.Evaluator(metrics="psnr,ssim", cache=False) as evaluator:
    for start in range(rank * 5, len(other), 5 * count):
        evaluator.update(other[start : start + 5], real[start : start + 5])
    pairs = [row.to_dict() for row in evaluator.compute()]
with open(f"{folder}/{rank}.json", "w") as file:
    json.dump({"sets": rows, "pairs": pairs}, file)
dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def of_two_processes(tmp_path_factory):
    """The other images, and what each of two gloo processes gives: a score of sets, then one of pairs."""
    folder, other = tmp_path_factory.mktemp("two"), OTHER.copy()
    other[3] = REAL[3]  # infinite PSNR travels too
    np.savez(folder / "images.npz", fake=FAKE, real=REAL, other=other)
    arguments = ["2", str(folder), KEYS]
    second = subprocess.Popen([sys.executable, "-c", TWO, "1", *arguments], stderr=subprocess.PIPE)
    try:
        with pytest.MonkeyPatch.context() as here:  # the first one is this process
            here.setattr(sys, "argv", ["-c", "0", *arguments])
            exec(compile(TWO, "the first process", "exec"), {})
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
        _, err = second.communicate(timeout=120)
    assert second.returncode == 0, err.decode()
    return other, [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_two_gloo_processes_give_one_score_of_all_images(of_two_processes):
    alone = ganeval.score(FAKE, reference=REAL, metrics=KEYS, cache=False)
    for found in of_two_processes[1]:
        rows, error, count = found["sets"]
        for row, one in zip(rows, alone, strict=True):
            assert row["value"] == pytest.approx(one.value, rel=1e-10, abs=1e-12)
            assert row["stderr"] == (None if one.stderr is None else pytest.approx(one.stderr, rel=1e-10))
            assert row["fingerprint"] == one.fingerprint
        assert "at least 2 generated images; got 1" in error
        assert count == 20


# ---- subjects and references in memory


class Odd(Dataset):
    """Dicts of images of two sizes, with noise from torch's global stream."""

    def __len__(self):
        return 20

    def __getitem__(self, index):
        side = 12 + 4 * (index % 2)
        return {"image": torch.randint(0, 256, (3, side, side), dtype=torch.uint8), "label": index}


class Stream(IterableDataset):
    def __iter__(self):
        return iter(torch.from_numpy(FAKE).permute(0, 3, 1, 2))


def loaders():
    images = torch.from_numpy(FAKE).permute(0, 3, 1, 2)
    data = TensorDataset(images, torch.zeros(41))
    own = torch.Generator().manual_seed(4)
    return {
        "loader": DataLoader(data, batch_size=7),
        "shuffled": DataLoader(data, batch_size=7, shuffle=True),
        "own generator": DataLoader(data, batch_size=7, shuffle=True, generator=own),
        "stream": DataLoader(Stream(), batch_size=7),
        "single": DataLoader(data, batch_size=None),
        "data set": data,
        "list": [Image.fromarray(image) for image in FAKE],
    }


@pytest.fixture(scope="module")
def of_arrays():
    """The score of the arrays themselves, and that of the reference against them."""
    return tuple(ganeval.score(a, reference=b, metrics=KEYS, cache=False) for a, b in ((FAKE, REAL), (REAL, FAKE)))


@pytest.mark.parametrize("kind", ["loader", "shuffled", "own generator", "stream", "single", "data set", "list"])
def test_what_holds_the_images_has_their_score(kind, of_arrays):
    """Also twice, and as the reference; neither the global stream (a fixture checks it) nor a loader's own moves."""
    given = loaders()[kind]
    own = getattr(given, "generator", None)
    state = None if own is None else own.get_state()

    found = [ganeval.score(given, reference=REAL, metrics=KEYS, cache=False) for _ in range(2)]
    turned = ganeval.score(REAL, reference=given, metrics=KEYS, cache=False)

    alone, back = of_arrays
    assert [row.value for row in found[0]] == [row.value for row in found[1]] == [row.value for row in alone]
    assert [row.fingerprint for row in found[0]] == [row.fingerprint for row in alone]
    assert [row.fingerprint for row in turned] == [row.fingerprint for row in back]
    assert state is None or torch.equal(state, own.get_state())


def test_a_data_set_that_draws_gives_the_same_images_each_time():
    first, second = (ganeval.score(Odd(), metrics="vendi@pixels", cache=False) for _ in range(2))

    assert first["vendi"].value == second["vendi"].value
    assert first["vendi"].n_fake == 20


class Pipeline:
    """Draws as a pipeline of diffusers does: `batch_size` and `generator` in, an object with `images` out."""

    def __call__(self, batch_size=1, generator=None, output_type="pil"):
        noise = torch.rand(batch_size, 12, 12, 3, generator=generator).numpy()
        return types.SimpleNamespace(images=[Image.fromarray((255 * image).astype(np.uint8)) for image in noise])


class Network(torch.nn.Module):
    """A network that is called as a pipeline."""

    def __call__(self, batch_size=1, generator=None):
        return Pipeline()(batch_size, generator)


@pytest.mark.parametrize("kind", [Pipeline, Network])
def test_a_pipeline_draws_by_batch_size_and_generator(kind):
    first, second = (ganeval.score(kind(), n=20, metrics="vendi@pixels", cache=False) for _ in range(2))

    assert first["vendi"].value == second["vendi"].value
    assert first["vendi"].subject == kind.__name__


def test_new_images_pair_with_no_originals():
    """Images by index may: image i is then made of original i."""
    with pytest.raises(UsageError, match="Pipeline draws new images, which pair with none"):
        ganeval.score(Pipeline(), paired=REAL, n=len(REAL), metrics="psnr")

    def originals(indices, seed):
        return torch.from_numpy(REAL[np.asarray(indices) % len(REAL)]).permute(0, 3, 1, 2)

    assert ganeval.score(originals, paired=REAL, n=len(REAL), metrics="mae")["mae"].value == 0.0


def test_a_pipeline_is_scored_by_an_evaluator_and_is_a_reference():
    given = {"n": 30, "metrics": "kd@pixels", "cache": False}
    alone = ganeval.score(Pipeline(), reference=REAL, **given)["kd"]
    with ganeval.Evaluator(reference=REAL, **given) as evaluator:
        first, second = (evaluator.score(Pipeline())["kd"] for _ in range(2))
    with ganeval.Evaluator(reference=Pipeline(), **given) as evaluator:
        real, drawn = evaluator.score(REAL)["kd"], evaluator.score(Pipeline())["kd"]

    assert (first.value, first.fingerprint) == (second.value, second.fingerprint) == (alone.value, alone.fingerprint)
    assert ganeval.score(REAL, reference=Pipeline(), **given)["kd"].value == real.value
    assert real.n_real == drawn.n_real == 30
    assert drawn.value != 0.0, "subject and reference are drawn from streams of their own"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_pil_images_are_read_as_their_files_are(tmp_path, mode):
    pictures = [Image.fromarray(image).convert(mode) for image in FAKE]
    (tmp_path / "fake").mkdir()
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / "fake" / f"{number:06d}.{'tif' if mode == 'CMYK' else 'png'}")

    values = [
        ganeval.score(subject, paired=REAL[:41], metrics="psnr")["psnr"].value
        for subject in (pictures, tmp_path / "fake")
    ]

    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reference": 3.5}, "reference= is a float"),
        ({"reference": []}, "'reference' holds no image"),
        ({"reference": ["x"]}, "is a str; expected a PIL image"),
        ({"reference": REAL, "match": {"reference": "*.png"}}, "by their file names"),
    ],
)
def test_what_holds_no_images_is_refused_in_words(given, said):
    with pytest.raises((UsageError, DataError), match=said):
        ganeval.score(FAKE, metrics="kd@pixels", **given)


# ---- pairs that come batch by batch

OTHER = RNG.integers(0, 256, REAL.shape, dtype=np.uint8)


def test_pairs_in_batches_are_one_score_of_all_pairs(tmp_path):
    alone = ganeval.score(OTHER, paired=REAL, metrics="psnr,ssim", channel="y", name="batches")
    with ganeval.Evaluator(metrics="psnr,ssim", channel="y") as evaluator:
        for _ in range(2):
            for start in range(0, len(OTHER), 7):
                images = torch.from_numpy(OTHER[start : start + 7]).permute(0, 3, 1, 2)
                evaluator.update(images, REAL[start : start + 7])
            scores = evaluator.compute()
            evaluator.reset()

    assert [row.fingerprint for row in scores] == [row.fingerprint for row in alone]
    for row, one in zip(scores, alone, strict=True):
        assert (row.value, row.stderr, row.ci95) == (one.value, one.stderr, one.ci95)
        assert (row.n_fake, row.n_real) == (len(OTHER), len(REAL))
        assert row.provenance["per_image"] == one.provenance["per_image"]


def test_one_update_feeds_metrics_of_sets_and_of_pairs():
    with ganeval.Evaluator(reference=REAL, metrics="kd@pixels,mae") as evaluator:
        for start in range(0, len(OTHER), 20):
            evaluator.update(OTHER[start : start + 20], REAL[start : start + 20])
        scores = evaluator.compute()

    assert scores["kd"].value == ganeval.score(OTHER, reference=REAL, metrics="kd@pixels")["kd"].value
    assert scores["mae"].value == ganeval.score(OTHER, paired=REAL, metrics="mae")["mae"].value


def test_a_metric_that_one_batch_is_too_small_for_has_no_value():
    from ganeval.scoring.running_pairs import joined

    with ganeval.Evaluator(metrics="psnr,ssim") as evaluator:
        evaluator.update(OTHER, REAL)
        (part,) = evaluator._loaded._pairs._parts
        small = dataclasses.replace(part, values={"psnr": part.values["psnr"]}, too_small={"ssim": "too small"})

    found = joined([part, small])
    assert list(found.values) == ["psnr"]
    assert found.too_small == {"ssim": "too small"}
    assert len(found.stems) == 2 * len(OTHER)
    assert found.copies == len(OTHER)


@pytest.mark.parametrize(
    ("made", "given", "said"),
    [
        ({"metrics": "psnr"}, (OTHER,), r"Call update\(images, originals\)"),
        ({"metrics": "psnr"}, (OTHER, REAL[:5]), "48 images and 5 originals make no pairs"),
        ({"metrics": "kd@pixels", "reference": REAL}, (OTHER, REAL), "no metric of image pairs was named"),
        ({"metrics": "psnr", "paired": REAL, "mask": REAL}, (OTHER, REAL), "mask= marks the images of one set"),
        ({"metrics": "kd@pixels", "reference": REAL, "until_rel": 0.1}, (OTHER,), "until_rel= picks how many"),
    ],
)
def test_batches_that_make_no_pairs_are_refused_in_words(made, given, said):
    with ganeval.Evaluator(**made) as evaluator, pytest.raises((UsageError, DataError), match=said):
        evaluator.update(*given)


def test_a_score_of_pairs_needs_the_originals_of_all():
    with (
        ganeval.Evaluator(metrics="psnr") as evaluator,
        pytest.raises(
            UsageError, match=r"An original for each image is needed for psnr. Add paired=REF, or use update"
        ),
    ):
        evaluator.score(OTHER)


def test_pairs_of_two_gloo_processes_give_one_score_of_all_pairs(of_two_processes):
    other, found = of_two_processes
    alone = ganeval.score(other, paired=REAL, metrics="psnr,ssim", cache=False)
    for rows in (each["pairs"] for each in found):
        for row, one in zip(rows, alone, strict=True):
            assert row["value"] == pytest.approx(one.value, rel=1e-10)
            assert row["stderr"] == (None if one.stderr is None else pytest.approx(one.stderr, rel=1e-10))
            assert row["n_fake"] == one.n_fake == len(other)


# ---- keywords


def test_every_keyword_of_score_works_on_an_evaluator_or_is_refused_by_name():
    others = {keyword_of(name) for name in taken_by("score")} - {keyword_of(name) for name in taken_by("evaluator")}

    assert others >= {"devices", "timeout", "name"}
    for keyword in others:
        with pytest.raises(
            UsageError, match=rf"Evaluator\(\) takes no {keyword}=. It is a keyword of ganeval.score\(\)"
        ):
            ganeval.Evaluator(**{keyword: 2})
    with pytest.raises(TypeError, match="Did you mean 'metrics'"):
        ganeval.Evaluator(metric="kd")


def test_influences_of_an_evaluator_are_those_of_a_score():
    given = {"reference": REAL, "metrics": "kd@pixels,fd@pixels", "blame": True}
    alone = ganeval.score(FAKE, **given).influences
    with ganeval.Evaluator(**given) as evaluator:
        scored = evaluator.score(FAKE).influences
        evaluator.update(FAKE[:20])
        evaluator.update(FAKE[20:])
        batches = evaluator.compute().influences

    assert scored.equals(alone)
    assert batches.equals(alone)


def test_an_evaluator_stops_at_the_first_count_that_is_sure_enough():
    many = RNG.integers(0, 256, (520, 6, 6, 3), dtype=np.uint8)
    given = {"reference": REAL, "metrics": "kd@pixels", "until_se": 1e6}
    with ganeval.Evaluator(**given) as evaluator:
        (row,) = evaluator.score(many)

    assert row.n_fake == 500
    assert row.value == ganeval.score(many, **given)["kd"].value


# ---- references that are generators


def drawn(count, rng):
    return torch.randint(0, 256, (count, 3, 12, 12), dtype=torch.uint8, generator=rng)


class Net(torch.nn.Module):
    latent_dim = 4
    value_range = "0..1"

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 3 * 12 * 12)
        with torch.no_grad():
            self.layer.weight.copy_(torch.linspace(-1, 1, 4 * 432).reshape(432, 4))
            self.layer.bias.zero_()

    def forward(self, latents):
        return self.layer(latents).sigmoid().reshape(-1, 3, 12, 12)


@pytest.mark.parametrize("generator", [drawn, Net()], ids=["function", "network"])
def test_a_reference_may_be_a_generator(generator):
    first, again = (ganeval.score(FAKE, reference=generator, n=30, metrics="kd@pixels", cache=False) for _ in range(2))
    itself = ganeval.score(generator, reference=generator, n=30, metrics="kd@pixels", cache=False)

    assert first["kd"].n_real == 30
    assert (first["kd"].value, first["kd"].fingerprint) == (again["kd"].value, again["kd"].fingerprint)
    assert itself["kd"].value != 0.0, "the two sets are drawn from streams of their own"
    assert "the reference images themselves" not in itself["kd"].note


def test_a_reference_that_draws_must_be_told_how_many():
    with pytest.raises(
        UsageError, match="reference in memory> is a generator: state how many images it draws with n=N"
    ):
        ganeval.score(FAKE, reference=drawn, metrics="kd@pixels")
    with pytest.raises(UsageError, match="paired= is a function; expected a path"):
        ganeval.score(FAKE, paired=drawn, metrics="psnr")


def test_a_shipped_checkpoint_is_a_reference_of_score_and_of_doctor(tmp_path, command_line):
    fake = folder_of(tmp_path / "fake", FAKE)
    name = "dcgan.digits-cpu"

    code, out, err = command_line(
        "score", str(fake), "--reference", name, "--num-samples", "20", "--metrics", "kd@pixels", "--json", "-"
    )
    assert code == 0, err
    assert json.loads(out)["rows"][0]["n_real"] == 20
    code, _, err = command_line("doctor", str(fake), "--against", name, "--num-samples", "20", "--no-effects")
    assert code == 0, err


def test_a_settings_file_may_not_name_a_function_as_the_reference(tmp_path, command_line, monkeypatch):
    fake = folder_of(tmp_path / "fake", FAKE)
    (tmp_path / "ganeval.toml").write_text('reference = "colours:draw"\n')
    (tmp_path / "colours.py").write_text("raise SystemExit('it ran')\n")
    monkeypatch.chdir(tmp_path)

    code, _, err = command_line("score", str(fake), "--metrics", "kd@pixels")

    assert code == 2
    assert "reference names 'colours:draw', a generator of another project" in err


def test_a_misspelt_data_set_is_no_generator(tmp_path, command_line):
    fake = folder_of(tmp_path / "fake", FAKE)

    code, _, err = command_line("score", str(fake), "--reference", "digist:test", "--metrics", "kd@pixels")

    assert code == 2
    assert "Did you mean 'digits'" in err
