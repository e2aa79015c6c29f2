"""FLS: the feature likelihood score, how likely real images are under a density that the generated ones span.

What it measures: a mixture of Gaussians is put on the generated images, its widths fitted to real ones, and other real
    images are scored under it. Copies get a narrow Gaussian that explains no other image. 100 is what real images get.
Why it can mislead: it sees copies of the images that the widths are fitted to, which have to be training images. Name
    them with `--train`. Without it, copies of training images that are not in the reference go unseen.
Definition: Jiralerspong et al. 2023 (arXiv 2302.04440), as dgm-eval has it: features normalised over all sets; 100 Adam
    steps (0.5, from step 50 on 0.05) on the log widths; 100 exp(-2 (NLL - NLL of real images) / D). With `--train`, two
    disjoint parts of the training set are what widths are fitted to and what takes the place of the generated images in
    the second term, and the reference is what is scored: dgm-eval's train, baseline and test set. Without it the
    reference is cut into these three. Parts are drawn by a seed and are of one size, at most `most` images, as are the
    generated images that are taken. Dimensions that never vary, which give NaN there, are left out.
Matches: dgm-eval `compute_fls(train, baseline, test, generated)` (layer6ai-labs/dgm-eval at 74c79f7), given the three
    parts, within 1e-3 relative; it computes in float32. Its command draws the parts at random, at most 10,000 of each.
"""

import math

import numpy as np

from ganeval.metrics.base import Estimate, Output, Params, SetMetric, Training
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

STEPS, RATE, LATER = 100, 0.5, 50
LOWEST, HIGHEST = -100.0, 20.0  # of the logarithm of a squared width
NO_INTERVAL = "no interval: its standard error is not known"


def likelihood_score(train: Float64, baseline: Float64, test: Float64, fake: Float64) -> float:
    """FLS, above 0; higher is better, 100 where the generated images serve as well as real ones.

    Args:
        train: (n, D) rows that widths are fitted to.
        baseline: (n, D) real rows in the place of generated ones.
        test: (n, D) rows that are scored.
        fake: (m, D) generated rows.
    """
    everything = np.concatenate([train, baseline, test, fake])
    deviation = everything.std(axis=0, ddof=1)
    varies = deviation > 1e-12 * np.maximum(np.abs(everything).max(axis=0), 1e-300)
    if not varies.any():
        return 100.0
    mean = everything[:, varies].mean(axis=0)
    train, baseline, test, fake = ((x[:, varies] - mean) / deviation[varies] for x in (train, baseline, test, fake))
    gap = _held_out_nll(train, test, fake) - _held_out_nll(train, test, baseline)
    return 100.0 * math.exp(-2.0 * gap / train.shape[1])


def _held_out_nll(train: Float64, test: Float64, centres: Float64) -> float:
    """Mean negative log-likelihood of the test rows under Gaussians on the centres, their widths fitted to `train`."""
    log_widths = _fitted(_squared(train, centres), centres.shape[1])
    return float(-_log_densities(_squared(test, centres), log_widths, centres.shape[1])[0].mean())


def _squared(a: Float64, b: Float64) -> Float64:
    lengths = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    return np.asarray(np.maximum(lengths - 2.0 * (a @ b.T), 0.0))


def _log_densities(squared: Float64, log_widths: Float64, dim: int) -> tuple[Float64, Float64]:
    """(n,) log-densities up to a constant, and (n, m) the share of each Gaussian in them."""
    exponents = -0.5 * squared * np.exp(-log_widths) - dim / 2 * log_widths - math.log(len(log_widths))
    largest = exponents.max(axis=1, keepdims=True)
    shares = np.exp(exponents - largest)
    totals = shares.sum(axis=1, keepdims=True)
    return (np.log(totals) + largest)[:, 0], shares / totals


def _fitted(squared: Float64, dim: int) -> Float64:
    """(m,) logarithms of the squared widths after Adam (Kingma & Ba 2015) on the mean negative log-likelihood."""
    log_widths = np.zeros(squared.shape[1])
    first, second = np.zeros_like(log_widths), np.zeros_like(log_widths)
    for step in range(1, STEPS + 1):
        _, shares = _log_densities(squared, log_widths, dim)
        slope = -(shares * (0.5 * squared * np.exp(-log_widths) - dim / 2)).mean(axis=0)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        rate = RATE if step <= LATER else RATE / 10
        log_widths -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        log_widths = np.clip(log_widths, LOWEST, HIGHEST)
    return log_widths


def fls_of_rows(real: np.ndarray, fake: np.ndarray, params: Params) -> dict[str, float]:
    """`fls` of two sets of rows, the value alone; the real ones are cut into three."""
    rng, most = np.random.default_rng(int(params["seed"])), int(params["most"])
    part = min(len(real) // 3, most)
    order = rng.permutation(len(real))
    train, baseline, test = (_taken(real, order[k * part : (k + 1) * part]) for k in range(3))
    return {"fls": likelihood_score(train, baseline, test, _taken(fake, rng.permutation(len(fake))[:part]))}


def _trained_of_rows(train: np.ndarray, real: np.ndarray, fake: np.ndarray, params: Params) -> dict[str, float]:
    rng = np.random.default_rng(int(params["seed"]))
    part = _part_of_training(len(train), len(real), len(fake), params)
    order = rng.permutation(len(train))
    fitted, baseline = _taken(train, order[:part]), _taken(train, order[part : 2 * part])
    test, taken = (_taken(rows, rng.permutation(len(rows))[:part]) for rows in (real, fake))
    return {"fls": likelihood_score(fitted, baseline, test, taken)}


def _part_of_training(n_train: int, n_real: int, n_fake: int, params: Params) -> int:
    """Images of each kind: as dgm-eval has it."""
    return min(n_train // 2, n_real, n_fake, int(params["most"]))


def _taken(rows: np.ndarray, places: np.ndarray) -> Float64:
    return np.asarray(rows[np.sort(places)], dtype=np.float64)


def compute_fls(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`fls` from two summaries, without an interval."""
    if real is None or real.bank is None or fake.bank is None:
        raise ValueError("fls needs the feature rows of both sides")
    value = fls_of_rows(real.bank.rows(), fake.bank.rows(), params)["fls"]
    part = min(len(real.bank) // 3, int(params["most"]))
    note = f"three parts of {part} real images; {NO_INTERVAL}"
    return {"fls": Estimate(value, note=note)}


def _trained(train: SetSummary, real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`fls` with a training set of its own."""
    if real is None or real.bank is None or fake.bank is None or train.bank is None:
        raise ValueError("fls needs the feature rows of all sets")
    value = _trained_of_rows(train.bank.rows(), real.bank.rows(), fake.bank.rows(), params)["fls"]
    part = _part_of_training(len(train.bank), len(real.bank), len(fake.bank), params)
    note = f"two parts of {part} training images, {part} reference and {part} generated images; {NO_INTERVAL}"
    return {"fls": Estimate(value, note=note)}


FLS = SetMetric(
    name="fls",
    summary="FLS: likelihood of real images under Gaussians on the generated ones; real images get 100",
    outputs=(Output("fls", "higher", (0.0, math.inf), "FLS", on_itself="varies"),),
    needs=frozenset({"bank"}),
    reference=True,
    symmetric=False,
    min_n=6,
    version=1,
    compute=compute_fls,
    params={"most": 2000, "seed": 2020},
    of_rows=fls_of_rows,
    training=Training(_trained, _trained_of_rows, min_n=4, alone=False),
)
