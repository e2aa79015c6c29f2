"""Distances between feature rows that only need comparing: float32 products, and float64 wherever those could decide.

Nearest neighbours and ball memberships ask of a distance only whether it is below another. A float32 product says so
for nearly all pairs, at half the cost of a float64 one; its error has a bound, and every pair within the bound of its
threshold is computed again in float64. So the answers are those of float64, all of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganeval.stats.counts import check_count
from ganeval.summaries.moments import Float64

Float32 = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

CHUNK = 512  # rows against all others: 512 x 50,000 x 4 B = 102 MB
BLOCK = 4096  # rows widened to float64 at a time: 4096 x 2048 x 8 B = 67 MB
WIDTH = 32  # distances of which only the smallest is looked at when a k-th smallest is bounded
MANY = 64  # candidates a row above which all of its distances are computed in float64
UNIT = 2.0**-24  # rounding of float32


def squared_distances(X: np.ndarray, Y: np.ndarray) -> Float64:
    """|x - y|^2 for all pairs of rows, (n, m) float64; differences below twelve digits of the norms are zero."""
    X = np.asarray(X, dtype=np.float64)
    x_norms = (X * X).sum(axis=1)[:, None]
    squared = np.empty((len(X), len(Y)))
    for start in range(0, len(Y), BLOCK):
        part = slice(start, min(start + BLOCK, len(Y)))
        block = np.asarray(Y[part], dtype=np.float64)
        scale = x_norms + (block * block).sum(axis=1)[None, :]
        distances = scale - 2.0 * (X @ block.T)
        distances[distances < 1e-12 * scale] = 0.0
        squared[:, part] = distances
    return squared


@dataclass(frozen=True)
class Points:
    """Rows of one set, ready for both kinds of distance.

    Attributes:
        rows: (n, D) as given.
        norms: (n,) their squared lengths.
        near: (n, D) float32, the rows less a centre that all sets share, times `scale`: of length 1 at most.
        near_norms: (n,) squared lengths of those.
        scale: Distances between `near` rows are `scale` times those between rows.
    """

    rows: np.ndarray
    norms: Float64
    near: Float32
    near_norms: Float32
    scale: float

    def __len__(self) -> int:
        return len(self.rows)


def prepare(*sets: np.ndarray) -> tuple[Points, ...]:
    """Sets of rows (n, D) that are to be compared with each other. Distances do not depend on the common centre.

    Raises:
        TooFewSamplesError: a set without rows.
    """
    check_count("A search for neighbours", min(map(len, sets)), 1, "image a side")
    centre = np.asarray(sets[0], dtype=np.float64).mean(axis=0)
    widened = [np.asarray(rows, dtype=np.float64) for rows in sets]
    longest = max(float(((rows - centre) ** 2).sum(axis=1).max()) for rows in widened) ** 0.5
    # A power of two, so that scaling itself does not round; no square overflows or vanishes then.
    scale = float(2.0 ** -np.ceil(np.log2(longest))) if longest > 0.0 else 1.0
    points = []
    for rows, wide in zip(sets, widened, strict=True):
        near = ((wide - centre) * scale).astype(np.float32)
        near_norms = np.einsum("nd,nd->n", near, near, dtype=np.float64).astype(np.float32)
        points.append(Points(rows, np.einsum("nd,nd->n", wide, wide), near, near_norms, scale))
    return tuple(points)


def error_share(dim: int) -> float:
    """Bound on the error of an approximate squared distance, over the sum of the two squared lengths.

    A float32 product of D terms is off by D u / (1 - D u) of the product of lengths in any order of summation (Higham
    2002, Accuracy and Stability, eq. (3.5)); twice that product is at most the sum of squares. Rounding the rows, the
    lengths, the sums and the threshold adds less than 16 u.
    """
    return dim * UNIT / (1.0 - dim * UNIT) + 16.0 * UNIT


def approximate(a: Points, part: slice, b: Points) -> Float32:
    """(len(part), m) squared distances in float32, in units of `near`."""
    squared = (-2.0 * a.near[part]) @ b.near.T
    squared += b.near_norms[None, :]
    squared += a.near_norms[part, None]
    return np.asarray(squared, dtype=np.float32)


def pairs(mask: Mask) -> tuple[Index, Index]:
    """Rows and columns where a mask is True, row by row; four times as fast as numpy's nonzero of two dimensions."""
    return np.divmod(np.flatnonzero(mask), mask.shape[1])


