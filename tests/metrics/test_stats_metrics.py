"""Influence, bias and intervals of the set metrics: derivatives, closed forms, small simulations of coverage."""

import warnings

import numpy as np
import pytest

from ganeval.metrics import METRICS
from ganeval.metrics.frechet import compute_fd, frechet_distance, frechet_influences
from ganeval.metrics.inception_score import classifier_score, information_influence, information_jackknife, log_softmax
from ganeval.metrics.kernel import cubic_kernel, kernel_sums
from ganeval.metrics.mind import MIND, mind, mind_influences, mind_jackknife
from ganeval.metrics.vendi import vendi_jackknife, vendi_score
from ganeval.stats.influence import influence_stderr
from ganeval.stats.jackknife import block_numbers, delete_block_jackknife
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments

SETS = ["fd", "kd", "cmmd", "mind", "prdc", "cs", "vendi"]


def summary(rows, bank=True):
    features = np.asarray(rows, dtype=np.float32)
    logits = FeatureBank.of(features[:, :6] * 2)
    return SetSummary(Moments.of(features), FeatureBank.of(features) if bank else None, logits)


def relu_mixture(rng, n, d, shift=0.0):
    mixing = np.random.default_rng(5).normal(size=(d, d)) / d**0.5
    centres = np.random.default_rng(9).normal(size=(4, d))
    rows = (rng.normal(size=(n, d)) + centres[rng.integers(0, 4, n)]) @ mixing * (1 + shift) + shift
    return np.maximum(rows, 0) + 1e-3 * rng.normal(size=(n, d))


def evaluate(name, real, fake):
    metric = METRICS.get(name)
    params = dict(metric.params) | ({"projections": 40} if "projections" in metric.params else {})
    return metric.evaluate(real, fake, params)


def weighted_moments(rows, weights):
    """Moments in which image i counts weights[i] times, with divisor n - 1 kept: scatter is scaled to n."""
    p = weights / weights.sum()
    mean = p @ rows
    return Moments(len(rows), mean, (rows - mean).T @ ((rows - mean) * p[:, None]) * len(rows))


# ---- influence functions are derivatives


@pytest.mark.parametrize(("n", "m"), [(60, 50), (60, 9), (9, 50)])
def test_the_influence_on_fd_is_its_derivative_by_an_images_weight(n, m):
    """d = 12, also with fewer images than dimensions: pseudo-inverses give the derivative within the span."""
    rng = np.random.default_rng(0)
    real, fake = relu_mixture(rng, n, 12).astype(np.float32), relu_mixture(rng, m, 12, 0.3).astype(np.float32)
    found = frechet_influences(summary(real), summary(fake))[0]

    step = 1e-5
    for i in (0, 3, 7):
        sides = []
        for sign in (1, -1):
            weights = np.full(m, 1.0 / m)
            weights *= 1 - sign * step
            weights[i] += sign * step
            sides.append(frechet_distance(Moments.of(real), weighted_moments(fake.astype(float), weights)))
        assert found[i] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-4, abs=1e-4)
    assert found.sum() == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (40, 25), (25, 40)])
def test_the_influence_on_mind_is_its_derivative_by_an_images_weight(n, m):
    """Of twenty copies of each image, one more and one less of one image: its weight moves, and no other image."""
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(n, 5)).astype(np.float32), rng.normal(0.4, 1.2, size=(m, 5)).astype(np.float32)
    params = {**MIND.params, "projections": 30}
    found = mind_influences(summary(real), summary(fake), params)

    for side, influence in ((0, found[1]), (1, found[0])):
        for i in (0, 3, 7):
            sides, values = [real, fake], []
            for copies in (21, 19):
                counts = np.full(len(influence), 20)
                counts[i] = copies
                sides[side] = np.repeat((real, fake)[side], counts, axis=0)
                values.append(MIND.of_rows(*sides, params)["mind"])
            slope = (values[0] - values[1]) / 2 * 20 * len(influence)
            assert influence[i] == pytest.approx(slope, rel=0.01, abs=0.01 * np.abs(influence).max())
        assert influence.sum() == pytest.approx(0.0, abs=1e-8)


