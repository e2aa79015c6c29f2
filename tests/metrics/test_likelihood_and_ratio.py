"""FLS against dgm-eval's recorded values and a slow oracle; FDr against the slow Fréchet distance, and its mean."""

import dataclasses

import numpy as np
import pytest

import ganeval
from ganeval.errors import DataError
from ganeval.metrics import METRICS
from ganeval.metrics.distance_ratio import ratio_of_distances
from ganeval.metrics.likelihood import FLS, fls_of_rows, likelihood_score
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from tests import oracles

# dgm-eval 74c79f7 `compute_fls` of `rows(0, 0)`, `rows(.4, 0)`, `rows(.9, 0)` and rows(2, shift)
DGM_EVAL = {0.0: 118.44992441585251, 0.2: 98.28336620752732, 1.0: 40.70462568249227}


def rows(seed, shift, n=120):
    i, j = np.meshgrid(np.arange(float(n)), np.arange(8.0), indexing="ij")
    return np.abs(np.sin(1.7 * i * (j + 1) + seed) + 0.5 * np.cos(0.3 * i + j) + shift)


def normal(n, seed, shift=0.0, d=6):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


# ---- FLS


@pytest.mark.parametrize("shift", DGM_EVAL)
def test_fls_is_dgm_evals(shift):
    found = likelihood_score(rows(0.0, 0), rows(0.4, 0), rows(0.9, 0), rows(2.0, shift))

    assert found == pytest.approx(DGM_EVAL[shift], rel=1e-6)


def test_fls_agrees_with_the_oracle_that_torch_fits():
    sets = normal(30, 1), normal(30, 2), normal(30, 3), normal(25, 4, 0.5)

    assert likelihood_score(*sets) == pytest.approx(oracles.feature_likelihood(*sets), rel=1e-8)


def test_the_real_images_themselves_have_exactly_100():
    train, baseline, test = normal(40, 1), normal(40, 2), normal(40, 3)

    assert likelihood_score(train, baseline, test, baseline) == 100.0


def test_copies_of_the_images_that_widths_are_fitted_to_explain_nothing_else():
    train, baseline, test = normal(40, 1), normal(40, 2), normal(40, 3)

    assert likelihood_score(train, baseline, test, normal(40, 4)) > 60
    assert likelihood_score(train, baseline, test, train + 1e-4) < 1


def test_dimensions_that_never_vary_are_left_out_and_sets_of_one_picture_have_100():
    sets = normal(30, 1), normal(30, 2), normal(30, 3), normal(30, 4)
    dead = [np.hstack([x, np.full((30, 2), 7.0)]) for x in sets]

    assert likelihood_score(*dead) == pytest.approx(likelihood_score(*sets), rel=1e-12)
    assert likelihood_score(*(np.ones((5, 3)),) * 4) == 100.0


def test_no_more_images_than_stated_are_taken():
    real, fake = normal(300, 1), normal(200, 2)
    params = METRICS.get("fls").params

    assert fls_of_rows(real, fake, {**params, "most": 40}) != fls_of_rows(real, fake, params)


def summary(rows):
    return SetSummary(Moments.of(rows), FeatureBank.of(rows.astype(np.float32)))


def test_fls_has_its_three_parts_by_the_seed_and_says_how_large_they_are():
    real, fake = (normal(n, seed).astype(np.float32) for n, seed in ((50, 1), (40, 2)))
    for most, part in ((2000, 16), (10, 10)):
        rng = np.random.default_rng(7)
        order, taken = rng.permutation(50), rng.permutation(40)
        thirds = [real[np.sort(order[k * part : (k + 1) * part])].astype(float) for k in range(3)]
        expected = likelihood_score(*thirds, fake[np.sort(taken[:part])].astype(float))
        [(name, found)] = FLS.compute(summary(real), summary(fake), {"seed": 7, "most": most}).items()

        assert name == "fls"
        assert found.note == f"three parts of {part} real images; no interval: its standard error is not known"
        assert found.value == pytest.approx(expected, rel=1e-12)
        assert (found.stderr, found.ci95) == (None, None)
    with pytest.raises(ValueError, match=r"^fls needs the feature rows of both sides$"):
        FLS.compute(None, summary(fake), FLS.params)


@pytest.mark.parametrize(("counts", "most", "part"), [((60, 50, 40), 2000, 30), ((60, 20, 40), 2000, 20),
    ((60, 50, 14), 2000, 14), ((60, 50, 40), 9, 9), ((41, 50, 40), 2000, 20)])  # fmt: skip
