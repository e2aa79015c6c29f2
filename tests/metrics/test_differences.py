"""Differences: verdicts where they are due, silence where nothing can be known, and the words for it."""

import dataclasses
import hashlib
import itertools
import math
import re

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import DataError, UsageError
from ganeval.metrics import prdc_given_reference, prdc_halves
from ganeval.metrics.difference import from_stderr, images_needed, paired_difference, set_differences, verdict_of
from ganeval.metrics.difference_stderr import influence_difference_stderr, second_order_once
from ganeval.metrics.frechet import FD
from ganeval.metrics.kernel import CMMD, KD
from ganeval.metrics.mind import MIND
from ganeval.metrics.neighbours import prepare
from ganeval.metrics.prdc import PRDC, neighbourhoods
from ganeval.metrics.prdc_difference import (
    SPLITS,
    balls,
    mean_difference_error,
    nearest,
    prdc_difference_errors,
    scores,
)
from ganeval.options import ScoreOptions
from ganeval.scoring.compare import compare, pairing
from ganeval.scoring.feature_pass import SourceSummary
from ganeval.scoring.image_influence import blame
from ganeval.scoring.noise_floor import at_counts, cached_floor, noise_floor
from ganeval.stats.student_t import two_sided_p
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments


def rows(n, seed, shift=0.0, d=8):
    return (np.random.default_rng(seed).gamma(2.0, size=(n, d)) + shift).astype(np.float32)


def summary(features):
    return SetSummary(Moments.of(features), FeatureBank.of(features))


def difference(metric, real, a, b, order=None):
    found = [metric.evaluate(summary(real), summary(side))[metric.name] for side in (a, b)]
    return set_differences(metric, summary(real), summary(a), summary(b), {metric.name: tuple(found)}, order)[
        metric.name
    ]


# ---- sets


@pytest.mark.parametrize("metric", [FD, KD], ids=lambda m: m.name)
def test_a_shifted_set_is_worse_and_the_other_way_round_better(metric):
    real, near, far = rows(600, 1), rows(500, 2, 0.1), rows(500, 3, 0.8)

    assert difference(metric, real, near, far).verdict == "worse"
    assert difference(metric, real, far, near).verdict == "better"


def test_a_single_pair_is_told_how_many_would_do():
    found = paired_difference(np.array([20.0]), np.array([21.0]), "higher")

    assert (found.verdict, found.p) == ("cannot tell", None)
    assert "6 pairs are the fewest that can" in found.note


@pytest.mark.parametrize(("n", "words"), [(4, "more than 19"), (10, "more than 19"), (19, "19 images, fewer than 20")])
def test_too_few_images_for_fd_are_told_a_number_that_does(n, words):
    assert words in FD.evaluate(summary(rows(n, 1)), summary(rows(n, 2)))["fd"].note
    assert FD.evaluate(summary(rows(20, 1)), summary(rows(20, 2)))["fd"].stderr is not None


@pytest.mark.parametrize("metric", [FD, KD], ids=lambda m: m.name)
def test_two_draws_of_one_law_show_no_difference(metric):
    """5% false alarms at most: of 40 pairs of draws, seven or more would be a defect (p = .004)."""
    real = rows(500, 1)
    verdicts = [difference(metric, real, rows(400, 10 + 2 * i), rows(400, 11 + 2 * i)).verdict for i in range(40)]

    assert verdicts.count("no difference detected") >= 34


def test_second_order_counts_once():
    """V(n) = V1 / n + 2 V2 / n^2 and V(n / 2) / 2 = V1 / n + 4 V2 / n^2 give V1 / n + V2 / n^2."""
    assert second_order_once(3.0 + 2 * 0.5, 3.0 + 4 * 0.5) == pytest.approx(3.0 + 0.5)
    assert second_order_once(2.0, 5.0) == 1.0  # all of second order, and more by chance
    assert second_order_once(2.0, 1.0) == 2.0
    assert second_order_once(0.0, 0.0) == 0.0


