"""AuthPct: the share of generated images that are not copies of the images they were trained on, in percent.

What it measures: a generated image is authentic if it is further from its nearest training image than that one is from
    its own nearest neighbour in the training set: `--train`, or else the reference, which then has to be that.
Why it can mislead: noise is authentic, too. Where the training set is dense, a fresh image of the same distribution
    often counts as a copy, so compare with the number of held-out real images, and at equal n: with both `--train` and
    a reference of held-out images, that number is the noise floor.
Definition: Alaa et al. 2022 (arXiv 2102.08921), with distances between features as in dgm-eval.
Matches: dgm-eval `compute_authpct(train_feat, gen_feat)` (layer6ai-labs/dgm-eval, dgm_eval/metrics/authpct.py at
    d57a6d2), exactly up to ties; it takes distances in float32, here they are float64.
"""

from dataclasses import replace

import numpy as np

from ganeval.metrics.base import Estimate, Output, Params, SetMetric, Training
from ganeval.metrics.nearest_images import nearest, nearest_others
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary


def authentic_percent(real: FeatureBank, fake: FeatureBank) -> float:
    """Percent of generated images further from their nearest real image than that one from its own nearest.

    Args:
        real: Two training images or more.
        fake: One image or more.
    """
    own = nearest_others(real, 1).distances[:, 0]
    found = nearest(fake, real, 1)
    at = np.searchsorted(real.indices(), found.indices[:, 0])  # rows are in ascending image index
    return 100.0 * int(np.count_nonzero(own[at] < found.distances[:, 0])) / len(fake)


def authpct_of_rows(real: np.ndarray, fake: np.ndarray, params: Params) -> dict[str, float]:
    """`authpct` of two sets of rows, the value alone."""
    del params
    return {"authpct": authentic_percent(FeatureBank.of(real), FeatureBank.of(fake))}


def compute_authpct(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`authpct` from two summaries, without an interval."""
    del params
    if real is None or real.bank is None or fake.bank is None:
        raise ValueError("authpct needs the feature rows of both sides")
    value = authentic_percent(real.bank, fake.bank)
    return {"authpct": Estimate(value, note="no interval: its standard error with both sets random is not known")}


def _trained(train: SetSummary, real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """The training set takes the place of the reference."""
    del real
    return {
        name: replace(estimate, note=f"copies of {train.moments.n:,} training images; {estimate.note}")
        for name, estimate in compute_authpct(train, fake, params).items()
    }


def _trained_of_rows(train: np.ndarray, real: np.ndarray, fake: np.ndarray, params: Params) -> dict[str, float]:
    del real
    return authpct_of_rows(train, fake, params)


AUTHPCT = SetMetric(
    name="authpct",
    summary="AuthPct: percent of generated images that are not copies of training images (--train, else the reference)",
    outputs=(Output("authpct", "higher", (0.0, 100.0), "AuthPct", unit="%", on_itself=0.0, worse_with_noise=False),),
    needs=frozenset({"bank"}),
    reference=True,
    symmetric=False,
    min_n=2,
    version=1,
    compute=compute_authpct,
    of_rows=authpct_of_rows,
    training=Training(_trained, _trained_of_rows, min_n=2, alone=True),
)
