"""What metrics and statistics refuse, word by word: what is wrong, what was found and expected, what to do next."""

import dataclasses

import numpy as np
import pytest
import torch

from ganeval.errors import DataError, TooFewSamplesError, UsageError, WeightsError
from ganeval.metrics import METRICS
from ganeval.metrics.frechet import frechet_distance, frechet_influences
from ganeval.metrics.inception_score import split_scores
from ganeval.metrics.luma import crop_border
from ganeval.metrics.neighbours import prepare
from ganeval.results.protocol import Protocol
from ganeval.stats.influence import mmd_influence
from ganeval.stats.intervals import bca_interval, mean_interval
from ganeval.stats.jackknife import delete_block_jackknife, jackknife
from ganeval.stats.multiple_tests import holm
from ganeval.stats.paired_tests import sign_flip_p
from ganeval.stats.sequential import critical_values, planned_looks
from ganeval.stats.sign_flips import out_of_reach
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments


def summary(n=30, classes="abc", d=4, **without):
    features = np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)
    whole = SetSummary(
        Moments.of(features),
        FeatureBank.of(features),
        FeatureBank.of(features),
        tuple(classes[k % len(classes)] for k in range(n)),
    )
    return dataclasses.replace(whole, **without)


def evaluate(name, real, fake, **changed):
    metric = METRICS.get(name)
    if "min_n" in changed:
        metric = dataclasses.replace(metric, min_n=changed.pop("min_n"))
    return metric.evaluate(real, fake, dict(metric.params) | changed)


def compute(name, real, fake):
    metric = METRICS.get(name)
    return metric.compute(real, fake, metric.params)


WHOLE, NO_ROWS, NO_LABELS = summary(), summary(bank=None), summary(labels=None)
PROTOCOL = Protocol("fd", 1).to_dict()
MAPS = (torch.zeros(2, 3, 4, 4),)
HEAD = "lin0.model.1.weight"