@pytest.mark.parametrize("metric", [KD, MIND, FD], ids=lambda m: m.name)
def test_the_standard_error_between_equal_sets_is_the_spread_over_draws(metric):
    """Equally far from the reference. Without the halves it is 1.13 to 1.16 times the spread."""
    metric = dataclasses.replace(metric, params={**metric.params, "projections": 20})
    errors, deltas = [], []
    for seed in range(150):
        drawn = np.random.default_rng(seed).normal(size=(3, 60, 4))
        real, a, b = (drawn + np.reshape([0.0, 0.3, 0.3], (3, 1, 1))).astype(np.float32)
        sides = [summary(side) for side in (real, a, b)]
        values = [metric.of_rows(real, side, metric.params)[metric.name] for side in (a, b)]
        errors.append(influence_difference_stderr(metric, *sides, paired=False))
        deltas.append(values[1] - values[0])

    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(deltas), rel=0.1)


def test_a_difference_does_not_depend_on_the_names_of_the_images():
    """Halves go by content: sets under other names, or in another order, lose the same images."""
    real, a, b = (rows(200, seed) for seed in (1, 2, 3))
    digests = [tuple(hashlib.sha256(row.tobytes()).digest() for row in side) for side in (real, a, b)]
    mixed = [np.random.default_rng(seed).permutation(200) for seed in (4, 5, 6)]

    def compared(places, order):
        sides = [
            SetSummary(Moments.of(side[p]), FeatureBank.of(side[p]), digests=tuple(d[i] for i in p))
            for side, d, p in zip((real, a, b), digests, places, strict=True)
        ]
        found = tuple(KD.evaluate(sides[0], side)["kd"] for side in sides[1:])
        return set_differences(KD, *sides, {"kd": found}, order)["kd"].stderr

    straight = [np.arange(200)] * 3
    partners = np.argsort(mixed[1])[mixed[2]]  # the place in A of the partner of each image of B
    assert compared(mixed, None) == pytest.approx(compared(straight, None), rel=1e-12)
    assert compared(mixed, partners) == pytest.approx(compared(straight, np.arange(200)), rel=1e-12)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("metric", [KD, PRDC], ids=lambda m: m.name)
def test_b_against_a_is_the_negative_of_a_against_b(metric, paired):
    """Divisions drawn by the order of A and B gave standard errors that differed by a tenth, and so two verdicts."""
    real, a, b = (summary(rows(100, seed)) for seed in (1, 2, 3))
    of_a, of_b = (metric.evaluate(real, side) for side in (a, b))
    order = np.random.default_rng(4).permutation(100) if paired else None
    back = None if order is None else np.argsort(order)
    forth = set_differences(metric, real, a, b, {name: (of_a[name], of_b[name]) for name in of_a}, order)

    for name, found in set_differences(
        metric, real, b, a, {name: (of_b[name], of_a[name]) for name in of_a}, back
    ).items():
        assert (found.delta, found.stderr, found.p) == (-forth[name].delta, forth[name].stderr, forth[name].p)


@pytest.mark.parametrize(("shared", "told"), [(10, ""), (11, "11 of {} 200 images are images of the reference")])
def test_a_set_that_holds_images_of_the_reference_has_no_verdict(shared, told):
    """Else the set with the leaked files was better than an equally good one: precision and recall at p = .01."""
    real, a, b = rows(200, 1), rows(200, 2), rows(200, 3)
    a[:shared] = real[-shared:]

    for found, name in ((difference(KD, real, a, b), "A's"), (difference(KD, real, b, a), "B's")):
        assert (found.stderr is None, found.verdict == "cannot tell") == (bool(told), bool(told))
        assert found.note.startswith(told.format(name))


@pytest.mark.parametrize("metric", [FD, KD, CMMD, MIND], ids=lambda m: m.name)
def test_metrics_with_influences_share_the_reference(metric):
    real, a, b = rows(400, 1), rows(300, 2), rows(300, 3)
    found = difference(metric, real, a, b)
    alone = [metric.evaluate(summary(real), summary(side))[metric.name].stderr for side in (a, b)]

    assert "influence of each image" in found.method
    assert found.stderr < math.hypot(*alone)
    assert found.degrees is None


