"""Whole differences, field by field: by the distributions of SciPy, and from hand-made estimates.

A `Difference` becomes a row of `diff`, and the gate reads it: each of its fields is compared here, and its words.
"""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ganeval.errors import DataError
from ganeval.metrics.base import Estimate
from ganeval.metrics.difference import (
    Difference,
    detectable,
    from_stderr,
    images_needed,
    paired_difference,
    set_differences,
    verdict_of,
)
from ganeval.metrics.difference_stderr import influence_difference_stderr, part_of, second_order_once
from ganeval.metrics.kernel import KD
from ganeval.metrics.prdc import PRDC
from ganeval.stats.influence import influence_stderr
from ganeval.stats.intervals import bca_interval
from ganeval.stats.jackknife import block_numbers
from ganeval.stats.paired_tests import sign_flip_p
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments


def same(found: Difference, expected: Difference):
    """Every field, floats to 1e-9 of themselves."""
    for field in dataclasses.fields(Difference):
        here, there = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(there, float) or (field.name == "ci95" and there is not None):
            there = pytest.approx(there, rel=1e-9, abs=1e-12)
        assert here == there, field.name


def summary(n, seed, shift=0.0, copies=0):
    features = (np.random.default_rng(seed).gamma(2.0, size=(n, 4)) + shift).astype(np.float32)
    features[:copies] = features[copies : 2 * copies]
    return SetSummary(Moments.of(features), FeatureBank.of(features))


# ---- from a standard error


@pytest.mark.parametrize(("degrees", "reported"), [(math.inf, None), (7.0, 7.0)])
@pytest.mark.parametrize(("delta", "verdict"), [(2.0, "worse"), (-2.0, "better")])
def test_every_field_of_a_difference_with_a_standard_error(delta, verdict, degrees, reported):
    drawn = stats.norm if math.isinf(degrees) else stats.t(degrees)
    mde = 0.5 * (drawn.ppf(0.975) + drawn.ppf(0.8))
    expected = Difference(
        delta=delta,
        verdict=verdict,
        stderr=0.5,
        ci95=(delta - 0.5 * drawn.ppf(0.975), delta + 0.5 * drawn.ppf(0.975)),
        p=2 * drawn.sf(4.0),
        mde=mde,
        n_needed=math.ceil(100 * (mde / 2.0) ** 2),
        paired=True,
        method="by hand",
        note="of a test",
        degrees=reported,
    )
    words = {"method": "by hand", "note": "of a test"}

    same(from_stderr(delta, 0.5, 100, "lower", paired=True, **words, degrees=degrees), expected)
    assert detectable(degrees) == pytest.approx(2 * mde)


@pytest.mark.parametrize(
    ("delta", "verdict", "words"),
    [
        (0.0, "no difference detected", "the two sets give the same number image by image"),
        (1.5, "cannot tell", "no spread between images"),
    ],
)
def test_without_a_spread_there_is_a_delta_a_verdict_and_the_reason(delta, verdict, words):
    found = from_stderr(delta, 0.0, 100, "lower", paired=True, method="by hand", note="of a test")

    same(found, Difference(delta, verdict, paired=True, method="by hand", note=f"of a test; {words}"))
    assert from_stderr(delta, 0.0, 100, "lower", paired=False, method="m").note == words


@pytest.mark.parametrize(
    ("ci95", "lower", "higher"),
    [
        ((0.0, 1.0), "no difference detected", "no difference detected"),
        ((-1.0, 0.0), "no difference detected", "no difference detected"),
        ((-1.0, 1.0), "no difference detected", "no difference detected"),
        ((1e-9, 1.0), "worse", "better"),
        ((-1.0, -1e-9), "better", "worse"),
        (None, "cannot tell", "cannot tell"),
    ],
)
def test_an_interval_that_leaves_zero_out_decides_and_one_that_touches_it_does_not(ci95, lower, higher):
    assert verdict_of(ci95, "lower") == lower
    assert verdict_of(ci95, "higher") == higher
    assert verdict_of(ci95, "neither") == "cannot tell"


