"""What all metrics share: images that are copies, in words and in the uncertainty."""

import numpy as np
import pytest

from ganeval.metrics.base import COPIES, Estimate, copies_note, many_copies, too_many_copies, with_copies
from ganeval.metrics.kernel import KD
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments

WORDS = "no interval, no standard error and no debiased value, which take images as independent draws"


def summary(n, copies, seed=0):
    """Of n images the first `copies` are those that come next."""
    features = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    features[:copies] = features[copies : 2 * copies]
    return SetSummary(Moments.of(features), FeatureBank.of(features))


def test_copies_are_counted_in_each_set_that_has_some():
    clean, one, four = summary(40, 0), summary(50, 1), summary(60, 4)

    assert copies_note([("generated", clean), ("reference", clean)]) == ""
    assert (
        copies_note([("generated", clean), ("reference", one)]) == "1 of 50 reference images are exact copies of others"
    )
    assert copies_note([("A's", four), ("B's", one)]) == (
        "4 of 60 A's images are exact copies of others; 1 of 50 B's images are exact copies of others"
    )


def test_more_than_a_twentieth_of_copies_is_too_many():
    assert COPIES == 0.05
    assert [many_copies(copies, 100) for copies in (0, 5, 6)] == [False, False, True]
    assert not too_many_copies([("a", summary(40, 2)), ("b", summary(40, 0))])
    assert too_many_copies([("a", summary(40, 0)), ("b", summary(40, 3))])
    assert too_many_copies([("a", summary(40, 3)), ("b", summary(40, 0))])


@pytest.mark.parametrize(
    ("estimate", "many", "expected"),
    [
        (Estimate(1.0, 0.1, note="n"), False, Estimate(1.0, 0.1, note="n; 3 copies")),
        (Estimate(1.0, note="n"), True, Estimate(1.0, note="n; 3 copies")),
        (Estimate(1.0), True, Estimate(1.0, note="3 copies")),
        (Estimate(1.0, 0.1, method="m", note="n"), True, Estimate(1.0, note=f"n; 3 copies: {WORDS}")),
        (Estimate(1.0, ci95=(0.0, 2.0), method="m"), True, Estimate(1.0, note=f"3 copies: {WORDS}")),
        (Estimate(1.0, debiased=0.5, method="m"), True, Estimate(1.0, note=f"3 copies: {WORDS}")),
    ],
)
def test_many_copies_take_the_uncertainty_and_leave_the_value(estimate, many, expected):
    assert with_copies(estimate, "3 copies", many) == expected


@pytest.mark.parametrize(("real", "fake"), [(0, 3), (3, 0), (0, 2), (2, 0), (0, 0)])
def test_a_metric_tells_the_copies_of_both_sets(real, fake):
    found = KD.evaluate(summary(40, real, 1), summary(40, fake, 2))["kd"]
    plain = KD.compute(summary(40, real, 1).canonical, summary(40, fake, 2).canonical, KD.params)["kd"]
    side, copies = ("generated", fake) if fake else ("reference", real)
    words = f"{copies} of 40 {side} images are exact copies of others"

    assert found.value == plain.value
    assert (words in found.note) == (real + fake > 0)
    assert (found.stderr is None) == (real + fake > 2)
    assert (WORDS in found.note) == (real + fake > 2)
