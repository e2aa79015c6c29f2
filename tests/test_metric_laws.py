"""Laws that every registered metric must obey; a new metric is found here by itself."""

import dataclasses

import numpy as np
import pytest
import torch

from ganeval.errors import DataError, TooFewSamplesError
from ganeval.metrics import METRICS
from ganeval.metrics.base import PixelMetric, PyramidMetric, SetMetric
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments

ALL = {name: METRICS.get(name) for name in METRICS}
SET = [name for name, metric in ALL.items() if isinstance(metric, SetMetric)]
PIXEL = [name for name, metric in ALL.items() if isinstance(metric, PixelMetric)]
PYRAMID = [name for name, metric in ALL.items() if isinstance(metric, PyramidMetric)]

# What a metric says of a set compared with itself, and how a growing disturbance moves it. Every output stands here.
VALUE_ON_ITSELF = {
    "fd": 0.0,
    "fd_per_class": 0.0,
    "mind": 0.0,
    "cmmd": 0.0,
    "precision": 1.0,
    "recall": 1.0,
    "coverage": 1.0,
}
NOT_FIXED_ON_ITSELF = {"kd", "kd_classic", "density", "cs", "cs_classic", "vendi", "agreement"}
# recall counts real images inside fake balls, which grow with the noise; cs and vendi do not see the reference; labels
# here say nothing of the rows (test_agreement has a ladder where they do).
NO_LADDER = {"recall", "cs", "cs_classic", "vendi", "agreement"}

N, D, K = 90, 12, 6


def rows(n, shift=0.0, seed=0, d=D):
    return (np.random.default_rng(seed).gamma(2.0, size=(n, d)) + shift).astype(np.float32)


def summary(features, order=None, splits=1):
    """A summary of rows fed in some order, in some number of parts that are merged."""
    order = np.arange(len(features)) if order is None else order
    logits = features[:, :K] * 2
    labels = tuple("abc"[i % 3] for i in range(len(features)))
    moments, bank, log = Moments.empty(features.shape[1]), FeatureBank.empty(features.shape[1]), FeatureBank.empty(K)
    for part in np.array_split(order, splits):
        moments = moments.merge(Moments.of(features[part]))
        bank = bank.merge(FeatureBank.of(features[part], part.tolist()))
        log = log.merge(FeatureBank.of(logits[part], part.tolist()))
    return SetSummary(moments, bank, log, labels)


def by_size(values):
    return tuple("abc"[int(value > 1.1) + int(value > 2.3)] for value in values)


def run(name, real, fake):
    metric = ALL[name]
    params = dict(metric.params)
    if "subset_size" in params:
        params |= {"subsets": 5, "subset_size": 20}
        metric = dataclasses.replace(metric, min_n=20)
    if "projections" in params:
        params |= {"projections": 40}
    if name == "agreement":  # refuses classes that the rows do not tell apart
        real, fake = (dataclasses.replace(side, labels=by_size(side.bank.rows()[:, 0])) for side in (real, fake))
    return {key: e.value for key, e in metric.evaluate(real, fake, params).items()}


def close(a, b, tolerance):
    assert a.keys() == b.keys()
    for key in a:
        assert a[key] == pytest.approx(b[key], rel=tolerance, abs=1e-12), key


def test_no_metric_is_forgotten():
    """Every name is of one kind, every output has its laws, and names agree with the table."""
    outputs = {o.name for name in SET for o in ALL[name].outputs}

    assert sorted(SET + PIXEL + PYRAMID) == sorted(METRICS)
    assert set(VALUE_ON_ITSELF) | NOT_FIXED_ON_ITSELF == outputs
    assert all(ALL[name].name == name for name in METRICS)


@pytest.mark.parametrize("name", SET)
@pytest.mark.parametrize("splits", [2, 7, N])
def test_any_split_and_order_gives_the_same_number(name, splits):
    real, fake = rows(N, seed=1), rows(N, 0.3, seed=2)
    order = np.random.default_rng(splits).permutation(N)

    close(
        run(name, summary(real), summary(fake)), run(name, summary(real, order, splits), summary(fake, order, 3)), 1e-10
    )


@pytest.mark.parametrize("name", SET)
def test_declared_symmetry_is_true_and_declared_asymmetry_is_real(name):
    real, fake = summary(rows(N, seed=1)), summary(rows(N - 10, 0.3, seed=2))
    there, back = run(name, real, fake), run(name, fake, real)

    if ALL[name].symmetric:
        close(there, back, 1e-8)
    else:
        assert any(abs(there[key] - back[key]) > 1e-6 for key in there)


@pytest.mark.parametrize("name", SET)
def test_a_set_compared_with_itself_gives_the_known_value(name):
    same = summary(rows(N, seed=1))
    values = run(name, same, same)

    for key, value in values.items():
        output = key.partition(":")[0]
        if output in VALUE_ON_ITSELF:
            assert value == pytest.approx(VALUE_ON_ITSELF[output], abs=1e-8), key


@pytest.mark.parametrize("name", SET)
def test_values_lie_in_the_declared_range(name):
    values = run(name, summary(rows(N, seed=1)), summary(rows(N, 1.0, seed=2)))
    ranges = {o.name: o.range for o in ALL[name].outputs}

    for key, value in values.items():
        low, high = ranges[key.partition(":")[0]]
        assert low <= value <= high, key


