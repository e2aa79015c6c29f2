"""Expected order statistics of the normal distribution, and the null expectation of a Wasserstein distance."""

import math

import numpy as np
import pytest

from ganeval.metrics.mind import wasserstein2_squared
from ganeval.stats.order_statistics import normal_null, normal_scores


def test_scores_are_those_of_the_tables():
    """Harter 1961, "Expected values of normal order statistics" (Biometrika 48, 151-165)."""
    assert normal_scores(1) == pytest.approx([0.0])
    assert normal_scores(2) == pytest.approx([-1 / math.sqrt(math.pi), 1 / math.sqrt(math.pi)], abs=1e-9)
    assert normal_scores(5)[3:] == pytest.approx([0.49502, 1.16296], abs=5e-6)
    assert normal_scores(200)[-1] == pytest.approx(2.74604, abs=5e-6)
    assert normal_scores(20_001)[10_000] == 0.0
    assert (np.diff(normal_scores(20_001)) > 0).all()


@pytest.mark.parametrize(("n", "m"), [(1, 1), (50, 50), (20, 200), (200, 20)])
def test_two_samples_of_one_distribution_are_so_far_apart(n, m):
    rng = np.random.default_rng(3)
    found = wasserstein2_squared(rng.normal(size=(n, 20_000)), rng.normal(size=(m, 20_000)))

    assert found.mean() == pytest.approx(normal_null(n, m), abs=4 * found.std() / math.sqrt(len(found)))
    assert normal_null(n, m) == normal_null(m, n)


def test_it_falls_more_slowly_than_one_over_n():
    assert normal_null(500, 500) / normal_null(250, 250) == pytest.approx(0.5204, abs=1e-4)
    assert normal_null(500, 2000) / normal_null(250, 250) == pytest.approx(0.3395, abs=1e-4)
