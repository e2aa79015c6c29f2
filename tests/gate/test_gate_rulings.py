"""The gate's arithmetic: verdicts at the promised error rates, bounds in closed form, every edge that has no number."""

import dataclasses
import math
import re

import numpy as np
import pytest
from scipy import stats

from ganeval.errors import UsageError
from ganeval.gate.evidence import from_comparison, from_samples, from_seeds
from ganeval.gate.expectation import Spread, passes, passes_difference, passes_seeds, seeds_factor, seeds_needed
from ganeval.gate.fixed_reference import errors_given_reference, stored
from ganeval.gate.propose import propose, rounded_up
from ganeval.gate.rules import GateRule
from ganeval.gate.ruling import Evidence, judge, overall, roughly
from ganeval.gate.scorer import DRAWN, first_count, first_rows
from ganeval.generators.source import GeneratorSource
from ganeval.metrics.difference import paired_difference
from ganeval.metrics.frechet import FD
from ganeval.metrics.kernel import KD
from ganeval.metrics.mind import MIND
from ganeval.metrics.prdc import PRDC
from ganeval.metrics.uncertainty import NEAR_END
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.results.protocol import Protocol
from ganeval.results.result import Result
from ganeval.scoring.compare import Comparison
from ganeval.stats.influence import sampling_error
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from tests.benchmarks.laws import relu_mixture

DRAWS = 2000


def row(value, stderr=None, *, key="kd@efflite0", better="lower", sha="a", seed=None, **fields):
    name, _, backbone = key.partition("@")
    paired = {} if backbone else {"crop_border": 0, "channel": "rgb"}
    protocol = Protocol(name, 1, backbone=backbone or None, reference_sha256="r" * 64, n_real=100, n_fake=100, **paired)
    provenance = {"subject_sha256": sha} | fields.pop("provenance", {})
    if seed is not None:
        provenance["subject"] = {"training_seed": seed, "recipe": "r", "checkpoint": "last"}
    return Result(
        "main", key, value, better, 100, 100, protocol=protocol, stderr=stderr, provenance=provenance, **fields
    )


def summary(rows):
    return SetSummary(Moments.of(rows.astype(np.float32)), FeatureBank.of(rows.astype(np.float32)))


def evidence(delta, stderr, **fields):
    return Evidence("kd@efflite0", "lower", 1.0, 1.0 + delta, stderr, **fields)


def verdict(delta, stderr, margin, level=0.05, **fields):
    (ruling,) = judge([(GateRule("kd", margin), evidence(delta, stderr, **fields))], level)
    return ruling.verdict


# ---- error rates, by simulation with the true standard error


@pytest.mark.parametrize(
    ("truth", "verdict_of_interest", "low", "high"),
    [
        (1.0, "fail", 0.035, 0.065),  # exactly at the margin: 5% false alarms
        (1.0, "pass", 0.035, 0.065),  # and 5% false passes
        (0.0, "pass", 0.935, 0.965),  # margin = 2 z SE: an unchanged model passes 95 times in 100
        (2.0, "fail", 0.935, 0.965),  # and twice the margin fails 95 times in 100
        (0.0, "fail", 0.0, 0.001),
    ],
)
def test_error_rates_are_the_promised_ones(truth, verdict_of_interest, low, high):
    stderr = 1.0 / (2 * stats.norm.ppf(0.95))
    deltas = np.random.default_rng(1).normal(truth, stderr, DRAWS)

    share = np.mean([verdict(delta, stderr, 1.0) == verdict_of_interest for delta in deltas])

    assert low <= share <= high


def test_a_gate_of_many_rules_at_their_margins_fails_in_at_most_five_of_a_hundred():
    """Eight independent rules, all exactly at the margin: uncorrected 34% would fail."""
    rng, failed, uncorrected = np.random.default_rng(2), 0, 0
    for _ in range(DRAWS):
        deltas = rng.normal(1.0, 0.2, 8)
        rulings = judge([(GateRule("kd", 1.0), evidence(d, 0.2)) for d in deltas], 0.05)
        failed += overall(rulings) == "fail"
        uncorrected += any(r.low > r.margin for r in rulings)

    assert failed / DRAWS <= 0.065
    assert uncorrected / DRAWS > 0.25


def test_a_gate_of_many_rules_passes_only_where_none_is_at_its_margin():
    """Seven rules that are fine and one exactly at the margin: 5% false passes at most, without any correction."""
    rng, passed = np.random.default_rng(3), 0
    for _ in range(DRAWS):
        deltas = [*rng.normal(0.0, 0.1, 7), rng.normal(1.0, 0.1)]
        passed += overall(judge([(GateRule("kd", 1.0), evidence(d, 0.1)) for d in deltas], 0.05)) == "pass"

    assert passed / DRAWS <= 0.065


