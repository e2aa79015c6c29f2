"""When the interval of a distance is shown, and what its note says."""

import math

import pytest

from ganeval.metrics.uncertainty import Spread, distance_estimate


@pytest.mark.parametrize(
    ("errors", "shown", "warns"),
    [(1.9, False, False), (2.0, True, True), (2.9, True, True), (3.0, True, False), (10.0, True, False)],
)
def test_a_distance_near_zero_has_no_interval_and_a_little_further_one_that_is_said_to_be_wide(errors, shown, warns):
    spread = Spread(centre=errors * 0.25, stderr=0.25, degrees=math.inf, method="influence function", biased=False)

    found = distance_estimate(spread.centre, spread, resolution=1e-12)

    assert (found.ci95 is not None) == shown
    assert ("wider than it needs to be" in found.note) == warns


@pytest.mark.parametrize("errors", [-1.0, 0.0, 1.9, 2.9, 3.0])
def test_a_distance_whose_variance_at_zero_is_known_always_has_an_interval(errors):
    spread = Spread(centre=errors * 0.25, stderr=0.25, degrees=math.inf, method="influence function", biased=False)

    found = distance_estimate(spread.centre, spread, resolution=1e-12, degenerate=0.04)

    assert found.ci95[0] >= 0.0
    assert ("near zero" in found.method) == (errors < 3.0)
    assert found.note == ""
    far_below = Spread(-0.5, 0.25, math.inf, "influence function", False)
    assert "no interval" in distance_estimate(-0.5, far_below, resolution=1e-12, degenerate=0.04).note
