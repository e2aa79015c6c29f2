"""Set metrics against closed forms, slow oracles and the field's own libraries."""

import warnings

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from ganeval.errors import DataError, TooFewSamplesError
from ganeval.metrics.authenticity import authentic_percent
from ganeval.metrics.clipped import clipped_scores, expected_coverage
from ganeval.metrics.frechet import (
    alive_dimensions,
    covariance_root,
    frechet_distance,
    frechet_of_rows,
    no_uncertainty,
    rank_note,
)
from ganeval.metrics.inception_score import classifier_score, log_softmax, split_scores
from ganeval.metrics.kernel import classic_subsets, cubic_kernel, kernel_sums, rbf_kernel, unit_rows
from ganeval.metrics.mind import mind, torch_normal, unit_directions, wasserstein2_squared
from ganeval.metrics.prdc import neighbourhoods
from ganeval.metrics.vendi import vendi_score
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.moments import Moments
from tests import oracles


def relu_features(n, d, shift=0.0, seed=0):
    """Correlated, non-negative, some dimensions dead: like a network's pooled features."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(d, d)) / d**0.5
    rows = np.maximum(rng.normal(size=(n, d)) @ mixing + shift, 0)
    rows[:, :: max(d // 7, 2)] = 0.0
    return rows.astype(np.float32)


# ---- Frechet


@pytest.mark.parametrize(("n", "m"), [(300, 200), (40, 300), (25, 30)])
def test_frechet_agrees_with_the_general_eigenvalue_oracle(n, m):
    real, fake = relu_features(n, 64, seed=1), relu_features(m, 64, 0.3, seed=2)

    expected = oracles.frechet(real, fake)

    assert frechet_distance(Moments.of(real), Moments.of(fake)) == pytest.approx(expected, rel=1e-6)
    assert frechet_of_rows(real.astype(float), fake.astype(float)) == pytest.approx(expected, rel=1e-6)


def test_frechet_of_known_gaussians_is_the_closed_form():
    """Diagonal covariances commute: |dm|^2 + sum (s_r - s_g)^2."""
    n, s_r, s_g = 50, np.array([1.0, 2.0, 3.0]), np.array([1.5, 0.5, 3.0])
    mean_r, mean_g = np.zeros(3), np.array([1.0, -2.0, 0.5])
    real = Moments(n, mean_r, np.diag(s_r**2) * (n - 1))
    fake = Moments(n, mean_g, np.diag(s_g**2) * (n - 1))

    assert frechet_distance(real, fake) == pytest.approx(5.25 + 0.25 + 2.25, rel=1e-12)


def test_a_dimension_that_is_constant_in_one_set_counts_with_its_mean_and_the_other_sets_variance():
    """Its variance s^2 against 0: (s - 0)^2 and the difference of means, beside (3 - 1)^2 of the other dimension."""
    n = 50
    varies = Moments(n, np.array([0.0, 1.0]), np.diag([9.0, 4.0]) * (n - 1))
    constant = Moments(n, np.array([0.0, 3.0]), np.diag([1.0, 0.0]) * (n - 1))

    for sides in ((varies, constant), (constant, varies)):
        assert frechet_distance(*sides) == pytest.approx((3 - 1) ** 2 + (3.0 - 1.0) ** 2 + 4.0, rel=1e-12)


@pytest.mark.parametrize("counts", [(19, 90), (90, 19)])
def test_nineteen_images_of_either_set_leave_fd_without_an_interval(counts):
    assert no_uncertainty(*counts, dim=3) == no_uncertainty(19, 19, dim=3) != ""
    assert no_uncertainty(20, 90, dim=3) == ""


def test_two_images_on_each_side_have_a_distance():
    """Variances 2 and 8 on a line, whose means are 2 apart: 4 + (sqrt 2 - sqrt 8)^2."""
    real, fake = (Moments.of(np.array(rows, dtype=np.float32)) for rows in ([[0.0], [2.0]], [[1.0], [5.0]]))

    assert frechet_distance(real, fake) == pytest.approx(4.0 + 2.0, rel=1e-12)


def test_expected_frechet_of_a_sample_against_its_own_law():
    """E[FD_N] = s^2 (d/N + d(d+1)/(4N)) for N(0, s^2 I_d); 0.1125 at d = 40, N = 4000, s = 1."""
    d, n = 40, 4000
    law = Moments(2**31, np.zeros(d), np.eye(d) * (2**31 - 1))
    rng = np.random.default_rng(0)

    draws = [frechet_distance(law, Moments.of(rng.normal(size=(n, d)))) for _ in range(40)]

    expected = d / n + d * (d + 1) / (4 * n)
    assert expected == pytest.approx(0.1125)
    assert np.mean(draws) == pytest.approx(expected, abs=4 * np.std(draws) / 40**0.5)


def test_frechet_agrees_with_torch_fidelity_at_half_of_inceptions_width():
    """n > d at d = 1024: relative 1e-5, torch-fidelity's own arithmetic on the same float32 features."""
    real, fake = relu_features(1100, 1024, seed=3), relu_features(1150, 1024, 0.05, seed=4)
    theirs = fid_statistics_to_metric(
        fid_features_to_statistics(torch.from_numpy(fake)), fid_features_to_statistics(torch.from_numpy(real)), False
    )

    ours = frechet_distance(Moments.of(real), Moments.of(fake))

    assert ours == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)


