"""FLS: the feature likelihood score, how likely real images are under a density that the generated ones span.

What it measures: a mixture of Gaussians is put on the generated images, its widths fitted to real ones, and other real
    images are scored under it. Copies get a narrow Gaussian that explains no other image. 100 is what real images get.
Why it can mislead: it sees copies of the images that the widths are fitted to. If the generator was trained on other
    images than the reference, its copies of those go unseen.
Definition: Jiralerspong et al. 2023 (arXiv 2302.04440), as dgm-eval has it: features normalised over all sets; 100 Adam
    steps (0.5, from step 50 on 0.05) on the log widths; 100 exp(-2 (NLL - NLL of real images) / D). Here the reference
    is cut by a seed into three: what widths are fitted to, the images that take the place of the generated ones in the
    second term, and those that are scored. dgm-eval takes the last from a test set of its own. Dimensions that never
    vary, which give NaN there, are left out. At most `most` images of each are taken.
Matches: dgm-eval `compute_fls(train, baseline, test, generated)` (layer6ai-labs/dgm-eval at 74c79f7), given the three
    parts, within 1e-3 relative; it computes in float32.
"""

import math

import numpy as np

from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

STEPS, RATE, LATER = 100, 0.5, 50
LOWEST, HIGHEST = -100.0, 20.0  # of the logarithm of a squared width


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
    """`fls` of two sets of rows, the value alone."""
    rng, most = np.random.default_rng(int(params["seed"])), int(params["most"])
    part = min(len(real) // 3, most)
    order = rng.permutation(len(real))
    train, baseline, test = (real[np.sort(order[k * part : (k + 1) * part])].astype(np.float64) for k in range(3))
    taken = fake[np.sort(rng.permutation(len(fake))[:part])].astype(np.float64)
    return {"fls": likelihood_score(train, baseline, test, taken)}


def compute_fls(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`fls` from two summaries, without an interval."""
    if real is None or real.bank is None or fake.bank is None:
        raise ValueError("fls needs the feature rows of both sides")
    value = fls_of_rows(real.bank.rows(), fake.bank.rows(), params)["fls"]
    part = min(len(real.bank) // 3, int(params["most"]))
    note = f"three parts of {part} real images; no interval: its standard error is not known"
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
)
