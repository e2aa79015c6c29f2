"""Diversity: how far the images of one set are from each other, as the mean distance of random pairs.

What it measures: the mean LPIPS (or `pd`) between two images of the set, over all of it and within each class. With a
    folder for each input, the second number is the diversity of outputs for one input.
Why it can mislead: noise and broken images are far from each other, too; it says nothing of quality. Compare it with
    the same number of the real images. It depends on the network, so LPIPS of VGG16 and of AlexNet are two scales.
Definition: Zhu et al. 2017 (BicycleGAN, arXiv 1711.11586), section 5.3, mean LPIPS of random pairs; Choi et al. 2020
    (StarGAN v2, arXiv 1912.01865), appendix: all pairs of the outputs for one input, then the mean over inputs. Here
    `pairs` different pairs are drawn without replacement from all, and as many within each class; all of them where
    there are no more. The number within classes is the mean over classes.
Matches: StarGAN v2 `calculate_lpips_given_images` on the outputs for one input, given the same network.
"""

import functools
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ganeval.metrics.base import Alias, Distances, Estimate, Output, OwnPairsMetric, Params, PyramidMetric
from ganeval.metrics.lpips import LPIPS
from ganeval.metrics.pair_mean import FEWEST
from ganeval.metrics.perceptual import PD
from ganeval.stats.intervals import t_interval

Pairs = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


def pair_at(place: Pairs, n: int) -> Pairs:
    """(m, 2) the pairs i < j that stand at given places of the list (0, 1), (0, 2), ..., (n - 2, n - 1)."""
    back = n * (n - 1) // 2 - 1 - place  # counted from the end, row r has r + 1 pairs
    row = ((np.sqrt(8.0 * back + 1.0) - 1.0) / 2.0).astype(np.int64)
    row -= row * (row + 1) // 2 > back  # the root is rounded
    row += (row + 1) * (row + 2) // 2 <= back
    first = n - 2 - row
    return np.stack([first, n - 1 - (back - row * (row + 1) // 2)], axis=1)


def random_pairs(members: Pairs, most: int, rng: np.random.Generator) -> Pairs:
    """At most `most` different pairs of the given images, in the order of the images."""
    n = len(members)
    every = n * (n - 1) // 2
    place = np.arange(every) if every <= most else np.sort(rng.choice(every, most, replace=False))
    return np.asarray(members[pair_at(place.astype(np.int64), n)])


def draw_pairs(labels: tuple[str, ...] | None, n: int, params: Params) -> dict[str, Pairs]:
    """Pairs of all images as "", and those within each class of two images or more."""
    rng = np.random.default_rng(int(params["seed"]))
    known = np.asarray(labels if labels is not None else [], dtype=object)
    groups = {"": np.arange(n)} | {label: np.flatnonzero(known == label) for label in sorted(set(known.tolist()))}
    most = int(params["pairs"])
    return {label: random_pairs(members, most, rng) for label, members in groups.items() if len(members) > 1}


def mean_of_pairs(values: Float64, pairs: Pairs) -> Estimate:
    """The mean distance, with the standard error of images drawn at random.

    Pairs that share an image are not independent. Sum over all such pairs of pairs (Fafchamps & Gubert 2007, J. Dev.
    Econ. 83, equation 3.3): with residuals e and S_i the sum over the pairs of image i, (sum S_i^2 - sum e^2) / m^2.
    """
    m, images = len(values), np.unique(pairs)
    value, counts = float(values.mean()), f"{m:,} pairs of {len(images):,} images"
    if len(images) < FEWEST:
        return Estimate(value, note=f"{counts}; no interval: fewer than {FEWEST} images")
    residuals = values - value
    sums = np.zeros(int(images[-1]) + 1)
    for column in (0, 1):
        np.add.at(sums, pairs[:, column], residuals)
    squares = float((residuals**2).sum())
    stderr = math.sqrt(max(float((sums**2).sum()) - squares, squares)) / m
    if stderr <= 1e-12 * value:
        return Estimate(value, note=f"{counts}; no interval: all pairs are equally far apart")
    degrees = len(images) - 1
    low, high = t_interval(value, stderr, degrees)
    method = "pairs that share an image vary together, Student t"
    return Estimate(value, stderr, (max(low, 0.0), high), None, method, counts, degrees)


def estimate_diversity(groups: Mapping[str, Distances], params: Params, name: str) -> dict[str, Estimate]:
    """`name` over all images; where there are classes, `name`_within, and that of every class."""
    del params
    found = {label: mean_of_pairs(group.values, group.pairs) for label, group in groups.items()}
    whole, within = found.pop(""), {f"{name}_within:{label}": one for label, one in found.items()}
    return {name: whole} | ({f"{name}_within": _mean(list(found.values()))} if within else {}) | within


def _mean(classes: list[Estimate]) -> Estimate:
    """The mean over classes; with 20 or more, classes (inputs) are the draws."""
    values = np.asarray([one.value for one in classes])
    note = f"mean over {len(values)} classes"
    errors = [one.stderr for one in classes if one.stderr is not None]
    if len(values) >= FEWEST and values.std() > 0.0:
        stderr, degrees = float(values.std(ddof=1)) / math.sqrt(len(values)), float(len(values) - 1)
        method = f"mean over classes, Student t, n={len(values)}"
    elif len(errors) == len(values):
        stderr, degrees = math.sqrt(sum(error**2 for error in errors)) / len(values), math.inf
        method = "of independent classes"
    else:
        return Estimate(float(values.mean()), note=f"{note}; no interval: too few classes, and too few images in one")
    low, high = t_interval(float(values.mean()), stderr, degrees)
    own = None if math.isinf(degrees) else degrees
    return Estimate(float(values.mean()), stderr, (max(low, 0.0), high), None, method, note, own)


def _declare(of: PyramidMetric, title: str, aliases: Mapping[str, Alias]) -> OwnPairsMetric:
    name = f"{of.name}_diversity"
    return OwnPairsMetric(
        name=name,
        summary=f"mean {title} between random images of the set, in all and within each class",
        outputs=(
            Output(name, "higher", of.output.range, f"Diversity ({title})", worse_with_noise=False),
            Output(
                f"{name}_within",
                "higher",
                of.output.range,
                f"Diversity within classes ({title})",
                worse_with_noise=False,
            ),
        ),
        of=of,
        draw=draw_pairs,
        estimate=functools.partial(estimate_diversity, name=name),
        min_n=2,
        version=1,
        params={"pairs": 1000, "seed": 2020},
        aliases=aliases,
    )


LPIPS_DIVERSITY = _declare(
    LPIPS,
    "LPIPS",
    {
        "lpips_diversity": Alias("vgg16", "LPIPS diversity (VGG16)"),
        "lpips_alex_diversity": Alias("alexnet", "LPIPS diversity (AlexNet)"),
    },
)
PD_DIVERSITY = _declare(PD, "perceptual distance", {})
