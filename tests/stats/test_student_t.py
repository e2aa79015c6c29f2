"""Student's t, moderated variances and corrections for many tests, written without scipy: held against it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from ganeval.stats.moderated_variances import common_variance, digamma, trigamma, trigamma_inverse
from ganeval.stats.multiple_tests import benjamini_hochberg
from ganeval.stats.sign_flips import exact_sign_flip_p, fewest_pairs
from ganeval.stats.student_t import quantile, sum_degrees, two_sided_p, upper_tail

DEGREES = [0.5, 1, 1.7, 2, 3, 4.5, 9, 19, 30, 101, 1000, 49_999, math.inf]


@pytest.mark.parametrize("degrees", DEGREES)
def test_tails_and_quantiles_are_scipys(degrees):
    law = stats.norm() if math.isinf(degrees) else stats.t(degrees)
    for t in (0.0, 1e-3, 0.7, 2.0, 5.0, 12.7):
        assert upper_tail(t, degrees) == pytest.approx(law.sf(t), rel=1e-11)
        assert upper_tail(-t, degrees) == pytest.approx(law.cdf(t), rel=1e-12)
        assert two_sided_p(-t, degrees) == two_sided_p(t, degrees) == 2 * upper_tail(t, degrees)
    for share in (0.025, 0.5, 0.8, 0.95, 0.975, 0.995):
        assert quantile(share, degrees) == pytest.approx(law.ppf(share), rel=1e-10, abs=1e-12)


def test_a_t_far_out_keeps_its_digits():
    assert upper_tail(300.0, 3) == pytest.approx(stats.t.sf(300.0, 3), rel=1e-11)
    assert upper_tail(math.inf, 3) == 0.0
    assert upper_tail(-math.inf, 3) == 1.0


def test_students_t_needs_degrees_of_freedom_and_a_share():
    with pytest.raises(ValueError, match="positive degrees"):
        upper_tail(1.0, 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile(1.0, 5)


def test_degrees_of_a_sum_are_welchs():
    a, b = np.array([1.0, 4.0, 2.0]), np.array([3.0, 3.5, 9.0, 1.0])
    parts = [(float(x.std(ddof=1)) / math.sqrt(len(x)), len(x) - 1.0) for x in (a, b)]

    assert sum_degrees(*parts) == pytest.approx(stats.ttest_ind(a, b, equal_var=False).df)
    assert sum_degrees((0.1, math.inf), (0.2, math.inf)) == math.inf
    for size in (1e-300, 0.1, 1e100):
        assert sum_degrees((size, 9), (size, 9)) == pytest.approx(18)


def test_polygammas_are_scipys():
    for x in (1e-3, 0.5, 1.0, 3.7, 40.0):
        assert digamma(x) == pytest.approx(special.digamma(x), rel=1e-12)
        assert trigamma(x) == pytest.approx(special.polygamma(1, x), rel=1e-12)
        assert trigamma_inverse(trigamma(x)) == pytest.approx(x, rel=1e-9)


def test_the_common_variance_is_that_of_limma():
    """Values of `limma::fitFDist(x, df1 = 2)`, whose formulas are Smyth 2004, section 6.2, worked out with scipy."""
    variances = [0.04, 1.3, 0.5, 7.0, 0.9, 0.2]
    logs = np.log(variances) - special.digamma(1.0)
    beyond = logs.var(ddof=1) - special.polygamma(1, 1.0)
    common = common_variance([(v, 2) for v in variances])

    assert special.polygamma(1, common.degrees / 2) == pytest.approx(beyond, rel=1e-9)
    expected = math.exp(logs.mean() + special.digamma(common.degrees / 2)) / (common.degrees / 2)
    assert common.variance == pytest.approx(expected)
    raised = (common.degrees * common.variance + 2 * 0.04) / (common.degrees + 2)
    assert common.moderated(0.04, 2) == pytest.approx((raised, common.degrees + 2))
    shared = (common.degrees * common.variance + 2 * 7.0) / (common.degrees + 2)
    kept = 2 + common.degrees * (shared / 7.0) ** (0.5 + 2 / 6)  # fewer of the others' degrees, of six groups
    assert common.moderated(7.0, 2) == pytest.approx((7.0, kept))  # never lowered


def test_variances_that_scatter_by_chance_are_pooled():
    common = common_variance([(1.0, 2), (1.1, 2), (0.9, 4)])

    assert common.degrees == math.inf
    assert common.variance == pytest.approx((2 * 1.0 + 2 * 1.1 + 4 * 0.9) / 8)
    assert common.moderated(0.9, 4) == (common.variance, 8.0)
    assert common.alone() == (common.variance, 8.0)


def test_a_single_group_keeps_its_own_variance_and_groups_without_spread_have_none():
    lone = common_variance([(2.0, 2)])

    assert lone.moderated(2.0, 2) == (2.0, 2.0)
    assert lone.alone() == (2.0, 2.0)
    assert common_variance([]) is None
    assert common_variance([(0.0, 2), (0.0, 2)]) is None
    assert common_variance([(0.0, 2), (1.0, 2), (1.0, 2)]).moderated(0.0, 2)[0] > 0.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_benjamini_hochberg_is_scipys(p_values):
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values).tolist())


def test_nothing_tested_is_nothing_corrected():
    assert benjamini_hochberg([]) == []
    with pytest.raises(ValueError, match="lie in"):
        benjamini_hochberg([1.5])


def test_six_pairs_are_the_fewest_and_too_many_are_not_enumerated():
    assert fewest_pairs() == 6
    assert exact_sign_flip_p([1.0] * 6) == pytest.approx(2 / 2**6)
    with pytest.raises(ValueError, match="all sign patterns"):
        exact_sign_flip_p([1.0] * 16)