def test_seeds_of_one_recipe_fail_in_at_most_five_of_a_hundred_and_worse_ones_fail():
    """Three seeds a side, sd 2% of the value; the margin is never below that sd, so false alarms are rarer than 5%."""
    rng = np.random.default_rng(4)

    def share(shift):
        failed = 0
        for _ in range(500):
            theirs = [row(v, 0.1, key="fd@x", seed=i) for i, v in enumerate(rng.normal(50, 1, 3))]
            mine = [row(v, 0.1, key="fd@x", seed=i) for i, v in enumerate(rng.normal(50 + shift, 1, 3))]
            (ruling,) = judge([(GateRule("fd@x", 0.5), from_seeds(theirs, mine))], 0.05)
            failed += ruling.verdict == "fail"
        return failed / 500

    assert share(0) <= 0.03
    assert share(6) >= 0.9


def test_a_share_too_near_1_for_a_standard_error_has_that_of_the_other_side():
    """Else an unchanged model whose baseline just had one is inconclusive; missing for another reason it is."""
    held = row(0.92, 0.012, key="coverage@x", better="higher", degrees=9)
    near, few = (row(0.95, key="coverage@x", better="higher", sha="b", note=n) for n in (NEAR_END, "no interval: few"))

    for sides in ((held, near), (near, held)):
        found = from_samples(*sides)
        assert (found.stderr, found.degrees) == (pytest.approx(0.012 * 2**0.5), pytest.approx(18.0))
        assert roughly(judge([(GateRule("coverage@x", 0.05), found)], 0.05)) == "at least"
    assert from_samples(held, few).stderr is None
    assert from_samples(near, dataclasses.replace(near, provenance={"subject_sha256": "c"})).stderr is None


# ---- closed forms


def test_bounds_p_and_detectable_effects_are_those_of_student_and_normal():
    (ruling,) = judge([(GateRule("kd", 0.3), evidence(0.5, 0.1, degrees=7.0))], 0.05)
    t = stats.t(7)

    assert ruling.low == pytest.approx(0.5 - t.ppf(0.95) * 0.1)
    assert ruling.high == pytest.approx(0.5 + t.ppf(0.95) * 0.1)
    assert ruling.p == pytest.approx(t.sf(2.0))
    assert ruling.mde == pytest.approx((t.ppf(0.95) + t.ppf(0.8)) * 0.1)
    assert ruling.fails_from == pytest.approx(0.3 + ruling.mde)


def test_a_metric_where_more_is_better_is_worse_when_it_falls():
    fell = Evidence("psnr", "higher", 30.0, 29.0, 0.1)

    (ruling,) = judge([(GateRule("psnr", 0.1), fell)], 0.05)

    assert fell.worse == pytest.approx(1.0)
    assert ruling.verdict == "fail"


def test_holm_can_turn_a_lone_failure_into_inconclusive_and_says_so():
    cases = [(GateRule("a", 1.0), evidence(1.9, 0.5)), (GateRule("b", 1.0), evidence(0.0, 0.1))]

    first, second = judge(cases, 0.05)

    assert first.low > first.margin
    assert first.verdict == "inconclusive"
    assert "Holm" in first.note
    assert second.verdict == "pass"
    assert first.p_holm == pytest.approx(2 * first.p)


def test_a_rule_that_cannot_tell_says_how_many_images_would():
    (ruling,) = judge([(GateRule("kd", 0.1), evidence(0.0, 0.1, n=1000))], 0.05)

    assert ruling.verdict == "inconclusive"
    assert ruling.mde > ruling.margin
    needed = int(ruling.note.split("about ")[1].split(" images")[0].replace(",", ""))
    shrunk = 0.1 * math.sqrt(1000 / needed)
    (at_needed,) = judge([(GateRule("kd", 0.1), evidence(0.0, shrunk))], 0.05)
    assert at_needed.mde == pytest.approx(0.1, rel=1e-3)
    assert at_needed.verdict == "pass"


def test_a_failed_rule_whose_images_are_too_few_fails_all_the_same():
    assert verdict(5.0, 0.1, 0.1) == "fail"


# ---- edges without a number


def test_without_a_standard_error_nothing_is_decided_and_it_does_not_count_for_holm():
    cases = [(GateRule("fd", 1.0), evidence(9.0, None, note="rank-deficient")), (GateRule("kd", 1.0), evidence(9, 1.0))]

    without, tested = judge(cases, 0.05)

    assert without.verdict == "inconclusive"
    assert "rank-deficient" in without.note
    assert without.low is without.mde is None
    assert tested.p_holm == tested.p
    assert overall([without, tested]) == "fail"


