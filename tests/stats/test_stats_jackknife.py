"""The block jackknife, random groups and intervals against closed forms."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from ganeval.stats.groups import group_stderr, share_stderr
from ganeval.stats.intervals import (
    bca_interval,
    mean_interval,
    near_zero_interval,
    root_interval,
    share_interval,
    shown_distance_interval,
    t_interval,
)
from ganeval.stats.jackknife import (
    block_numbers,
    block_shares,
    delete_block_jackknife,
    deleted_moments,
    jackknife,
)
from ganeval.summaries.moments import Moments


def values(n, seed=0):
    return np.random.default_rng(seed).gamma(2.0, size=n)


# ---- blocks


@pytest.mark.parametrize("n", [20, 47, 1000])
def test_blocks_are_fixed_and_of_equal_size(n):
    numbers = block_numbers(n)
    sizes = np.bincount(numbers)

    assert len(sizes) == 20
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(numbers, block_numbers(n))
    assert block_shares([numbers]).sum() == pytest.approx(1.0)


def test_blocks_mix_a_sorted_set():
    """Ten classes of 200 in order: no block holds more than twice its share of any class."""
    numbers, labels = block_numbers(2000), np.repeat(np.arange(10), 200)
    table = np.zeros((20, 10))
    np.add.at(table, (numbers, labels), 1)

    assert table.max() <= 20
    assert table.min() >= 1


# ---- jackknife


@pytest.mark.parametrize(("n", "blocks"), [(40, 40), (40, 20), (47, 20), (13, 5)])
def test_the_jackknife_of_a_mean_has_no_bias_even_with_unequal_blocks(n, blocks):
    x = values(n)

    found = delete_block_jackknife(n, lambda kept: float(x[kept].mean()), blocks)

    assert found.bias == pytest.approx(0.0, abs=1e-12)
    assert found.debiased == pytest.approx(x.mean())


def test_leaving_one_out_of_a_mean_gives_the_textbook_standard_error_exactly():
    x = values(37)

    found = delete_block_jackknife(37, lambda kept: float(x[kept].mean()), 37)

    assert found.stderr == pytest.approx(x.std(ddof=1) / 37**0.5, rel=1e-10)


def test_the_jackknife_removes_the_bias_of_the_plug_in_variance_exactly():
    """Leaving one out turns the divisor n into n - 1."""
    x = values(25)

    found = delete_block_jackknife(25, lambda kept: float(x[kept].var()), 25)

    assert found.bias == pytest.approx(-x.var(ddof=1) / 25)
    assert found.debiased == pytest.approx(x.var(ddof=1))


def test_equal_blocks_give_the_familiar_formulas():
    deleted = values(20)
    found = jackknife(2.0, deleted)

    assert found.bias == pytest.approx(19 * (deleted.mean() - 2.0))
    assert found.stderr == pytest.approx((19 / 20 * ((deleted - deleted.mean()) ** 2).sum()) ** 0.5)


def test_a_constant_statistic_has_exactly_no_spread():
    found = jackknife(0.1, [0.1] * 20)

    assert (found.bias, found.stderr) == (0.0, 0.0)


def test_two_sets_that_lose_blocks_together_add_their_variances():
    x, y = values(400, 1), 3 * values(300, 2)
    a, b = block_numbers(400), block_numbers(300)
    spread = [
        jackknife(
            x.mean() - y.mean(), [x[a != g].mean() - y[b != g].mean() for g in range(20)], block_shares([a, b])
        ).stderr
        for x, y in (
            (np.random.default_rng(s).permutation(x), np.random.default_rng(s + 99).permutation(y)) for s in range(60)
        )
    ]

    expected = (x.var(ddof=1) / 400 + y.var(ddof=1) / 300) ** 0.5
    assert np.sqrt(np.mean(np.square(spread))) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("shares", [np.array([0.5, 0.6]), np.array([1.0]), np.array([1.0, 0.0])])
def test_shares_that_make_no_sense_are_refused(shares):
    with pytest.raises(ValueError, match="sum to one"):
        jackknife(1.0, [1.0, 2.0], shares)


def test_moments_without_a_block_are_those_of_the_rest():
    rows = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32) + 100
    numbers = block_numbers(60)

    for g, rest in enumerate(deleted_moments(rows, Moments.of(rows), numbers)):
        direct = Moments.of(rows[numbers != g])
        assert rest.n == direct.n
        assert np.allclose(rest.mean, direct.mean, rtol=1e-13)
        assert np.allclose(rest.scatter, direct.scatter, rtol=1e-9, atol=1e-9)


# ---- intervals


def test_the_interval_of_a_mean_is_scipys():
    x = values(30)
    theirs = scipy_stats.ttest_1samp(x, 0.0).confidence_interval()

    assert mean_interval(x) == pytest.approx((theirs.low, theirs.high))
    assert t_interval(0.0, 1.0, float("inf"))[1] == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize("n", [20, 200])
def test_bca_agrees_with_scipy(n):
    x = values(n)
    theirs = scipy_stats.bootstrap((x,), np.mean, method="BCa", rng=np.random.default_rng(1)).confidence_interval

    assert bca_interval(x) == pytest.approx((theirs.low, theirs.high), abs=0.04 * (theirs.high - theirs.low))


def test_bca_of_skewed_values_leans_to_the_long_side_and_repeats():
    x = values(30) ** 3
    low, high = bca_interval(x)

    assert high - x.mean() > 1.2 * (x.mean() - low)
    assert bca_interval(x) == (low, high)


def test_bca_of_equal_values_is_that_value():
    assert bca_interval(np.full(9, 0.3)) == (pytest.approx(0.3), pytest.approx(0.3))


@pytest.mark.parametrize("interval", [mean_interval, bca_interval])
def test_one_value_has_no_interval(interval):
    with pytest.raises(ValueError, match="two values"):
        interval(np.ones(1))


def test_the_interval_of_a_share_stays_inside_zero_and_one():
    low, high = share_interval(0.97, 0.02, 9)

    assert 0.0 < low < 0.97 < high < 1.0
    assert 0.97 - low > high - 0.97
    assert share_interval(0.5, 0.001, 9) == pytest.approx(t_interval(0.5, 0.001, 9), rel=1e-5)


def test_the_interval_of_a_square_is_the_squared_interval_of_its_root():
    low, high = root_interval(9.0, 1.2, 19)
    t = scipy_stats.t.ppf(0.975, 19)

    assert low == pytest.approx((3.0 - t * 1.2 / 6.0) ** 2)
    assert high == pytest.approx((3.0 + t * 1.2 / 6.0) ** 2)


@pytest.mark.parametrize("degrees", [19, np.inf])
def test_far_from_zero_it_does_not_matter_when_a_distance_is_shown(degrees):
    assert shown_distance_interval(9.0, 0.9, degrees, 2.0) == root_interval(9.0, 0.9, degrees)


@pytest.mark.parametrize("degrees", [19, np.inf])
def test_the_lower_end_of_a_shown_distance_is_conditional_on_its_being_shown(degrees):
    """At 3.5 standard errors, shown from 2: of the distance at the lower end 5% of the shown draws are as high."""
    low, high = shown_distance_interval(7.0, 2.0, degrees, 2.0)
    law = scipy_stats.t(degrees)

    assert high == root_interval(7.0, 2.0, degrees)[1]
    assert 0.0 < low < root_interval(7.0, 2.0, degrees)[0]
    assert law.sf((7.0 - low) / 2.0) / law.sf((4.0 - low) / 2.0) == pytest.approx(0.05)


def test_a_distance_that_is_only_just_shown_may_be_zero():
    assert shown_distance_interval(2.1, 1.0, np.inf, 2.0)[0] == 0.0


@pytest.mark.parametrize("distance", [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 20.0])
def test_shown_distances_are_covered_whatever_share_of_draws_is_shown(distance):
    """Normal draws with a known standard error of 1, shown from 2 on; the interval of the root alone falls to .04."""
    draws = np.random.default_rng(0).normal(distance, 1.0, 6000 if distance < 2 else 2000)
    shown = [shown_distance_interval(x, 1.0, np.inf, 2.0) for x in draws if x >= 2.0]

    assert len(shown) >= 300
    assert np.mean([low <= distance <= high for low, high in shown]) >= 0.95 - 2.6 * (0.95 * 0.05 / len(shown)) ** 0.5


@pytest.mark.parametrize(("centre", "stderr", "degenerate"), [(0.5, 0.4, 0.1), (0.1, 0.4, 0.1), (-0.2, 0.3, 0.1)])
def test_an_interval_near_zero_ends_where_a_test_by_the_variance_of_that_distance_does(centre, stderr, degenerate):
    slope = max(stderr**2 - degenerate, 0.0) / max(centre, stderr)
    for end in near_zero_interval(centre, stderr, degenerate):
        if end > 0.0:
            assert (centre - end) ** 2 == pytest.approx(1.959964**2 * (degenerate + slope * end), rel=1e-5)


@pytest.mark.parametrize("distance", [0.0, 3.0, 10.0, 30.0])
def test_distances_near_zero_are_covered_in_all_draws(distance):
    """|x|^2 - d of d = 20 normal values of mean m: variance 2 d + 4 |m|^2, of which 2 d is counted twice; all shown."""
    values = np.random.default_rng(0).normal((distance / 20) ** 0.5, 1.0, (2000, 20))
    draws = (values**2).sum(axis=1) - 20.0
    ends = [near_zero_interval(x, max(80.0 + 4.0 * x, 1.0) ** 0.5, 80.0) for x in draws]

    assert np.mean([low <= distance <= high for low, high in ends]) >= 0.94


# ---- random groups


def test_groups_give_the_standard_error_of_a_mean():
    rng = np.random.default_rng(0)
    found = [group_stderr(rng.normal(size=(10, 50)).mean(axis=1)) for _ in range(400)]

    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(500**-0.5, rel=0.05)


def test_the_standard_error_of_an_independent_share_is_binomial():
    rng = np.random.default_rng(0)
    found = [share_stderr(0.3, rng.binomial(50, 0.3, 10) / 50, 500) for _ in range(400)]
    binomial = (0.3 * 0.7 / 500) ** 0.5

    assert min(found) >= binomial * (1 - 1e-12), "neighbourhoods do not vary less than independent images"
    assert np.median(found) == pytest.approx(binomial, rel=0.06)


@pytest.mark.parametrize(("share", "group"), [(1.0, 0.9), (0.99, 0.99), (0.5, 0.0)])
def test_a_share_at_its_end_has_no_standard_error(share, group):
    assert share_stderr(share, np.full(10, group), 500) is None
