"""Moments summed by the places of images: the same bits however the images are divided, and the moments of all rows."""

import itertools

import numpy as np
import pytest

from ganeval.summaries.moment_tree import CHUNK, MomentTree
from ganeval.summaries.moments import Moments

N = 11 * CHUNK + 57
ROWS = np.random.default_rng(0).normal(3.0, 2.0, (N, 5)).astype(np.float32)
PLACES = np.arange(N, dtype=np.int64)


def tree(start, end, step, places=PLACES, rows=ROWS):
    found = MomentTree(5)
    for at in range(start, end, step):
        part = slice(at, min(at + step, end))
        found.add(places[part], rows[part])
    found.close()
    return found


def bits(moments):
    return moments.n, moments.mean.tobytes(), moments.scatter.tobytes()


def test_moments_are_those_of_all_rows():
    found, expected = tree(0, N, 100).total(), Moments.of(ROWS)

    assert found.n == N
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-13)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("borders", [[], [3], [1, 2, 9], list(range(1, 12)), [5, 5]])
def test_any_division_among_processes_gives_the_same_bits(borders):
    whole = tree(0, N, 31)
    edges = [0, *(border * CHUNK for border in borders), N]
    joined = MomentTree(5)
    for start, end in reversed(list(itertools.pairwise(edges))):
        for node, moments in tree(start, end, 1000).ordered():
            joined.put(node, moments)

    assert bits(joined.total()) == bits(whole.total())
    assert len(joined.nodes) <= 4


def test_images_that_were_left_out_leave_the_chunks_as_they_are():
    kept = np.delete(PLACES, [5, 700, 701])
    found = tree(0, len(kept), 64, kept, ROWS[kept])

    assert found.total().n == N - 3
    assert bits(found.total()) == bits(tree(0, len(kept), 999, kept, ROWS[kept]).total())


def test_a_chunk_that_comes_twice_or_of_another_width_is_refused():
    found = tree(0, CHUNK, CHUNK)
    with pytest.raises(ValueError, match="given twice"):
        found.put((0, 0), Moments.of(ROWS[:3]))
    with pytest.raises(ValueError, match="width 4"):
        found.put((0, 1), Moments.empty(4))
    assert MomentTree(5).total().n == 0