def exact(a: Points, b: Points, i: Index, j: Index) -> Float64:
    """(p,) squared distances of the pairs (a_i, b_j) in float64, zero as in `squared_distances`."""
    values = np.empty(len(i))
    for start in range(0, len(i), BLOCK):
        x, y = i[start : start + BLOCK], j[start : start + BLOCK]
        gap = np.asarray(a.rows[x], dtype=np.float64) - b.rows[y]
        squared = np.einsum("nd,nd->n", gap, gap)
        squared[squared < 1e-12 * (a.norms[x] + b.norms[y])] = 0.0
        values[start : start + BLOCK] = squared
    return values


def neighbour_radii(points: Points, ks: tuple[int, ...]) -> dict[int, Float64]:
    """Squared distance of each row to its k-th nearest other row, for each k: {k: (n,)}, float64.

    Args:
        points: n > max(ks) rows.
        ks: Which neighbours, 1 for the nearest.

    Raises:
        TooFewSamplesError: n <= max(ks).
    """
    n, most = len(points), max(ks)
    check_count(f"A ball up to neighbour {most}", n, most + 1)
    radii = {k: np.empty(n) for k in ks}
    share, widest = error_share(points.near.shape[1]), float(points.near_norms.max())
    for start in range(0, n, CHUNK):
        part = slice(start, min(start + CHUNK, n))
        squared = approximate(points, part, points)
        index = np.arange(part.start, part.stop)
        squared[index - start, index] = np.inf  # no row is its own neighbour
        # True neighbours lie within one error of the k-th smallest approximation, and seem to within one more.
        reach = _kth_smallest_bound(squared, most) + 2.0 * share * (points.near_norms[part] + widest)
        i, j = pairs(squared <= reach[:, None].astype(np.float32))
        counts = np.bincount(i, minlength=len(index))
        few = counts <= MANY
        kept = few[i]
        nearest = _sorted_by_row(exact(points, points, i[kept] + start, j[kept]), np.where(few, counts, 0), most)
        if not few.all():
            nearest[~few] = _all_sorted(points, index[~few], most)
        for k in ks:
            radii[k][part] = nearest[:, k - 1]
    return radii


def _kth_smallest_bound(squared: Float32, k: int) -> Float64:
    """(c,) no less than the k-th smallest of each row, and little more: the k-th smallest among minima of groups."""
    groups = squared.shape[1] // WIDTH
    if groups <= k:
        return np.partition(squared, k - 1, axis=1)[:, k - 1].astype(np.float64)
    minima = squared[:, : WIDTH * groups].reshape(len(squared), WIDTH, groups).min(axis=1)
    candidates = np.concatenate([minima, squared[:, WIDTH * groups :]], axis=1)
    return np.partition(candidates, k - 1, axis=1)[:, k - 1].astype(np.float64) * (1.0 + 4.0 * UNIT)


def _sorted_by_row(values: Float64, counts: npt.NDArray[np.int64], k: int) -> Float64:
    """(c, k) the k smallest of each row, ascending, from values that lie row after row; inf where there are fewer."""
    table = np.full((len(counts), max(int(counts.max()), k)), np.inf)
    table[np.arange(table.shape[1])[None, :] < counts[:, None]] = values
    return np.asarray(np.sort(table, axis=1)[:, :k])


def _all_sorted(points: Points, rows: Index, k: int) -> Float64:
    """(c, k) the same from all float64 distances of some rows: sets with many equal images."""
    squared = squared_distances(points.rows[rows], points.rows)
    squared[np.arange(len(rows)), rows] = np.inf
    return np.asarray(np.sort(np.partition(squared, k - 1, axis=1)[:, :k], axis=1))


def within(a: Points, part: slice, b: Points, squared: Float32, limits: Float64) -> Mask:
    """(len(part), m) True where |a_i - b_j|^2 <= limit, as float64 decides.

    Args:
        a: Rows of the first set.
        part: Which of them.
        b: Rows of the second set.
        squared: `approximate(a, part, b)`.
        limits: (m,) one a row of b, or (len(part), 1) one a row of a.
    """
    share, norms = error_share(a.near.shape[1]), (a.near_norms[part], b.near_norms)
    if limits.ndim == 1:
        error = share * (float(norms[0].max()) + norms[1].astype(np.float64))
    else:
        error = share * (norms[0].astype(np.float64)[:, None] + float(norms[1].max()))
    scaled = limits * a.scale**2
    inside = np.asarray(squared <= (scaled + error).astype(np.float32))
    doubtful = inside & ~(squared <= (scaled - error).astype(np.float32))
    count = int(np.count_nonzero(doubtful))
    if count > doubtful.size // MANY:
        return np.asarray(squared_distances(a.rows[part], b.rows) <= limits)
    if count:
        i, j = pairs(doubtful)
        limit = limits[j] if limits.ndim == 1 else limits[i, 0]
        inside[i, j] = exact(a, b, i + part.start, j) <= limit
    return inside