def test_the_same_images_pass_and_a_spread_of_zero_with_a_difference_does_not():
    assert verdict(0.0, 0.0, 0.1, same=True) == "pass"
    assert verdict(0.5, 0.0, 0.1) == "inconclusive"


def test_a_share_of_nothing_is_refused():
    nothing = Evidence("kd", "lower", 0.0, 0.0, 0.1)

    with pytest.raises(UsageError, match="which is 0"):
        judge([(GateRule("kd", 0.02, relative=True), nothing)], 0.05)


# ---- from rows to evidence


def test_standard_errors_of_two_rows_are_added_as_independent():
    found = from_samples(row(1.0, 0.3, sha="a"), row(2.0, 0.4, sha="b"))

    assert found.stderr == pytest.approx(0.5)
    assert found.worse == pytest.approx(1.0)
    assert found.degrees == math.inf


def test_the_reference_is_held_fixed_only_where_both_rows_know_how():
    knows = {"stderr_given_reference": 0.1}
    both = from_samples(row(1.0, 0.3, sha="a", provenance=knows), row(2.0, 0.4, sha="b", provenance=knows))
    one = from_samples(row(1.0, 0.3, sha="a", provenance=knows), row(2.0, 0.4, sha="b"))

    assert both.stderr == pytest.approx(0.1 * 2**0.5)
    assert "given the reference" in both.method
    assert one.stderr == pytest.approx(0.5)
    assert "cautious" in one.method


@pytest.mark.parametrize("metric", [FD, KD, PRDC], ids=lambda m: m.name)
def test_standard_errors_given_the_reference_are_the_spread_over_draws_against_it(metric):
    """60 draws of 400 images against one fixed reference; one that counts the reference is 1.2 to 1.5 times it."""
    real = summary(np.random.default_rng(1).gamma(2.0, size=(500, 8)))
    values, errors = [], []
    for i in range(60):
        fake = summary(np.random.default_rng(100 + i).gamma(2.0, size=(400, 8)) * 1.3)
        estimates = metric.evaluate(real, fake)
        values.append([one.value if one.debiased is None else one.debiased for one in estimates.values()])
        known = errors_given_reference(metric, real, fake)
        errors.append([known[output].stderr for output in estimates])

    assert np.mean(errors, axis=0) == pytest.approx(np.std(values, axis=0, ddof=1), rel=0.2)


def test_coverage_whose_error_is_rather_too_large_says_at_least_in_the_rule_and_in_the_verdict():
    real, fake = (summary(np.random.default_rng(seed).gamma(2.0, size=(120, 8))) for seed in (1, 2))
    known = {output: stored(error) for output, error in errors_given_reference(PRDC, real, fake).items()}
    assert [output for output, facts in known.items() if facts.get("cautious_given_reference")] == ["coverage"]

    for output, word in (("coverage", "at least"), ("recall", "about")):
        held = row(0.8, 0.02, key=f"{output}@x", better="higher", provenance=known[output])
        rules, _ = propose({held.key: [held]}, "samples", {})
        found = from_samples(held, dataclasses.replace(held, provenance={**held.provenance, "subject_sha256": "b"}))
        assert roughly(judge([(rules.rules[0], found)], 0.05)) == word
        assert (" at least " in rules.rules[0].why) is (word == "at least")


def lognormal_means(skewness, draws, n=400):
    """(draws,) means of skewed values with their standard errors; skewness of the mean itself."""
    sigma = {0.1: 0.53, 0.2: 0.80, 0.3: 0.98}[skewness]  # (exp(s^2) + 2) sqrt(exp(s^2) - 1) / sqrt(400)
    values = np.random.default_rng(4).lognormal(0.0, sigma, (draws, n))
    return values.mean(axis=1), values.std(axis=1, ddof=1) / n**0.5


@pytest.mark.parametrize(("better", "sign"), [("lower", 1.0), ("higher", -1.0)])
@pytest.mark.parametrize("skewness", [0.1, 0.2, 0.3])
def test_the_printed_rate_allows_for_a_standard_error_that_moves_with_the_value(skewness, better, sign):
    """An unchanged model, margins made of the baseline; 8,000 gates, two points for what is left to first order."""
    values, errors = lognormal_means(skewness, 16_000)
    values, known = sign * values, {"skewness_given_reference": sign * skewness, "stderr_given_reference": 1.0}
    margin = 2 * stats.norm.ppf(0.95) * math.sqrt(2) * errors[::2]
    delta = sign * (values[1::2] - values[::2])
    passed = np.mean(delta + stats.norm.ppf(0.95) * np.hypot(errors[::2], errors[1::2]) < margin)
    found = from_samples(
        dataclasses.replace(row(1.0, 1.0, sha="a", provenance=known), better=better),
        dataclasses.replace(row(1.1, 1.0, sha="b", provenance=known), better=better),
    )
    printed = passes(2 * stats.norm.ppf(0.95) * math.sqrt(2), found.recorded.baseline, found.recorded.candidate, 0.05)

    assert printed == pytest.approx(passed, abs=0.015)
    assert printed < passes_difference(2 * stats.norm.ppf(0.95), math.inf, 0.05) - 0.01


