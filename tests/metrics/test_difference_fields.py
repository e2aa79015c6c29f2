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
from ganeval.metrics.difference_stderr import in_one_order, influence_difference_stderr, part_of, second_order_once
from ganeval.metrics.frechet import FD
from ganeval.metrics.kernel import KD
from ganeval.metrics.prdc import PRDC
from ganeval.metrics.prdc_difference import prdc_difference_errors
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
@pytest.mark.parametrize(
    ("delta", "better", "verdict"),
    [(2.0, "lower", "worse"), (-2.0, "lower", "better"), (2.0, "higher", "better"), (2.0, "neither", "cannot tell")],
)
def test_every_field_of_a_difference_with_a_standard_error(delta, better, verdict, degrees, reported):
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

    same(from_stderr(delta, 0.5, 100, better, paired=True, **words, degrees=degrees), expected)
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
    apart = words.replace("image by image", "and so does every division of their images")
    assert from_stderr(delta, 0.0, 100, "lower", paired=False, method="m").note == apart


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
        (1e-3, 1.0, 1000, 1_000_000_000),
        (1e-3, 1.0, 1001, None),
        (1e-200, 1.0, 10, None),
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
    both = [np.append(rows, [np.inf, np.inf]) for rows in (a, a + SEVEN)]
    same(paired_difference(*both, better), left_out)


@pytest.mark.parametrize(("sign", "own", "other"), [(1.0, "better", "worse"), (-1.0, "worse", "better")])
def test_a_pair_that_is_infinite_on_one_side_only_allows_no_verdict_the_other_way(sign, own, other):
    """The mean leaves it out: seven pairs were better, and the eighth was identical before."""
    a, b = np.full(7, 30.0), 30.0 + sign * np.array(SEVEN)
    only_a = paired_difference(np.append(a, np.inf), np.append(b, 20.0), "higher")
    only_b = paired_difference(np.append(a, 20.0), np.append(b, np.inf), "higher")

    assert (only_a.unbounded, only_a.unbounded_wins) == (1, 0)
    assert (only_b.unbounded, only_b.unbounded_wins) == (0, 1)
    verdicts = {"better": only_b.verdict, "worse": only_a.verdict}
    assert (verdicts[own], verdicts[other]) == (own, "cannot tell")
    refused = only_a if own == "better" else only_b
    counts = ("1 pair", "0") if own == "better" else ("0 pairs", "1")
    assert f"in {counts[0]} only A is identical to its original, in {counts[1]} only B" in refused.note
    assert only_a.delta == only_b.delta == pytest.approx(sign * np.mean(SEVEN))
    assert only_a.wins + only_a.losses == only_b.wins + only_b.losses == 8


def test_equal_pairs_beside_one_that_was_identical_before_are_no_sign_of_equality():
    found = paired_difference(np.array([30.0] * 7 + [np.inf]), np.array([30.0] * 7 + [25.0]), "higher")

    assert found.verdict == "cannot tell"


def test_few_pairs_of_which_none_can_be_significant_have_every_number_but_no_verdict():
    d = [1.0, 1.5, 0.5, 0.0, 1.0, 2.0]
    note = (
        "1 pair with an infinite value is left out; cannot be significant: with 5 pairs the smallest two-sided p is "
        "2/2^5 = 0.0625, above 0.05; 6 pairs are the fewest that can"
    )
    expected = of_pairs(d, verdict="cannot tell", p=exact_p(d), note=note)

    same(paired_difference(np.append(np.ones(6), np.inf), np.append(np.ones(6) + d, np.inf), "higher"), expected)


def test_two_pairs_have_a_spread():
    note = (
        "cannot be significant: with 2 pairs the smallest two-sided p is 2/2^2 = 0.5, above 0.05; 6 pairs are the "
        "fewest that can"
    )
    expected = of_pairs([1.0, 2.0], verdict="cannot tell", p=0.5, note=note)

    same(paired_difference(np.zeros(2), np.array([1.0, 2.0]), "higher"), expected)


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
                0.0,
                "cannot tell",
                paired=True,
                note="2 pairs with an infinite value are left out",
                wins=1,
                losses=1,
                unbounded=1,
                unbounded_wins=1,
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
                note="1 pair with an infinite value is left out; all differences are equal: their spread is unknown",
                wins=7,
                losses=1,
                unbounded=1,
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