def test_dead_dimensions_on_one_side_leave_the_influence_finite_and_right():
    rng = np.random.default_rng(0)
    real, fake = relu_mixture(rng, 60, 8).astype(np.float32), relu_mixture(rng, 50, 8).astype(np.float32)
    fake[:, 2] = 0.0
    real[:, 5] = 0.0
    found = frechet_influences(summary(real), summary(fake))[0]
    step, base = 1e-6, np.full(50, 1.0 / 50)

    moved = base * (1 - step)
    moved[4] += step
    values = [frechet_distance(Moments.of(real), weighted_moments(fake.astype(float), w)) for w in (base, moved)]

    assert found[4] == pytest.approx((values[1] - values[0]) / step, rel=1e-3)


@pytest.mark.parametrize("twice", [[0], [0, 1]])
@pytest.mark.parametrize("slip", [0.0, 2e-7])
def test_a_dimension_that_stands_twice_counts_as_one_of_twice_the_square(slip, twice):
    """Covariances that are singular, or nearly: (x, y, x) is (x sqrt 2, y) turned, and so is what each image does."""
    rng = np.random.default_rng(0)
    sides = [relu_mixture(rng, n, 2, shift) for n, shift in ((60, 0.0), (50, 0.4))]
    doubled, scaled = [], []
    for x in sides:
        again = x[:, twice] + slip * rng.normal(size=(len(x), len(twice)))
        doubled.append(summary(np.concatenate([x, again], axis=1)))
        scaled.append(summary(x * np.where(np.isin([0, 1], twice), 2**0.5, 1.0)))

    for there, expected in zip(frechet_influences(*doubled), frechet_influences(*scaled), strict=True):
        assert there == pytest.approx(expected, abs=1e-5 * np.abs(expected).max())


def test_the_influence_on_kd_is_the_textbook_projection():
    rng = np.random.default_rng(0)
    real, fake = relu_mixture(rng, 30, 6), relu_mixture(rng, 25, 6, 0.3)
    sums = kernel_sums(real, fake, cubic_kernel)
    k = cubic_kernel(fake, fake)
    expected = [2 * (np.delete(k[i], i).mean() - cubic_kernel(fake[i : i + 1], real).mean()) for i in range(25)]

    assert sums.fake_influence() == pytest.approx(np.array(expected) - np.mean(expected))


def test_the_influence_on_the_classifier_score_is_its_derivative():
    log_p = log_softmax(np.random.default_rng(0).normal(size=(30, 5)) * 2)
    p, step = np.exp(log_p), 1e-6

    def score(weights):
        q = weights @ p
        return float(weights @ (p * (log_p - np.log(q))).sum(axis=1))

    base = np.full(30, 1 / 30)
    assert score(base) == pytest.approx(np.log(classifier_score(log_p)))
    for i in (0, 11):
        moved = base * (1 - step)
        moved[i] += step
        assert information_influence(log_p)[i] == pytest.approx((score(moved) - score(base)) / step, rel=1e-3)


def test_blame_finds_planted_images():
    rng = np.random.default_rng(0)
    real, fake = relu_mixture(rng, 2000, 16), relu_mixture(rng, 2000, 16)
    planted = rng.choice(2000, 20, replace=False)
    fake[planted] += 3 * rng.normal(size=(20, 16))

    worst = np.argsort(-frechet_influences(summary(real), summary(fake))[0])[:40]

    assert len(set(worst) & set(planted)) >= 18


# ---- fast deletions are the slow ones


