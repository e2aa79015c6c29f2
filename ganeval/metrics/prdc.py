"""Precision, recall, density and coverage: quality and diversity apart, by balls around nearest neighbours.

What it measures: precision and density, the share of generated images near real ones; recall and coverage, the share
    of real images near generated ones.
Why it can mislead: depends on k, on the backbone and on both counts; outliers blow the balls up (Naeem et al.).
Definition: precision and recall, Kynkaanniemi et al. 2019 (arXiv 1904.06991), eq. (1)-(3), k = 3;
    density and coverage, Naeem et al. 2020 (arXiv 2002.09797), eq. (3)-(6), k = 5.
Matches: torch-fidelity 0.4.0 `metric_prc.py` (precision, recall at equal k), exactly up to ties.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganeval.errors import TooFewSamplesError
from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.metrics.uncertainty import Spread, join, too_few, with_spread
from ganeval.stats.jackknife import BLOCKS, Blocks, block_numbers, block_shares, jackknife
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

CHUNK = 512  # rows against all others: 512 x 50,000 x 8 B = 205 MB
BLOCK = 4096  # rows widened to float64 at a time: 4096 x 2048 x 8 B = 67 MB
TIE = 1e-9  # relative; an image that is itself a k-th neighbour lies on the sphere and counts as inside


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


def neighbour_radii(
    rows: np.ndarray, ks: tuple[int, ...], numbers: Blocks | None = None
) -> dict[int, tuple[Float64, Float64]]:
    """Squared distance of each row to its k-th nearest other row, of all rows and of all but one block.

    The k-th nearest of a union is among the k nearest of each part: those of every block are kept, and what is left
    when a block goes follows from them exactly, without a second look at the distances.

    Args:
        rows: (n, D), n > max(ks), and that many left after every deletion.
        ks: Which neighbours.
        numbers: (n,) block of each row; None for no deletions.

    Returns:
        {k: (radii (n,), radii without block g (G, n))}; G = 0 without blocks.
    """
    numbers = np.zeros(len(rows), dtype=np.int64) if numbers is None else numbers
    members = [np.flatnonzero(numbers == g) for g in range(int(numbers.max()) + 1)]
    count = len(members) if len(members) > 1 else 0
    radii = {k: (np.empty(len(rows)), np.empty((count, len(rows)))) for k in ks}
    for start in range(0, len(rows), CHUNK):
        part = slice(start, min(start + CHUNK, len(rows)))
        squared = squared_distances(rows[part], rows)
        index = np.arange(part.start, part.stop)
        squared[index - start, index] = np.inf  # a row is not its own neighbour
        nearest = [_smallest(squared[:, columns], max(ks)) for columns in members]
        every = np.sort(np.concatenate(nearest, axis=1), axis=1)
        for k in ks:
            radii[k][0][part] = every[:, k - 1]
        for g in range(count):
            left = np.sort(np.concatenate(nearest[:g] + nearest[g + 1 :], axis=1), axis=1)
            for k in ks:
                radii[k][1][g, part] = left[:, k - 1]
    return radii


def _smallest(values: Float64, k: int) -> Float64:
    """The k smallest of each row, or all where there are fewer, in any order."""
    return values if values.shape[1] <= k else np.partition(values, k - 1, axis=1)[:, :k]


@dataclass(frozen=True)
class Neighbourhoods:
    """Who lies in whose ball, as counts.

    Attributes:
        fake_inside: (n_f,) bool, the generated image lies in some real ball (k of precision).
        real_inside: (n_r,) bool, the real image lies in some generated ball (k of precision).
        balls: (n_f,) int, how many real balls (k of density) hold the generated image.
        covered: (n_r,) bool, some generated image lies in the real image's own ball (k of density).
        deleted: (G, 4) means of these four over what is left when block g leaves both sets; G = 0 without blocks.
    """

    fake_inside: npt.NDArray[np.bool_]
    real_inside: npt.NDArray[np.bool_]
    balls: npt.NDArray[np.int64]
    covered: npt.NDArray[np.bool_]
    deleted: Float64

    def means(self) -> Float64:
        """(4,) precision, recall, mean number of balls, coverage."""
        four = (self.fake_inside, self.real_inside, self.balls, self.covered)
        return np.asarray([each.mean() for each in four])


def neighbourhoods(
    real: np.ndarray,
    fake: np.ndarray,
    k: int,
    k_density: int,
    blocks: tuple[Blocks, Blocks] | None = None,
) -> Neighbourhoods:
    """Counts ball memberships between two sets of rows, in blocks of bounded memory.

    Args:
        real: (n_r, D) rows, n_r > max(k, k_density).
        fake: (n_f, D) rows, n_f > k.
        k: Neighbour of precision and recall.
        k_density: Neighbour of density and coverage.
        blocks: Block of each real and of each generated row; None for no deletions.
    """
    in_real, in_fake = blocks or (np.zeros(len(real), dtype=np.int64), np.zeros(len(fake), dtype=np.int64))
    real_radii = neighbour_radii(real, tuple(sorted({k, k_density})), in_real)
    fake_radii = neighbour_radii(fake, (k,), in_fake)[k]
    # Of all rows first, then of each deletion, so that row 0 of what follows is the metric itself.
    small = np.concatenate([real_radii[k][0][None], real_radii[k][1]]) * (1.0 + TIE)
    large = np.concatenate([real_radii[k_density][0][None], real_radii[k_density][1]]) * (1.0 + TIE)
    own = np.concatenate([fake_radii[0][None], fake_radii[1]]) * (1.0 + TIE)
    reach_real, reach_fake = np.maximum(small.max(axis=0), large.max(axis=0)), own.max(axis=0)
    cases = len(small)
    fake_inside, balls = np.zeros((cases, len(fake)), dtype=bool), np.zeros((cases, len(fake)), dtype=np.int64)
    real_inside, covered = np.zeros((cases, len(real)), dtype=bool), np.zeros((cases, len(real)), dtype=bool)
    for start in range(0, len(fake), CHUNK):
        part = slice(start, min(start + CHUNK, len(fake)))
        squared = squared_distances(fake[part], real)
        # Deletions only make balls larger: pairs beyond the largest ball of either image matter to none of them.
        i, r = np.nonzero((squared <= reach_real) | (squared <= reach_fake[part, None]))
        distance, f = squared[i, r], i + start
        for case in range(cases):
            kept = (in_fake[f] != case - 1) & (in_real[r] != case - 1) if case else np.ones(len(f), dtype=bool)
            fake_inside[case, f[kept & (distance <= small[case, r])]] = True
            real_inside[case, r[kept & (distance <= own[case, f])]] = True
            inside = kept & (distance <= large[case, r])
            covered[case, r[inside]] = True
            balls[case] += np.bincount(f[inside], minlength=len(fake))
    n_fake = len(fake) - np.bincount(in_fake, minlength=cases - 1)[: cases - 1]
    n_real = len(real) - np.bincount(in_real, minlength=cases - 1)[: cases - 1]
    sums = [x[1:].sum(axis=1) for x in (fake_inside, real_inside, balls, covered)]
    deleted = np.stack([sums[0] / n_fake, sums[1] / n_real, sums[2] / n_fake, sums[3] / n_real], axis=1)
    return Neighbourhoods(fake_inside[0], real_inside[0], balls[0], covered[0], deleted)


def compute_prdc(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """All four from two summaries, with their uncertainty where one is valid."""
    if real is None or real.bank is None or fake.bank is None:
        raise ValueError("prdc needs the feature rows of both sides")
    k, k_density = int(params["k"]), int(params["k_density"])
    need = max(k, k_density) + 1
    for side, bank in (("reference", real.bank), ("generated", fake.bank)):
        if len(bank) < need:
            raise TooFewSamplesError(
                f"prdc with k = {k} and k_density = {k_density} needs at least {need} {side} images; got {len(bank)}."
            )
    n_real, n_fake = len(real.bank), len(fake.bank)
    note = "" if n_real == n_fake else f"n differs ({n_real} real, {n_fake} fake); the published protocol has equal n"
    why = too_few(n_real, n_fake)
    if not why and min(n_real, n_fake) - -(-min(n_real, n_fake) // BLOCKS) < need:
        why = f"no interval: too few images for k = {need - 1} without one of {BLOCKS} blocks"
    blocks = None if why else (block_numbers(n_real), block_numbers(n_fake))
    found = neighbourhoods(real.bank.rows(), fake.bank.rows(), k, k_density, blocks)
    means = found.means()
    means[2] /= k_density
    names = ("precision", "recall", "density", "coverage")
    if blocks is None:
        return {name: Estimate(float(v), note=join(note, why)) for name, v in zip(names, means, strict=True)}
    deleted, shares = found.deleted / (1.0, 1.0, k_density, 1.0), block_shares(blocks)
    method = f"block jackknife, G={BLOCKS}, both sets random, Student t; of the expectation at this n"
    estimates = {}
    for name, value, without in zip(names, means, deleted.T, strict=True):
        spread = Spread(float(value), jackknife(float(value), without, shares).stderr, BLOCKS - 1, method, False)
        estimates[name] = with_spread(float(value), spread, note, resolution=1e-12, zero=None)
    return estimates


PRDC = SetMetric(
    name="prdc",
    summary="Precision, recall (k = 3), density and coverage (k = 5) by nearest-neighbour balls",
    outputs=(
        Output("precision", "higher", (0.0, 1.0)),
        Output("recall", "higher", (0.0, 1.0)),
        Output("density", "higher", (0.0, float("inf"))),
        Output("coverage", "higher", (0.0, 1.0)),
    ),
    needs=frozenset({"bank"}),
    reference=True,
    symmetric=False,
    min_n=6,
    version=1,
    compute=compute_prdc,
    params={"k": 3, "k_density": 5},
)
