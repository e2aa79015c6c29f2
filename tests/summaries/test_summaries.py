"""Feature banks and moments: rows that cannot be, the empty set as neutral element, images that count once."""

import numpy as np
import pytest

from ganeval.errors import DataError, TooFewSamplesError
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.moments import Moments

ROWS = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
KINDS = [FeatureBank, Moments]


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_one_row_an_image_and_finite(kind):
    with pytest.raises(ValueError, match=r"must be \(n, D\), got shape \(9, 3, 1\)"):
        kind.of(ROWS[:, :, None])
    broken = ROWS.copy()
    broken[4, 1] = np.nan
    with pytest.raises(DataError, match=r"1 of 9 images are NaN or infinite \(first: row 4\)"):
        kind.of(broken)


@pytest.mark.parametrize("kind", KINDS)
def test_summaries_of_different_widths_are_not_merged(kind):
    with pytest.raises(ValueError, match="of 3 and 2 dimensions"):
        kind.of(ROWS).merge(kind.of(ROWS[:, :2]))


def test_the_empty_bank_is_neutral_and_has_no_row():
    empty, some = FeatureBank.empty(3), FeatureBank.of(ROWS)

    assert (len(empty), empty.rows().shape, empty.indices().shape) == (0, (0, 3), (0,))
    assert FeatureBank.of(ROWS[:0]) == empty
    for merged in (empty.merge(some), some.merge(empty)):
        assert np.array_equal(merged.rows(), ROWS)
    assert list(empty.chunks()) == []


def test_no_rows_are_the_empty_moments_and_neutral():
    empty, some = Moments.of(ROWS[:0]), Moments.of(ROWS)

    assert (empty.n, empty.dim, empty.scatter.any()) == (0, 3, False)
    assert empty.merge(some) is some
    assert some.merge(empty) is some


def test_an_image_counts_once_and_every_row_has_its_index():
    first = FeatureBank.of(ROWS[:4], [0, 2, 4, 6])
    both = first.merge(FeatureBank.of(ROWS[4:], [1, 3, 5, 7, 9]))

    assert both.indices().tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    assert np.array_equal(both.rows()[1], ROWS[4])
    with pytest.raises(ValueError, match="an image would count twice"):
        both.merge(FeatureBank.of(ROWS[:1], [9]))
    with pytest.raises(ValueError, match="3 indices for 9 rows"):
        FeatureBank.of(ROWS, [0, 1, 2])


@pytest.mark.parametrize(("n", "ddof"), [(1, 1), (0, 0)])
def test_a_covariance_of_too_few_images_says_how_many_it_needs(n, ddof):
    with pytest.raises(TooFewSamplesError, match=f"at least {ddof + 1} images; got {n}"):
        Moments.of(ROWS[:n]).covariance(ddof)
    assert np.allclose(Moments.of(ROWS).covariance(), np.cov(ROWS.astype(np.float64), rowvar=False))