@pytest.mark.parametrize(
    ("delta", "mde", "n", "needed"),
    [
        (0.5, 1.0, 10, 40),
        (-0.5, 1.0, 10, 40),
        (2.0, 1.0, 10, 3),
        (1.0, 1.0, 7, 7),
        (0.0, 1.0, 10, None),
        (1.0, 0.0, 10, None),
    ],
)
def test_half_the_difference_needs_four_times_as_many_images(delta, mde, n, needed):
    assert images_needed(delta, mde, n) == needed


# ---- pairs


def of_pairs(d, better="higher", **given):
    """What `paired_difference` gives for finite differences `d`, from the definitions."""
    d = np.asarray(d)
    n, stderr = len(d), d.std(ddof=1) / math.sqrt(len(d))
    t = stats.t(n - 1)
    mde = stderr * (t.ppf(0.975) + t.ppf(0.8))
    ups, downs = int((d > 0).sum()), int((d < 0).sum())
    fields = {
        "delta": d.mean(),
        "stderr": stderr,
        "ci95": (d.mean() - stderr * t.ppf(0.975), d.mean() + stderr * t.ppf(0.975)),
        "mde": mde,
        "n_needed": math.ceil(n * (mde / abs(d.mean())) ** 2),
        "paired": True,
        "method": f"per-image differences, n={n}: Student t interval, sign-flip p (exact)",
        "wins": ups if better == "higher" else downs,
        "losses": downs if better == "higher" else ups,
        "degrees": n - 1,
    }
    return Difference(**fields | given)


def exact_p(d):
    """Every pattern of signs, one after the other."""
    sums = [
        abs(math.fsum(s * x for s, x in zip(signs, d, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(d))
    ]
    return np.mean([total >= abs(math.fsum(d)) - 1e-12 for total in sums])


SEVEN = [0.25, 1.0, 1.25, -0.25, 1.5, 0.75, 2.0]


@pytest.mark.parametrize(("better", "verdict"), [("higher", "better"), ("lower", "worse")])
def test_every_field_of_seven_pairs_and_of_those_that_are_left_out(better, verdict):
    a = np.array([3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    expected = of_pairs(SEVEN, better, verdict=verdict, p=exact_p(SEVEN))

    assert expected.p == 6 / 128
    same(paired_difference(a, a + SEVEN, better), expected)
    left_out = dataclasses.replace(expected, note="2 pairs with an infinite value are left out")
    b = np.append(a + SEVEN, [5.0, np.inf])
    same(paired_difference(np.append(a, [np.inf, 5.0]), b, better), left_out)


def test_few_pairs_of_which_none_can_be_significant_have_every_number_but_no_verdict():
    d = [1.0, 1.5, 0.5, 0.0, 1.0, 2.0]
    note = (
        "1 pairs with an infinite value are left out; cannot be significant: with 5 pairs the smallest two-sided p is "
        "2/2^5 = 0.0625, above 0.05; 6 pairs are the fewest that can"
    )
    expected = of_pairs(d, verdict="cannot tell", p=exact_p(d), note=note)

    same(paired_difference(np.append(np.ones(6), np.inf), np.append(np.ones(6) + d, 1.0), "higher"), expected)


@pytest.mark.parametrize(
    ("d", "p", "zero_inside"),
    [([1.0, 1.0, 1.0, 1.0, 1.0, 20.0], 2 / 64, True), ([-0.01, 1.0, 1.1, 0.9, 1.05, 1.0], 4 / 64, False)],
)
def test_interval_and_test_must_agree_before_there_is_a_verdict(d, p, zero_inside):
    found = paired_difference(np.zeros(6), np.array(d), "higher")

    same(found, of_pairs(d, verdict="no difference detected", p=p))
    assert (found.ci95[0] <= 0.0 <= found.ci95[1]) == zero_inside


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (15, "per-image differences, n=15: Student t interval, sign-flip p (exact)"),
        (16, "per-image differences, n=16: Student t interval, sign-flip p (drawn)"),
        (99, "per-image differences, n=99: Student t interval, sign-flip p (drawn)"),
        (100, "per-image differences, n=100: BCa interval, sign-flip p (drawn)"),
    ],
)
def test_the_method_goes_by_the_number_of_pairs(n, words):
    d = np.random.default_rng(n).gamma(2.0, size=n)
    bca = {"ci95": bca_interval(d)} if n == 100 else {}

    same(
        paired_difference(np.zeros(n), d, "higher"),
        of_pairs(d, verdict="better", p=sign_flip_p(d), method=words, **bca),
    )


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([], [], Difference(0.0, "cannot tell", paired=True, note="no pair", wins=0, losses=0)),
        (
            [math.inf, 1.0],
            [1.0, math.inf],
            Difference(
                0.0, "cannot tell", paired=True, note="2 pairs with an infinite value are left out", wins=0, losses=0
            ),
        ),
        (
            [1.0, 2.0],
            [1.0, 2.0],
            Difference(0.0, "no difference detected", paired=True, note="all differences are zero", wins=0, losses=0),
        ),
        (
            [math.inf] + [1.0] * 7,
            [2.0] * 8,
            Difference(
                1.0,
                "cannot tell",
                paired=True,
                note="1 pairs with an infinite value are left out; all differences are equal: their spread is unknown",
                wins=7,
                losses=0,
            ),
        ),
        (
            [5.0],
            [3.0],
            Difference(
                -2.0,
                "cannot tell",
                paired=True,
                note="all differences are equal: their spread is unknown; cannot be significant: with 1 pairs the "
                "smallest two-sided p is 2/2^1 = 1, above 0.05; 6 pairs are the fewest that can",
                wins=0,
                losses=1,
            ),
        ),
    ],
)
def test_pairs_without_a_spread(a, b, expected):
    same(paired_difference(np.array(a), np.array(b), "higher"), expected)


