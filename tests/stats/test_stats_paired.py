"""Sign-flip permutation and Holm against enumeration, scipy and hand arithmetic."""

import itertools

import numpy as np
import pytest
from scipy import stats as scipy_stats

from ganeval.stats.multiple_tests import holm
from ganeval.stats.paired_tests import sign_flip_p
from ganeval.stats.sign_flips import out_of_reach, smallest_p


def enumerated(d):
    sums = [abs(float(np.dot(signs, d))) for signs in itertools.product((1, -1), repeat=len(d))]
    return np.mean([s >= abs(float(np.sum(d))) - 1e-12 for s in sums])


def test_five_pairs_cannot_go_below_one_sixteenth():
    assert sign_flip_p(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == 0.0625
    assert smallest_p(5) == 0.0625
    assert "smallest two-sided p is 2/2^5 = 0.0625" in out_of_reach(5)
    assert "6 pairs are the fewest" in out_of_reach(5)
    assert out_of_reach(6) == ""


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [1, 2, 7, 10])
def test_the_exact_p_is_the_enumerated_one(n, seed):
    d = np.random.default_rng(seed).normal(0.5, size=n)

    assert sign_flip_p(d) == pytest.approx(enumerated(d))


def test_ties_count_as_extreme():
    """Equal differences: 2 x C(4, 0) patterns reach |4|, in floating point too."""
    assert sign_flip_p(np.full(4, 0.1)) == 2 / 16
    assert sign_flip_p(np.array([0.1, 0.2, 0.3])) == 2 / 8


def test_no_difference_gives_p_one():
    assert sign_flip_p(np.zeros(6)) == 1.0
    assert sign_flip_p(np.zeros(40)) == 1.0


def test_the_random_p_agrees_with_the_exact_one_and_repeats():
    d = np.random.default_rng(1).normal(0.45, size=16)

    assert sign_flip_p(d) == pytest.approx(enumerated(d), abs=0.004)
    assert sign_flip_p(d) == sign_flip_p(d)


def test_the_random_p_agrees_with_scipy_on_many_pairs():
    d = np.random.default_rng(2).normal(0.2, size=120)
    theirs = scipy_stats.ttest_1samp(d, 0.0).pvalue

    assert sign_flip_p(d) == pytest.approx(theirs, abs=0.006)


def test_the_random_p_is_never_zero():
    assert sign_flip_p(np.full(60, 1.0), draws=999) == pytest.approx(1 / 1000)


def test_p_is_uniform_without_an_effect():
    rng = np.random.default_rng(3)
    p = [sign_flip_p(rng.normal(size=10)) for _ in range(600)]

    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.027)


@pytest.mark.parametrize("d", [[], [np.nan, 1.0], [np.inf]])
def test_differences_that_are_not_finite_are_refused(d):
    with pytest.raises(ValueError, match="finite"):
        sign_flip_p(np.array(d))


def test_holm_by_hand():
    """0.01 x 4, 0.02 x 3, 0.03 x 2, 0.04 x 1 made monotone."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0
    with pytest.raises(ValueError, match="lie in"):
        holm([1.2])