def test_fast_deletions_agree_with_recomputation():
    """fd, mind, cs and vendi from downdated sums, thinned sorts and so on, against the metric on the kept rows."""
    rng = np.random.default_rng(0)
    real, fake = relu_mixture(rng, 103, 6).astype(np.float32), relu_mixture(rng, 103, 6, 0.3).astype(np.float32)
    log_p = log_softmax(fake * 2)

    slow = delete_block_jackknife(103, lambda s: frechet_distance(Moments.of(real[s]), Moments.of(fake[s])), 20)
    assert compute_fd(summary(real), summary(fake), {})["fd"].debiased == pytest.approx(slow.debiased, rel=1e-8)

    slow = delete_block_jackknife(103, lambda s: mind(real[s], fake[s], 30, 1), 20)
    fast = mind_jackknife(real, fake, 30, 1)
    assert (fast.value, fast.bias, fast.stderr) == pytest.approx((slow.value, slow.bias, slow.stderr), rel=1e-9)

    slow = delete_block_jackknife(103, lambda s: float(np.log(classifier_score(log_p[s]))), 20)
    fast = information_jackknife(log_p)
    assert (fast.bias, fast.stderr) == pytest.approx((slow.bias, slow.stderr), rel=1e-8)

    slow = delete_block_jackknife(103, lambda s: float(np.log(vendi_score(fake[s]))), 20)
    fast = vendi_jackknife(fake)
    assert fast.value == pytest.approx(np.log(vendi_score(fake)), rel=1e-12)
    assert (fast.bias, fast.stderr) == pytest.approx((slow.bias, slow.stderr), rel=1e-8)


def test_mind_deletions_agree_for_unequal_counts():
    rng = np.random.default_rng(0)
    real, fake = relu_mixture(rng, 90, 5), relu_mixture(rng, 61, 5, 0.3)
    fast, (a, b) = mind_jackknife(real, fake, 20, 1), (block_numbers(90), block_numbers(61))

    deleted = [mind(real[a != g], fake[b != g], 20, 1) for g in range(20)]

    assert fast.value == pytest.approx(mind(real, fake, 20, 1), rel=1e-12)
    assert fast.stderr == pytest.approx((19 / 20 * np.var(deleted) * 20) ** 0.5, rel=0.05)


# ---- bias


def test_the_bias_of_fd_against_its_own_law_is_removed():
    """The closed form s^2 (d/N + d(d+1)/(4N)) is what the deletions find, with the reference fixed."""
    d, n, s2 = 16, 600, 4.0
    law = SetSummary(Moments(2**31, np.zeros(d), s2 * np.eye(d) * (2**31 - 1)))
    rng = np.random.default_rng(0)
    found = [compute_fd(law, summary(2.0 * rng.normal(size=(n, d))), {})["fd"] for _ in range(40)]

    bias = [e.value - e.debiased for e in found]
    assert np.mean(bias) == pytest.approx(s2 * (d / n + d * (d + 1) / (4 * n)), rel=0.06)
    assert "reference fixed" in found[0].method
    assert abs(np.mean([e.debiased for e in found])) < 0.15 * np.mean(bias)


def test_the_v_statistic_of_cmmd_is_debiased_exactly():
    rng = np.random.default_rng(0)
    real, fake = summary(relu_mixture(rng, 40, 6)), summary(relu_mixture(rng, 30, 6))
    estimate = evaluate("cmmd", real, fake)["cmmd"]

    draws = [
        evaluate("cmmd", summary(relu_mixture(rng, 25, 6)), summary(relu_mixture(rng, 20, 6)))["cmmd"]
        for _ in range(200)
    ]
    centred = np.array([e.debiased for e in draws])
    assert estimate.value > estimate.debiased
    assert abs(centred.mean()) < 3.5 * centred.std() / 200**0.5
    assert np.mean([e.value for e in draws]) > 5 * centred.std() / 200**0.5


# ---- standard errors and coverage, by simulation with fixed seeds


def test_the_standard_error_of_kd_is_the_spread_of_many_draws():
    rng = np.random.default_rng(0)
    draws = [kernel_sums(relu_mixture(rng, 150, 8), relu_mixture(rng, 120, 8, 0.5), cubic_kernel) for _ in range(300)]

    true = np.std([s.mmd2_unbiased() for s in draws])
    assert np.sqrt(np.mean([s.stderr() ** 2 for s in draws])) == pytest.approx(true, rel=0.10)


def covered(name, output, truth, draws, n, m, d, shift, seed):
    rng = np.random.default_rng(seed)
    found = [
        evaluate(name, summary(relu_mixture(rng, n, d)), summary(relu_mixture(rng, m, d, shift)))[output]
        for _ in range(draws)
    ]
    shown = [e.ci95 for e in found if e.ci95]
    assert len(shown) >= 0.6 * draws
    return np.mean([low <= truth <= high for low, high in shown]), found