def test_the_rate_of_two_sides_is_that_of_one_difference_where_nothing_scatters():
    for margin in (1.0, 3.0, 6.0):
        expected = passes_difference(margin / 2**0.5, math.inf, 0.05)
        assert passes(margin, Spread(1.0), Spread(1.0), 0.05) == pytest.approx(expected, abs=1e-12)


def test_the_rate_of_few_degrees_is_that_of_training_seeds_and_of_a_plain_simulation():
    rng = np.random.default_rng(2)
    sizes = np.array([1.0, 0.5])
    errors = sizes[:, None] * np.sqrt(rng.chisquare(9, (2, 100_000)) / 9)
    total = errors**2
    t = stats.t.ppf(0.95, total.sum(0) ** 2 / (total**2 / 9).sum(0))
    delta = (sizes[:, None] * rng.normal(size=(2, 100_000))).sum(axis=0)
    passed = np.mean(delta + t * np.sqrt(total.sum(0)) < 4.0 * errors[0])

    assert passes(4.0, Spread(1.0, 9.0), Spread(0.5, 9.0), 0.05) == pytest.approx(passed, abs=0.004)
    assert passes(4.0 * 3**0.5, Spread(1.0, 2), Spread(1.0, 2), 0.05) == passes_seeds(4.0, 3, 3, 0.05)


@pytest.mark.parametrize("metric", [FD, KD, MIND], ids=lambda m: m.name)
def test_value_and_standard_error_move_together_as_the_skewness_says(metric):
    """The slope of the logarithm of the standard error over 100 draws: 0.3 to 0.6, itself known to about 0.06."""
    metric = dataclasses.replace(metric, params={**metric.params, "projections": 60})
    real, law = summary(relu_mixture(8, 0.0)(np.random.default_rng(0), 500)[0]), relu_mixture(8, 0.2)
    values, errors, skewness = [], [], []
    for draw in range(100):
        fake = summary(law(np.random.default_rng((draw, 8)), 300)[0])
        influences, _ = metric.influences(real, fake, metric.params)
        error = sampling_error(influences, metric.second_influence(real, fake, influences, metric.params))
        values.append(metric.of_rows(real.bank.rows(), fake.bank.rows(), metric.params)[metric.name])
        errors.append(error.stderr)
        skewness.append(error.skewness)

    slope = 2 * np.polyfit(np.array(values) / np.std(values), np.log(errors), 1)[0]
    assert slope == pytest.approx(np.mean(skewness), abs=0.12)


def test_debiased_values_are_compared_only_where_both_sides_have_them():
    both = from_samples(row(5.0, 0.3, debiased=4.0, sha="a"), row(6.0, 0.4, debiased=4.5, sha="b"))
    one = from_samples(row(5.0, 0.3, debiased=4.0, sha="a"), row(6.0, 0.4, sha="b"))

    assert both.worse == pytest.approx(0.5)
    assert one.worse == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("theirs", "mine", "margin", "verdict", "chance"),
    [
        (1e-300, 1e100, 1e101, "pass", 1.0),
        (1e100, 1e-300, 1e101, "pass", 1.0),
        (1e-150, 0.1, 0.1, "inconclusive", stats.norm.cdf(1 - 1.6449)),
        (1e-300, 1e-300, 1e300, "pass", 1.0),
    ],
)
def test_standard_errors_of_any_size_are_judged(theirs, mine, margin, verdict, chance):
    """Rows of other tools hold any number: powers of these overflow, or come out as zero."""
    for degrees in (None, 9.0):
        sides = [row(0.0, stderr, sha=sha, degrees=degrees) for stderr, sha in ((theirs, "a"), (mine, "b"))]
        (ruling,) = judge([(GateRule("kd", margin), from_samples(*sides))], 0.05)
        assert ruling.verdict == verdict
        assert ruling.unchanged_passes == pytest.approx(chance, abs=0.05)


def test_two_rows_of_nine_degrees_are_compared_with_eighteen():
    """Stored, not read off the interval: its lower end may be conditional on being shown, or its scale another."""
    sides = [row(1.0, 0.1, ci95=(0.0, 1.3), degrees=9, sha=sha) for sha in "ab"]

    assert from_samples(*sides).degrees == pytest.approx(18)
    assert from_samples(*[row(1.0, 0.1, ci95=(0.0, 1.3), sha=sha) for sha in "ab"]).degrees == math.inf


