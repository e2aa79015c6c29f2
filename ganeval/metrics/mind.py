"""Monge Inception Distance: sliced 2-Wasserstein distance of features, far less biased at small n than Frechet.

What it measures: any difference of the two feature distributions, averaged over random directions.
Why it can mislead: a difference that lives in few directions is diluted; another seed gives a slightly other value.
Definition: Berthet et al. 2026 (arXiv 2605.06797): alpha / M sum_i W_2^2(u_i.X, u_i.Y), alpha = 3 d, M unit directions.
Matches: torch-fidelity (development version) `metric_mind.py` for equal counts: the same directions for the same seed.
    For unequal counts ganeval integrates the exact quantile functions where torch-fidelity throws images away.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.metrics.uncertainty import Spread, distance_estimate, too_few
from ganeval.stats.counts import check_count
from ganeval.stats.jackknife import BLOCKS, Jackknife, block_numbers, block_shares, jackknife
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

BLOCK = 128  # directions at a time: 128 x 50,000 x 8 B = 51 MB a side

Bytes = npt.NDArray[np.int8]


def unit_directions(count: int, dim: int, seed: int) -> Float64:
    """(count, dim) unit vectors, uniform on the sphere: those of torch's CPU stream, to the rounding of float32."""
    directions = torch_normal(max(16, count * dim), seed)[: count * dim].reshape(count, dim)
    return np.asarray(directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12))


@functools.lru_cache(maxsize=1)  # a value, its error and its influences share them: 16 MB where D is 2048
def _directions(count: int, dim: int, seed: int) -> Float64:
    """`unit_directions`, drawn once and not to be written to."""
    directions = unit_directions(count, dim, seed)
    directions.flags.writeable = False
    return directions


def torch_normal(count: int, seed: int) -> Float64:
    """What `torch.randn(count, generator=torch.Generator().manual_seed(seed))` draws on a CPU, in float64.

    A Mersenne twister, of whose words the low 24 bits are uniform numbers; Box and Muller's transform of 16 at a time,
    each with the one eight places on; what fills no 16 is drawn again with the last ones. torch takes logarithms and
    cosines in float32, by kernels that differ between processors: they agree to 2e-6 of a standard deviation.

    Args:
        count: At least 16; torch draws fewer in another way.
        seed: 0 to 2^32 - 1; torch takes the low 32 bits of a larger one.
    """
    twister = np.random.MT19937()
    twister._legacy_seeding(seed % 2**32)  # init_genrand, as torch does
    drawn = count if count % 16 == 0 else count + 16
    uniform = (twister.random_raw(drawn) & 0xFFFFFF) / 2**24
    normal = np.empty(count)
    whole = count - count % 16
    normal[:whole] = _box_muller(uniform[:whole])
    if whole < count:
        normal[-16:] = _box_muller(uniform[count:])
    return normal


def _box_muller(uniform: Float64) -> Float64:
    first, second = uniform.reshape(-1, 2, 8).transpose(1, 0, 2)
    radius, angle = np.sqrt(-2.0 * np.log(1.0 - first)), 2.0 * np.pi * second
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()


def wasserstein2_squared(a: Float64, b: Float64) -> Float64:
    """Squared 2-Wasserstein distance of empirical distributions on the line, column by column.

    The integral over q of (F_a^-1(q) - F_b^-1(q))^2; both quantile functions are steps, so it is a finite sum over the
    merged breakpoints i/n and j/m. With n = m it is the mean squared difference of the sorted values.

    Args:
        a: (n, M) values, M columns at once.
        b: (m, M) values.

    Returns:
        (M,) distances.

    Raises:
        TooFewSamplesError: no value on a side.
    """
    check_count("A Wasserstein distance", min(len(a), len(b)), 1, "value a side")
    return _between_sorted(np.sort(a.T, axis=1), np.sort(b.T, axis=1))


