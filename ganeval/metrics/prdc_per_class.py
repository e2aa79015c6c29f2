"""Precision and recall class by class: which class looks wrong, and which lost its variety.

What it measures: precision and recall within each class, and their means over the classes. A generator that draws a
    shirt where a shoe was asked for keeps its overall precision and loses that of the class.
Why it can mislead: balls of a class are wider than those of all images, because it has fewer images; so its numbers
    are higher than those of the whole set and compare at equal counts a class only. Small classes scatter most.
Definition: `precision` and `recall` of `prdc` (Kynkaanniemi et al. 2019, arXiv 1904.06991, k = 3) between the images of
    one label in both sets. The mean gives every class the same weight. A class with fewer than 6 images on either side
    is left out and counted in the note.
Matches: torch-fidelity 0.4.0 `metric_prc.py` on the images of each class, exactly up to ties.
"""

import math
from dataclasses import replace

import numpy as np

from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.metrics.by_class import by_class
from ganeval.metrics.prdc import compute_precision_recall
from ganeval.metrics.uncertainty import join
from ganeval.stats.intervals import t_interval
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments

LEAST = 6  # images of a class on either side: those of `prdc`
PRINTED = {"precision": "precision_per_class", "recall": "recall_per_class"}


def compute_prdc_per_class(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """Both of every class, as "precision_per_class:<label>", and their means as "precision_per_class".

    Raises:
        DataError: most generated images are of classes that the reference lacks.
        TooFewSamplesError: no class has enough images on both sides.
    """
    classes = by_class("prdc_per_class", real, fake, LEAST)
    found = {
        label: compute_precision_recall(_summary(a), _summary(b), params) for label, (a, b) in classes.rows.items()
    }
    counts = {label: f"n = {len(a)} real, {len(b)} fake" for label, (a, b) in classes.rows.items()}
    estimates: dict[str, Estimate] = {}
    for output, name in PRINTED.items():
        estimates[name] = _mean([one[output] for one in found.values()], classes.note)
        for label, one in found.items():
            estimates[f"{name}:{label}"] = replace(one[output], note=join(counts[label], one[output].note))
    return estimates


def _summary(rows: np.ndarray) -> SetSummary:
    return SetSummary(Moments.empty(rows.shape[1]), FeatureBank.of(rows))


def _mean(classes: list[Estimate], note: str) -> Estimate:
    """The mean over classes, whose images are disjoint and so independent."""
    value = float(np.mean([one.value for one in classes]))
    errors = [one.stderr for one in classes if one.stderr is not None]
    if len(errors) < len(classes):
        without = len(classes) - len(errors)
        return Estimate(value, note=join(note, f"no interval: {without} of {len(classes)} classes have none"))
    stderr = math.sqrt(sum(error**2 for error in errors)) / len(errors)
    low, high = t_interval(value, stderr, math.inf)
    method = "of independent classes, each by its random groups"
    return Estimate(value, stderr, (max(low, 0.0), min(high, 1.0)), None, method, note)


PRDC_PER_CLASS = SetMetric(
    name="prdc_per_class",
    summary="Precision and recall class by class, and their means over classes (needs labels on both sides)",
    outputs=(
        Output("precision_per_class", "higher", (0.0, 1.0), "Mean precision of classes", on_itself=1.0),
        Output(
            "recall_per_class", "higher", (0.0, 1.0), "Mean recall of classes", on_itself=1.0, worse_with_noise=False
        ),
    ),
    needs=frozenset({"bank", "labels"}),
    reference=True,
    symmetric=False,
    min_n=LEAST,
    version=1,
    compute=compute_prdc_per_class,
    params={"k": 3, "k_density": 5},
)