def test_frechet_agrees_with_torch_fidelity_and_pytorch_fid_below_the_width():
    from pytorch_fid.fid_score import calculate_frechet_distance

    real, fake = relu_features(150, 256, seed=5), relu_features(120, 256, 0.2, seed=6)
    stats = [(x.mean(0, dtype=np.float64), np.cov(x, rowvar=False)) for x in (real, fake)]
    theirs = fid_statistics_to_metric(
        *({"mu": mu.astype(np.float64), "sigma": sigma} for mu, sigma in stats), verbose=False
    )
    with warnings.catch_warnings():  # pytorch-fid calls sqrtm(disp=False), which SciPy has deprecated
        warnings.simplefilter("ignore")
        also = calculate_frechet_distance(*stats[0], *stats[1])

    ours = frechet_distance(Moments.of(real), Moments.of(fake))

    assert ours == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)
    assert ours == pytest.approx(also, rel=1e-5)


def test_the_rank_note_counts_the_dimensions_that_vary():
    assert rank_note(1300, 1300, 1079, 1280) == ""
    assert rank_note(1300, 400, 1079, 1280).startswith(
        "rank-deficient: n = 400 <= d = 1079 (1079 of 1280 dimensions vary); "
    )
    assert rank_note(400, 1300, 1280, 1280).startswith("rank-deficient: n = 400 <= d = 1280; ")


def test_frechet_of_a_set_with_itself_is_zero():
    rows = relu_features(500, 32)

    assert frechet_distance(Moments.of(rows), Moments.of(rows)) == pytest.approx(0.0, abs=1e-9)


def test_the_covariance_root_squares_to_the_covariance():
    moments = Moments.of(relu_features(20, 48))
    root = covariance_root(moments)

    assert np.allclose(root @ root, moments.covariance(), atol=1e-10)


def test_a_dimension_varies_where_its_variance_shows_beyond_twelve_digits_of_its_mean():
    """Variances ten times (1e-12 mean)^2, and a tenth of it; a mean of zero asks for nothing."""
    means, n = np.array([1e6, 1e6, 1e-3, 0.0, 0.0]), 50
    variances = np.array([1e-11, 1e-13, 1e-29, 1e-200, 0.0])
    there, all_vary = (Moments(n, mean, np.diag(v) * n) for mean, v in ((means, variances), (means, np.ones(5))))

    for sides in ((there, all_vary), (all_vary, there)):
        assert alive_dimensions(*sides).tolist() == [True, False, True, True, False]


def test_frechet_needs_two_images_a_side():
    with pytest.raises(TooFewSamplesError, match="got 1"):
        frechet_distance(Moments.of(np.ones((1, 3))), Moments.of(np.ones((5, 3))))


# ---- kernel distances


def test_kernel_distance_agrees_with_the_double_loop():
    real, fake = relu_features(17, 9, seed=1), relu_features(12, 9, 0.4, seed=2)

    assert kernel_sums(real, fake, cubic_kernel).mmd2_unbiased() == pytest.approx(
        oracles.kernel_distance(real, fake), rel=1e-10
    )


def test_cmmd_agrees_with_the_double_loop():
    real, fake = relu_features(15, 9, seed=1) + 0.1, relu_features(11, 9, 0.4, seed=2) + 0.1  # no zero row
    sums = kernel_sums(unit_rows(real), unit_rows(fake), rbf_kernel(10.0))

    assert 1000 * sums.mmd2_biased() == pytest.approx(oracles.cmmd(real, fake), rel=1e-8)


