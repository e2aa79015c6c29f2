"""Arithmetic that is called by itself (drop-ins, notebooks) on too little: a finite number or our error, never NaN."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.compat.shared import TensorDataset
from ganeval.compat.torch_fidelity import calculate_metrics
from ganeval.errors import DataError, GanevalError, TooFewSamplesError
from ganeval.metrics import frechet, inception_score, kernel, mind, neighbours, prdc, vendi
from ganeval.stats import groups, influence
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from tests.one_pass import summarise
from tests.peer_networks import instead_of_inception

D = 4
KINDS = ("random", "constant", "zero", "identical")


def made(kind, n, seed):
    if kind == "random":
        return np.random.default_rng(seed).normal(size=(n, D)).astype(np.float32)
    if kind == "identical":
        return np.random.default_rng(7).normal(size=(n, D)).astype(np.float32)
    return np.full((n, D), 3.0 if kind == "constant" else 0.0, dtype=np.float32)


def log_p(rows):
    return inception_score.log_softmax(rows)


def summary(rows):
    return SetSummary(Moments.of(rows), FeatureBank.of(rows))


CALLS = {
    "classifier_score": lambda a, b: inception_score.classifier_score(log_p(a)),
    "information_jackknife": lambda a, b: inception_score.information_jackknife(log_p(a)).stderr,
    "information_influence": lambda a, b: inception_score.information_influence(log_p(a)),
    "split_scores": lambda a, b: inception_score.split_scores(log_p(a), 10, 2020),
    "split_scores, 3 parts": lambda a, b: inception_score.split_scores(log_p(a), 3, None),
    "split_scores, no part": lambda a, b: inception_score.split_scores(log_p(a), 0, None),
    "mmd2_unbiased": lambda a, b: kernel.kernel_sums(a, b, kernel.cubic_kernel).mmd2_unbiased(),
    "mmd2_biased": lambda a, b: kernel.kernel_sums(a, b, kernel.cubic_kernel).mmd2_biased(),
    "kd stderr": lambda a, b: kernel.kernel_sums(a, b, kernel.cubic_kernel).stderr(),
    "kd influence": lambda a, b: np.concatenate(kernel.kd_influences(summary(a), summary(b), {})),
    "kd resolution": lambda a, b: kernel.kernel_sums(a, b, kernel.cubic_kernel).resolution(),
    "classic_subsets": lambda a, b: kernel.classic_subsets(FeatureBank.of(a), FeatureBank.of(b), 3, len(a), 1),
    "classic_subsets of one": lambda a, b: kernel.classic_subsets(FeatureBank.of(a), FeatureBank.of(b), 3, 1, 1),
    "no classic_subsets": lambda a, b: kernel.classic_subsets(FeatureBank.of(a), FeatureBank.of(b), 0, 2, 1).mean(),
    "kd_of_rows": lambda a, b: kernel.kd_of_rows(a, b, {})["kd"],
    "frechet_of_rows": lambda a, b: frechet.frechet_of_rows(a.astype(float), b.astype(float)),
    "distance_of_rows": frechet.distance_of_rows,
    "frechet_distance": lambda a, b: frechet.frechet_distance(Moments.of(a), Moments.of(b)),
    "frechet_of_summaries": lambda a, b: frechet.frechet_of_summaries(summary(a), summary(b)),
    "trace_root_small": lambda a, b: frechet.trace_root_small(Moments.of(a), b.astype(float)),
    "trace_root_product": lambda a, b: frechet.trace_root_product(Moments.of(a), Moments.of(b)),
    "frechet_influences": lambda a, b: frechet.frechet_influences(summary(a), summary(b))[0],
    "mind": lambda a, b: mind.mind(a, b, 10, 1),
    "mind without directions": lambda a, b: mind.mind(a, b, 0, 1),
    "mind_jackknife": lambda a, b: mind.mind_jackknife(a, b, 10, 1).stderr,
    "wasserstein2_squared": lambda a, b: mind.wasserstein2_squared(a.astype(float), b.astype(float)),
    "neighbourhoods": lambda a, b: prdc.neighbourhoods(a, b, 3, 5).scores(5),
    "prdc_of_rows": lambda a, b: list(prdc.prdc_of_rows(a, b, {"k": 1, "k_density": 1}).values()),
    "group_scores": lambda a, b: prdc.group_scores(a, b, 1, 1),
    "neighbour_radii": lambda a, b: neighbours.neighbour_radii(neighbours.prepare(a)[0], (2,))[2],
    "vendi_score": lambda a, b: vendi.vendi_score(a),
    "vendi_jackknife": lambda a, b: vendi.vendi_jackknife(a).stderr,
    "influence_stderr": lambda a, b: influence.influence_stderr(a[:, 0], b[:, 0]),
    "group_stderr": lambda a, b: groups.group_stderr(a[:, 0].astype(float)),
}


UNDEFINED = ("split_scores, no part", "classic_subsets of one", "no classic_subsets", "mind without directions")


def refused(call, a, b):
    """What a call gives; None where it says what it needs."""
    try:
        return call(a, b)
    except GanevalError as error:
        return None if "needs at least" in str(error) or "draws subsets of" in str(error) else pytest.fail(str(error))


@pytest.mark.parametrize("name", CALLS)
def test_arithmetic_on_too_little_gives_a_number_or_our_error(name):
    for n in (0, 1, 2, 5, 19, 40):
        for m in {n, 1, 40}:
            for kind in KINDS:
                a, b = made(kind, n, 1), made(kind, m, 2)
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    found = refused(CALLS[name], a, b)
                if found is None:
                    assert min(n, m) < 40 or name in UNDEFINED
                    continue
                assert np.isfinite(np.asarray(found, dtype=float)).all(), (name, n, m, kind, found)


def test_the_drop_in_inception_score_of_six_images_is_no_nan(make_folder, inception_file, monkeypatch):
    """Ten parts of six images: four of them are empty."""
    instead_of_inception(monkeypatch)
    folder = make_folder("fake", 6)
    for shuffle in (True, False):
        with pytest.raises(TooFewSamplesError, match="10 splits; got 6"):
            calculate_metrics(
                input1=str(folder),
                isc=True,
                cuda=False,
                feature_extractor_weights_path=inception_file,
                samples_shuffle=shuffle,
            )


def test_the_drop_in_precision_of_three_images_says_what_it_needs(make_folder, inception_file, monkeypatch):
    instead_of_inception(monkeypatch)
    fake, real = make_folder("fake", 3), make_folder("real", 8, seed=2)
    with pytest.raises(TooFewSamplesError, match="at least 4 images"):
        calculate_metrics(
            input1=str(fake),
            input2=str(real),
            prc=True,
            cuda=False,
            feature_extractor="inception-v3-compat",
            feature_extractor_weights_path=inception_file,
        )


def test_an_empty_data_set_is_an_error_of_ours():
    with pytest.raises(DataError, match="empty holds 0 images"):
        summarise(
            TensorDataset(torch.zeros(0, 3, 8, 8, dtype=torch.uint8), "empty"), [], {}, batch_size=4, on_bad="fail"
        )


def test_pictures_smaller_than_the_window_of_ssim_are_refused(tmp_path):
    from ganeval.options import ScoreOptions
    from tests.one_pass import score

    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        Image.new("RGB", (3, 3)).save(tmp_path / side / "1.png")
    with pytest.raises(DataError, match="ssim"):
        score(ScoreOptions(str(tmp_path / "a"), paired=str(tmp_path / "b"), metrics="ssim"))
