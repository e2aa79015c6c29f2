"""Images that are exact copies: what is counted is distinct images, and the uncertainty of copies is not shown."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from ganeval.gate.fixed_reference import with_given_reference
from ganeval.metrics import METRICS
from ganeval.metrics.base import COPIES, SetMetric
from ganeval.metrics.difference import set_differences
from ganeval.metrics.frechet import FD, distance_of_rows, frechet_of_rows, frechet_of_summaries
from ganeval.metrics.kernel import KD
from ganeval.metrics.prdc import PRDC
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.build_reference import build_reference
from ganeval.scoring.compare import compare
from ganeval.scoring.loaded_networks import open_store
from ganeval.scoring.noise_floor import noise_floor
from ganeval.sources.folder import FolderSource
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.copies import distinct_rows
from ganeval.summaries.moments import Moments
from ganeval.summaries.reference_file import load_reference, save_reference
from tests.conftest import TOY, ToyBackbone
from tests.one_pass import score, summarise

D = 24
PLAIN = [name for name in METRICS if isinstance(metric := METRICS.get(name), SetMetric) and metric.has_stderr]


def rows(n, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(D, D))
    return np.maximum(rng.normal(size=(n, D)) @ mixing + shift, 0).astype(np.float32)


def summary(features):
    labels = tuple("ab"[int(row[0] > 0)] for row in features)
    return SetSummary(Moments.of(features), FeatureBank.of(features), FeatureBank.of(features[:, :5]), labels)


@pytest.fixture
def toy(monkeypatch):
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)
    return backbone


def test_distinct_rows_are_counted_bit_for_bit():
    firsts, counts = distinct_rows(np.asarray([[1, 2], [3, 4], [1, 2], [1, 2], [5, 6]], dtype=np.float32))

    assert (firsts.tolist(), counts.tolist()) == ([0, 1, 4], [3, 1, 1])


def test_pixels_that_are_stored_twice_in_two_ways_are_copies(toy, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(4):
        image = Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16, 3), dtype=np.uint8))
        image.save(folder / f"{i}.png")
        image.save(folder / f"{i} again.png", compress_level=0)
        image.save(folder / f"{i} once more.bmp")
    store = {"efflite0": open_store(toy, tmp_path / "features")}

    passed = summarise(FolderSource(folder), [toy], store, batch_size=3, on_bad="fail")

    assert (passed.distinct, passed.sets["efflite0"].distinct) == (12, 4)


@pytest.mark.parametrize("name", PLAIN)
def test_a_value_of_copies_is_given_without_its_uncertainty(name):
    metric = METRICS.get(name)
    real, fake = rows(900, 1), rows(300, 2, 2.0)

    once, thrice = (metric.evaluate(summary(real), summary(one)) for one in (rows(900, 3, 2.0), np.repeat(fake, 3, 0)))

    assert any(e.ci95 is not None for e in once.values())
    for estimate in thrice.values():
        assert np.isfinite(estimate.value)
        assert (estimate.ci95, estimate.stderr, estimate.debiased) == (None, None, None)
        assert "600 of 900 generated images are exact copies of others" in estimate.note
    assert any("no interval" in e.note for e in thrice.values())


@pytest.mark.parametrize("name", ["fd", "kd", "prdc", "mind"])
def test_copies_in_the_reference_count_too(name):
    found = METRICS.get(name).evaluate(summary(np.repeat(rows(300, 1), 3, 0)), summary(rows(900, 2, 2.0)))

    assert all(e.ci95 is None and e.stderr is None for e in found.values())
    assert all("600 of 900 reference images are exact copies" in e.note for e in found.values())


@pytest.mark.parametrize(("share", "shown"), [(0.0, True), (COPIES - 0.01, True), (COPIES + 0.01, False), (0.5, False)])
def test_an_interval_is_shown_up_to_a_few_percent_of_copies(share, shown):
    fake = rows(400, 2, 3.0)
    copies = round(share * len(fake))
    fake[len(fake) - copies :] = fake[:copies]

    estimate = KD.evaluate(summary(rows(400, 1)), summary(fake))["kd"]

    assert (estimate.ci95 is not None) == shown
    assert ("exact copies" in estimate.note) == (copies > 0)


def test_the_rank_is_that_of_distinct_images_and_the_value_exact():
    """Every image three times: more images than dimensions, and a covariance of rank 19."""
    real, few = rows(400, 1), rows(20, 2, 0.4)
    fake = np.repeat(few, 3, 0)
    (estimate,) = FD.evaluate(summary(real), summary(fake)).values()

    # S of the copies is that of the 20 rows times 3 (20 - 1) / (60 - 1): the exact value by singular values.
    a, c = real - real.mean(0), fake - fake.mean(0)
    s = np.linalg.svd((a / np.sqrt(399)).astype(np.float64) @ (c / np.sqrt(59)).astype(np.float64).T, compute_uv=False)
    gap = ((real.mean(0, dtype=np.float64) - fake.mean(0, dtype=np.float64)) ** 2).sum()
    exact = gap + np.cov(real.T.astype(float)).trace() + np.cov(fake.T.astype(float)).trace() - 2 * s.sum()
    assert estimate.value == pytest.approx(exact, rel=1e-6)
    assert "rank-deficient: n = 20 <= d = 24" in estimate.note
    for value in (
        frechet_of_rows(real.astype(float), fake.astype(float)),
        frechet_of_summaries(summary(fake), summary(real)),
        distance_of_rows(real, fake),
    ):
        assert value == pytest.approx(estimate.value, rel=1e-12)


def test_a_collapsed_generator_has_its_values():
    """Copies are what it draws: recall is 0 and fd is the distance to one point, and that is right."""
    real, point = rows(60, 1), rows(1, 2)
    fake = np.repeat(point, 40, 0)

    recall = PRDC.evaluate(summary(real), summary(fake))["recall"]
    fd = FD.evaluate(summary(real), summary(fake))["fd"]

    assert recall.value == 0.0
    wide = real.astype(float)
    assert fd.value == pytest.approx(((wide.mean(0) - point[0]) ** 2).sum() + np.cov(wide.T).trace(), rel=1e-9)


def test_a_noise_floor_is_drawn_from_distinct_images():
    real = rows(120, 1)

    once, thrice = noise_floor(FD, summary(real), 50), noise_floor(FD, summary(np.repeat(real, 3, 0)), 50)

    assert thrice == once


@pytest.mark.parametrize("metric", [FD, KD])
def test_a_difference_of_copies_has_no_verdict(metric):
    real, a, b = summary(rows(600, 1)), summary(rows(300, 2)), summary(np.repeat(rows(100, 3, 0.5), 3, 0))
    estimates = tuple(metric.evaluate(real, side)[metric.name] for side in (a, b))

    found = set_differences(metric, real, a, b, {metric.name: estimates}, None)[metric.name]

    assert (found.verdict, found.stderr) == ("cannot tell", None)
    assert "200 of 300 B's images are exact copies" in found.note


def test_a_gate_has_no_standard_error_of_copies(toy, tmp_path):
    def save(name, array):
        np.savez(tmp_path / f"{name}.npz", array)
        return str(tmp_path / f"{name}.npz")

    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8) for _ in range(2)]
    copied = score(
        ScoreOptions(
            save("fake", np.repeat(images[0][:20], 3, 0)),
            reference=save("real", images[1]),
            metrics="precision@efflite0,kd@efflite0",
            engine="torch",
        )
    )
    assert with_given_reference(copied) == list(copied.results)


@pytest.mark.parametrize("features", [True, False])
def test_a_statistics_file_knows_its_copies(features, toy, make_folder, tmp_path):
    folder = make_folder("real", 6)
    for path in list(folder.glob("*.png")):
        (folder / f"again {path.name}").write_bytes(path.read_bytes())
    built = build_reference(ScoreOptions(str(folder), engine="torch"), ["efflite0"], Silent())
    save_reference(tmp_path / "real.safetensors", built, features=features)

    loaded = load_reference(tmp_path / "real.safetensors")

    assert loaded.sets["efflite0"].distinct == 6
    assert loaded.n == 12


def test_pairs_that_are_copies_have_no_interval_either(tmp_path):
    """Thirty pairs, each three times: a mean of 90 values of which 30 are independent."""
    rng = np.random.default_rng(0)
    for name, copies in (("once", 1), ("thrice", 3)):
        for side in ("fake", "other", "real"):
            (tmp_path / name / side).mkdir(parents=True)
            for i in range(30):
                image = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
                for copy in range(copies):
                    image.save(tmp_path / name / side / f"{i}-{copy}.png")

    def options(name):
        return ScoreOptions(str(tmp_path / name / "fake"), paired=str(tmp_path / name / "real"), metrics="psnr")

    once, thrice = (score(options(name)).results[0] for name in ("once", "thrice"))
    (compared,) = compare(options("thrice"), str(tmp_path / "thrice" / "other"))

    assert once.ci95 is not None
    assert (thrice.ci95, thrice.stderr) == (None, None)
    assert "60 of 90 pairs are exact copies of others: no interval" in thrice.note
    assert "per_image" in once.provenance
    assert "per_image" not in thrice.provenance
    assert (compared.difference.verdict, compared.difference.p) == ("cannot tell", None)
    assert "60 of 90 pairs are exact copies" in compared.difference.note