def test_the_same_images_are_the_same_and_another_score_of_them_is_told():
    assert from_samples(row(1.0, 0.3), row(1.0, 0.3)).same
    drifted = from_samples(row(1.0, 0.3), row(1.1, 0.3))

    assert drifted.same
    assert "scored 1 then and 1.1 now" in drifted.note


@pytest.mark.parametrize("key", ["psnr", "precision_per_class@efflite0"])
def test_the_same_images_beside_other_originals_or_under_other_labels_are_not_the_same(key):
    """Their hash is of the images alone: shuffled, each of them is compared with another's original."""
    values = {str(i): 30.0 + i for i in range(20)}
    kept = {"provenance": {"per_image": values}} if key == "psnr" else {}
    shuffled = {"provenance": {"per_image": {name: 10.0 + (i * 7) % 20 for i, name in enumerate(values)}}}
    then = row(0.9, 0.01, key=key, better="higher", **kept)
    now = row(0.5, 0.01, key=key, better="higher", **(shuffled if kept else {}))

    (ruling,) = judge([(GateRule(key, 0.05), from_samples(then, now))], 0.05)
    assert ruling.verdict == "fail"
    assert from_samples(then, then).same


def test_paired_metrics_are_compared_image_by_image():
    """A drop of 0.2 dB on each of 20 images whose values spread over 10 dB: lost in the rows, plain image by image."""
    rng = np.random.default_rng(0)
    then = rng.uniform(25, 35, 20)
    now = then - 0.2 + rng.normal(0, 0.02, 20)

    def side(values, sha):
        by_image = {str(i): float(v) for i, v in enumerate(values)}
        stderr = float(values.std(ddof=1) / math.sqrt(len(values)))
        return row(
            float(values.mean()), stderr, key="psnr", better="higher", sha=sha, provenance={"per_image": by_image}
        )

    found = from_samples(side(then, "a"), side(now, "b"))
    (ruling,) = judge([(GateRule("psnr", 0.1), found)], 0.05)

    assert found.stderr == pytest.approx(np.std(now - then, ddof=1) / math.sqrt(20))
    assert found.degrees == 19
    assert ruling.verdict == "fail"
    other = side(now[:19], "b")
    assert from_samples(side(then, "a"), other).method.startswith("standard errors added")


def test_images_with_an_infinite_value_are_left_out_and_counted():
    def side(values, sha):
        return row(30.0, 1.0, key="psnr", better="higher", sha=sha, provenance={"per_image": values})

    found = from_samples(side({"a": 30.0, "b": 31.0, "c": None}, "a"), side({"a": 29.0, "b": 30.5, "c": 40.0}, "b"))

    assert found.n == 2
    assert found.worse == pytest.approx(0.75)
    assert "98 images" in found.note  # of the 100 that the row counts


def test_an_image_that_only_the_baseline_left_identical_to_its_original_is_no_pass():
    """No mean holds by how much it got worse: nineteen unchanged images must not outvote it."""
    values = {str(i): 30.0 + 0.1 * i for i in range(19)}

    def side(last, sha):
        return row(30.0, 1.0, key="psnr", better="higher", sha=sha, provenance={"per_image": {**values, "x": last}})

    for then, now, verdict in ((None, 20.0, "inconclusive"), (20.0, None, "pass"), (None, None, "pass")):
        (ruling,) = judge([(GateRule("psnr", 0.1), from_samples(side(then, "a"), side(now, "b")))], 0.05)
        assert ruling.verdict == verdict
        told = "1 image of the baseline alone, 0 of the candidate alone" in ruling.note
        assert told is (verdict == "inconclusive")

    before, after = np.full(20, 30.0), 30.0 + np.random.default_rng(0).normal(0, 0.01, 20)
    before[0] = math.inf
    found = paired_difference(before, after, "higher")
    compared = from_comparison(Comparison(row(30.0, 1.0, key="psnr", better="higher"), "older", 30.0, found))
    assert judge([(GateRule("psnr", 0.1), compared)], 0.05)[0].verdict == "inconclusive"