def _between_sorted(a: Float64, b: Float64) -> Float64:
    """(M,) the same for values that are sorted along rows, (M, n) and (M, m)."""
    n, m = a.shape[1], b.shape[1]
    if n == m:
        return np.asarray(((a - b) ** 2).mean(axis=1))
    # Breakpoints in units of 1 / (n m): exact integers, so that equal ones merge exactly.
    cuts = np.unique(np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n]))
    widths = np.diff(cuts, prepend=0) / (n * m)
    return np.asarray((a[:, (cuts - 1) // m] - b[:, (cuts - 1) // n]) ** 2 @ widths)


def project(rows: np.ndarray, directions: Float64) -> Float64:
    """(n, M) products of float32 rows with M directions (D, M), widened to float64 a few thousand rows at a time."""
    parts = [np.asarray(rows[i : i + 4096], dtype=np.float64) @ directions for i in range(0, len(rows), 4096)]
    return np.concatenate(parts)


def mind(real: np.ndarray, fake: np.ndarray, projections: int, seed: int) -> float:
    """3 d times the mean squared 2-Wasserstein distance over random directions, >= 0, lower is better.

    Args:
        real: (n_r, D) rows.
        fake: (n_f, D) rows.
        projections: Number of directions M.
        seed: Seed of the directions.

    Raises:
        TooFewSamplesError: no image on a side, or no direction.
    """
    check_count("mind", min(len(real), len(fake)), 1, "image a side")
    check_count("mind", projections, 1, "direction")
    dim = real.shape[1]
    directions = _directions(projections, dim, seed)
    total = 0.0
    for start in range(0, projections, BLOCK):
        block = directions[start : start + BLOCK].T
        total += float(wasserstein2_squared(project(real, block), project(fake, block)).sum())
    return float(3.0 * dim * total / projections)


def _sorted_with_blocks(rows: np.ndarray, directions: Float64, numbers: Bytes) -> tuple[Float64, Bytes]:
    """Projections sorted along rows, (M, n), and the block of the image behind each."""
    values = np.ascontiguousarray(project(rows, directions).T)
    order = np.argsort(values, axis=1)
    return np.take_along_axis(values, order, axis=1), numbers[order]


def mind_jackknife(real: np.ndarray, fake: np.ndarray, projections: int, seed: int) -> Jackknife:
    """The distance with its block jackknife: each projection is sorted once, and each deletion thins the sorted values.

    Args:
        real: (n_r, D) rows, n_r >= 20.
        fake: (n_f, D) rows, n_f >= 20.
        projections: Number of directions M.
        seed: Seed of the directions.

    Raises:
        TooFewSamplesError: fewer images than blocks, or no direction.
    """
    check_count("The jackknife of mind", min(len(real), len(fake)), BLOCKS, "images a side")
    check_count("mind", projections, 1, "direction")
    dim = real.shape[1]
    directions = _directions(projections, dim, seed)
    blocks = [block_numbers(len(real)), block_numbers(len(fake))]
    narrow = [numbers.astype(np.int8) for numbers in blocks]
    total, deleted = 0.0, np.zeros(BLOCKS)
    for start in range(0, projections, BLOCK):
        block = directions[start : start + BLOCK].T
        a, in_a = _sorted_with_blocks(real, block, narrow[0])
        b, in_b = _sorted_with_blocks(fake, block, narrow[1])
        total += float(_between_sorted(a, b).sum())
        for g in range(BLOCKS):
            rest = (x[where != g].reshape(len(x), -1) for x, where in ((a, in_a), (b, in_b)))
            deleted[g] += float(_between_sorted(*rest).sum())
    scale = 3.0 * dim / projections
    return jackknife(scale * total, scale * deleted, block_shares(blocks))


def mind_influences(real: SetSummary, fake: SetSummary, params: Params) -> tuple[Float64, Float64 | None]:
    """Influence of each generated and each reference image on `mind`, centred; positive where an image raises it.

    On a line the derivative of the squared Wasserstein distance by the weight of a point is the Kantorovich potential
    there (Santambrogio 2015, Optimal Transport for Applied Mathematicians, proposition 7.17); its mean over the
    directions is the influence.

    Raises:
        DataError: a set is known by its moments only.
    """
    if real.bank is None or fake.bank is None:
        raise DataError("The influence of each image needs the feature rows of both sets; one has moments only.")
    a, b, projections = real.bank.rows(), fake.bank.rows(), int(params["projections"])
    check_count("The influence of images", min(len(a), len(b)), 2)
    directions = _directions(projections, a.shape[1], int(params["direction_seed"]))
    of_real, of_fake = np.zeros(len(a)), np.zeros(len(b))
    for start in range(0, projections, BLOCK):
        block = directions[start : start + BLOCK].T
        lines = [np.ascontiguousarray(project(rows, block).T) for rows in (a, b)]
        orders = [np.argsort(line, axis=1) for line in lines]
        x, y = (np.take_along_axis(line, order, axis=1) for line, order in zip(lines, orders, strict=True))
        of_real += np.bincount(orders[0].ravel(), _potentials(x, y).ravel(), len(a))
        of_fake += np.bincount(orders[1].ravel(), _potentials(y, x).ravel(), len(b))
    scale = 3.0 * a.shape[1] / projections
    return scale * (of_fake - of_fake.mean()), scale * (of_real - of_real.mean())


def mind_second_influence(real: SetSummary, fake: SetSummary, influences: Float64, params: Params) -> float:
    """How the influences of generated images move with their own: `SetMetric.second_influence`.

    With more weight on images by their influence w, the distribution function on a line moves by H, the sum of w up to
    a point. The point that x is carried to moves by H(x) t'(x) / f(x) then, t being the map and f the density, and the
    potential's slope by twice that. Integrated by parts, the mean is 2 times the integral of H^2 t' / f dx: over the
    gaps between sorted images, 2 n H^2 times the gap and times the gap that it is carried to. Half of the directions
    are enough for it.

    Raises:
        DataError: a set is known by its moments only.
    """
    if real.bank is None or fake.bank is None:
        raise DataError("The influence of each image needs the feature rows of both sets; one has moments only.")
    a, b, projections = real.bank.rows(), fake.bank.rows(), int(params["projections"])
    n, m, total = len(b), len(a), 0.0
    directions = _directions(projections, a.shape[1], int(params["direction_seed"]))[: -(-projections // 2)]
    places = (2 * np.arange(n) + 1) * m // (2 * n)  # of the middle of each generated image's share
    for start in range(0, len(directions), BLOCK):
        block = directions[start : start + BLOCK].T
        line = np.ascontiguousarray(project(b, block).T)
        order = np.argsort(line, axis=1)
        x = np.take_along_axis(line, order, axis=1)
        targets = np.sort(project(a, block).T, axis=1)[:, places]
        moved = np.cumsum(influences[order], axis=1)[:, :-1] / n
        total += 2.0 * n * float((moved**2 * np.diff(x, axis=1) * np.diff(targets, axis=1)).sum())
    return float(3.0 * a.shape[1] / len(directions) * total)


def _potentials(x: Float64, y: Float64) -> Float64:
    """(M, n) Kantorovich potential of x towards y at each value of x, up to a constant; both sorted along rows.

    From one value to the next it grows by (x' - t)^2 - (x - t)^2, t being where y has the share of x that lies between
    them; where y steps just there, the middle of the step.
    """
    n, m = x.shape[1], y.shape[1]
    share = np.arange(1, n) * m
    targets = 0.5 * (y[:, (share - 1) // n] + y[:, share // n])
    steps = np.diff(x, axis=1) * (x[:, 1:] + x[:, :-1] - 2.0 * targets)
    return np.concatenate([np.zeros((len(x), 1)), np.cumsum(steps, axis=1)], axis=1)


def mind_of_rows(real: np.ndarray, fake: np.ndarray, params: Params) -> dict[str, float]:
    """`mind` of two sets of rows, the value alone."""
    return {"mind": mind(real, fake, int(params["projections"]), int(params["direction_seed"]))}


def compute_mind(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`mind` from two summaries, with its uncertainty where one is valid."""
    if real is None or real.bank is None or fake.bank is None:
        raise ValueError("mind needs the feature rows of both sides")
    a, b, projections, seed = (
        real.bank.rows(),
        fake.bank.rows(),
        int(params["projections"]),
        int(params["direction_seed"]),
    )
    if why := too_few(len(a), len(b)):
        return {"mind": Estimate(mind(a, b, projections, seed), note=why)}
    found = mind_jackknife(a, b, projections, seed)
    method = f"block jackknife, G={BLOCKS}, both sets random, Student t; for these directions"
    spread = Spread(found.debiased, found.stderr, BLOCKS - 1, method, True)
    return {"mind": distance_estimate(found.value, spread, resolution=1e-12 * abs(found.value))}


MIND = SetMetric(
    name="mind",
    summary="Sliced 2-Wasserstein distance of the features, times 3 d (Monge Inception Distance)",
    outputs=(
        Output(
            "mind",
            "lower",
            (0.0, float("inf")),
            "Sliced Wasserstein distance",
            on_itself=0.0,
            compared={"efflite0": 3},
            gateable=True,
            question="distance",
        ),
    ),
    needs=frozenset({"bank"}),
    reference=True,
    symmetric=True,
    min_n=2,
    version=2,
    compute=compute_mind,
    params={"projections": 1000, "direction_seed": 2020, "alpha": "3d"},
    of_rows=mind_of_rows,
    null_bias="normal quantiles",
    has_stderr=True,
    influences=mind_influences,
    second_influence=mind_second_influence,
    plain={"efflite0": 3},
)