@pytest.mark.parametrize(
    ("name", "n", "m"), [("fd", 60, 50), ("fd", 300, 200), ("kd", 200, 150), ("cs", 150, 150), ("vendi", 200, 150)]
)
def test_intervals_cover_the_truth(name, n, m):
    """120 draws with a planted shift; the truth from 200,000 (kd: 6,000) images. 0.95 has a standard error of 0.02."""
    d, shift, big = 8, 0.5, 6_000 if name == "kd" else 200_000
    rng = np.random.default_rng(77)
    law = evaluate(name, summary(relu_mixture(rng, big, d)), summary(relu_mixture(rng, big, d, shift)))[name]
    truth = law.value if law.debiased is None else law.debiased

    share, _ = covered(name, name, truth, 120, n, m, d, shift, 1)

    assert 0.89 <= share <= 1.0


def test_fd_at_one_and_a_half_images_a_dimension_is_covered_only_without_its_bias():
    """d = 32, n = 48: the debiased value ± 1.96 SE covers, the plain value with the same SE never does."""
    d, shift = 32, 0.3
    rng = np.random.default_rng(77)
    law = [Moments.of(relu_mixture(rng, 100_000, d, s)) for s in (0.0, shift)]
    truth = frechet_distance(*law)
    draws = [(relu_mixture(rng, 48, d), relu_mixture(rng, 48, d, shift)) for _ in range(60)]
    found = [evaluate("fd", summary(real), summary(fake))["fd"] for real, fake in draws]

    debiased, plain = (
        np.mean([abs(centre - truth) < 1.96 * e.stderr for e, centre in pairs])
        for pairs in ([(e, e.debiased) for e in found], [(e, e.value) for e in found])
    )

    assert debiased >= 0.88
    assert plain <= 0.2


def test_prdc_intervals_cover_the_expectation_at_this_n():
    rng = np.random.default_rng(1)
    found = [
        evaluate("prdc", summary(relu_mixture(rng, 500, 6)), summary(relu_mixture(rng, 500, 6, 0.6))) for _ in range(40)
    ]
    for output in ("precision", "density", "coverage"):
        mean = np.mean([e[output].value for e in found])
        inside = [e[output].ci95[0] <= mean <= e[output].ci95[1] for e in found]
        assert np.mean(inside) >= 0.87, output


# ---- when there is no interval, the row says why


def test_equal_laws_have_no_interval_and_say_so():
    """Within two standard errors of zero for nearly every draw; the standard error stays."""
    rng = np.random.default_rng(0)
    for name in ("fd", "mind"):
        found = [
            evaluate(name, summary(relu_mixture(rng, 100, 5)), summary(relu_mixture(rng, 100, 5)))[name]
            for _ in range(15)
        ]
        withheld = [e for e in found if e.ci95 is None]
        assert len(withheld) >= 13, name
        assert all("too close" in e.note and e.stderr is not None for e in withheld)


@pytest.mark.parametrize("name", ["kd", "cmmd"])
def test_the_interval_of_equal_laws_begins_at_zero(name):
    """In few dimensions some pairs of sets look as if they shared images, and have none."""
    rng = np.random.default_rng(0)
    found = [
        evaluate(name, summary(relu_mixture(rng, 100, 5)), summary(relu_mixture(rng, 100, 5)))[name] for _ in range(40)
    ]
    shown = [e.ci95 for e in found if e.ci95 is not None]
    assert len(shown) >= 30
    assert np.mean([low == 0.0 for low, _ in shown]) >= 0.87


@pytest.mark.parametrize("name", SETS)
def test_few_images_have_no_interval_and_say_so(name):
    rng = np.random.default_rng(0)
    for estimate in evaluate(name, summary(relu_mixture(rng, 19, 4)), summary(relu_mixture(rng, 19, 4, 2.0))).values():
        assert estimate.ci95 is None
        assert estimate.stderr is None
        assert "no interval" in estimate.note


@pytest.mark.parametrize("n", [30, 41, 43])
def test_fd_at_the_edge_of_its_rank_has_no_interval_and_says_how_many_it_needs(n):
    """d = 40: 19/20 of n must be more than 41."""
    rng = np.random.default_rng(0)
    estimate = evaluate("fd", summary(relu_mixture(rng, n, 40)), summary(relu_mixture(rng, 200, 40, 1.0)))["fd"]

    assert (estimate.stderr, estimate.ci95, estimate.debiased) == (None, None, None)
    assert "needs more than 44 images a side" in estimate.note