REFUSALS = {
    "labels of the generated set": (
        lambda: evaluate("fd_per_class", WHOLE, NO_LABELS),
        DataError("fd_per_class needs class labels, and the generated set has none: give images in class folders, or a "
                  "labelled data set."),
    ),
    "labels of the reference": (
        lambda: evaluate("agreement", NO_LABELS, WHOLE),
        DataError("agreement needs class labels, and the reference has none: give images in class folders, or a "
                  "labelled data set."),
    ),
    "rows of the generated set": (
        lambda: evaluate("kd", WHOLE, NO_ROWS),
        DataError("kd needs every feature row, and the generated set is known by its moments only."),
    ),
    "rows of the reference": (
        lambda: evaluate("mind", NO_ROWS, WHOLE),
        DataError("mind needs every feature row, and the reference is known by its moments only."),
    ),
    "logits": (
        lambda: evaluate("cs", None, summary(logits=None)),
        DataError("cs needs class probabilities, and the generated set has none."),
    ),
    "a reference": (lambda: evaluate("fd", None, WHOLE), DataError("fd needs a reference.")),
    "one generated image": (
        lambda: evaluate("fd", WHOLE, summary(1)),
        TooFewSamplesError("fd needs at least 2 generated images; got 1. Add images."),
    ),
    "one reference image": (
        lambda: evaluate("fd", summary(1), WHOLE),
        TooFewSamplesError("fd needs at least 2 reference images; got 1. Add images."),
    ),
    "moments of one reference image": (
        lambda: frechet_distance(summary(1).moments, WHOLE.moments),
        TooFewSamplesError("fd needs at least 2 reference images; got 1. Add images."),
    ),
    "moments of one generated image": (
        lambda: frechet_distance(WHOLE.moments, summary(1).moments),
        TooFewSamplesError("fd needs at least 2 generated images; got 1. Add images."),
    ),
    "features of other widths": (
        lambda: frechet_distance(WHOLE.moments, summary(d=7).moments),
        ValueError("cannot compare features of 4 and 7 dimensions"),
    ),
    "few rows of other widths": (
        lambda: evaluate("fd", summary(3), summary(3, d=7)),
        ValueError("cannot compare features of 4 and 7 dimensions"),
    ),
    "blame without rows": (
        lambda: frechet_influences(WHOLE, NO_ROWS),
        DataError("The influence of each image on fd needs feature rows; the generated set has moments only."),
    ),
    "no class with two images": (
        lambda: evaluate("fd_per_class", summary(6, "abcdefgh"), summary(5, "bcdef")),
        TooFewSamplesError("fd_per_class needs a class with at least 2 images on both sides; the reference has classes "
                           "['a', 'b', 'c', 'd', 'e'], the generated set ['b', 'c', 'd', 'e', 'f']."),
    ),
    "classes that only the generated set has": (
        lambda: evaluate("fd_per_class", summary(30, "ab"), summary(30, "bcd")),
        DataError("fd_per_class: 20 of 30 generated images are of classes that the reference does not have (['c', "
                  "'d']); it has ['a', 'b']. Name the classes alike on both sides, or drop the labels with "
                  "--no-labels."),
    ),
    "classes that the features do not tell apart": (
        lambda: evaluate("agreement", summary(40, "ab"), summary(30, "ab")),
        DataError("agreement: the classifier is right on 24 of 40 held-out reference images (60%); naming 'a' each "
                  "time would be right on 20 (50%). So the classes cannot be told from these features, or the folders "
                  "do not name classes: drop their labels with --no-labels, give more reference images, or use another "
                  "backbone."),
    ),
    "fewer reference images than a subset": (
        lambda: evaluate("kd_classic", summary(19), WHOLE, subset_size=20, min_n=2),
        TooFewSamplesError("kd_classic draws subsets of 20 images; got 19 reference images. Generate more, or use kd, "
                           "the full-sample estimate (another fingerprint)."),
    ),
    "fewer generated images than a subset": (
        lambda: evaluate("kd_classic", WHOLE, summary(19), subset_size=20, min_n=2),
        TooFewSamplesError("kd_classic draws subsets of 20 images; got 19 generated images. Generate more, or use kd, "
                           "the full-sample estimate (another fingerprint)."),
    ),
    "fewer images than splits": (
        lambda: evaluate("cs_classic", None, summary(9), min_n=2),
        TooFewSamplesError("cs_classic needs at least 10 images for 10 splits; got 9."),
    ),
    "fewer than one split": (
        lambda: split_scores(np.zeros((9, 3)), 0, None),
        TooFewSamplesError("cs_classic needs at least 1 splits; got 0."),
    ),
    "a search among no images": (
        lambda: prepare(np.zeros((4, 3)), np.zeros((0, 3))),
        TooFewSamplesError("A search for neighbours needs at least 1 image a side; got 0."),
    ),
    "the influence of one image": (
        lambda: mmd_influence(np.zeros(1), np.zeros(1), 5),
        TooFewSamplesError("The influence of images needs at least 2 images; got 1."),
    ),
    "the influence of images beside none": (
        lambda: mmd_influence(np.zeros(2), np.zeros(2), 0),
        TooFewSamplesError("The influence of images needs at least 1 images on the other side; got 0."),
    ),
    "too few blocks": (
        lambda: METRICS.get("niqe").compute(np.zeros((3, 100, 180), np.uint8), {}, METRICS.get("niqe").params),
        DataError("niqe needs 2 blocks of 96x96 pixels; the image is 180x100 (width x height, without its border)."),
    ),
    "too few blocks that are not flat": (
        lambda: METRICS.get("niqe").compute(np.full((3, 200, 200), 7, np.uint8), {}, METRICS.get("niqe").params),
        DataError("niqe needs 2 blocks with some texture; 0 of 4 are not flat."),
    ),
    "fewer reference images than neighbours": (
        lambda: evaluate("prdc", summary(7), WHOLE, k=7, k_density=5),
        TooFewSamplesError("prdc with k = 7 and k_density = 5 needs at least 8 reference images; got 7."),
    ),
    "fewer generated images than neighbours": (
        lambda: evaluate("prdc", WHOLE, summary(7), k=5, k_density=7),
        TooFewSamplesError("prdc with k = 5 and k_density = 7 needs at least 8 generated images; got 7."),
    ),
    "classes that the reference lacks": (
        lambda: evaluate("agreement", summary(classes="ab"), summary(classes="dacbeF")),
        DataError("agreement needs a reference of two classes or more that has those of the generated images; it has "
                  "['a', 'b'], and 20 generated images are of ['F', 'c', 'd']. Name the classes alike on both sides."),
    ),
    "one class, and strangers": (
        lambda: evaluate("agreement", summary(classes="bcdefgh"), summary(classes="ijkla")),
        DataError("agreement needs a reference of two classes or more that has those of the generated images; it has "
                  "['b', 'c', 'd', 'e', 'f'], ..., and 30 generated images are of ['a', 'i', 'j']. Name the classes "
                  "alike on both sides."),
    ),
    "one class": (
        lambda: evaluate("agreement", summary(classes="a"), summary(classes="a")),
        DataError("agreement needs a reference of two classes or more that has those of the generated images; it has "
                  "['a'], and no others. Name the classes alike on both sides."),
    ),
    "no LPIPS heads": (
        lambda: METRICS.get("lpips").compute(MAPS, MAPS, None, {}),
        WeightsError(f"LPIPS heads: expected {HEAD} of shape (1, 3, 1, 1), found nothing among 0 tensors. Give the "
                     "heads of the lpips package that belong to this backbone."),
    ),
    "LPIPS heads of another network": (
        lambda: METRICS.get("lpips").compute(MAPS, MAPS, {HEAD: torch.ones(1, 5, 1, 1)}, {}),
        WeightsError(f"LPIPS heads: expected {HEAD} of shape (1, 3, 1, 1), found shape (1, 5, 1, 1) among 1 tensors. "
                     "Give the heads of the lpips package that belong to this backbone."),
    ),
    "two layers of vgg": (
        lambda: METRICS.get("vgg").compute(MAPS * 2, MAPS * 2, None, {"feature_scale": 1.0}),
        UsageError("vgg is defined on one layer; got 2. Name one, such as relu5_4."),
    ),
    "a border as wide as the image": (
        lambda: crop_border(torch.zeros(1, 3, 8, 20), 4),
        ValueError("a border of 4 pixels does not fit into images of 20x8"),
    ),
    "a border below zero": (
        lambda: crop_border(torch.zeros(1, 3, 8, 20), -1),
        ValueError("a border of -1 pixels does not fit into images of 20x8"),
    ),
    "images smaller than the window": (
        lambda: METRICS.get("ssim").compute(*[np.zeros((1, 1, 10, 12))] * 2, METRICS.get("ssim").params),
        ValueError("images of (10, 12) pixels are smaller than a window of 11"),
    ),
    "one block": (
        lambda: jackknife(1.0, [2.0]),
        ValueError("a jackknife needs two or more blocks with shares that sum to one; got 1, None"),
    ),
    "more blocks than rows": (
        lambda: delete_block_jackknife(5, lambda kept: 0.0, 6),
        ValueError("cannot put 5 rows into 6 blocks"),
    ),
    "fewer than two blocks of rows": (
        lambda: delete_block_jackknife(5, lambda kept: 0.0, 1),
        ValueError("cannot put 5 rows into 1 blocks"),
    ),
    "the mean of one value": (
        lambda: mean_interval(np.ones(1)), ValueError("an interval of a mean needs two values; got 1"),
    ),
    "the bootstrap of one value": (
        lambda: bca_interval(np.ones(1)), ValueError("a bootstrap interval needs two values; got 1"),
    ),
    "differences that are not finite": (
        lambda: sign_flip_p(np.array([1.0, np.nan])),
        ValueError("a sign-flip test needs finite differences; got 2 of them, [nan]"),
    ),
    "p-values beyond one": (lambda: holm([0.5, 1.5]), ValueError("p-values lie in [0, 1]; got [0.5, 1.5]")),
    "p-values below zero": (lambda: holm([-0.5, 0.5]), ValueError("p-values lie in [0, 1]; got [-0.5, 0.5]")),
    "looks that do not grow": (lambda: planned_looks(9, 9), ValueError("looks from 9 up to 9 images are no plan")),
    "looks from nothing": (lambda: planned_looks(0, 9), ValueError("looks from 0 up to 9 images are no plan")),
    "fractions that do not ascend": (
        lambda: critical_values([0.5, 0.5], 0.05),
        ValueError("information fractions ascend within (0, 1]; got [0.5, 0.5]"),
    ),
    "alpha of zero": (
        lambda: critical_values([1.0], 0.0), ValueError("alpha lies in (0, 1); got 0.0"),
    ),
    "alpha of one": (
        lambda: critical_values([1.0], 1.0), ValueError("alpha lies in (0, 1); got 1.0"),
    ),
    "a field of another version": (
        lambda: Protocol.from_dict(PROTOCOL | {"colour": 1, "angle": 2}),
        DataError("A protocol has fields that this version does not know: ['angle', 'colour'], and lacks []. Read the "
                  "row with the version of ganeval that wrote it."),
    ),
    "a field that is missing": (
        lambda: Protocol.from_dict({k: v for k, v in PROTOCOL.items() if k not in ("seed", "metric")}),
        DataError("A protocol has fields that this version does not know: [], and lacks ['metric', 'seed']. Read the "
                  "row with the version of ganeval that wrote it."),
    ),
}  # fmt: skip