@pytest.mark.parametrize(
    ("then", "now", "worse", "verdict"),
    [
        ((None, None, None), (None, None, None), 0.0, "pass"),
        ((20.0, 21.0, 22.0), (None, None, None), 0.0, "pass"),
        ((None, None, None), (20.0, 21.0, 22.0), 0.0, "inconclusive"),
        ((None, None, None), (None, None, 90.0), 0.0, "inconclusive"),
        ((None, 90.0, 90.0), (90.0, None, None), 0.0, "inconclusive"),
        ((None, None, None), (20.0, 21.0, 22.0), 9.0, "fail"),
        ((20.0, 21.0, 22.0), (None, 90.0, 90.0), 9.0, "inconclusive"),
    ],
)
def test_training_seeds_that_are_identical_to_an_original_in_different_images(then, now, worse, verdict):
    """A mean of finite values alone drops with each further image that is perfect: here it would fail and pass both."""

    def side(last, by):
        sides = []
        for seed, x in enumerate(last):
            values = {str(i): 40.0 + i + 0.1 * seed - by for i in range(9)} | {"x": x}
            mean = float(np.mean([value for value in values.values() if value is not None]))
            given = {"key": "psnr", "better": "higher", "seed": seed, "provenance": {"per_image": values}}
            sides.append(row(mean, 1.0, **given))
        return sides

    (ruling,) = judge([(GateRule("psnr", 1.5), from_seeds(side(then, 0.0), side(now, worse)))], 0.05)

    assert ruling.verdict == verdict
    assert ruling.evidence.worse == pytest.approx(worse)
    assert ("identical to the original" in ruling.note) is (then != now)


def test_seeds_identical_to_originals_in_different_images_are_no_baseline():
    values = [{"a": 30.0, "b": last} for last in (None, 31.0, None)]
    rows = [
        row(30.0, 1.0, key="psnr", better="higher", seed=seed, provenance={"per_image": kept})
        for seed, kept in enumerate(values)
    ]

    rules, left_out = propose({"psnr": rows}, "retrained", {})
    assert rules.rules == ()
    assert "different images" in left_out["psnr"]


@pytest.mark.parametrize(("then", "now", "verdict"), [(3, 0, "inconclusive"), (0, 3, "pass"), (3, 3, "inconclusive")])
def test_identical_pairs_of_rows_that_keep_no_values_by_image_count(then, now, verdict):
    def side(identical, sha):
        kept = {"provenance": {"identical_pairs": identical}} if identical else {}
        return row(30.0, 0.01, key="psnr", better="higher", sha=sha, **kept)

    (ruling,) = judge([(GateRule("psnr", 0.1), from_samples(side(then, "a"), side(now, "b")))], 0.05)
    assert ruling.verdict == verdict


def test_welch_over_training_seeds_is_scipys():
    theirs, mine = [10.0, 10.5, 9.7], [11.0, 11.9, 10.6, 11.3]
    found = from_seeds(
        [row(v, 0.1, seed=i) for i, v in enumerate(theirs)], [row(v, 0.1, seed=i) for i, v in enumerate(mine)]
    )
    (ruling,) = judge([(GateRule("kd", 0.1), found)], 0.05)

    expected = stats.ttest_ind(np.asarray(mine) - found.least_margin, theirs, equal_var=False, alternative="greater")
    assert ruling.p == pytest.approx(expected.pvalue)
    assert found.degrees == pytest.approx(expected.df)


def test_a_retrained_model_gets_no_margin_below_two_percent_or_the_spread_of_its_seeds():
    tight = from_seeds(
        [row(v, 0.1, seed=i) for i, v in enumerate((100.0, 100.1, 99.9))], [row(100.0 + i, 0.1) for i in range(3)]
    )
    loose = from_seeds(
        [row(v, 0.1, seed=i) for i, v in enumerate((90.0, 100.0, 110.0))], [row(100.0 + i, 0.1) for i in range(3)]
    )

    assert tight.least_margin == pytest.approx(2.0)
    assert loose.least_margin == pytest.approx(10.0)
    (ruling,) = judge([(GateRule("kd", 0.5), loose)], 0.05)
    assert ruling.margin == pytest.approx(10.0)
    assert "raised to 10" in ruling.note


# ---- first rules


def test_first_margins_are_two_z_standard_errors_of_a_difference():
    rules, left_out = propose({"kd@efflite0": [row(0.02, 0.001)]}, "auto", {})
    (rule,) = rules.rules

    assert rule.margin == rounded_up(2 * stats.norm.ppf(0.95) * math.sqrt(2) * 0.001)
    assert left_out == {}
    assert rules.mode == "auto"


@pytest.mark.parametrize(
    ("value", "why"),
    [(0.02, "2 z standard errors of a difference at this n; 23% of the baseline"), (1.0, "2% of the baseline")],
)
def test_a_first_margin_says_once_where_it_comes_from(value, why):
    rules, _ = propose({"kd@efflite0": [row(value, 0.001)]}, "auto", {})

    assert rules.rules[0].why.rpartition("; ")[0] == why


