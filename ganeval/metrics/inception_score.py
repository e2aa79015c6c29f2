"""Classifier score: how sure and how varied a classifier is about the images (Inception Score on inception).

What it measures: exp of the mutual information between image and predicted class.
Why it can mislead: looks at no real image; rewards adversarial and memorised images; log of it is biased by about
    (classes - 1) / 2n. Never gate on it alone.
Definition: Salimans et al. 2016 (arXiv 1606.03498), section 4: exp(E_x KL(p(y|x) || p(y))).
Matches: torch-fidelity 0.4.0 `metric_isc.py` within 1e-5 relative: `split_scores` of rows in the
    order of the files has the same shuffle for the same seed. `score` takes them in canonical order.
"""

import math

import numpy as np

from ganeval.errors import TooFewSamplesError
from ganeval.metrics.base import Alias, Estimate, Output, Params, SetMetric, TorchFidelity
from ganeval.metrics.uncertainty import entropy_estimate, too_few
from ganeval.stats.counts import check_count
from ganeval.stats.influence import influence_stderr
from ganeval.stats.jackknife import BLOCKS, Jackknife, block_numbers, block_shares, jackknife
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64


def log_softmax(logits: np.ndarray) -> Float64:
    """Row-wise log-softmax in float64, (n, K)."""
    wide = np.asarray(logits, dtype=np.float64)
    wide = wide - wide.max(axis=1, keepdims=True)
    return np.asarray(wide - np.log(np.exp(wide).sum(axis=1, keepdims=True)))


def classifier_score(log_p: Float64) -> float:
    """Exp of the mean KL divergence from the marginal, in [1, K], higher is better.

    Args:
        log_p: (n, K) log-probabilities, n >= 1.

    Raises:
        TooFewSamplesError: no image.
    """
    check_count("A classifier score", len(log_p), 1)
    p = np.exp(log_p)
    marginal = p.mean(axis=0)
    # 0 log 0 = 0: a class that underflows everywhere has marginal 0 and adds nothing.
    log_marginal = np.log(np.where(marginal > 0, marginal, 1.0))
    return float(np.exp((p * (log_p - log_marginal)).sum(axis=1).mean()))


def _log_p(fake: SetSummary) -> Float64:
    if fake.logits is None:
        raise ValueError("the classifier score needs a backbone with a classifier")
    return log_softmax(fake.logits.rows())


def information_jackknife(log_p: Float64) -> Jackknife:
    """Block jackknife of log(classifier score), the mutual information in nats, in closed form.

    I = mean of sum p log p - sum q log q with q the mean of p: the sums of p and of p log p of each block are all that
    the deletions need.

    Args:
        log_p: (n, K) log-probabilities, n >= 20.

    Raises:
        TooFewSamplesError: fewer images than blocks.
    """
    check_count("The jackknife of a classifier score", len(log_p), BLOCKS)
    p, n, numbers = np.exp(log_p), len(log_p), block_numbers(len(log_p))
    negentropy = np.bincount(numbers, (p * log_p).sum(axis=1), BLOCKS)
    order, sizes = np.argsort(numbers, kind="stable"), np.bincount(numbers, minlength=BLOCKS)
    sums = np.add.reduceat(p[order], np.cumsum(sizes) - sizes, axis=0)
    q = (sums.sum(axis=0) - sums) / (n - sizes)[:, None]
    q_log_q = (q * np.log(np.where(q > 0, q, 1.0))).sum(axis=1)
    deleted = (negentropy.sum() - negentropy) / (n - sizes) - q_log_q
    return jackknife(math.log(classifier_score(log_p)), deleted, block_shares([numbers]))


def information_influence(log_p: Float64) -> Float64:
    """(n,) influence of each image on log(classifier score): its KL divergence from the marginal, less the mean.

    The derivative through the marginal, -sum p (1 + log q) + sum q log q, joins the mean of sum p log p to just that.
    """
    check_count("A classifier score", len(log_p), 1)
    p = np.exp(log_p)
    marginal = p.mean(axis=0)
    divergence = (p * (log_p - np.log(np.where(marginal > 0, marginal, 1.0)))).sum(axis=1)
    return np.asarray(divergence - divergence.mean())


def compute_cs(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """Full-sample classifier score with its uncertainty; the reference is not looked at."""
    log_p = _log_p(fake)
    value = classifier_score(log_p)
    if why := too_few(len(log_p)):
        return {"cs": Estimate(value, note=why)}
    spread = entropy_estimate(value, information_jackknife(log_p), influence_stderr(information_influence(log_p)))
    return {"cs": spread}


def split_scores(log_p: Float64, splits: int, seed: int | None) -> Float64:
    """Classifier score of `splits` parts: (splits,).

    Args:
        log_p: (n, K) log-probabilities, n >= splits: a score of no image is undefined.
        splits: Parts.
        seed: Of a shuffle by numpy's legacy RandomState; None for the order as it is.

    Raises:
        TooFewSamplesError: fewer images than parts, or no part.
    """
    n = len(log_p)
    check_count("cs_classic", splits, 1, "splits")
    if n < splits:
        raise TooFewSamplesError(f"cs_classic needs at least {splits} images for {splits} splits; got {n}.")
    if seed is not None:
        log_p = log_p[np.random.RandomState(seed).permutation(n)]
    parts = [log_p[i * n // splits : (i + 1) * n // splits] for i in range(splits)]
    return np.asarray([classifier_score(part) for part in parts])


def compute_cs_classic(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """Mean over ten splits, as first published, with their spread in the note."""
    log_p, splits = _log_p(fake), int(params["splits"])
    scores = split_scores(log_p, splits, int(params["shuffle_seed"]))
    note = f"no interval: the std over splits, {scores.std():.3g}, is not a standard error; cs has one"
    return {"cs_classic": Estimate(float(scores.mean()), note=note)}


CS = SetMetric(
    name="cs",
    summary="Classifier score over the full sample (Inception Score on inception); needs no reference",
    outputs=(
        Output(
            "cs",
            "higher",
            (1.0, float("inf")),
            "Classifier score",
            on_itself="varies",
            worse_with_noise=False,
            alone="the inception score alone cannot tell a worse model: add fd, kd or precision and recall",
            headline=6,
            question="classifier",
            published="Inception Score",
        ),
    ),
    needs=frozenset({"logits"}),
    reference=False,
    symmetric=False,
    min_n=2,
    version=2,
    compute=compute_cs,
    has_stderr=True,
    aliases={"is": Alias("inception", "Inception Score")},
    plain={"efflite0": 5, "inception": 11},
    torch_fidelity=TorchFidelity("isc", "inception_score_mean"),
)

CS_CLASSIC = SetMetric(
    name="cs_classic",
    summary="Classifier score as first published: mean over 10 splits",
    outputs=(
        Output(
            "cs_classic",
            "higher",
            (1.0, float("inf")),
            "classifier score over splits",
            on_itself="varies",
            worse_with_noise=False,
        ),
    ),
    needs=frozenset({"logits"}),
    reference=False,
    symmetric=False,
    min_n=10,
    version=2,
    compute=compute_cs_classic,
    params={"splits": 10, "shuffle_seed": 2020},
    aliases={"is_classic": Alias("inception", "Inception Score, mean over splits")},
)