# ---- sets


def of_sets(metric, one, other, order=None, copies=0, output="kd"):
    sides = summary(60, 1), summary(40, 2), summary(40, 3, 0.2, copies)
    return set_differences(metric, *sides, {output: (one, other)}, order)[output]


def test_debiased_values_are_compared_where_both_have_one():
    both = of_sets(KD, Estimate(1.0, 0.1, debiased=0.5), Estimate(3.0, 0.1, debiased=0.25))

    assert both.delta == -0.25
    assert of_sets(KD, Estimate(1.0, 0.1, debiased=0.5), Estimate(3.0, 0.1)).delta == 2.0
    assert of_sets(KD, Estimate(1.0, 0.1), Estimate(3.0, 0.1, debiased=0.25)).delta == 2.0


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (Estimate(1.0, 0.1, debiased=0.5), Estimate(3.0, debiased=0.25, note="B's"), "B's"),
        (Estimate(1.0, debiased=0.5, note="A's"), Estimate(3.0, 0.1, debiased=0.25), "A's"),
        (Estimate(1.0, debiased=0.5, note="A's"), Estimate(3.0, debiased=0.25, note="B's"), "B's"),
        (Estimate(1.0, debiased=0.5), Estimate(3.0, debiased=0.25), "no valid standard error"),
    ],
)
@pytest.mark.parametrize("order", [None, np.arange(40)])
def test_without_both_standard_errors_there_is_a_delta_and_the_reason(one, other, words, order):
    same(of_sets(KD, one, other, order), Difference(-0.25, "cannot tell", paired=order is not None, note=words))


def test_too_many_copies_leave_a_delta_and_their_count():
    words = (
        "10 of 40 B's images are exact copies of others: too many for a standard error, which takes images as "
        "independent draws"
    )

    same(of_sets(KD, Estimate(1.0, 0.1), Estimate(3.0, 0.1), copies=10), Difference(2.0, "cannot tell", note=words))


def test_a_metric_with_neither_influences_nor_halves_is_not_paired():
    metric = dataclasses.replace(PRDC, difference_errors=None)
    found = of_sets(
        metric, Estimate(0.5, 0.3, degrees=9.0), Estimate(0.75, 0.4, degrees=9.0), np.arange(40), 0, "recall"
    )
    degrees = 0.25**2 / (0.09**2 / 9 + 0.16**2 / 9)  # Welch and Satterthwaite
    expected = from_stderr(
        0.25, 0.5, 40, "higher", paired=False, method="standard errors of both added as independent", degrees=degrees
    )

    same(found, expected)
    lacking = of_sets(metric, Estimate(0.5), Estimate(0.75, 0.4), np.arange(40), 0, "recall")
    same(lacking, Difference(0.25, "cannot tell", paired=False, note="no valid standard error"))


