"""The standard error of a difference of precision, recall, density or coverage against one reference.

Balls around nearest neighbours have no influence function, and leaving images out moves the balls as no new draw would.

* Precision and density are means over the generated images, which are independent given the reference. Of pairs only
  those that differ say anything, of single images those of the rarer kind: their count is the degrees of freedom, so
  that four of four can't be significant.
* Recall and coverage are not. But of two equally good sets any other division of all their images into two such sets is
  as likely as the given one (partners trade places where images are paired), so the spread of the difference over
  random divisions is its standard error, given the reference. Pitman 1937, "Significance tests which may be applied to
  samples from any populations" (Supplement to the Journal of the Royal Statistical Society 4, 119-130). There are no
  more degrees of freedom than reference images that one set covers and the other does not.
* A reference drawn anew moves the difference as well, where one set gains more by it than the other. Two halves of the
  reference are such draws, of half the size: what the difference changes from one to the other, squared, is four times
  that variance. It is taken as the product of two such changes, each of other halves of the generated images: what the
  images of one half do by chance is in one of the two only (McCarthy 1969, "Pseudo-replication: half samples", Review
  of the International Statistical Institute 37, 239-264).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganeval.metrics.base import DifferenceError, Params
from ganeval.metrics.difference_stderr import differences
from ganeval.metrics.neighbours import CHUNK, Float32, Points, approximate, pairs, prepare
from ganeval.stats.influence import influence_stderr
from ganeval.stats.student_t import sum_degrees
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

SPLITS = 40  # random divisions, and as many degrees of freedom
SPLIT_SEED = 18
FEWEST = 100  # images a set; below, nothing was measured
FEW = CHUNK // 4  # rows at a time: beside their distances there are places, 128 x 50,000 x 8 B = 51 MB
NEAREST = 48  # neighbours that are looked at: three of them are in a quarter of the images in 999 of 1000 cases
OUTPUTS = ("precision", "recall", "density", "coverage")

MOSTLY = 2.0  # times the part of the generated images, from which that of the reference is told

Groups = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Balls:
    """A set as the centres of balls, whole and divided into groups, anew in each of S splits.

    Attributes:
        points: Its rows.
        groups: (S, n) in which group each row is.
        radii: k -> (S, n) squared distance to the k-th nearest other row of the same group.
        whole: k -> (n,) the same among all rows.
    """

    points: Points
    groups: Groups
    radii: dict[int, Float32]
    whole: dict[int, Float32]


def prdc_difference_errors(
    real: SetSummary, a: SetSummary, b: SetSummary, paired: bool, params: Params
) -> dict[str, DifferenceError | str]:
    """Output -> error of b's less a's, or why there is none.

    Args:
        real: The reference.
        a: A's images; image i is the partner of image i of b where paired.
        b: B's images.
        paired: Image by image.
        params: `k` and `k_density`.
    """
    fewest = min(real.distinct, a.distinct, b.distinct)
    if fewest < FEWEST:
        return dict.fromkeys(OUTPUTS, f"a difference needs {FEWEST} distinct images of each set; got {fewest}")
    if real.bank is None or a.bank is None or b.bank is None:
        raise ValueError("prdc needs the feature rows of all three sets")
    k, k_density = int(params["k"]), int(params["k_density"])
    rng = np.random.Generator(np.random.PCG64(SPLIT_SEED))
    rows_a, rows_b = a.bank.rows(), b.bank.rows()
    n = len(rows_a)
    of_real, both = prepare(real.bank.rows(), np.concatenate([rows_a, rows_b]))
    halves = _halves(rng, n)
    quarters = np.concatenate([halves, 2 + (halves if paired else _halves(rng, len(rows_b)))], axis=1)
    near = nearest(both)
    given = np.repeat(np.array([[0, 1]], dtype=np.int8), (n, len(rows_b)), axis=1)
    traded = balls(both, np.concatenate([_traded(rng, n, len(rows_b), paired), given]), (k,), near)
    divided = balls(both, quarters, (k,), near)
    reference = balls(of_real, _halves(rng, len(of_real)), (k, k_density), nearest(of_real))
    found = scores(reference, traded, divided, k, k_density)

    by_trade = np.sqrt(np.mean((found.traded[:-1, 1] - found.traded[:-1, 0]) ** 2, axis=0))
    change = found.crossed[:, :, 2:] - found.crossed[:, :, :2]  # (S, half of the reference, half of the images, 4)
    moved = change[:, 0] - change[:, 1]
    by_reference = np.sqrt(np.maximum(np.mean(moved[:, 0] * moved[:, 1], axis=0), 0.0) / 4.0)
    errors: dict[str, DifferenceError | str] = {}
    for place, name in enumerate(OUTPUTS):
        own: tuple[float, float] = (float(by_trade[place]), 0.0)
        if name in found.apart:
            own = own[0], float(np.clip(found.apart[name][-1], 1, SPLITS))
        if name in found.by_image:
            values = found.by_image[name]
            own = mean_difference_error(values[:n], values[n:], paired)
        parts = own, (float(by_reference[place]), float(SPLITS))
        note = ""
        if parts[1][0] > MOSTLY * own[0]:
            note = (
                "most of this interval is the reference: another draw of it moves the difference by "
                f"{parts[1][0]:.2g}, of the generated images by {own[0]:.2g} (one standard error each)"
            )
        errors[name] = DifferenceError(math.hypot(own[0], parts[1][0]), sum_degrees(*parts), note)
    return errors


def mean_difference_error(a: Float64, b: Float64, paired: bool) -> tuple[float, float]:
    """(standard error of b's mean less a's, degrees of freedom): as many as pairs differ, or images of the rarer kind.

    Differences of -1, 0 and 1 of which m are not 0 have a z-test of the size of a binomial one: at m = 4, all to one
    side, it is significant at a p of 0.125. Held to Student's t with m degrees it takes 6 pairs, as a sign test does.
    Two sets of 0 and 1 with m of the rarer kind, all in one set, are the same (Fisher's exact test: 6 as well).

    Args:
        a: (n,) values by image.
        b: (m,) the same; of the same images where paired.
        paired: Image by image.
    """
    parts = differences(a, b, paired)
    rarer = len(np.concatenate(parts)) - np.unique(np.concatenate(parts), return_counts=True)[1].max()
    return influence_stderr(*parts), max(1.0, float(np.count_nonzero(parts[0]) if paired else rarer))


def _halves(rng: np.random.Generator, n: int) -> Groups:
    """(S, n) random halves, 0 and 1, that differ in size by at most one."""
    return np.stack([rng.permutation(n) % 2 for _ in range(SPLITS)]).astype(np.int8)


def _traded(rng: np.random.Generator, n: int, m: int, paired: bool) -> Groups:
    """(S, n + m) the images of both sets divided anew into n and m of them, one of each pair where they are paired."""
    if paired:
        first = rng.integers(0, 2, (SPLITS, n), dtype=np.int8)
        return np.concatenate([first, 1 - first], axis=1)
    return np.stack([rng.permutation(n + m) >= n for _ in range(SPLITS)]).astype(np.int8)


def nearest(points: Points) -> tuple[Float32, npt.NDArray[np.intp]]:
    """(n, 48) squared distances to the nearest other rows, ascending, and which; float32 will do for an error."""
    count = min(NEAREST, len(points) - 1)
    distances = np.empty((len(points), count), dtype=np.float32)
    places = np.empty((len(points), count), dtype=np.intp)
    for start in range(0, len(points), FEW):
        part = slice(start, min(start + FEW, len(points)))
        squared = approximate(points, part, points)
        squared[np.arange(part.stop - start), np.arange(start, part.stop)] = np.inf
        near = np.argpartition(squared, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(squared, near, axis=1)
        order = np.argsort(values, axis=1)
        distances[part], places[part] = np.take_along_axis(values, order, 1), np.take_along_axis(near, order, 1)
    return distances, places


def balls(points: Points, groups: Groups, ks: tuple[int, ...], near: tuple[Float32, npt.NDArray[np.intp]]) -> Balls:
    """Radii of a divided set.

    Args:
        points: Its rows.
        groups: (S, n) of each row.
        ks: Which neighbours give the radius.
        near: `nearest(points)`.
    """
    distances, places = near
    radii = {k: np.empty(groups.shape, dtype=np.float32) for k in ks}
    rows = np.arange(len(points))
    for split, own in enumerate(groups):
        count = (own[places] == own[:, None]).cumsum(axis=1, dtype=np.int8)
        for k in ks:
            reached = count >= k
            at = np.where(reached[:, -1], reached.argmax(axis=1), distances.shape[1] - 1)
            radii[k][split] = distances[rows, at]
    return Balls(points, groups, radii, {k: distances[:, k - 1] for k in ks})


@dataclass(frozen=True)
class Scores:
    """Scores of divided sets.

    Attributes:
        traded: (T, 2, 4) of each group of the traded images, with the whole reference.
        crossed: (S, 2, 4, 4) of each half of the reference with each group of the divided images.
        by_image: What precision and density are means of, over all generated images, with the whole reference.
        apart: (T,) reference images that one group of the traded images covers and the other does not: for recall and
            coverage.
    """

    traded: Float64
    crossed: Float64
    by_image: dict[str, Float64]
    apart: dict[str, npt.NDArray[np.int64]]


def scores(real: Balls, traded: Balls, divided: Balls, k: int, k_density: int) -> Scores:
    """All four scores of every group, in one pass over the distances of generated images to real ones.

    Args:
        real: The reference in halves.
        traded: The generated images in two groups, in T divisions.
        divided: The same in four groups.
        k: Neighbour of precision and recall.
        k_density: Neighbour of density and coverage.
    """
    n, m = len(traded.points), len(real.points)
    inside, held = np.zeros(n, dtype=bool), np.zeros(n)  # of the whole reference
    inside_half = np.zeros((SPLITS, 2, n), dtype=bool)  # half of the reference, image
    held_half = np.zeros((SPLITS, 2, n))
    divisions = len(traded.groups)
    covered, filled = (np.zeros((divisions, 2, m), dtype=bool) for _ in range(2))  # group of images, real image
    covered_by, filled_by = (np.zeros((SPLITS, 4, m), dtype=bool) for _ in range(2))
    reach = np.maximum(real.radii[k_density].max(axis=0), real.radii[k].max(axis=0))
    widest = np.maximum(traded.radii[k].max(axis=0), divided.radii[k].max(axis=0))
    for start in range(0, n, CHUNK):
        part = slice(start, min(start + CHUNK, n))
        squared = approximate(traded.points, part, real.points)
        # A real image that all groups cover already needs no more balls of generated images.
        needed = ~np.asarray(covered.all(axis=(0, 1)) & covered_by.all(axis=(0, 1)))
        own = np.where(needed[None, :], widest[part, None], np.float32(-np.inf))
        i, j = pairs(squared <= np.maximum(reach[None, :], own))
        d = squared[i, j]
        i += start
        inside[i[d <= real.whole[k][j]]] = True
        dense = d <= real.whole[k_density][j]
        held += np.bincount(i[dense], minlength=n)
        for split in range(divisions):
            mine, ball = traded.groups[split, i], d <= traded.radii[k][split, i]
            filled[split, mine[dense], j[dense]] = True
            covered[split, mine[ball], j[ball]] = True
        for split in range(SPLITS):
            mine_by, theirs = divided.groups[split, i], real.groups[split, j]
            ball = d <= divided.radii[k][split, i]
            covered_by[split, mine_by[ball], j[ball]] = True
            ball = d <= real.radii[k][split, j]
            inside_half[split, theirs[ball], i[ball]] = True
            ball = d <= real.radii[k_density][split, j]
            filled_by[split, mine_by[ball], j[ball]] = True
            for half in (0, 1):
                held_half[split, half] += np.bincount(i[ball & (theirs == half)], minlength=n)
    whole, crossed = np.empty((divisions, 2, 4)), np.empty((SPLITS, 2, 4, 4))
    for split in range(divisions):
        for group in range(2):
            x = traded.groups[split] == group
            recall, coverage = covered[split, group].mean(), filled[split, group].mean()
            whole[split, group] = inside[x].mean(), recall, held[x].mean() / k_density, coverage
    for split in range(SPLITS):
        for group in range(4):
            x = divided.groups[split] == group
            for half in (0, 1):
                r = real.groups[split] == half
                precision, density = inside_half[split, half, x].mean(), held_half[split, half, x].mean() / k_density
                recall, coverage = covered_by[split, group, r].mean(), filled_by[split, group, r].mean()
                crossed[split, half, group] = precision, recall, density, coverage
    apart = {name: (hit[:, 0] ^ hit[:, 1]).sum(axis=1) for name, hit in (("recall", covered), ("coverage", filled))}
    return Scores(whole, crossed, {"precision": inside.astype(np.float64), "density": held / k_density}, apart)
