"""The mean of per-image values: Student's t interval, pairs that are left out, and what is refused."""

import math

import numpy as np
import pytest
import scipy.stats

from ganeval.metrics.pair_mean import NoEstimate, mean_estimate, uncertainty_of_mean


def test_mean_has_students_interval():
    values = np.random.default_rng(0).normal(30, 2, 25)
    estimate = mean_estimate(values)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)

    assert estimate.value == pytest.approx(values.mean())
    assert estimate.stderr == pytest.approx(scipy.stats.sem(values))
    assert estimate.ci95 == pytest.approx(tuple(expected))
    assert estimate.note == ""


def test_few_images_have_a_standard_error_and_no_interval():
    few, enough = mean_estimate(np.arange(19.0)), mean_estimate(np.arange(20.0))

    assert few.note == "no interval: n = 19 < 20, where it would rely on normality"
    assert few.ci95 is None
    assert few.stderr == pytest.approx(scipy.stats.sem(np.arange(19.0)))
    assert enough.ci95 is not None


def test_one_pair_has_no_uncertainty():
    estimate = mean_estimate(np.array([0.5]))

    assert (estimate.value, estimate.stderr, estimate.ci95) == (0.5, None, None)
    assert "one pair" in estimate.note


def test_identical_pairs_are_left_out_of_the_mean_and_counted():
    estimate = mean_estimate(np.array([math.inf, 30.0, math.inf, 32.0, math.inf]))

    assert estimate.value == 31.0
    assert estimate.note.startswith("3 of 5 pairs are identical (PSNR is infinite) and are left out of the mean")


def test_all_identical_pairs_have_no_mean_but_a_reason():
    assert mean_estimate(np.full(3, math.inf)) == NoEstimate(
        "all 3 pairs are identical (PSNR is infinite), so there is no finite mean"
    )


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [-math.inf]])
def test_values_that_no_metric_gives_are_refused(values):
    with pytest.raises(ValueError, match="finite"):
        mean_estimate(np.array(values))


def test_the_interval_covers_the_mean_of_normal_values():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(2000):
        low, high = uncertainty_of_mean(rng.normal(1.0, 3.0, 20)).ci95
        hits += low <= 1.0 <= high

    assert hits / 2000 == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 2000))