def test_one_of_both_errors_normal():
    metric = dataclasses.replace(PRDC, difference_errors=None)
    found = of_sets(metric, Estimate(0.5, 0.3), Estimate(0.75, 0.4), None, 0, "recall")

    assert (found.stderr, found.degrees) == (0.5, None)


@pytest.mark.parametrize(("order", "kind"), [(None, "unpaired"), (np.arange(40), "paired")])
@pytest.mark.parametrize(
    ("metric", "output", "how"),
    [(KD, "kd", "influence of each image, second order counted once"), (PRDC, "recall", "random halves")],
)
def test_how_a_difference_of_sets_was_had(metric, output, how, order, kind):
    sides = summary(60, 1), summary(40, 2), summary(40 if kind == "paired" else 50, 3, 0.2)
    pair = Estimate(0.5, 0.1), Estimate(0.75, 0.1)
    found = set_differences(metric, *sides, {output: pair}, order)[output]

    assert (found.method, found.paired) == (f"{how}, {kind}; reference shared", order is not None)
    assert found.n_needed == images_needed(0.25, found.mde, 40)


def test_the_order_of_the_outputs_stays():
    sides = summary(60, 1), summary(40, 2), summary(40, 3)
    good, none = (Estimate(0.5, 0.1), Estimate(0.5, 0.1)), (Estimate(0.5), Estimate(0.5))

    found = set_differences(PRDC, *sides, {"density": good, "recall": none, "coverage": good}, None)
    assert list(found) == ["density", "recall", "coverage"]


@pytest.mark.parametrize("side", [1, 2])
def test_the_set_without_feature_rows_is_named_with_the_metric(side):
    sides = [summary(60, 1), summary(40, 2), summary(40, 3)]
    sides[side] = SetSummary(sides[side].moments)

    with pytest.raises(DataError) as refused:
        set_differences(KD, *sides, {"kd": (Estimate(0.5, 0.1), Estimate(0.5, 0.1))}, None)
    words = "The difference of kd needs every feature row, and the generated set is known by its moments only."
    assert str(refused.value) == words


@pytest.mark.parametrize("paired", [False, True])
def test_the_standard_error_is_that_of_all_images_and_of_both_halves(paired):
    """V(n) and the mean of V(n / 2) / 2 over the halves, straight from the influences."""
    sides = summary(20, 1), summary(16, 2), summary(16, 3, 0.2)

    def variance(real, a, b):
        (fake_a, real_a), (fake_b, real_b) = (KD.influences(real, side, KD.params) for side in (a, b))
        return influence_stderr(*((fake_b - fake_a,) if paired else (fake_a, fake_b)), real_b - real_a) ** 2

    halves = [variance(*(part_of(s, block_numbers(s.moments.n, 2) == half) for s in sides)) for half in (0, 1)]
    expected = math.sqrt(second_order_once(variance(*sides), sum(halves) / 4))

    assert influence_difference_stderr(KD, *sides, paired) == pytest.approx(expected, rel=1e-12)
    few = summary(20, 1), summary(3, 2), summary(3, 3, 0.2)
    assert influence_difference_stderr(KD, *few, paired) == pytest.approx(math.sqrt(variance(*few)), rel=1e-12)


@pytest.mark.parametrize(
    ("whole", "halves", "once"),
    [(4.0, 5.0, 3.5), (4.0, 4.0, 4.0), (4.0, 8.0, 2.0), (4.0, 9.0, 2.0), (4.0, 3.0, 4.0), (0.5, 0.75, 0.375)],
)
def test_what_is_left_of_the_second_order(whole, halves, once):
    """1.5 V(n) - 0.5 V(n / 2) / 2, no less than half of V(n) and no more than V(n)."""
    assert second_order_once(whole, halves) == once