@pytest.mark.parametrize("metric", [FD, KD], ids=lambda m: m.name)
def test_pairing_sharpens_the_difference_of_near_identical_sets(metric):
    real, a = rows(600, 1), rows(500, 2, 0.5)
    b = a + 0.01
    unpaired, paired = difference(metric, real, a, b), difference(metric, real, a, b, np.arange(500))

    assert paired.stderr < unpaired.stderr / 5
    assert paired.verdict == "worse"
    assert unpaired.verdict == "no difference detected"
    assert paired.delta == unpaired.delta
    assert paired.mde < unpaired.mde


@pytest.mark.slow
def test_the_paired_standard_error_is_the_spread_over_draws():
    real = rows(3000, 1)
    deltas, errors = [], []
    for i in range(60):
        a = rows(300, 100 + i, 0.5)
        found = difference(KD, real, a, a * 1.05, np.arange(300))
        deltas.append(found.delta)
        errors.append(found.stderr)

    assert np.mean(errors) == pytest.approx(np.std(deltas, ddof=1), rel=0.3)


def test_below_the_width_fd_cannot_tell_and_says_why():
    found = difference(FD, rows(60, 1, d=64), rows(50, 2, d=64), rows(50, 3, 0.5, d=64))

    assert found.verdict == "cannot tell"
    assert found.ci95 is None
    assert "rank-deficient" in found.note


def test_the_same_set_twice_has_no_difference():
    real, a = rows(300, 1), rows(200, 2, 0.3)
    found = difference(KD, real, a, a, np.arange(200))

    assert found.delta == 0.0
    assert found.verdict == "no difference detected"


def test_the_detectable_effect_is_2_8_standard_errors():
    found = from_stderr(1.0, 1.0, 100, "lower", paired=False, method="")

    assert found.mde == pytest.approx(2.8016, abs=1e-3)
    assert found.n_needed == math.ceil(100 * 2.80159**2)
    assert images_needed(0.0, 1.0, 100) is None


def test_a_standard_error_of_few_degrees_is_held_to_students_t():
    found = from_stderr(2.0, 1.0, 100, "lower", paired=False, method="", degrees=19)

    assert found.degrees == 19
    assert found.ci95 == pytest.approx((2.0 - 2.0930, 2.0 + 2.0930), abs=1e-4)
    assert found.verdict == "no difference detected"  # where the normal interval would say "worse"
    assert found.p == pytest.approx(0.0600, abs=1e-4)
    assert found.mde == pytest.approx(2.0930 + 0.8610, abs=1e-3)


def test_a_metric_without_a_better_direction_has_no_verdict():
    assert verdict_of((0.5, 1.0), "neither") == "cannot tell"
    assert verdict_of(None, "lower") == "cannot tell"
    assert from_stderr(1.0, 0.1, 100, "neither", paired=False, method="").verdict == "cannot tell"


def test_shares_are_compared_without_a_standard_error_of_either_set():
    """A coverage near 1 has none; the divisions of both sets give that of the difference."""
    real = rows(500, 1)
    sides = [summary(rows(500, seed, shift)) for seed, shift in ((2, 0.1), (3, 1.0))]
    a, b = (dataclasses.replace(PRDC.evaluate(summary(real), side)["recall"], stderr=None, ci95=None) for side in sides)
    found = set_differences(PRDC, summary(real), *sides, {"recall": (a, b)}, np.arange(500))["recall"]

    assert (found.verdict, found.paired) == ("worse", True)
    assert found.stderr > 0.0


def test_too_few_images_cannot_tell_by_shares():
    sides = [summary(rows(n, seed)) for n, seed in ((100, 1), (99, 2), (100, 3))]
    both = {name: (one, one) for name, one in PRDC.evaluate(sides[0], sides[1]).items()}
    for one in set_differences(PRDC, *sides, both, None).values():
        assert (one.verdict, one.stderr) == ("cannot tell", None)
        assert one.note == "a difference needs 100 distinct images of each set; got 99"


def test_a_metric_that_declares_no_errors_of_differences_has_both_added():
    metric = dataclasses.replace(PRDC, difference_errors=None)
    sides = [summary(rows(500, seed)) for seed in (1, 2, 3)]
    a, b = (PRDC.evaluate(sides[0], side)["recall"] for side in sides[1:])
    found = set_differences(metric, *sides, {"recall": (a, b)}, np.arange(500))["recall"]

    assert found.stderr == pytest.approx(math.hypot(a.stderr, b.stderr))
    assert (found.paired, 9 <= found.degrees <= 18) == (False, True)