def test_the_variance_of_a_kernel_distance_between_equal_sets_is_that_of_the_centred_kernel():
    """Twice 2 z_r / n^2 + 2 z_f / m^2 + 4 z / (n m), from the kernel's values one by one, and over draws."""
    rng = np.random.default_rng(5)

    def mean_square(K, ddof):
        n, m = K.shape
        if ddof:
            centred = K - K.mean(axis=1)[:, None] - K.mean(axis=0) + K.mean()
            return (centred**2).sum() / ((n - 1) * (m - 1))
        K = K - np.diag(np.diag(K))
        rows = K.sum(axis=1) / (n - 2)
        centred = K - rows[:, None] - rows + K.sum() / ((n - 1) * (n - 2))
        return (centred[~np.eye(n, dtype=bool)] ** 2).sum() / (n * (n - 3))

    x, y = rng.normal(size=(30, 5)), rng.normal(size=(23, 5))
    parts = [mean_square(cubic_kernel(a, b), ddof) for a, b, ddof in ((x, x, False), (y, y, False), (x, y, True))]
    once = 2 * parts[0] / (30 * 29) + 2 * parts[1] / (23 * 22) + 4 * parts[2] / (30 * 23)
    assert kernel_sums(x, y, cubic_kernel).degenerate_variance() == pytest.approx(2 * once)
    drawn = [kernel_sums(*rng.normal(size=(2, 60, 4)), cubic_kernel) for _ in range(400)]
    spread = np.var([one.mmd2_unbiased() for one in drawn])
    assert np.mean([one.degenerate_variance() for one in drawn]) == pytest.approx(2 * spread, rel=0.25)


def test_kernel_sums_do_not_depend_on_the_block_size(monkeypatch):
    real, fake = relu_features(53, 9, seed=1), relu_features(41, 9, 0.4, seed=2)
    whole = kernel_sums(real, fake, cubic_kernel)
    monkeypatch.setattr("ganeval.metrics.kernel.CHUNK", 7)

    split = kernel_sums(real, fake, cubic_kernel)

    for name in ("real_real", "fake_fake", "fake_real", "real_fake", "real_diagonal", "fake_diagonal"):
        assert np.allclose(getattr(split, name), getattr(whole, name), rtol=1e-12)


def test_classic_kernel_distance_agrees_with_torch_fidelity():
    """The same subsets for the same seed; their arithmetic in float64, and in their default float32."""
    real, fake = relu_features(400, 64, seed=1), relu_features(350, 64, 0.2, seed=2)
    options = {"kid_subsets": 10, "kid_subset_size": 100, "rng_seed": 2020, "verbose": False}
    exact = kid_features_to_metric(torch.from_numpy(fake).double(), torch.from_numpy(real).double(), **options)
    usual = kid_features_to_metric(torch.from_numpy(fake), torch.from_numpy(real), **options)

    ours = classic_subsets(FeatureBank.of(real), FeatureBank.of(fake), 10, 100, 2020)

    assert ours.mean() == pytest.approx(exact["kernel_inception_distance_mean"], rel=1e-10)
    assert ours.mean() == pytest.approx(usual["kernel_inception_distance_mean"], rel=1e-5)
    assert ours.std() == pytest.approx(exact["kernel_inception_distance_std"], rel=1e-8)


def test_classic_kernel_distance_says_how_many_images_it_needs():
    bank = FeatureBank.of(relu_features(50, 8))

    with pytest.raises(TooFewSamplesError, match="subsets of 100 images; got 50"):
        classic_subsets(bank, bank, 10, 100, 2020)


@pytest.mark.parametrize("count", [16, 17, 1000, 999 * 77])
@pytest.mark.parametrize("seed", [0, 2020, 2**32 - 1])
def test_directions_are_drawn_as_torch_draws_them(count, seed):
    theirs = torch.randn(count, generator=torch.Generator().manual_seed(seed)).double().numpy()

    np.testing.assert_allclose(torch_normal(count, seed), theirs, rtol=0, atol=5e-6)


def test_kernel_distance_is_unbiased():
    """Two samples of one law: the mean over draws is zero within its own standard error."""
    rng = np.random.default_rng(3)
    draws = [
        kernel_sums(rng.normal(size=(30, 5)), rng.normal(size=(20, 5)), cubic_kernel).mmd2_unbiased()
        for _ in range(300)
    ]

    assert abs(np.mean(draws)) < 3.5 * np.std(draws) / 300**0.5


# ---- MIND


@pytest.mark.parametrize(("n", "m"), [(12, 12), (12, 8), (7, 15)])
def test_mind_agrees_with_the_quantile_grid_oracle(n, m):
    real, fake = relu_features(n, 6, seed=1), relu_features(m, 6, 0.4, seed=2)
    directions = unit_directions(50, 6, 2020)

    assert mind(real, fake, 50, 2020) == pytest.approx(oracles.sliced_wasserstein(real, fake, directions), rel=1e-10)


