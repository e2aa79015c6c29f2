"""FDr: the Fréchet distance to real images, as a multiple of what held-out real images have.

What it measures: how many times as far as fresh real images the generated ones are. 1 is as near as real images come.
    A ratio has no scale of its own, so that several networks can be averaged: a generator that suits one network
    gains little. `--metrics fdr@inception,fdr@dinov2-vitl14` gives a row for each, and their mean as `fdr`.
Why it can mislead: with few images both distances are mostly bias, and the ratio goes towards 1. It depends on which
    networks are averaged; the protocol names them.
Definition: FDr^k of Yang et al. 2026 (arXiv 2604.28190): the mean over k encoders of FD(generated, training images) /
    FD(validation images, training images). Here a seeded half of the reference takes the place of the training images,
    and its other half that of the validation images; of the generated ones at most as many as that are taken, so that
    both distances are biased alike.
"""

import math

import numpy as np

from ganeval.errors import DataError
from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.metrics.frechet import distance_of_rows
from ganeval.summaries.base import SetSummary


def ratio_of_distances(real: np.ndarray, fake: np.ndarray, seed: int) -> float:
    """FD of the generated rows over FD of the real rows that are held out.

    Args:
        real: (n, D) rows, n >= 4.
        fake: (m, D) rows, m >= 2.
        seed: Of the halves, and of the generated rows that are taken.

    Raises:
        DataError: the halves do not differ: all reference images look the same to the network.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(real))
    half = len(real) // 2
    kept, held_out = real[np.sort(order[:half])], real[np.sort(order[half : 2 * half])]
    if len(fake) > half:
        fake = fake[np.sort(rng.permutation(len(fake))[:half])]
    between = distance_of_rows(kept, held_out)
    if between <= 1e-12 * max(float(np.square(kept).sum(axis=1).mean()), 1e-300):
        raise DataError(
            f"fdr divides by the distance of two halves of the reference ({half} images each), and they are the same. "
            "Give a reference of different images."
        )
    return distance_of_rows(kept, fake) / between


def fdr_of_rows(real: np.ndarray, fake: np.ndarray, params: Params) -> dict[str, float]:
    """`fdr` of two sets of rows, the value alone."""
    return {"fdr": ratio_of_distances(real, fake, int(params["seed"]))}


def compute_fdr(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`fdr` from two summaries, without an interval."""
    if real is None or real.bank is None or fake.bank is None:
        raise ValueError("fdr needs the feature rows of both sides")
    value = fdr_of_rows(real.bank.rows(), fake.bank.rows(), params)["fdr"]
    half = len(real.bank) // 2
    note = f"halves of {half} real images; no interval: the standard error of the ratio is not known"
    return {"fdr": Estimate(value, note=note)}


FDR = SetMetric(
    name="fdr",
    summary="Frechet distance as a multiple of that of held-out real images; over several networks, their mean",
    outputs=(Output("fdr", "lower", (0.0, math.inf), "FDr", on_itself="varies"),),
    needs=frozenset({"bank"}),
    reference=True,
    symmetric=False,
    min_n=4,
    version=1,
    compute=compute_fdr,
    of_rows=fdr_of_rows,
    params={"seed": 2020},
    mean_over_networks=True,
)