def test_groups_of_images_are_scored_as_sets_are():
    """Every score of every group, from its definition."""
    drawn, rng = [rows(90, 1), rows(160, 2)], np.random.default_rng(0)
    points = prepare(*drawn)
    groups = [
        rng.integers(0, count, (SPLITS, len(side))) for count, side in ((2, drawn[0]), (2, drawn[1]), (4, drawn[1]))
    ]
    groups = [own.astype(np.int8) for own in groups]
    real, traded, divided = (
        balls(points[i], own, (3, 5), nearest(points[i])) for i, own in zip((0, 1, 1), groups, strict=True)
    )
    found = scores(real, traded, divided, 3, 5)

    def scored(reference, images):
        return pytest.approx(neighbourhoods(reference, images, 3, 5).scores(5))

    for split in range(0, SPLITS, 10):
        for group in (0, 1):
            assert found.traded[split, group] == scored(drawn[0], drawn[1][groups[1][split] == group])
        for half, group in itertools.product(range(2), range(4)):
            part = drawn[0][groups[0][split] == half], drawn[1][groups[2][split] == group]
            assert found.crossed[split, half, group] == scored(*part)
    values = neighbourhoods(*drawn, 3, 5)
    assert found.by_image["precision"].mean() == values.fake_inside.mean()
    covered = [neighbourhoods(drawn[0], drawn[1][groups[1][0] == group], 3, 5) for group in (0, 1)]
    assert found.apart["coverage"][0] == np.count_nonzero(covered[0].covered ^ covered[1].covered)
    assert found.apart["recall"][0] == np.count_nonzero(covered[0].real_inside ^ covered[1].real_inside)
    assert found.by_image["density"].mean() == pytest.approx(values.balls.mean() / 5)


def test_halves_of_both_sets_are_scored_as_sets_are():
    drawn, rng = (rows(90, 1), rows(161, 2)), np.random.Generator(np.random.PCG64(prdc_halves.SPLIT_SEED))
    groups = [np.stack([rng.permutation(len(side)) % 2 for _ in range(prdc_halves.SPLITS)]) for side in drawn]
    found = prdc_halves.half_scores(*drawn, 5)

    for split, half in itertools.product(range(0, prdc_halves.SPLITS, 16), (0, 1)):
        parts = [side[own[split] == half] for side, own in zip(drawn, groups, strict=True)]
        scored = neighbourhoods(*parts, 3, 5).scores(5)
        assert (found.density[split, half], found.coverage[split, half]) == pytest.approx((scored[2], scored[3]))
    assert prdc_halves.half_stderr(np.array([[0.5, 0.6], [0.4, 0.6]])) == pytest.approx((0.25 * 0.025) ** 0.5)


