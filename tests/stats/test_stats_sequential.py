"""Looks and error spending: published boundaries, the plan, simulated overall error, and coverage after stopping."""

import numpy as np
import pytest
from scipy import stats

from ganeval.stats.sequential import critical_values, obrien_fleming, planned_looks

# Two-sided 5%, five equally spaced looks, from the tables of the programs ld98 (Reboussin et al. 2000) and gsDesign.
PUBLISHED = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]


def test_critical_values_are_the_published_ones():
    assert critical_values(np.arange(1, 6) / 5, 0.05) == pytest.approx(PUBLISHED, abs=2e-4)


def test_one_look_is_the_plain_test():
    assert critical_values([1.0], 0.05)[0] == pytest.approx(stats.norm.isf(0.025))


def test_all_of_alpha_is_spent_at_the_end_and_never_less_later():
    spent = [obrien_fleming(t, 0.05) for t in np.linspace(0.01, 1, 50)]

    assert spent[-1] == pytest.approx(0.05)
    assert (np.diff(spent) >= 0).all()
    assert obrien_fleming(0.125, 0.05) < 1e-7


def test_the_second_look_follows_from_a_bivariate_normal():
    """P(|Z1| < c1, |Z2| < c2) = 1 - alpha with correlation sqrt(t1), by scipy's own integration."""
    first, second = critical_values([0.3, 1.0], 0.05)
    law = stats.multivariate_normal([0, 0], [[1, 0.3**0.5], [0.3**0.5, 1]])

    inside = law.cdf([first, second], lower_limit=[-first, -second])

    assert inside == pytest.approx(0.95, abs=1e-4)


def test_the_overall_error_is_alpha_in_simulation():
    """40,000 random walks looked at after 500, 1000, ..., 16,000: crossing at any look happens in 5%."""
    looks = np.asarray(planned_looks(500, 16_000))
    bounds = critical_values(looks / looks[-1], 0.05)
    steps = np.random.default_rng(1).normal(size=(40_000, len(looks))) * np.sqrt(np.diff(looks, prepend=0))
    z = np.abs(steps.cumsum(axis=1) / np.sqrt(looks))
    plain = stats.norm.isf(0.025)

    assert (z > bounds).any(axis=1).mean() == pytest.approx(0.05, abs=0.0035)
    assert (z > plain).any(axis=1).mean() > 0.11


def test_intervals_of_critical_values_hold_at_all_looks_together():
    """Jennison & Turnbull 1989: the repeated confidence interval, whatever the rule to stop."""
    looks = np.asarray(planned_looks(100, 1600))
    bounds = critical_values(looks / looks[-1], 0.05)
    rows = np.random.default_rng(2).normal(3.0, 1.0, size=(4000, looks[-1]))

    means = rows.cumsum(axis=1)[:, looks - 1] / looks
    held = np.ones(len(rows), dtype=bool)
    for k, n in enumerate(looks):
        held &= np.abs(means[:, k] - 3.0) <= bounds[k] * n**-0.5

    assert held.mean() == pytest.approx(0.95, abs=0.012)


def test_stopping_by_the_standard_error_leaves_the_plain_interval_its_level():
    """The rule of `score --until-se` on means of skewed values: at the stop the 95% interval still covers."""
    rng, looks, inside, stops = np.random.default_rng(3), planned_looks(200, 6400), [], []
    for _ in range(1500):
        values = rng.exponential(size=6400)
        for n in looks:
            stderr = values[:n].std(ddof=1) / n**0.5
            if stderr <= 0.035:
                break
        stops.append(n)
        inside.append(abs(values[:n].mean() - 1.0) <= 1.96 * stderr)

    assert len(set(stops)) > 1, "the rule stops at more than one look, else nothing is tested"
    assert 0.925 <= np.mean(inside) <= 0.97


def test_looks_double_and_end_at_the_maximum():
    assert planned_looks(500, 4000) == (500, 1000, 2000, 4000)
    assert planned_looks(500, 50_000) == (500, 1000, 2000, 4000, 8000, 16000, 32000, 50_000)
    assert planned_looks(500, 1797) == (500, 1000, 1797)
    assert planned_looks(500, 700) == (500, 700)
    assert planned_looks(100, 300) == (100, 200, 300), "a last step of just a half is one"
    assert planned_looks(100, 299) == (100, 299)


def test_nonsense_is_refused():
    for fractions in ([], [0.5, 0.4], [0.0, 1.0], [0.5, 1.5]):
        with pytest.raises(ValueError, match="fractions"):
            critical_values(fractions, 0.05)
    with pytest.raises(ValueError, match="alpha"):
        critical_values([1.0], 1.5)
    with pytest.raises(ValueError, match="no plan"):
        planned_looks(500, 500)


def test_a_look_too_early_to_decide_anything_has_no_finite_boundary():
    found = critical_values([0.001, 1.0], 0.05)

    assert found[0] == np.inf
    assert found[1] == pytest.approx(1.95996, abs=1e-4)