def test_fls_of_a_training_set_takes_as_many_of_each_and_says_so(counts, most, part):
    train, real, fake = (normal(n, seed).astype(np.float32) for seed, n in enumerate(counts))
    rng = np.random.default_rng(7)
    order, *others = rng.permutation(len(train)), rng.permutation(len(real)), rng.permutation(len(fake))
    parts = [train[np.sort(order[:part])], train[np.sort(order[part : 2 * part])]]
    parts += [rows[np.sort(taken[:part])] for rows, taken in zip((real, fake), others, strict=True)]
    given = [summary(rows) for rows in (train, real, fake)]
    found = FLS.training.compute(*given, {"seed": 7, "most": most})["fls"]

    assert found.value == pytest.approx(likelihood_score(*(rows.astype(float) for rows in parts)), rel=1e-12)
    assert found.note == (
        f"two parts of {part} training images, {part} reference and {part} generated images; no interval: its standard "
        "error is not known"
    )
    moments = [dataclasses.replace(one, bank=None) for one in given]
    for lacking in range(3):
        sets = [*given[:lacking], moments[lacking], *given[lacking + 1 :]]
        with pytest.raises(ValueError, match=r"^fls needs the feature rows of all sets$"):
            FLS.training.compute(*sets, FLS.params)
    with pytest.raises(ValueError, match=r"^fls needs the feature rows of all sets$"):
        FLS.training.compute(given[0], None, given[2], FLS.params)


def test_fls_does_not_depend_on_the_scale_of_the_features():
    sets = [normal(30, seed) for seed in range(1, 5)]

    assert likelihood_score(*(x * 1e-14 for x in sets)) == pytest.approx(likelihood_score(*sets), rel=1e-9)


def test_a_dimension_that_varies_by_less_than_rounding_is_left_out():
    sets = [normal(30, seed) for seed in range(1, 5)]
    flat = [np.hstack([x, 1e6 + 1e-9 * normal(30, 9 + k, d=1)]) for k, x in enumerate(sets)]
    slight = [np.hstack([x, 1e6 + 1e-3 * normal(30, 9 + k, d=1)]) for k, x in enumerate(sets)]

    assert likelihood_score(*flat) == pytest.approx(likelihood_score(*sets), rel=1e-12)
    assert likelihood_score(*slight) != pytest.approx(likelihood_score(*sets), rel=1e-6)


# ---- FDr


def test_the_ratio_agrees_with_the_slow_distance_of_the_same_halves():
    real, fake = normal(80, 1), normal(40, 2, 1.0)
    order = np.random.default_rng(5).permutation(80)
    kept, held_out = real[np.sort(order[:40])], real[np.sort(order[40:])]

    expected = oracles.frechet(kept, fake) / oracles.frechet(kept, held_out)
    assert ratio_of_distances(real, fake, 5) == pytest.approx(expected, rel=1e-6)


def test_images_that_are_the_held_out_ones_have_a_ratio_of_one():
    real = normal(80, 1)
    held_out = real[np.sort(np.random.default_rng(5).permutation(80)[40:])]

    assert ratio_of_distances(real, held_out, 5) == pytest.approx(1.0, rel=1e-12)


def test_fresh_images_have_a_ratio_about_one_at_any_count():
    found = [ratio_of_distances(normal(400, k), normal(900, 100 + k), 0) for k in range(20)]

    assert 0.85 < np.mean(found) < 1.2


def test_a_reference_of_one_picture_has_no_ratio():
    with pytest.raises(DataError, match=r"halves of the reference \(5 images each\), and they are the same"):
        ratio_of_distances(np.ones((10, 4)), normal(9, 1, d=4), 0)


def test_several_networks_are_averaged_and_the_protocol_names_them(make_folder):
    fake, real = make_folder("fake", 12, seed=1, darken=3), make_folder("real", 12, seed=2)
    given = {"reference": real, "engine": "torch"}
    both = ganeval.score(fake, metrics="fdr@efflite0,fdr@pixels", **given)
    [single] = ganeval.score(fake, metrics="fdr@pixels", **given)
    values = both.dict()

    assert list(values) == ["fdr@efflite0", "fdr@pixels", "fdr"]
    assert values["fdr"] == pytest.approx((values["fdr@efflite0"] + values["fdr@pixels"]) / 2)
    assert values["fdr@pixels"] == single.value
    [mean] = [row for row in both if row.key == "fdr"]
    assert "efflite0@" in mean.protocol.params["networks"]
    assert "mean over 2 networks" in mean.note
    assert len({row.fingerprint for row in both}) == 3