def test_fd_says_how_the_reference_was_treated():
    rng = np.random.default_rng(0)
    real, fake = relu_mixture(rng, 300, 6), summary(relu_mixture(rng, 300, 6, 0.6))
    random, fixed = (compute_fd(summary(real, bank), fake, {})["fd"] for bank in (True, False))

    assert random.method.endswith("reference random")
    assert "reference fixed: its rows are not known" in fixed.method
    assert fixed.stderr < random.stderr
    assert random.debiased < fixed.debiased < fixed.value


@pytest.mark.parametrize("name", SETS)
def test_odd_inputs_give_finite_numbers_without_warnings(name):
    """Constant, duplicated, identical, collinear sets: nothing invented, nothing infinite."""
    rng = np.random.default_rng(0)
    rows = relu_mixture(rng, 60, 6)
    constant, few = np.ones((60, 6)), np.repeat(rows[:3], 20, axis=0)
    collinear = np.repeat(rows[:, :1], 6, axis=1)
    zero = np.zeros((60, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for a, b in (
            (rows, rows),
            (rows, constant),
            (constant, constant),
            (few, rows),
            (collinear, rows),
            (zero, zero),
            (few, few),
        ):
            for estimate in evaluate(name, summary(a), summary(b)).values():
                numbers = [estimate.value, estimate.stderr, estimate.debiased, *(estimate.ci95 or ())]
                assert all(np.isfinite(v) for v in numbers if v is not None)
                assert estimate.ci95 is not None or "no interval" in estimate.note
                if a is b and name not in ("cs", "vendi"):
                    assert estimate.ci95 is None or name == "prdc"


@pytest.mark.parametrize("name", SETS)
def test_uncertainty_does_not_depend_on_the_order_in_which_images_are_read(name):
    rng = np.random.default_rng(0)
    real = relu_mixture(rng, 90, 6)
    fake, order = relu_mixture(rng, 90, 6, 0.6).astype(np.float32), rng.permutation(90)
    shuffled = SetSummary(
        Moments.of(fake[order]),
        FeatureBank.of(fake[order], order.tolist()),
        FeatureBank.of(fake[order][:, :6] * 2, order.tolist()),
    )

    straight, back = evaluate(name, summary(real), summary(fake)), evaluate(name, summary(real), shuffled)

    for key in straight:
        a, b = straight[key], back[key]
        assert (a.note, a.method) == (b.note, b.method)
        for x, y in ((a.stderr, b.stderr), (a.debiased, b.debiased)):
            assert (x is None and y is None) or x == pytest.approx(y, rel=1e-8)


def test_fd_is_as_sure_from_either_side():
    rng = np.random.default_rng(0)
    a, b = summary(relu_mixture(rng, 120, 6)), summary(relu_mixture(rng, 100, 6, 0.6))
    there, back = (evaluate("fd", *sides)["fd"] for sides in ((a, b), (b, a)))

    assert there.stderr == pytest.approx(back.stderr, rel=1e-8)
    assert there.debiased == pytest.approx(back.debiased, rel=1e-8)


def test_the_influence_standard_error_adds_the_sides():
    a, b = np.array([1.0, -1.0, 2.0, -2.0]), np.array([3.0, -3.0])

    assert influence_stderr(a) == pytest.approx((10 / 3 / 4) ** 0.5)
    assert influence_stderr(a, b) == pytest.approx((10 / 3 / 4 + 18 / 2) ** 0.5)


@pytest.mark.parametrize(("n", "few"), [(40, True), (63, True), (64, False)])
def test_fd_below_four_images_a_dimension_says_that_bias_is_left(n, few):
    rng = np.random.default_rng(0)
    sides = [summary(relu_mixture(rng, count, 16, shift)) for count, shift in ((70, 0.0), (n, 0.4))]
    found = evaluate("fd", *sides)["fd"]

    assert found.debiased is not None
    assert (f"n = {n} < 4 d = 64" in found.note) is few
