"""Metrics that are computed class by class: precision and recall of each class against torch-fidelity's."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from ganeval.errors import DataError, TooFewSamplesError
from ganeval.metrics import METRICS, prdc
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from tests import oracles

PER_CLASS = METRICS.get("prdc_per_class")


def labelled(n, classes="abc", seed=0, d=8, shift=0.0):
    rows = (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)
    return SetSummary(Moments.of(rows), FeatureBank.of(rows), None, tuple(classes[i % len(classes)] for i in range(n)))


def of_class(summary, label):
    return summary.bank.rows()[np.asarray(summary.labels) == label]


def test_each_class_is_torch_fidelitys_precision_and_recall_and_the_slow_loops():
    real, fake = labelled(90), labelled(78, seed=1, shift=0.4)

    found = PER_CLASS.evaluate(real, fake)

    for label in "abc":
        a, b = of_class(real, label), of_class(fake, label)
        both = torch.from_numpy(b), torch.from_numpy(a)
        peer = prc_features_to_metric(*both, prc_neighborhood=3, prc_batch_size=100, save_cpu_ram=False, verbose=False)
        values = [found[f"{name}_per_class:{label}"].value for name in ("precision", "recall")]
        assert values == pytest.approx([peer["precision"], peer["recall"]])
        assert values == pytest.approx(oracles.prdc(list(a), list(b), 3, 5)[:2])
        assert "n = 30 real, 26 fake" in found[f"precision_per_class:{label}"].note
    for name in ("precision_per_class", "recall_per_class"):
        assert found[name].value == pytest.approx(np.mean([found[f"{name}:{label}"].value for label in "abc"]))
        assert found[name].note.startswith("mean over 3 classes")


def test_a_class_that_was_swapped_for_another_loses_its_precision_only():
    """Class means are 40 apart: images of b in place of a leave every ball of a, and lie in balls of the whole set."""
    real, fake = labelled(60, "ab"), labelled(60, "ab", seed=1)
    rows, made = real.bank.rows() + 40 * np.arange(60)[:, None] % 80, fake.bank.rows() + 40.0
    sides = [
        SetSummary(Moments.of(moved), FeatureBank.of(moved), None, side.labels)
        for moved, side in ((rows, real), (made, fake))
    ]
    found = PER_CLASS.evaluate(*sides)

    assert found["precision_per_class:a"].value == 0.0
    assert found["precision_per_class:b"].value > 0.3
    assert METRICS.get("prdc").evaluate(*sides)["precision"].value > 0.3


def test_the_mean_over_large_classes_has_an_interval_from_independent_classes():
    found = PER_CLASS.evaluate(labelled(1040, "ab", d=4), labelled(1040, "ab", seed=1, d=4, shift=0.5))
    mean, parts = found["precision_per_class"], [found[f"precision_per_class:{c}"] for c in "ab"]

    assert mean.stderr == pytest.approx(np.hypot(parts[0].stderr, parts[1].stderr) / 2)
    assert mean.ci95[0] < mean.value < mean.ci95[1]


def test_classes_are_not_cut_into_the_halves_of_density_and_coverage(monkeypatch):
    real, fake = labelled(1040, "ab", d=4), labelled(1040, "ab", seed=1, d=4, shift=0.5)
    a, b = (of_class(side, "a") for side in (real, fake))
    whole = METRICS.get("prdc").evaluate(*(SetSummary(Moments.of(rows), FeatureBank.of(rows)) for rows in (a, b)))
    monkeypatch.setattr(prdc, "half_scores", None)
    found = PER_CLASS.evaluate(real, fake)

    assert found["recall_per_class:a"].stderr == whole["recall"].stderr


def test_small_classes_are_left_out_and_counted_and_other_names_refused():
    real = labelled(60, "aaaaaaaaaaaaaaaaaaab")  # 57 of a, 3 of b
    note = PER_CLASS.evaluate(real, real)["precision_per_class"].note
    assert note.startswith("mean over 1 of 2 classes")
    with pytest.raises(TooFewSamplesError, match="a class with at least 6 images on both sides"):
        PER_CLASS.evaluate(labelled(20, "abcde"), labelled(20, "abcde"))
    with pytest.raises(DataError, match="60 of 60 generated images are of classes that the reference does not have"):
        PER_CLASS.evaluate(real, labelled(60, "xy"))