def test_wasserstein_agrees_with_scipy_in_one_dimension():
    """scipy has W1; for a pure shift W2^2 = shift^2, and a set against its double has distance zero."""
    values = np.random.default_rng(0).normal(size=(40, 1))

    assert wasserstein2_squared(values, values + 0.7)[0] == pytest.approx(0.49)
    assert wasserstein2_squared(values, np.concatenate([values, values]))[0] == pytest.approx(0.0, abs=1e-20)


def test_mind_says_what_it_lacks():
    rows = np.zeros((3, 4))
    for sides in ((rows[:0], rows), (rows, rows[:0])):
        with pytest.raises(TooFewSamplesError, match=r"^mind needs at least 1 image a side; got 0"):
            mind(*sides, 5, 0)
    with pytest.raises(TooFewSamplesError, match=r"^mind needs at least 1 direction; got 0"):
        mind(rows, rows, 0, 0)
    with pytest.raises(TooFewSamplesError, match=r"^A Wasserstein distance needs at least 1 value a side; got 0"):
        wasserstein2_squared(rows[:0], rows)


def test_mind_of_a_shift_is_three_d_mu_squared():
    """X against X + mu: every direction sees (u . mu)^2; the mean over the sphere is |mu|^2 / d."""
    rows = relu_features(200, 24)
    mu = np.full(24, 0.5)

    assert mind(rows, rows + mu, 4000, 1) == pytest.approx(3 * 24 * 0.25, rel=0.05)


# ---- precision, recall, density, coverage


@pytest.mark.parametrize(("n", "m"), [(30, 25), (20, 40)])
def test_prdc_agrees_with_the_sorted_distance_oracle(n, m):
    real, fake = relu_features(n, 4, seed=1), relu_features(m, 4, 0.3, seed=2)
    found = neighbourhoods(real, fake, 3, 5)
    precision, recall, density, coverage = oracles.prdc(list(real), list(fake), 3, 5)

    assert found.fake_inside.mean() == precision
    assert found.real_inside.mean() == recall
    assert found.balls.mean() / 5 == pytest.approx(density)
    assert found.covered.mean() == coverage


def test_precision_and_recall_agree_with_torch_fidelity():
    real, fake = relu_features(600, 32, seed=1), relu_features(500, 32, 0.15, seed=2)
    theirs = prc_features_to_metric(
        torch.from_numpy(fake),
        torch.from_numpy(real),
        prc_neighborhood=3,
        prc_batch_size=10000,
        save_cpu_ram=False,
        verbose=False,
    )

    found = neighbourhoods(real, fake, 3, 5)

    assert found.fake_inside.mean() == pytest.approx(theirs["precision"], rel=1e-5)
    assert found.real_inside.mean() == pytest.approx(theirs["recall"], rel=1e-5)


def test_prdc_of_a_set_with_itself_is_one():
    rows = relu_features(60, 8)
    found = neighbourhoods(rows, rows, 3, 5)

    assert found.fake_inside.all()
    assert found.real_inside.all()
    assert found.covered.all()


def test_prdc_of_far_sets_is_zero():
    rows = relu_features(60, 8)
    found = neighbourhoods(rows, rows + 100, 3, 5)

    assert not found.fake_inside.any()
    assert not found.real_inside.any()
    assert found.balls.sum() == 0


# ---- classifier score


@pytest.mark.parametrize(("n", "m", "shift"), [(40, 30, 0.0), (31, 44, 0.2), (40, 40, 1.5)])
def test_clipped_density_and_coverage_agree_with_the_double_loop(n, m, shift):
    real, fake = relu_features(n, 9, seed=1), relu_features(m, 9, shift, seed=2)

    assert clipped_scores(real, fake, 5) == pytest.approx(oracles.clipped(real, fake, 5), rel=1e-9)