@pytest.mark.parametrize("name", SET)
def test_growing_noise_moves_the_number_in_the_declared_direction(name):
    metric = ALL[name]
    real, clean = rows(N, seed=1), rows(N, seed=2)
    noise = np.random.default_rng(3).normal(size=clean.shape).astype(np.float32)
    ladder = [run(name, summary(real), summary(clean + scale * noise)) for scale in (0.0, 2.0, 8.0)]

    for output in metric.outputs:
        values = [step[output.name] for step in ladder]
        if output.name not in NO_LADDER:
            assert values == sorted(values, reverse=output.better == "higher"), output.name
            assert values[0] != values[-1]


@pytest.mark.parametrize("name", SET)
def test_the_global_rng_is_neither_read_nor_moved(name):
    real, fake = summary(rows(N, seed=1)), summary(rows(N, 0.3, seed=2))
    first = run(name, real, fake)
    with torch.random.fork_rng():
        torch.random.default_generator.manual_seed(12345)
        state = np.random.get_state()
        np.random.set_state(np.random.RandomState(7).get_state())
        try:
            again = run(name, real, fake)
        finally:
            np.random.set_state(state)

    assert first == again


@pytest.mark.parametrize("name", SET)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_raise(name, bad):
    broken = rows(N)
    broken[5, 3] = bad

    with pytest.raises(DataError, match="row 5"):
        run(name, summary(rows(N)), summary(broken))


@pytest.mark.parametrize("name", SET)
def test_too_few_images_raise_our_error(name):
    metric = ALL[name]
    enough, few = summary(rows(metric.min_n, seed=1)), summary(rows(metric.min_n - 1, seed=2))

    with pytest.raises(TooFewSamplesError, match=rf"at least {metric.min_n} generated images; got {metric.min_n - 1}"):
        metric.evaluate(enough, few)
    if metric.reference:
        with pytest.raises(TooFewSamplesError, match="reference images"):
            metric.evaluate(few, enough)


@pytest.mark.parametrize("name", SET)
def test_a_summary_without_what_is_needed_raises_our_error(name):
    metric, whole = ALL[name], summary(rows(N))
    bare = SetSummary(whole.moments)

    if metric.needs - {"moments"}:
        with pytest.raises(DataError, match="needs"):
            metric.evaluate(whole, bare)
    if metric.reference:
        with pytest.raises(DataError, match="needs a reference"):
            metric.evaluate(None, whole)


@pytest.mark.parametrize("name", list(ALL))
def test_declarations_are_complete(name):
    metric = ALL[name]
    outputs = metric.outputs if isinstance(metric, SetMetric) else (metric.output,)

    assert metric.summary
    assert metric.version >= 1
    for output in outputs:
        assert output.better in ("lower", "higher", "neither")
        assert output.range[0] < output.range[1]
    assert all(isinstance(v, int | float | str | bool) for v in metric.params.values())


@pytest.mark.parametrize("name", PIXEL)
@pytest.mark.parametrize("batch", [1, 3])
def test_paired_pixel_metrics_do_not_depend_on_the_batch_and_are_symmetric(name, batch):
    metric = ALL[name]
    generator = torch.Generator().manual_seed(0)
    side = max(metric.min_side, 16) + 3
    real = torch.rand(4, 3, side, side, generator=generator, dtype=torch.float64) * 255
    fake = (real + 20 * torch.randn(real.shape, generator=generator, dtype=torch.float64)).clamp(0, 255)
    whole = metric.compute(fake, real, metric.params)
    parts = torch.cat(
        [metric.compute(f, r, metric.params) for f, r in zip(fake.split(batch), real.split(batch), strict=True)]
    )

    assert torch.allclose(whole, parts, rtol=1e-10)
    assert whole.dtype == torch.float64
    assert metric.symmetric
    assert torch.allclose(whole, metric.compute(real, fake, metric.params), rtol=1e-10)


@pytest.mark.parametrize("name", PIXEL)
def test_paired_pixel_metrics_fall_with_noise_and_peak_on_equal_images(name):
    metric = ALL[name]
    generator = torch.Generator().manual_seed(0)
    side = max(metric.min_side, 16) + 3
    real = torch.rand(1, 3, side, side, generator=generator, dtype=torch.float64) * 255
    noise = torch.randn(real.shape, generator=generator, dtype=torch.float64)
    values = [float(metric.compute((real + s * noise).clamp(0, 255), real, metric.params)) for s in (0, 5, 20, 60)]

    assert metric.output.better == "higher"
    assert values == sorted(values, reverse=True)
    assert values[0] == metric.output.range[1]


@pytest.mark.parametrize("name", PYRAMID)
def test_feature_distances_are_zero_on_equal_maps_and_grow_with_noise(name):
    metric = ALL[name]
    generator = torch.Generator().manual_seed(0)
    maps = tuple(torch.rand(2, c, 6, 6, generator=generator) for c in (4, 8, 8, 8, 8))
    noise = tuple(torch.randn(m.shape, generator=generator) for m in maps)
    heads = None
    if metric.heads:
        heads = {
            f"lin{i}.model.1.weight": torch.rand(1, m.shape[1], 1, 1, generator=generator) for i, m in enumerate(maps)
        }
    used = maps[:1] if name == "vgg" else maps
    values = []
    for scale in (0.0, 0.1, 0.5):
        other = tuple(m + scale * e for m, e in zip(used, noise, strict=False))
        value = metric.compute(other, used, heads, metric.params)
        assert value.dtype == torch.float64
        assert torch.allclose(value, metric.compute(used, other, heads, metric.params)), "declared symmetric"
        values.append(float(value.mean()))

    assert metric.symmetric
    assert values[0] == 0.0
    assert values == sorted(values)


def test_declarations_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALL["fd"].version = 2
