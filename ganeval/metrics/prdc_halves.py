"""Variances of density and coverage with both sets random, from two halves of each: two independent draws of half size.

Ten small groups, which do for precision and recall, don't do for them: what a tenth of the images covers is far from
what all of them cover (0.94 and 0.86 between real sets that differ by two classes, 0.63 and 0.28 with noise), and the
standard error came out at 0.92 to 1.37 of the spread. From halves it is a short way: the variance at n is half of that
at n / 2, because both sets get denser alike. Over random divisions into halves it is known to 30 degrees of freedom
(McCarthy 1969, "Pseudo-replication: half samples", Review of the International Statistical Institute 37, 239-264).
"""

from typing import NamedTuple

import numpy as np

from ganeval.metrics.neighbours import CHUNK, approximate, pairs, prepare
from ganeval.metrics.prdc_difference import balls, nearest
from ganeval.summaries.moments import Float64

SPLITS = 80  # random divisions into halves
SPLIT_SEED = 20
DEGREES = 30.0  # by the scatter of the standard error over draws


class HalfScores(NamedTuple):
    """Scores of halves, each half of the generated images with one half of the reference.

    Attributes:
        density: (S, 2).
        coverage: (S, 2).
    """

    density: Float64
    coverage: Float64


def half_scores(real: np.ndarray, fake: np.ndarray, k_density: int) -> HalfScores:
    """Density and coverage of two halves against two halves, in many random divisions.

    Args:
        real: (m, D) rows.
        fake: (n, D) rows.
        k_density: Neighbour that gives the radius.
    """
    of_real, of_fake = prepare(real, fake)
    n, m = len(of_fake), len(of_real)
    rng = np.random.Generator(np.random.PCG64(SPLIT_SEED))
    theirs, mine = (np.stack([rng.permutation(count) % 2 for _ in range(SPLITS)]).astype(np.int8) for count in (m, n))
    radii = balls(of_real, theirs, (k_density,), nearest(of_real)).radii[k_density]
    held, filled = np.zeros((SPLITS, 2)), np.zeros((SPLITS, m), dtype=bool)
    reach = radii.max(axis=0)
    for start in range(0, n, CHUNK):
        part = slice(start, min(start + CHUNK, n))
        squared = approximate(of_fake, part, of_real)
        i, j = pairs(squared <= reach[None, :])
        d = squared[i, j]
        i += start
        for split in range(SPLITS):
            hit = j[(d <= radii[split, j]) & (mine[split, i] == theirs[split, j])]
            filled[split, hit] = True
            held[split] += np.bincount(theirs[split, hit], minlength=2)
    in_mine, in_theirs, covered = (_counts(sets) for sets in (mine, theirs, np.where(filled, theirs, -1)))
    return HalfScores(held / (in_mine * k_density), covered / in_theirs)


def _counts(halves: np.ndarray) -> Float64:
    """(S, 2) how many are in each half; -1 is in neither."""
    return np.stack([np.count_nonzero(halves == half, axis=1) for half in (0, 1)], axis=1).astype(np.float64)


def half_stderr(scores: Float64) -> float:
    """Standard error at full size from the scores of two halves.

    Args:
        scores: (S, 2).
    """
    return float(np.sqrt(0.25 * np.mean((scores[:, 0] - scores[:, 1]) ** 2)))
