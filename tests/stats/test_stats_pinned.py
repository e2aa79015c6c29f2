"""What is drawn from a fixed seed is fixed for good, and every level, seed and count that can be given is heeded."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from ganeval.metrics.agreement import split_by_class
from ganeval.metrics.kernel import classic_subsets, cubic_kernel, kernel_sums, rbf_kernel, unit_rows
from ganeval.metrics.mind import project, unit_directions
from ganeval.metrics.prdc import neighbourhoods
from ganeval.stats.groups import group_stderr, share_stderr
from ganeval.stats.intervals import (
    bca_interval,
    mean_interval,
    root_interval,
    share_interval,
    shown_distance_interval,
    t_interval,
)
from ganeval.stats.jackknife import block_numbers, block_shares, deleted_moments
from ganeval.stats.multiple_tests import holm
from ganeval.stats.paired_tests import sign_flip_p
from ganeval.stats.sequential import critical_values, obrien_fleming
from ganeval.stats.sign_flips import smallest_p
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.moments import Moments

SQUARES = np.arange(1, 31) ** 2 / 10.0
STEPS = np.arange(40) * 0.37 % 1 - 0.42


def test_blocks_are_pinned():
    assert block_numbers(47)[:12].tolist() == [4, 8, 17, 4, 1, 14, 13, 12, 19, 9, 0, 4]
    assert block_numbers(7, 3).tolist() == [0, 0, 1, 2, 1, 2, 0]
    assert block_shares([np.array([0, 0, 1]), np.array([0, 1, 1, 1])]) == pytest.approx(
        [(2 / 3 + 1 / 4) / 2, (1 / 3 + 3 / 4) / 2]
    )


def test_bootstrap_ends_are_pinned():
    assert bca_interval(SQUARES) == pytest.approx((22.275523558862197, 42.15484230414316), rel=1e-9)
    assert bca_interval(SQUARES, 0.9, 999) == pytest.approx((24.670929132689526, 40.04722578149726), rel=1e-9)
    assert bca_interval(SQUARES + 900.0)[1] == pytest.approx(900 + 42.15484230414316, rel=1e-9), "far from zero too"
    assert bca_interval(SQUARES, 0.9, 999, seed=5) == pytest.approx((24.199503757949426, 40.17607503626855), rel=1e-9)


def test_bootstrap_ends_do_not_depend_on_the_draws_at_a_time():
    """2^21 values: two draws at a time, and the last one alone."""
    values = np.tile(SQUARES, 2**21 // 30)
    low, high = bca_interval(values, 0.9, 3)

    assert low <= values.mean() + 0.1
    assert high >= values.mean() - 0.1
    assert high - low < 0.2


def test_draws_at_the_estimate_count_half_on_either_side():
    """±1 four times: 6% of the draws are all -1, 37% come out at 0; the ends are the ends of what can be drawn."""
    assert bca_interval(np.array([-1.0, -1.0, 1.0, 1.0])) == (-1.0, 1.0)


def test_a_bootstrap_of_one_sided_draws_stays_finite():
    """Two values: a quarter of the draws are all of one; with three draws all may lie on one side."""
    for seed in range(12):
        low, high = bca_interval(np.array([0.0, 1.0]), resamples=3, seed=seed)
        assert 0.0 <= low <= high <= 1.0


def test_random_sign_flips_are_pinned():
    assert sign_flip_p(STEPS, 999) == 0.146
    assert sign_flip_p(STEPS, 999, seed=5) == 0.125
    assert sign_flip_p(STEPS[:16], 999) != sign_flip_p(STEPS[:16], 999, seed=5), "sixteen pairs are drawn"
    assert sign_flip_p(STEPS[:15], 999) == sign_flip_p(STEPS[:15], 999, seed=5), "fifteen are enumerated"


def test_sign_flips_of_many_pairs_are_drawn_in_parts():
    """2^21 pairs: two draws at a time, three in all; an effect this plain is in none of them."""
    assert sign_flip_p(np.ones(2**21), draws=3) == 0.25


def test_an_exact_p_of_unequal_differences_is_counted_by_hand():
    """The sums of ±1 ±2 ±4 are 7, 5, 3 and 1, each with either sign: eight patterns."""
    assert sign_flip_p(np.array([-1.0, 2.0, 4.0])) == 0.5
    assert sign_flip_p(np.array([1.0, 2.0, 4.0])) == 0.25
    assert sign_flip_p(np.array([1.0, -2.0, 4.0])) == 0.75
    assert [smallest_p(n) for n in (0, 1, 2, 3)] == [1.0, 1.0, 0.5, 0.25]


def test_holm_of_ties_and_of_the_ends():
    assert list(holm([0.0, 1.0, 0.0])) == [0.0, 1.0, 0.0]
    assert list(holm([0.02, 0.02, 0.5])) == pytest.approx([0.06, 0.06, 0.5])


def test_splits_by_class_are_pinned():
    """18 of class a, 12 of b: a third is held out, and 12 of the 20 others train, in the same share of each class."""
    train, held = split_by_class(np.array(list("aabab") * 6), 3, 12, 7)

    assert train.tolist() == [0, 4, 6, 11, 17, 19, 21, 25, 26, 27, 28, 29]
    assert held.tolist() == [1, 5, 9, 10, 12, 13, 16, 22, 23, 24]
    assert len(split_by_class(np.array(list("aabab") * 6), 3, 1, 7)[0]) == 2, "one of each class, if no more may be"


def test_directions_are_pinned():
    # torch.randn(4, 4) of seed 2020, each row scaled to length 1
    assert unit_directions(4, 4, 2020)[:2] == pytest.approx(
        np.array(
            [[-0.00647312, -0.23987196, -0.9631067, 0.12184017], [0.09515371, -0.37690355, 0.47313210, -0.79059187]]
        ),
        abs=1e-6,
    )
    assert unit_directions(4, 4, 2020).dtype == np.float64


def test_products_with_directions_do_not_depend_on_the_rows_at_a_time():
    rows = np.outer(np.arange(9000.0), [1.0, 0.5]).astype(np.float32)

    assert project(rows, np.array([[2.0], [4.0]]))[:, 0].tolist() == (4.0 * np.arange(9000.0)).tolist()


# ---- every level is heeded


def test_intervals_of_any_level_are_those_of_student():
    t = scipy_stats.t.ppf(0.95, 19)

    assert t_interval(1.0, 2.0, 19, 0.9) == pytest.approx((1 - 2 * t, 1 + 2 * t))
    assert mean_interval(SQUARES, 0.9) == pytest.approx(
        tuple(scipy_stats.ttest_1samp(SQUARES, 0.0).confidence_interval(0.9))
    )
    assert root_interval(9.0, 1.2, 19, 0.9) == pytest.approx(tuple((3.0 + s * t * 0.2) ** 2 for s in (-1, 1)))
    logit, wide = math.log(9.0), scipy_stats.t.ppf(0.95, 9) * 0.02 / 0.09
    assert share_interval(0.9, 0.02, 9, 0.9) == pytest.approx(
        tuple(1 / (1 + math.exp(-(logit + s * wide))) for s in (-1, 1))
    )
    low, high = shown_distance_interval(7.0, 2.0, 19, 2.0, 0.9)
    law = scipy_stats.t(19)
    assert law.sf((7.0 - low) / 2.0) / law.sf((4.0 - low) / 2.0) == pytest.approx(0.1)
    assert high == root_interval(7.0, 2.0, 19, 0.9)[1]


def test_a_distance_whose_lower_end_is_just_zero():
    """At the centre where P(T > c) / P(T > 2) is .05 the lower end is 0, and just above it is not."""
    edge = scipy_stats.norm.isf(0.05 * scipy_stats.norm.sf(2.0))

    assert shown_distance_interval(edge - 1e-6, 1.0, math.inf, 2.0)[0] == 0.0
    assert 0.0 < shown_distance_interval(edge + 1e-3, 1.0, math.inf, 2.0)[0] < 0.01


# ---- random groups


def test_groups_by_hand():
    values = np.array([0.2, 0.4, 0.3, 0.5])
    spread = values.std(ddof=1) / 2

    assert group_stderr(values) == pytest.approx(spread)
    assert share_stderr(0.6, values, 400) == pytest.approx((0.24 / (0.35 * 0.65)) ** 0.5 * spread)
    assert share_stderr(0.6, np.full(4, 0.35), 400) == pytest.approx((0.24 / 400) ** 0.5), "never below binomial"


@pytest.mark.parametrize("level", [0.02, 0.98])
def test_two_of_the_rarer_outcome_a_group_are_just_enough(level):
    """Ten groups of n / 10: at a level of .02 a group of 100 holds 2."""
    values = np.full(10, level)

    assert share_stderr(level, values, 1000 + 1) is not None
    assert share_stderr(level, values, 1000 - 1) is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_or_all_has_no_standard_error_whatever_its_groups(share):
    assert share_stderr(share, np.full(10, 0.5), 1000) is None


# ---- looks


def test_critical_values_of_any_plan_are_pinned():
    assert critical_values([0.3, 0.5, 1.0], 0.04) == pytest.approx(
        [4.089285671871574, 3.091903287677449, 2.0606916973218827], abs=1e-8
    )
    assert critical_values([1e-4, 1.0], 0.05) == pytest.approx([math.inf, 1.9599639845400545])


def test_spent_errors_are_those_of_lan_and_demets():
    assert obrien_fleming(0.25, 0.04) == pytest.approx(2 * scipy_stats.norm.sf(scipy_stats.norm.isf(0.02) / 0.5))


# ---- kernel distances


def test_classic_subsets_are_pinned_by_their_seed():
    real, fake = (FeatureBank.of(np.cos(np.outer(np.arange(n), [1.0, 2.0, 3.0]))) for n in (30, 25))

    assert len(classic_subsets(real, fake, 3, 10, 1)) == 3
    assert classic_subsets(real, fake, 3, 10, 1).tolist() == classic_subsets(real, fake, 3, 10, 1).tolist()
    assert classic_subsets(real, fake, 3, 10, 1).tolist() != classic_subsets(real, fake, 3, 10, 2).tolist()


def test_the_rbf_kernel_of_any_width_is_its_formula():
    X, Y = np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([[1.0, 1.0]])

    assert rbf_kernel(0.7)(X, Y)[:, 0] == pytest.approx(np.exp(-np.array([1.0, 2.0]) / (2 * 0.49)))
    assert (rbf_kernel(0.7)(X, X) <= 1.0).all()


def test_a_row_of_zeros_keeps_its_length():
    assert unit_rows(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0.0, 0.0], [0.6, 0.8]]


def test_influence_and_resolution_of_the_kernel_distance_by_hand():
    real, fake = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 2.0]]), np.array([[1.0, 1.0], [2.0, 0.0]])
    sums = kernel_sums(real, fake, cubic_kernel)
    k = cubic_kernel(real, real)
    expected = [2 * (np.delete(k[i], i).mean() - cubic_kernel(real[i : i + 1], fake).mean()) for i in range(3)]
    diagonal = k.diagonal().mean() + cubic_kernel(fake, fake).diagonal().mean()

    assert sums.real_influence() == pytest.approx(np.array(expected) - np.mean(expected))
    assert sums.resolution() == pytest.approx(1e-10 * diagonal)


# ---- moments and neighbours


def test_moments_without_a_block_stay_float64_far_from_zero():
    """Rows of float16 near 1000: widened before the mean of all is taken off."""
    rows = (1000.0 + np.arange(40).reshape(20, 2) % 7).astype(np.float16)
    numbers = np.arange(20) % 4

    for g, rest in enumerate(deleted_moments(rows, Moments.of(rows), numbers)):
        direct = Moments.of(rows[numbers != g])
        assert np.allclose(rest.scatter, direct.scatter, rtol=1e-9)


def test_memberships_do_not_depend_on_the_rows_at_a_time(monkeypatch):
    rows = np.cos(np.outer(np.arange(60), [1.0, 2.0, 3.0])).astype(np.float32)
    whole = neighbourhoods(rows[:25], rows[25:], 2, 4)
    monkeypatch.setattr("ganeval.metrics.prdc.CHUNK", 8)
    monkeypatch.setattr("ganeval.metrics.neighbours.CHUNK", 8)
    parts = neighbourhoods(rows[:25], rows[25:], 2, 4)

    for name in ("fake_inside", "real_inside", "balls", "members"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name)), name


def test_memberships_are_whole_numbers_and_density_divides_by_its_own_k():
    rows = np.cos(np.outer(np.arange(40), [1.0, 2.0, 3.0])).astype(np.float32)
    found = neighbourhoods(rows[:25], rows[25:], 2, 4)

    assert found.balls.dtype == found.members.dtype == np.int64
    assert found.fake_inside.dtype == found.real_inside.dtype == bool
    assert found.scores(4) == pytest.approx(
        [found.fake_inside.mean(), found.real_inside.mean(), found.balls.mean() / 4, (found.members > 0).mean()]
    )
    assert found.balls.sum() == found.members.sum()
