"""PPL: the perceptual path length of a generator, how fast its images change along its latents.

What it measures: the mean LPIPS (VGG16) of images whose latents are 1e-4 of the way between two random ones apart,
    divided by the square of that step. Low for a latent space whose images change evenly.
Why it can mislead: a generator that draws one image for all latents has 0. It depends on the scale of the latents, so
    it compares generators with equal latents only. Images of 8 bits round most of a step of 1e-4 away: what is
    left are the values that cross a rounding limit, which torch-fidelity counts, too.
Definition: Karras et al. 2019 (StyleGAN, arXiv 1812.04948), section 4.1, in Z, with linear interpolation; both ends at
    one class. Images are bytes, resized to 64 px (by areas where both sides are larger, else bilinear). Distances
    below their first and above their 99th percentile are left out of the mean, as in StyleGAN's code. StyleGAN
    interpolates between the two latents, starting at a random point, and crops faces; torch-fidelity starts at the
    first latent. This is torch-fidelity's.
Matches: torch-fidelity 0.4.0 `calculate_ppl` with its defaults, given the same generator and weights.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ganeval.metrics.base import Alias, Distances, Estimate, Output, OwnPairsMetric, Params, Paths
from ganeval.metrics.lpips import LPIPS
from ganeval.metrics.pair_mean import uncertainty_of_mean
from ganeval.stats.intervals import t_interval


def random_paths(count: int, width: int, classes: int, params: Params) -> Paths:
    """Latents from numpy's MT19937, in the order in which torch-fidelity draws them: starts, far ends, classes."""
    rng = np.random.RandomState(int(params["seed"]))
    starts = rng.randn(count, width).astype(np.float32)
    far = rng.randn(count, width).astype(np.float32)
    ends = starts + (far - starts) * np.float32(params["epsilon"])
    return Paths(starts, ends, rng.randint(0, classes, (count,)).astype(np.int64) if classes else None)


def draw_ends(labels: tuple[str, ...] | None, n: int, params: Params) -> dict[str, npt.NDArray[np.int64]]:
    """Image 2k with image 2k + 1."""
    del labels, params
    return {"": np.arange(n - n % 2, dtype=np.int64).reshape(-1, 2)}


def estimate_ppl(groups: Mapping[str, Distances], params: Params) -> dict[str, Estimate]:
    """The mean over paths between two percentiles.

    The standard error is that of a trimmed mean (Tukey & McLaughlin 1963, Sankhya A 25): of the values with the tails
    moved to the percentiles, over the share that is kept.
    """
    values = groups[""].values / float(params["epsilon"]) ** 2
    low = np.percentile(values, float(params["lowest"]), method="lower")
    high = np.percentile(values, 100.0 - float(params["lowest"]), method="higher")
    kept = values[(low <= values) & (values <= high)]
    stderr, _, degrees, _, note = uncertainty_of_mean(np.clip(values, low, high), "path")
    value, told = float(kept.mean()), f"{len(kept):,} of {len(values):,} paths"
    if stderr is None or degrees is None or note:
        return {"ppl": Estimate(value, note=f"{told}; {note}")}
    wide = stderr * len(values) / len(kept)
    ends = t_interval(value, wide, degrees)
    method = f"trimmed mean over paths, Student t, n={len(values)}"
    return {"ppl": Estimate(value, wide, (max(ends[0], 0.0), ends[1]), None, method, told, degrees)}


PPL = OwnPairsMetric(
    name="ppl",
    summary="perceptual path length of a generator: LPIPS over a small step of its latents, squared",
    outputs=(Output("ppl", "lower", (0.0, math.inf), "Perceptual path length", worse_with_noise=False),),
    of=LPIPS,
    draw=draw_ends,
    estimate=estimate_ppl,
    min_n=2,
    version=1,
    paths=random_paths,
    side=64,
    params={"epsilon": 1e-4, "interpolation": "linear", "lowest": 1.0, "side": 64, "seed": 2020},
    aliases={"ppl": Alias("vgg16", "PPL")},
)
