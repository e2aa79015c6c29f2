"""Float32 distances decide as float64 ones do: neighbour radii and ball memberships against a plain float64 search."""

import numpy as np
import pytest

from ganeval.metrics.neighbours import (
    CHUNK,
    approximate,
    error_share,
    exact,
    neighbour_radii,
    prepare,
    squared_distances,
    within,
)


def relu(rng, n, d):
    return np.maximum(rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / d**0.5, 0).astype(np.float32)


def cases():
    rng = np.random.default_rng(0)
    a, b = relu(rng, 700, 40), relu(rng, 600, 40)
    outlier = a.copy()
    outlier[7] *= 1e4
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 4), -1).reshape(-1, 4).astype(np.float32)
    return {
        "features": (a, b),
        "far from the origin": (a + 1000, b + 1000),
        "an outlier": (outlier, b),
        "many equal distances": (grid, grid[::2] + 0.5),
        "duplicates": (np.repeat(a[:60], 10, axis=0), np.repeat(b[:3], 200, axis=0)),
        "one set within the other": (a, a[50:450]),
        "all alike": (np.ones((600, 8), np.float32), np.ones((550, 8), np.float32)),
        "huge": (a * 1e25, b * 1e25),  # squares beyond float32
        "tiny": (a * 1e-25, b * 1e-25),
        "few": (a[:9], b[:7]),
        "close": (a, (a[:600] * (1 + 1e-6)).astype(np.float32)),
    }


def plain_radii(rows, k):
    squared = squared_distances(rows, rows)
    np.fill_diagonal(squared, np.inf)
    return np.sort(squared, axis=1)[:, k - 1]


@pytest.mark.parametrize("name", cases())
def test_radii_are_those_of_a_float64_search(name):
    real, fake = cases()[name]
    for points in prepare(real, fake):
        found = neighbour_radii(points, (3, 5))
        for k in (3, 5):
            expected = plain_radii(points.rows, k)
            assert (np.abs(found[k] - expected) <= 1e-9 * expected + 1e-12 * points.norms).all()


@pytest.mark.parametrize("name", cases())
def test_memberships_are_those_of_a_float64_search(name):
    real, fake = cases()[name]
    a, b = prepare(real, fake)
    radii_a, radii_b = (neighbour_radii(points, (4,))[4] * (1 + 1e-9) for points in (a, b))
    squared = squared_distances(b.rows, a.rows)
    clear = 1e-12 * (b.norms[:, None] + a.norms[None, :])  # a tie within rounding may fall either way
    for start in range(0, len(b), CHUNK):
        part = slice(start, min(start + CHUNK, len(b)))
        near = approximate(b, part, a)
        for limits, full in ((radii_a, radii_a[None, :]), (radii_b[part, None], radii_b[part, None])):
            found, expected = within(b, part, a, near, limits), squared[part] <= full
            ties = np.abs(squared[part] - full) <= clear[part]
            assert np.array_equal(found | ties, expected | ties)


def test_approximations_keep_to_their_bound_and_need_it():
    rng = np.random.default_rng(1)
    a, b = prepare(relu(rng, 300, 1280), relu(rng, 300, 1280) + 3)
    near = approximate(a, slice(0, 300), b) / a.scale**2
    error = np.abs(near - squared_distances(a.rows, b.rows)) * a.scale**2
    bound = error_share(1280) * (a.near_norms[:, None] + b.near_norms[None, :])

    assert (error <= bound).all()
    assert error.max() > 1e-9, "were float32 exact here, nothing would be tested"


def test_float32_decides_of_nearly_all_pairs(monkeypatch):
    """Were every pair in doubt, the answers would be as right and cost twice as much as without float32."""
    rng = np.random.default_rng(2)
    real, fake = relu(rng, 1100, 64), relu(rng, 900, 64)
    decided = []
    monkeypatch.setattr("ganeval.metrics.neighbours.exact", lambda *args: decided.append(len(args[2])) or exact(*args))
    monkeypatch.setattr("ganeval.metrics.neighbours.squared_distances", lambda *sides: pytest.fail("all in float64"))
    a, b = prepare(real, fake)

    radii = neighbour_radii(a, (3, 5))
    for_radii = sum(decided)
    part = slice(0, 900)
    within(b, part, a, approximate(b, part, a), radii[3])

    assert for_radii <= 8 * len(a), "the five nearest of each row, and those about as near"
    assert sum(decided) - for_radii <= 0.002 * len(a) * len(b)


def test_scaled_rows_are_of_length_one_at_most():
    """And of more than a half, so that no square overflows or vanishes; a power of two rounds nothing."""
    for factor in (1e-25, 0.3, 1.0, 7.0, 1e25):
        sets = prepare(*(relu(np.random.default_rng(3), n, 8) * np.float32(factor) for n in (30, 20)))
        longest = max(float(points.near_norms.max()) for points in sets) ** 0.5
        assert 0.5 < longest <= 1.0 + 1e-6
        assert np.log2(sets[0].scale) % 1 == 0.0
        assert sets[0].near.dtype == sets[0].near_norms.dtype == np.float32


def test_the_bound_on_the_error_grows_with_the_terms():
    u = 2.0**-24

    assert error_share(1) == pytest.approx(17 * u, rel=1e-6)
    assert error_share(2048) == pytest.approx(2048 * u / (1 - 2048 * u) + 16 * u, rel=1e-12)
    assert len(prepare(np.ones((7, 2)))[0]) == 7


def test_differences_below_twelve_digits_of_the_lengths_are_none():
    """1e-7 apart at length 1 squares to 1e-14; 1e-5 apart to 1e-10, which counts."""
    a, b = prepare(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[1.0 + 1e-7, 0.0], [1.0 + 1e-5, 0.0]]))
    first = np.array([0, 0])

    for near, far in (exact(a, b, first, np.array([0, 1])), squared_distances(a.rows[:1], b.rows)[0]):
        assert near == 0.0
        assert far == pytest.approx(1e-10, rel=1e-4, abs=0.0)


def test_a_row_on_the_sphere_itself_is_inside():
    """Limits that are the distances from one row: it lies on every sphere, by either kind of limit."""
    rng = np.random.default_rng(4)
    a, b = prepare(relu(rng, 200, 16), relu(rng, 300, 16))
    part, every = slice(0, 200), np.arange(300)
    limits = exact(a, b, np.full(300, 7), every)
    near = approximate(a, part, b)

    assert within(a, part, b, near, limits)[7].all()
    own = exact(a, b, np.arange(200), np.full(200, 5))
    assert within(a, part, b, near, own[:, None])[:, 5].all()
