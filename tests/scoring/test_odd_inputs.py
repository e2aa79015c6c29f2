"""Inputs that no metric was made for, through `score`: finite numbers, our own errors, rows that say what is wrong."""

import dataclasses
import math

import numpy as np
import pytest

from ganeval.errors import DataError, TooFewSamplesError
from ganeval.metrics import METRICS
from ganeval.metrics.base import SetMetric
from ganeval.options import ScoreOptions
from tests.conftest import TOY, ToyBackbone
from tests.one_pass import score

SETS = [name for name in METRICS if isinstance(METRICS.get(name), SetMetric)]
PAIRED = ["psnr", "ssim", "ms_ssim", "pd@efflite0"]  # lpips and vgg need weights of their own; they share pd's code
SIDE = {"ms_ssim": 176}


def images(n, seed=0, side=12):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def constant(n, side=12):
    return np.full((n, side, side, 3), 90, dtype=np.uint8)


def tables(side=12):
    """Name -> (generated, reference, words of which a row without interval must have one)."""
    some, other = images(60, 1, side), images(60, 2, side)
    return {
        "identical": (some, some, ["reference images themselves", "identical", "all 60 values are equal"]),
        "constant": (constant(60, side), other, ["do not vary", "exact copies"]),
        "both constant": (constant(60, side), constant(60, side), ["do not vary", "themselves", "equal", "identical"]),
        "duplicated": (np.repeat(some[:3], 20, axis=0), other, ["57 of 60 generated images are exact copies"]),
        "n = 2": (some[:2], other[:2], ["no interval: 2 images", "at least", "n = 2"]),
        "n = 2 alike": (constant(2, side), constant(2, side), ["no interval", "at least", "themselves", "identical"]),
        "n < d": (images(12, 1, side), other, ["no interval", "at least", "rely on normality"]),
    }


@pytest.fixture
def toy(monkeypatch):
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)


def saved(folder, name, array, labels=True):
    path = folder / f"{name}.npz"
    np.savez(path, arr_0=array, **({"arr_1": np.arange(len(array)) % 2} if labels else {}))
    return str(path)


def check(rows, words, name):
    for row in rows:
        numbers = [row.value, row.stderr, row.debiased, row.floor, *(row.ci95 or ())]
        assert all(math.isfinite(number) for number in numbers if number is not None), row
        if row.ci95 is None and row.status == "ok":
            assert row.note, f"{row.key} has no interval and does not say why"
    told = " | ".join(row.note for row in rows)
    assert any(word in told for word in words), f"{name}: {told}"


@pytest.mark.parametrize("kind", tables())
@pytest.mark.parametrize("name", SETS)
def test_a_set_metric_says_what_is_wrong(name, kind, toy, tmp_path):
    fake, real, words = tables()[kind]
    metric = METRICS.get(name)
    reference = saved(tmp_path, "real", real) if metric.reference else None
    options = ScoreOptions(
        saved(tmp_path, "fake", fake), reference=reference, metrics=f"{name}@efflite0", engine="torch"
    )
    if len(fake) < metric.min_n or (name == "fd_per_class" and len(fake) < 4):  # two of each class
        with pytest.raises(TooFewSamplesError, match="at least"):
            score(options)
        return
    if name == "fdr" and (real == real[0]).all():  # nothing to divide by
        with pytest.raises(DataError, match="they are the same"):
            score(options)
        return
    if name == "agreement":  # classes of images of noise
        with pytest.raises(DataError, match="held-out reference images"):
            score(options)
        return
    rows = score(options).results
    assert {row.key.partition("@")[0].partition(":")[0] for row in rows} == {o.name for o in metric.outputs}
    if not metric.reference and kind in ("identical", "n < d"):
        words = [""]  # nothing is wrong with the set by itself
    elif not metric.reference:
        words = [*words, "exact copies", "no interval"]
    if not metric.has_stderr:
        words = [*words, "no interval"]  # at any count
    check(rows, words, name)


@pytest.mark.parametrize("kind", tables())
@pytest.mark.parametrize("name", PAIRED)
def test_a_paired_metric_says_what_is_wrong(name, kind, tmp_path):
    fake, real, words = tables(SIDE.get(name, 32))[kind]
    fake, real = fake[:24], real[: min(24, len(fake))]
    options = ScoreOptions(
        saved(tmp_path, "fake", fake, labels=False),
        paired=saved(tmp_path, "real", real, labels=False),
        metrics=name,
        engine="torch",
    )
    rows = score(options).results
    if kind in ("constant", "duplicated"):
        words = [""]  # each pair is still a pair

    check(rows, [*words, "all 24 values are equal", "all 2 values are equal", "all 24 pairs", "relies on"], name)