def test_a_first_margin_says_how_many_unchanged_models_pass():
    def why(**provenance):
        rules, _ = propose({"kd@efflite0": [row(0.02, 0.001, provenance=provenance)]}, "auto", {})
        return rules.rules[0].why

    assert why().endswith("; at least 95 of 100 unchanged models pass")  # a reference that both share counts twice
    known = {"stderr_given_reference": 0.001, "skewness_given_reference": 0.44}
    assert why(**known).endswith("% of the baseline; 86 of 100 unchanged models pass")


def test_what_cannot_be_gated_is_left_out_with_its_reason():
    rows = {
        "fd@efflite0": [row(9.0, key="fd@efflite0", note="rank-deficient: n = 100 <= d = 1280")],
        "cs@efflite0": [row(1.2, 0.1, key="cs@efflite0", better="higher")],
        "vendi@efflite0": [row(2.0, 0.1, key="vendi@efflite0", better="neither")],
        "psnr": [row(30.0, 0.1, key="psnr", better="higher")],
    }

    rules, left_out = propose(rows, "auto", {})

    assert rules.rules == ()
    assert "rank-deficient" in left_out["fd@efflite0"]
    assert "worse" in left_out["cs@efflite0"]
    assert "direction" in left_out["vendi@efflite0"]
    assert "by image" in left_out["psnr"]


@pytest.mark.parametrize(("seeds", "factor", "before"), [(3, 9.57, 0.802), (5, 4.98, 0.877), (10, 3.85, 0.919)])
def test_a_margin_of_seeds_allows_for_the_chance_in_its_own_spread(seeds, factor, before):
    """`before`: 200,000 draws of an unchanged model under 2 t standard errors, with a plain Monte Carlo."""
    error = math.sqrt(2 / seeds)
    plain = 2 * stats.t.ppf(0.95, 2 * (seeds - 1)) * error

    assert seeds_factor(seeds, 0.05) / error == pytest.approx(factor, abs=0.01)
    assert passes_seeds(seeds_factor(seeds, 0.05), seeds, seeds, 0.05) == pytest.approx(0.95, abs=1e-6)
    assert passes_seeds(plain, seeds, seeds, 0.05) == pytest.approx(before, abs=0.003)


def test_an_unchanged_retrained_model_passes_as_often_as_the_gate_prints():
    rng, passed, printed = np.random.default_rng(3), 0, []
    for _ in range(300):
        theirs, mine = ([row(v, seed=i) for i, v in enumerate(rng.normal(10, 1, n))] for n in (4, 3))
        margin = 4.0 * float(np.std([one.value for one in theirs], ddof=1))
        (ruling,) = judge([(GateRule("fd@x", margin), from_seeds(theirs, mine))], 0.05)
        passed += ruling.verdict == "pass"
        printed.append(ruling.unchanged_passes)

    assert stats.binomtest(passed, 300).proportion_ci(0.999).low < np.mean(printed)
    assert stats.binomtest(passed, 300).proportion_ci(0.999).high > np.mean(printed)


def test_too_few_training_seeds_are_told_with_the_number_that_would_do():
    theirs, mine = ([row(v, seed=i) for i, v in enumerate(values)] for values in ((9.0, 10.0, 11.0), (9.5, 10.5, 11.5)))
    (ruling,) = judge([(GateRule("fd@x", 1.5), from_seeds(theirs, mine))], 0.05)

    assert ruling.verdict == "inconclusive"
    assert "too few training seeds for this margin" in ruling.note
    needed = seeds_needed(1.5, 0.05, 0.8)
    assert f"about {needed} training seeds on each side would do" in ruling.note
    assert passes_seeds(1.5, needed, needed, 0.05) >= 0.8 > passes_seeds(1.5, needed - 1, needed - 1, 0.05)
    assert seeds_needed(0.01, 0.05, 0.8) is None


def test_a_larger_draw_beside_the_baseline_takes_its_place_and_narrows_the_margin():
    kept = {"n": 10_000, "value": 1.02, "stderr": 0.06, "degrees": None, "stderr_given_reference": 0.05}
    plain = row(1.0, 0.12, key="kd@x", sha="a", provenance={"stderr_given_reference": 0.1})
    larger = dataclasses.replace(plain, provenance={**plain.provenance, "larger_draw": kept})
    candidate = row(1.3, 0.12, key="kd@x", sha="b", provenance={"stderr_given_reference": 0.1})

    found = from_samples(larger, candidate)
    assert (found.baseline, found.stderr) == (1.02, pytest.approx(math.hypot(0.05, 0.1)))
    assert "the baseline of 10,000 images" in found.method
    margins = [propose({"kd@x": [one]}, "samples", {})[0].rules[0].margin for one in (plain, larger)]
    assert margins[1] == pytest.approx(margins[0] * math.hypot(0.05, 0.1) / math.hypot(0.1, 0.1), rel=0.05)
    broken = dataclasses.replace(plain, provenance={**plain.provenance, "larger_draw": {"n": "many"}})
    assert from_samples(broken, candidate).baseline == 1.0


