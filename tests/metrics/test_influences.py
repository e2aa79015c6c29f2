"""Influences of images, and how these move with themselves: closed forms, and derivatives of moments with weights."""

import numpy as np
import pytest

from ganeval.errors import DataError
from ganeval.metrics.frechet import FD
from ganeval.metrics.kernel import CMMD, KD
from ganeval.metrics.mind import mind_influences, mind_second_influence, unit_directions
from ganeval.stats.influence import frechet_influence_of_rows, transport
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments


def summary(rows):
    return SetSummary(Moments.of(rows.astype(np.float32)), FeatureBank.of(rows.astype(np.float32)))


@pytest.mark.parametrize("metric", [KD, CMMD], ids=lambda m: m.name)
def test_the_second_influence_of_a_kernel_distance_is_its_kernel(metric):
    rng = np.random.default_rng(3)
    real, fake = summary(rng.normal(size=(50, 4))), summary(rng.normal(size=(2100, 4)) + 0.5)  # two blocks of the Gram
    w, rows = rng.normal(size=2100), fake.bank.rows().astype(np.float64)
    w -= w.mean()
    if metric is KD:
        gram = 2.0 * (rows @ rows.T / 4 + 1.0) ** 3
    else:
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        gram = 2000.0 * np.exp(-((unit[:, None] - unit[None]) ** 2).sum(axis=2) / 200.0)
    gram += gram.mean() - gram.mean(axis=0) - gram.mean(axis=1)[:, None]  # a constant part has no influence
    np.fill_diagonal(gram, 0.0)

    expected = w @ gram @ w / (2100 * 2099)
    assert metric.second_influence(real, fake, w, metric.params) == pytest.approx(expected, rel=1e-6)


def test_the_second_influence_of_fd_is_the_derivative_of_the_first():
    """Along the influences themselves: weights 1 + e w, moments by hand, influences by the formula for those."""
    rng = np.random.default_rng(3)
    real, rows = summary(rng.normal(size=(300, 5))), rng.normal(size=(200, 5)) * 1.4 + 0.3
    fake = summary(rows)
    w, _ = FD.influences(real, fake, {})

    def influences(e):
        shares = (1.0 + e * w) / len(w)
        mean = shares @ rows
        scatter = (rows - mean).T @ ((rows - mean) * shares[:, None]) * len(w)
        own = Moments(len(rows), mean, scatter)
        factor = transport(real.moments, own, np.ones(5, dtype=bool)).fake_to_real
        return frechet_influence_of_rows(rows, own, real.moments, factor)

    e = 1e-4
    expected = float(np.mean(w * (influences(e) - influences(-e)))) / (2 * e)
    assert FD.second_influence(real, fake, w, {}) == pytest.approx(expected, rel=0.02)


def line(values):
    """Images whose features lie on a line of the plane, so that a direction u sees u_1 times the line."""
    rows = np.stack([values, np.zeros(len(values))], axis=1).astype(np.float32)
    return SetSummary(Moments.of(rows), FeatureBank.of(rows), None)


def squares(count, seed=7):
    """The mean of u_1^2 over directions of the plane."""
    return float((unit_directions(count, 2, seed)[:, 0] ** 2).mean())


@pytest.mark.parametrize(("n", "m", "tolerance"), [(64, 64, 1e-6), (64, 256, 0.02)])
def test_the_influence_of_an_image_on_mind_of_a_shift_grows_with_its_place(n, m, tolerance):
    """Of x and x + c the map is x + c: the potential's slope is 2 (x - t) = -2 c for x, 2 c for the shifted."""
    places, params = (np.arange(n) + 0.5) / n, {"projections": 300, "direction_seed": 7}
    real, fake = line((np.arange(m) + 0.5) / m), line(places + 2.0)
    of_fake, of_real = mind_influences(real, fake, params)
    back, forth = mind_influences(fake, real, params)

    slope = 3 * 2 * squares(300) * 2 * 2.0
    assert of_fake == pytest.approx(slope * (places - 0.5), abs=tolerance * slope)
    assert of_real == pytest.approx(-slope * ((np.arange(m) + 0.5) / m - 0.5), abs=tolerance * slope)
    assert back == pytest.approx(of_real, abs=1e-9 * slope)
    assert forth == pytest.approx(of_fake, abs=1e-9 * slope)


@pytest.mark.parametrize(("n", "m"), [(400, 400), (400, 300), (300, 900)])
def test_the_second_influence_on_mind_of_a_uniform_density_is_twice_a_sixtieth_of_its_width(n, m):
    """Weights w = x - 1/2 move the distribution function by H = (x^2 - x) / 2: 2 times the integral of H^2 is 1/60."""
    places = (np.arange(n) + 0.5) / n
    real, fake = line(3.0 + (np.arange(m) + 0.5) / m), line(places[::-1].copy())
    for projections in (300, 5):
        found = mind_second_influence(
            real, fake, (places - 0.5)[::-1], {"projections": projections, "direction_seed": 7}
        )
        half = -(-projections // 2)
        directions = unit_directions(projections, 2, 7)[:half]

        assert found == pytest.approx(3 * 2 * (directions[:, 0] ** 2).mean() / 60, rel=0.01)


def test_influences_on_mind_need_the_rows_of_both_sets():
    whole = line(np.arange(4.0))
    bare = SetSummary(whole.moments, None, None)
    for sides in ((bare, whole), (whole, bare)):
        with pytest.raises(DataError, match="The influence of each image needs the feature rows of both sets; one "):
            mind_influences(*sides, {"projections": 4, "direction_seed": 0})
        with pytest.raises(DataError, match="The influence of each image needs the feature rows of both sets; one "):
            mind_second_influence(*sides, np.zeros(4), {"projections": 4, "direction_seed": 0})