def of_sets(metric, one, other, order=None, output="kd"):
    sides = summary(60, 1), summary(40, 2), summary(40, 3, 0.2)
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


@pytest.mark.parametrize(("place", "words"), [(0, "3 of 40 reference"), (1, "3 of 40 A's"), (2, "3 of 40 B's")])
def test_too_many_copies_leave_a_delta_and_their_count(place, words):
    sides = [summary(40, seed, copies=3 if seed == place else 0) for seed in range(3)]
    found = set_differences(KD, *sides, {"kd": (Estimate(1.0, 0.1), Estimate(3.0, 0.1))}, None)["kd"]
    why = "too many for a standard error, which takes images as independent draws"

    same(found, Difference(2.0, "cannot tell", note=f"{words} images are exact copies of others: {why}"))


def test_a_metric_with_neither_influences_nor_halves_is_not_paired():
    metric, order = dataclasses.replace(PRDC, difference_errors=None), np.arange(40)
    found = of_sets(metric, Estimate(0.5, 0.03, degrees=9.0), Estimate(0.75, 0.04, degrees=9.0), order, "recall")
    degrees = 0.25**2 / (0.09**2 / 9 + 0.16**2 / 9)  # Welch and Satterthwaite: of 0.3 and 0.4 as of a tenth of each
    expected = from_stderr(
        0.25, 0.05, 40, "higher", paired=False, method="standard errors of both added as independent", degrees=degrees
    )

    assert expected.verdict == "better"
    same(found, expected)
    lacking = of_sets(metric, Estimate(0.5), Estimate(0.75, 0.4), order, "recall")
    same(lacking, Difference(0.25, "cannot tell", paired=False, note="no valid standard error"))


@pytest.mark.parametrize(("first", "together"), [(0.3, 0.5), (0.0, 0.4)])
def test_normal_errors_that_are_added_stay_normal(first, together):
    metric = dataclasses.replace(PRDC, difference_errors=None)
    found = of_sets(metric, Estimate(0.5, first), Estimate(0.75, 0.4), None, "recall")

    assert (found.stderr, found.degrees) == (together, None)


@pytest.mark.parametrize("order", [None, np.random.default_rng(0).permutation(120)])
def test_the_standard_errors_are_those_of_partners_in_one_order(order):
    real, a, b = summary(160, 1), summary(120, 2), summary(120, 3, 0.2)
    kd, recall = (
        set_differences(metric, real, a, b, {name: (Estimate(0.5, 0.1), Estimate(0.75, 0.1))}, order)[name]
        for metric, name in ((KD, "kd"), (PRDC, "recall"))
    )
    ordered, paired = in_one_order(a, b, order), order is not None

    assert kd.stderr == influence_difference_stderr(KD, real.canonical, *ordered, paired)
    assert (kd.stderr == influence_difference_stderr(KD, real, a, b, paired)) != paired
    found = prdc_difference_errors(real.canonical, *ordered, paired, PRDC.params)["recall"]
    assert (recall.stderr, recall.degrees) == (found.stderr, found.degrees)


@pytest.mark.parametrize(("order", "kind"), [(None, "unpaired"), (np.arange(120), "paired")])
@pytest.mark.parametrize(
    ("metric", "output", "how"),
    [(KD, "kd", "influence of each image, second order counted once"), (PRDC, "recall", "random halves")],
)
def test_how_a_difference_of_sets_was_had(metric, output, how, order, kind):
    sides = summary(160, 1), summary(120, 2), summary(120 if kind == "paired" else 150, 3, 0.2)
    pair = Estimate(0.5, 0.1), Estimate(0.75, 0.1)
    found = set_differences(metric, *sides, {output: pair}, order)[output]

    assert (found.method, found.paired) == (f"{how}, {kind}; reference shared", order is not None)
    assert found.n_needed == images_needed(0.25, found.mde, 120)


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