def test_parts_of_the_generated_images_are_scored_against_the_whole_reference():
    drawn, rng = (rows(90, 1), rows(161, 2)), np.random.Generator(np.random.PCG64(prdc_given_reference.SPLIT_SEED))
    quarters = np.stack([rng.permutation(161) % 4 for _ in range(prdc_given_reference.SPLITS)])
    found, whole = prdc_given_reference.covered(*drawn, 3, 5), neighbourhoods(*drawn, 3, 5)

    assert (found.inside == whole.fake_inside).all()
    assert (found.balls == whole.balls).all()
    assert (found.recall[1][0, 0], found.coverage[1][0, 0]) == (whole.real_inside.mean(), whole.covered.mean())
    for split, part in itertools.product(range(0, prdc_given_reference.SPLITS, 16), range(4)):
        for count, own in ((4, quarters[split] == part), (2, quarters[split] // 2 == part // 2)):
            scored = neighbourhoods(drawn[0], drawn[1][own], 3, 5).scores(5)
            group = part if count == 4 else part // 2
            assert found.recall[count][split, group] == pytest.approx(scored[1])
            assert found.coverage[count][split, group] == pytest.approx(scored[3])


@pytest.mark.parametrize(("paired", "spread"), [(False, 1.3), (True, 1.3)])
def test_the_standard_error_of_a_difference_of_shares_is_the_spread_over_draws(paired, spread):
    """Both standard errors added were 2 to 3 times the spread."""
    deltas, errors = [], []
    for seed in range(40):
        drawn = np.random.default_rng(seed).normal(size=(4, 120, 4)).astype(np.float32)
        real, a, other, mine = drawn * np.float32([1, 1.2, 1.2, 1.2])[:, None, None]
        b = np.where(mine[:, :1] > 1.0, other, a) if paired else other
        found = prdc_difference_errors(*(summary(side) for side in (real, a, b)), paired, PRDC.params)
        values = [PRDC.of_rows(real, side, PRDC.params) for side in (a, b)]
        deltas.append([values[1][name] - values[0][name] for name in found])
        errors.append([error.stderr for error in found.values()])

    ratios = np.sqrt(np.mean(np.square(errors), axis=0)) / np.std(deltas, axis=0)
    assert (ratios > 1 / spread).all()
    assert (ratios < spread).all()


def test_an_outlier_whose_ball_decides_is_named():
    """Precision is that of one reference image: a reference drawn anew has another one, or none."""
    rng = np.random.default_rng(5)
    real, a, b = (rng.normal(size=(600, 4)).astype(np.float32) for _ in range(3))
    real[0] = 60.0
    a += np.float32(30.0)
    found = PRDC.evaluate(summary(real), summary(a))
    errors = prdc_difference_errors(summary(real), summary(a), summary(b), False, PRDC.params)

    assert found["precision"].value == 1.0
    assert "the ball of one reference image alone holds 100% of the generated images" in found["precision"].note
    assert "outlier" not in found["recall"].note + PRDC.evaluate(summary(real), summary(b))["precision"].note
    told = re.fullmatch(
        r"most of this interval is the reference: another draw of it moves the difference by (.+), of the generated "
        r"images by (.+) \(one standard error each\)",
        errors["precision"].note,
    )
    assert told is not None
    assert math.hypot(*map(float, told.groups())) == pytest.approx(errors["precision"].stderr, rel=0.06)
    assert errors["precision"].stderr > 0.2
    wider = summary(b[::-1] * np.float32(1.1))
    without = prdc_difference_errors(summary(real[1:]), summary(b), wider, False, PRDC.params)
    assert without["precision"].note == ""
    turned = PRDC.evaluate(summary(a), summary(real))["recall"].note
    assert "the ball of one generated image alone holds 100% of the reference images" in turned


@pytest.mark.parametrize(("changed", "significant"), [(2, False), (4, False), (5, False), (6, True), (30, True)])
def test_a_share_that_few_pairs_move_is_held_to_as_many_degrees(changed, significant):
    """All to one side: a sign test needs six, a normal one was significant from four."""
    before = np.zeros(500)
    after = np.where(np.arange(500) < changed, 1.0, 0.0)
    stderr, degrees = mean_difference_error(before, after, paired=True)

    assert degrees == changed
    assert (two_sided_p(float(after.mean()) / stderr, degrees) <= 0.05) == significant
    stderr, degrees = mean_difference_error(before, after, paired=False)
    assert degrees == changed
    assert (two_sided_p(float(after.mean()) / stderr, degrees) <= 0.05) == significant
    assert mean_difference_error(before, before, paired=True) == (0.0, 1.0)


def test_pairing_sharpens_the_difference_of_shares():
    real, a = summary(rows(500, 1)), rows(500, 2, 0.5)
    changed = np.where(np.arange(500)[:, None] < 60, rows(500, 3, 0.5), a)
    order = np.random.default_rng(4).permutation(500)
    sides = summary(a), summary(changed[order])
    estimates = [PRDC.evaluate(real, side) for side in sides]
    both = {name: (estimates[0][name], estimates[1][name]) for name in ("precision", "recall", "density", "coverage")}
    assert all(one.stderr and other.stderr for one, other in both.values())

    paired, apart = (set_differences(PRDC, real, *sides, both, o) for o in (order, None))
    for name in both:
        assert paired[name].stderr < 0.7 * apart[name].stderr
        assert (paired[name].paired, apart[name].paired) == (True, False)
        assert paired[name].delta == apart[name].delta


def test_kd_without_the_feature_rows_of_a_side_is_refused():
    real, a, b = (summary(rows(50, seed)) for seed in (1, 2, 3))
    estimates = tuple(KD.evaluate(real, side)["kd"] for side in (a, b))

    with pytest.raises(DataError, match="needs every feature row, and the generated set is known by its moments only"):
        set_differences(KD, real, a, SetSummary(b.moments), {"kd": estimates}, None)


# ---- pairs


def test_five_pairs_cannot_be_significant_and_the_report_says_why():
    a = np.array([30.0, 31.0, 29.0, 28.0, 33.0])
    found = paired_difference(a, a + np.array([1.0, 1.1, 0.9, 1.2, 1.0]), "higher")

    assert found.p == 0.0625
    assert found.verdict == "cannot tell"
    assert "cannot be significant" in found.note
    assert "0.0625" in found.note
    assert (found.wins, found.losses) == (5, 0)


@pytest.mark.parametrize(("better", "verdict"), [("higher", "better"), ("lower", "worse")])
def test_a_clear_gain_over_thirty_pairs_is_found(better, verdict):
    rng = np.random.default_rng(0)
    a = rng.normal(30, 3, 30)
    found = paired_difference(a, a + rng.normal(0.5, 0.3, 30), better)

    assert found.verdict == verdict
    assert found.ci95[0] < 0.5 < found.ci95[1]


def test_infinite_pairs_are_left_out_and_counted():
    a = np.array([np.inf, 30.0, 31.0, 29.0, 28.0, 33.0, 30.0])
    found = paired_difference(a, np.full(7, 30.0), "higher")

    assert "1 pair with an infinite value is left out" in found.note
    assert np.isfinite(found.delta)


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "no difference detected"), (1.0, "cannot tell")])
def test_equal_differences_have_no_spread_to_judge_by(shift, verdict):
    found = paired_difference(np.zeros(30), np.full(30, shift), "higher")

    assert found.verdict == verdict
    assert found.ci95 is None