def test_clipped_coverage_of_one_far_image_in_four_is_about_three_quarters():
    """The number is the share of good images; far images neither fill a ball nor widen one."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(800, 4)), rng.normal(size=(800, 4))
    fake[600:] += 100.0
    density, coverage = clipped_scores(real, fake, 5)

    assert density == pytest.approx(0.75, abs=0.05)
    assert coverage == pytest.approx(0.75, abs=0.05)
    assert clipped_scores(real, fake + 100.0, 5) == (0.0, 0.0)


def test_outliers_among_the_real_images_do_not_move_clipped_density():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(300, 3)), rng.uniform(-8.0, 8.0, size=(300, 3))
    stretched = real.copy()
    stretched[:30] *= 30.0  # their balls reach over everything

    clean, moved = clipped_scores(real, fake, 5)[0], clipped_scores(stretched, fake, 5)[0]
    assert moved == pytest.approx(clean, abs=0.05)
    assert neighbourhoods(stretched, fake, 3, 5).scores(5)[2] > neighbourhoods(real, fake, 3, 5).scores(5)[2] + 0.2


def test_the_scale_of_clipped_coverage_has_a_closed_form_for_one_neighbour():
    """k = 1: a ball of mass Beta(1, n - 1) is missed by all of m images with probability (n - 1) / (n - 1 + m)."""
    m = np.arange(1, 31)

    assert expected_coverage(20, 30, 1)[1:] == pytest.approx(m / (19 + m), rel=1e-12)
    assert (np.diff(expected_coverage(5000, 5000, 5)) >= 0.0).all()


@pytest.mark.parametrize(("n", "m"), [(40, 30), (31, 44)])
def test_authpct_agrees_with_the_double_loop(n, m):
    real, fake = relu_features(n, 9, seed=1), relu_features(m, 9, seed=2)

    assert authentic_percent(FeatureBank.of(real), FeatureBank.of(fake)) == oracles.authpct(real, fake)


def test_authpct_counts_what_is_nearer_than_the_training_images_are_to_each_other():
    """On a line of training images one apart: .4 off is a copy, 1.5 beyond the end is not, and 1 off is not yet."""
    train = FeatureBank.of(np.arange(10.0)[:, None].astype(np.float32))
    found = [
        authentic_percent(train, FeatureBank.of(np.array([[x]], dtype=np.float32))) for x in (3.0, 3.4, 10.5, 10.0)
    ]

    assert found == [0.0, 0.0, 100.0, 0.0]


def test_classifier_score_agrees_with_the_oracle():
    logits = np.random.default_rng(0).normal(size=(40, 7)) * 3

    assert classifier_score(log_softmax(logits)) == pytest.approx(oracles.classifier_score(logits), rel=1e-12)


def test_log_probabilities_of_images_with_logits_a_thousand_apart_stay_finite():
    found = log_softmax(np.array([[1000.0, 999.0], [0.0, -1.0], [-1000.0, -1001.0]]))

    assert found == pytest.approx(np.tile([[-np.log(1 + np.exp(-1)), -1 - np.log(1 + np.exp(-1))]], (3, 1)))


def test_classifier_score_ends():
    """One sure class for all images gives 1; K sure classes in equal shares give K."""
    sure = np.eye(6) * 500.0

    assert classifier_score(log_softmax(np.repeat(sure[:1], 30, axis=0))) == pytest.approx(1.0)
    assert classifier_score(log_softmax(np.tile(sure, (5, 1)))) == pytest.approx(6.0)


def test_a_class_that_underflows_everywhere_adds_nothing_to_the_classifier_score():
    """0 log 0 = 0: two classes, one image each, and a third one of probability exp(-2000), which is 0 in float64."""
    log_p = np.array([[0.0, -2000.0, -2000.0], [-2000.0, 0.0, -2000.0]])

    assert classifier_score(log_p) == pytest.approx(2.0)


def test_classic_classifier_score_agrees_with_torch_fidelity():
    logits = (np.random.default_rng(0).normal(size=(123, 20)) * 2).astype(np.float32)
    theirs = isc_features_to_metric(torch.from_numpy(logits), splits=10, shuffle=True, rng_seed=2020)

    scores = split_scores(log_softmax(logits), 10, 2020)

    assert scores.mean() == pytest.approx(theirs["inception_score_mean"], rel=1e-10)
    assert scores.std() == pytest.approx(theirs["inception_score_std"], rel=1e-8)


# ---- Vendi


@pytest.mark.parametrize(("n", "d"), [(30, 8), (8, 30)])
def test_vendi_agrees_with_the_similarity_matrix_oracle(n, d):
    rows = np.abs(np.random.default_rng(0).normal(size=(n, d)))

    assert vendi_score(rows) == pytest.approx(oracles.vendi(rows), rel=1e-9)


def test_vendi_counts_different_images():
    assert vendi_score(np.ones((9, 4))) == pytest.approx(1.0)
    assert vendi_score(np.eye(9)) == pytest.approx(9.0)
    assert vendi_score(np.tile(np.eye(5), (4, 1))) == pytest.approx(5.0)


# ---- summaries


def test_moments_refuse_nan_and_name_the_row():
    rows = np.ones((4, 3))
    rows[2, 1] = np.nan

    with pytest.raises(DataError, match=r"1 of 4 images are NaN or infinite \(first: row 2\)"):
        Moments.of(rows)
    with pytest.raises(DataError, match="row 2"):
        FeatureBank.of(rows)