@pytest.mark.parametrize("n", [3, 4, 16])
@pytest.mark.parametrize("paired", [False, True])
def test_the_standard_error_is_that_of_all_images_and_of_both_halves(paired, n):
    """V(n) and the mean of V(n / 2) / 2 over the halves, straight from the influences; below 4 images V(n) alone."""
    sides = summary(20, 1), summary(n, 4), summary(n, 9)

    def variance(real, a, b):
        (fake_a, real_a), (fake_b, real_b) = (KD.influences(real, side, KD.params) for side in (a, b))
        return influence_stderr(*((fake_b - fake_a,) if paired else (fake_a, fake_b)), real_b - real_a) ** 2

    expected = variance(*sides)
    if n > 3:
        halves = [variance(*(part_of(s, block_numbers(s.moments.n, 2) == half) for s in sides)) for half in (0, 1)]
        expected = second_order_once(expected, sum(halves) / 4)
        assert expected < 0.999 * variance(*sides)

    assert influence_difference_stderr(KD, *sides, paired) == pytest.approx(math.sqrt(expected), rel=1e-12)


def test_a_reference_of_moments_adds_no_error_of_its_own():
    real, a, b = SetSummary(summary(40, 1).moments), summary(40, 2), summary(40, 3, 0.2)

    def variance(a, b):
        (fake_a, none_a), (fake_b, none_b) = (FD.influences(real, side, FD.params) for side in (a, b))
        assert none_a is none_b is None
        return influence_stderr(fake_a, fake_b) ** 2

    halves = [variance(*(part_of(s, block_numbers(40, 2) == half) for s in (a, b))) for half in (0, 1)]
    expected = math.sqrt(second_order_once(variance(a, b), sum(halves) / 4))

    assert influence_difference_stderr(FD, real, a, b, False) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(TypeError, match=r"^prdc has no influences$"):
        influence_difference_stderr(PRDC, real, a, b, False)


def test_a_part_of_a_set_has_its_rows_and_one_of_moments_stays_whole():
    whole, kept = summary(9, 1), np.arange(9) % 3 > 0
    part, moments = part_of(whole, kept), SetSummary(whole.moments)

    assert np.array_equal(part.bank.rows(), whole.bank.rows()[kept])
    assert (part.moments.n, part.moments.mean.tolist()) == (6, Moments.of(whole.bank.rows()[kept]).mean.tolist())
    assert part_of(moments, kept) is moments


def test_partners_go_by_the_content_of_the_set_with_the_larger_mean():
    a, b, order = summary(4, 1), summary(4, 2, 9.0), np.array([2, 0, 3, 1])
    digests = tuple(b"dacb"[i : i + 1] for i in range(4))
    logits, labels = FeatureBank.of(np.zeros((4, 2), dtype=np.float32)), tuple("abcd")
    full = dataclasses.replace(b, digests=digests, logits=logits, labels=labels)

    for side, places in ((full, [1, 3, 2, 0]), (b, [0, 1, 2, 3])):  # in the order of the digests, or as they are
        of_a, of_b = in_one_order(a, side, order)
        assert np.array_equal(of_b.bank.rows(), b.bank.rows()[places])
        assert np.array_equal(of_a.bank.rows(), a.bank.rows()[order[places]])
        assert of_b.logits is of_b.labels is of_b.digests is None
        swapped = in_one_order(side, a, np.argsort(order))  # B against A: the same two, the same pairs
        assert [each.bank.rows().tolist() for each in swapped] == [each.bank.rows().tolist() for each in (of_a, of_b)]
    for one, other in ((SetSummary(a.moments), b), (a, SetSummary(b.moments))):
        assert in_one_order(one, other, order) == (one.canonical, other.canonical)
    assert [side.bank.rows().tolist() for side in in_one_order(a, full, None)] == [
        side.canonical.bank.rows().tolist() for side in (a, full)
    ]


@pytest.mark.parametrize(
    ("whole", "halves", "once"),
    [(4.0, 5.0, 3.5), (4.0, 4.0, 4.0), (4.0, 8.0, 2.0), (4.0, 9.0, 2.0), (4.0, 3.0, 4.0), (0.5, 0.75, 0.375)],
)
def test_what_is_left_of_the_second_order(whole, halves, once):
    """1.5 V(n) - 0.5 V(n / 2) / 2, no less than half of V(n) and no more than V(n)."""
    assert second_order_once(whole, halves) == once