def test_no_pair_at_all_is_not_a_number():
    found = paired_difference(np.full(3, np.inf), np.full(3, np.inf), "higher")

    assert found.verdict == "cannot tell"
    assert found.delta == 0.0


def test_stems_pair_across_extensions_and_order():
    assert pairing(["a.png", "b.png"], ["b.jpg", "a.jpg"]).tolist() == [1, 0]
    assert pairing(["a.png", "b.png"], ["a.jpg", "c.jpg"]) is None
    assert pairing(["a.png", "a.jpg"], ["a.png", "b.png"]) is None


# ---- from options to rows


def test_a_compression_ladder_is_told_apart(make_folder, tmp_path):
    original = make_folder("original", 24, sizes=[(48, 48)])
    for quality in (95, 5):
        (tmp_path / f"q{quality}").mkdir()
        for path in original.iterdir():
            Image.open(path).save(tmp_path / f"q{quality}" / f"{path.stem}.jpg", quality=quality)

    options = ScoreOptions(str(tmp_path / "q95"), reference=str(original), metrics="kd", engine="torch")
    (row,) = compare(options, str(tmp_path / "q5"))

    assert row.difference.paired
    assert row.difference.verdict == "worse"
    assert row.to_dict()["delta"] == row.difference.delta
    assert row.to_dict()["verdict"] == "worse"


def test_sets_of_other_counts_are_cut_to_the_smaller(make_folder):
    a, b, real = make_folder("a", 9), make_folder("b", 6, seed=1), make_folder("real", 9, seed=2)
    (row,) = compare(ScoreOptions(str(a), reference=str(real), metrics="kd", engine="torch"), str(b))

    assert row.result.n_fake == 6
    assert not row.difference.paired
    assert row.difference.verdict in ("cannot tell", "no difference detected", "better", "worse")


def test_diff_needs_one_thing_to_compare_with(make_folder):
    folder = str(make_folder("a", 3))

    with pytest.raises(UsageError, match="either --reference REF"):
        compare(ScoreOptions(folder), folder)
    with pytest.raises(UsageError, match="either --reference REF"):
        compare(ScoreOptions(folder, reference=folder, paired=folder), folder)


# ---- floors and blame