NEEDED = {  # computed without `evaluate`, which would have said it better
    "fd": (ValueError("fd needs a reference summary"), [(None, WHOLE)]),
    "fd_per_class": (
        ValueError("fd_per_class needs feature rows and labels on both sides"),
        [(None, WHOLE), (NO_ROWS, WHOLE), (WHOLE, NO_ROWS), (NO_LABELS, WHOLE), (WHOLE, NO_LABELS)],
    ),
    "agreement": (
        ValueError("agreement needs feature rows and labels on both sides"),
        [(None, WHOLE), (NO_ROWS, WHOLE), (WHOLE, NO_ROWS), (NO_LABELS, WHOLE), (WHOLE, NO_LABELS)],
    ),
    "kd": (
        ValueError("a kernel distance needs the feature rows of both sides"),
        [(None, WHOLE), (NO_ROWS, WHOLE), (WHOLE, NO_ROWS)],
    ),
    "kd_classic": (
        ValueError("kd_classic needs the feature rows of both sides"),
        [(None, WHOLE), (NO_ROWS, WHOLE), (WHOLE, NO_ROWS)],
    ),
    "mind": (
        ValueError("mind needs the feature rows of both sides"), [(None, WHOLE), (NO_ROWS, WHOLE), (WHOLE, NO_ROWS)],
    ),
    "prdc": (
        ValueError("prdc needs the feature rows of both sides"), [(None, WHOLE), (NO_ROWS, WHOLE), (WHOLE, NO_ROWS)],
    ),
    "cs": (ValueError("the classifier score needs a backbone with a classifier"), [(None, summary(logits=None))]),
    "vendi": (ValueError("vendi needs the feature rows"), [(None, NO_ROWS)]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_what_is_wrong_and_what_to_do(case):
    call, expected = REFUSALS[case]
    with pytest.raises(type(expected)) as refused:
        call()

    assert str(refused.value) == str(expected)
    assert type(refused.value) is type(expected)


def test_a_protocol_that_is_no_json_is_refused():
    with pytest.raises(DataError) as refused:
        Protocol.from_dict(PROTOCOL | {"params": {"sigma": float("inf")}})

    said = str(refused.value)  # in between stands Python's own word on it, which its versions put differently
    assert said.startswith("A protocol cannot be written as JSON (")
    assert said.endswith("). Score again.")
    assert "not JSON compliant" in said


@pytest.mark.parametrize("name", NEEDED)
def test_computing_without_what_is_needed_is_refused_on_each_side(name):
    expected, calls = NEEDED[name]
    for real, fake in calls:
        with pytest.raises(ValueError, match="needs") as refused:
            compute(name, real, fake)
        assert str(refused.value) == str(expected)


def test_pairs_that_cannot_be_significant_are_told_how_many_would():
    assert out_of_reach(3, 0.2) == (
        "cannot be significant: with 3 pairs the smallest two-sided p is 2/2^3 = 0.25, above 0.2; 4 pairs are the "
        "fewest that can"
    )
    assert out_of_reach(3, 0.25) == "", "a p as large as the level is significant"
    assert out_of_reach(6, 0.01).endswith("p is 2/2^6 = 0.03125, above 0.01; 8 pairs are the fewest that can")


def test_the_limits_themselves_are_not_refused():
    """The smallest input that each function promises to take."""
    assert crop_border(torch.zeros(1, 3, 7, 20), 3).shape == (1, 3, 1, 14)
    assert crop_border(torch.zeros(1, 3, 7, 20), 0).shape == (1, 3, 7, 20)
    assert mean_interval(np.array([1.0, 2.0]))[0] < 1.5
    assert bca_interval(np.array([1.0, 2.0]))[0] >= 1.0
    assert delete_block_jackknife(2, lambda kept: float(kept.sum()), 2).blocks == 2
    assert jackknife(1.0, [1.0, 2.0]).blocks == 2
    assert planned_looks(1, 2) == (1, 2)
    assert list(holm([0.0, 1.0])) == [0.0, 1.0]
    assert sign_flip_p(np.array([1.0])) == 1.0
    assert critical_values([1.0 + 1e-13], 0.05)[0] == pytest.approx(1.959964)
    assert evaluate("kd_classic", summary(20), summary(20), subset_size=20, min_n=2)["kd_classic"].note
    assert evaluate("cs_classic", None, summary(10))["cs_classic"].value >= 1.0
    assert evaluate("prdc", summary(6), summary(6))["precision"].value >= 0.0
    assert evaluate("fd_per_class", summary(6), summary(6))["fd_per_class:a"].value >= 0.0