def test_a_side_without_any_spread_is_judged_by_that_of_the_other():
    """All images identical to their originals: mae is 0 in each, and so is its standard error."""
    spread, none = row(0.5, 0.1, key="mae", sha="a"), row(0.0, 0.0, key="mae", sha="b")

    for then, now, verdict in ((spread, none, "pass"), (none, spread, "fail")):
        (ruling,) = judge([(GateRule("mae", 0.1), from_samples(then, now))], 0.05)
        assert (ruling.verdict, ruling.evidence.stderr) == (verdict, 0.1)


def test_a_set_metric_of_0_without_spread_is_left_out():
    rules, left_out = propose({"kd@x": [row(0.0, 0.0, key="kd@x")]}, "samples", {})

    assert (rules.rules, left_out) == ((), {"kd@x": "it is 0, and has no spread"})


def test_a_share_of_an_error_of_0_is_no_margin():
    kept = {"per_image": {str(i): 0.0 for i in range(8)}}
    rules, left_out = propose({"mae": [row(0.0, 0.0, key="mae", provenance=kept)]}, "auto", {})

    assert not rules.rules
    assert left_out == {"mae": "it is 0, of which no share is a margin"}


def test_three_training_seeds_make_a_gate_for_retrained_models():
    rows = {"fd@x": [row(v, 0.1, key="fd@x", seed=i) for i, v in enumerate((50.0, 51.0, 49.0))]}

    rules, _ = propose(rows, "auto", {})

    assert rules.mode == "retrained"
    assert rules.rules[0].margin == rounded_up(9.567 * math.sqrt(2 / 3))
    assert "95 of 100 unchanged models of 3 seeds pass" in rules.rules[0].why


def test_same_weights_get_narrow_margins():
    rules, _ = propose({"kd@efflite0": [row(0.2, 0.001)]}, "same-weights", {})

    assert rules.rules[0].margin == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("given", "rounded"), [(0.01231, 0.013), (1.0, 1.0), (99.1, 100.0), (3e-7, 3e-7), (0.02, 0.02)]
)
def test_margins_are_rounded_up_to_two_digits(given, rounded):
    assert rounded_up(given) == pytest.approx(rounded, rel=1e-12)


@pytest.mark.parametrize(
    ("drawn", "asked", "reference", "count"),
    [
        (599, None, "digits:test", DRAWN),
        (10_000, None, "fashion-mnist:test", None),  # as many as the reference has, already
        (599, 300, "digits:test", 300),
        (599, None, None, None),
    ],
)
def test_a_generator_draws_enough_images_for_a_first_baseline(drawn, asked, reference, count, monkeypatch):
    source = GeneratorSource(lambda indices, seed: np.zeros((len(indices), 3, 8, 8), np.uint8), drawn, 0, "g")
    options = ScoreOptions(subject="g", reference=reference, num_samples=asked)

    monkeypatch.setattr("ganeval.gate.scorer.open_generator", lambda _: source)
    assert first_count(options) == count
    monkeypatch.setattr("ganeval.gate.scorer.open_generator", lambda _: None)
    assert first_count(options) == asked  # a folder is taken as it is


def test_a_first_baseline_of_a_generator_is_drawn_once_more_with_four_times_as_many_images(make_folder):
    def draw(indices, seed):
        return np.stack([np.random.default_rng((seed, i)).integers(0, 256, (3, 8, 8), np.uint8) for i in indices])

    real = str(make_folder("real", 24))
    options = ScoreOptions("g", reference=real, metrics="kd,fd", num_samples=24, device="cpu", in_memory={"g": draw})
    told: list[str] = []
    reporter = Silent()
    reporter.message = told.append
    kd, fd = first_rows(options, reporter)
    folder = first_rows(dataclasses.replace(options, subject=str(make_folder("fake", 24, seed=1))), Silent())

    assert kd.n_fake == kd.protocol.n_fake == 24
    kept = kd.provenance["larger_draw"]
    assert kept["n"] == 96
    (said,) = [line for line in told if "drawn once more with 96 images" in line]
    assert re.search(r"about \d+ (s|minutes)\.$", said)
    assert kept["stderr_given_reference"] < kd.provenance["stderr_given_reference"]
    assert "larger_draw" not in fd.provenance  # its expectation depends on the count
    assert "larger_draw" not in folder[0].provenance
    assert "larger_draw" not in first_rows(options, Silent(), larger=False)[0].provenance