def test_the_floor_is_real_against_real_at_the_subjects_count():
    floor = noise_floor(FD, summary(rows(400, 1)), 150)
    draws = [FD.of_rows(rows(250, s), rows(150, s + 1), {})["fd"] for s in range(2, 40, 2)]

    assert floor.n == 150
    assert 0.5 < floor.values["fd"] / np.median(draws) < 2.0
    assert noise_floor(FD, summary(rows(100, 1)), 150).n == 50
    assert noise_floor(PRDC, summary(rows(8, 1)), 150) is None
    assert noise_floor(FD, SetSummary(Moments.of(rows(100, 1))), 150) is None


@pytest.mark.parametrize(
    ("metric", "d", "n_real", "n_fake"),
    [
        (FD, 8, 400, 400),
        (FD, 8, 800, 200),
        (FD, 8, 200, 800),
        (FD, 48, 80, 80),
        (FD, 48, 90, 30),
        (MIND, 8, 300, 300),
        (MIND, 8, 200, 800),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_perfect_model_is_at_its_floor(metric, d, n_real, n_fake):
    """Halves of the reference are smaller than it: beside their own value a perfect model came out at half."""
    if metric is MIND:
        metric = dataclasses.replace(MIND, params={**MIND.params, "projections": 30})
    ratios = []
    for seed in range(24):
        real, fake = (summary(rows(n, 100 * seed + n, d=d)) for n in (n_real, n_fake + 1))
        value = metric.of_rows(real.bank.rows(), fake.bank.rows(), metric.params)
        floor = noise_floor(metric, real, n_fake + 1)
        carried = at_counts(floor, metric, real, fake, value)
        assert carried.n == floor.n
        ratios.append(value[metric.name] / carried.values[metric.name])
    error = np.std(ratios, ddof=1) / math.sqrt(len(ratios))

    assert abs(np.exp(np.mean(np.log(ratios))) - 1) < 0.03 + 3 * error
    assert error < 0.09


def test_a_floor_is_measured_at_the_proportion_of_the_counts():
    """Where the value depends on both counts, a small part is scored against all other images."""
    real = summary(rows(400, 1))

    assert (noise_floor(FD, real, 50).n, noise_floor(FD, real, 50).against) == (50, 350)
    assert noise_floor(FD, real, 200).against == noise_floor(FD, real, 900).against == 200
    assert noise_floor(FD, summary(rows(401, 1)), 300).against == 200
    assert noise_floor(KD, real, 50).against == 50, "unbiased: equal parts will do"


def test_a_floor_without_a_bias_stays_that_of_the_halves():
    real, fake = summary(rows(100, 1)), summary(rows(100, 2))
    floor = noise_floor(KD, real, 100)

    assert at_counts(floor, KD, real, fake, {"kd": 0.5}) is floor
    alone = at_counts(noise_floor(FD, real, 100), FD, real, SetSummary(fake.moments), {"fd": 0.5})
    assert alone.values["fd"] == pytest.approx(0.5 * noise_floor(FD, real, 100).values["fd"])


def test_a_floor_is_computed_once_and_a_damaged_one_again(tmp_path):
    real = summary(rows(100, 1))
    first = cached_floor(FD, real, 40, "identity", tmp_path)
    (file,) = tmp_path.iterdir()
    other = summary(rows(100, 2))

    assert cached_floor(FD, other, 40, "identity", tmp_path) == first, "the identity names the reference"
    assert cached_floor(FD, other, 40, "another", tmp_path) != first
    file.write_text('{"values": 3}')
    assert cached_floor(FD, real, 40, "identity", tmp_path) == first


def test_planted_images_are_blamed_first():
    fake = rows(2000, 2)
    fake[::100] += 3.0
    names = tuple(f"{i:04d}.png" for i in range(2000))
    passed = SourceSummary("s", {"toy": summary(fake)}, "", names, (), (), (), {}, {})

    table = blame(passed, {"toy": summary(rows(2000, 1))})

    assert list(table.columns) == ["image", "fd@toy", "kd@toy", "cmmd@toy", "mind@toy"]
    planted = {f"{i:04d}" for i in range(0, 2000, 100)}
    assert len(planted & set(table["image"][:40])) >= 18
    assert table["fd@toy"].sum() == pytest.approx(0.0, abs=1e-6)
