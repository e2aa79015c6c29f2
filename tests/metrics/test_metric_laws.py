"""Laws that every registered metric must obey; a new metric is found here by itself."""

import ast
import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from ganeval.backbones import BACKBONES
from ganeval.errors import DataError, TooFewSamplesError
from ganeval.metrics import METRICS, keys
from ganeval.metrics.base import Distances, ImageMetric, OwnPairsMetric, PixelMetric, PyramidMetric, SetMetric
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments

ALL = {name: METRICS.get(name) for name in METRICS}
SET = [name for name, metric in ALL.items() if isinstance(metric, SetMetric)]
PIXEL = [name for name, metric in ALL.items() if isinstance(metric, PixelMetric)]
IMAGE = [name for name, metric in ALL.items() if isinstance(metric, ImageMetric)]
PYRAMID = [name for name, metric in ALL.items() if isinstance(metric, PyramidMetric)]
OWN_PAIRS = [name for name, metric in ALL.items() if isinstance(metric, OwnPairsMetric)]

ROOT = Path(__file__).parents[2]
OF_OTHER_TOOLS = ("bench", "compat", "explain", "peer_files")  # folders that speak of other tools' FID and IS
NAMED = ("bench.py", "views.py")  # commands about given metrics

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
    if "labels" in metric.needs:  # classes that the rows tell apart
        real, fake = (dataclasses.replace(side, labels=by_size(side.bank.rows()[:, 0])) for side in (real, fake))
    return {key: e.value for key, e in metric.evaluate(real, fake, params).items()}


def close(a, b, tolerance):
    assert a.keys() == b.keys()
    for key in a:
        assert a[key] == pytest.approx(b[key], rel=tolerance, abs=1e-12), key


def test_no_metric_is_forgotten():
    """Every name is of one kind, every output states its laws, and names agree with the table."""
    assert sorted(SET + PIXEL + PYRAMID + IMAGE + OWN_PAIRS) == sorted(METRICS)
    assert [output.name for name in SET for output in ALL[name].outputs if output.on_itself is None] == []
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

    for output in ALL[name].outputs:
        if output.on_itself != "varies":
            found = [value for key, value in values.items() if key.partition(":")[0] == output.name]
            assert found == pytest.approx([output.on_itself] * len(found), abs=1e-8), output.name


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
        if output.worse_with_noise:
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

    assert metric.summary
    assert metric.version >= 1
    for output in metric.outputs:
        assert output.title
        assert output.better in ("lower", "higher", "neither")
        assert output.range[0] < output.range[1]
        # A gate on pairs needs a margin, one on sets goes by standard errors.
        assert (output.margin is not None) == (output.gateable and name not in SET)
        assert {*output.compared, *output.first_gate} <= set(metric.plain)
        assert output.gateable or not output.first_gate
    known = {"", *BACKBONES}
    assert {*metric.plain, *(alias.backbone for alias in metric.aliases.values())} <= known
    assert all((backbone == "") == (name in PIXEL) for backbone in metric.plain)
    assert all(isinstance(v, int | float | str | bool) for v in metric.params.values())


def noisy(metric, *scales, n=1):
    """Noise images with more and more noise on them, large enough for the metric: each with its original."""
    generator = torch.Generator().manual_seed(0)
    side = max(metric.min_side, 16) + 3
    real = torch.rand(n, 3, side, side, generator=generator, dtype=torch.float64) * 255
    noise = torch.randn(real.shape, generator=generator, dtype=torch.float64)
    return [((real + scale * noise).clamp(0, 255).numpy(), real.numpy()) for scale in scales]


@pytest.mark.parametrize("name", PIXEL)
@pytest.mark.parametrize("batch", [1, 3])
def test_paired_pixel_metrics_do_not_depend_on_the_batch(name, batch):
    metric = ALL[name]
    [(fake, real)] = noisy(metric, 20, n=4)
    whole = metric.compute(fake, real, metric.params)
    slices = [slice(start, start + batch) for start in range(0, len(fake), batch)]
    parts = np.concatenate([metric.compute(fake[some], real[some], metric.params) for some in slices])

    assert np.allclose(whole, parts, rtol=1e-10)
    assert whole.dtype == np.float64


@pytest.mark.parametrize("name", [name for name in PIXEL if ALL[name].takes_bytes])
def test_metrics_that_take_bytes_give_the_same_bits_for_them(name):
    metric = ALL[name]
    [(fake, real)] = noisy(metric, 20, n=2)
    stored = [images.round().astype(np.uint8) for images in (fake, real)]
    wide = [images.astype(np.float64) for images in stored]
    mask = np.random.default_rng(0).random(fake.shape[2:]) > 0.4

    assert (metric.compute(*stored, metric.params) == metric.compute(*wide, metric.params)).all()
    if metric.masked is not None:
        values = [metric.masked(*(image[:1] for image in images), mask, metric.params) for images in (stored, wide)]
        assert values[0] == values[1]


@pytest.mark.parametrize("name", PIXEL)
def test_the_declared_symmetry_of_paired_pixel_metrics_is_true(name):
    metric = ALL[name]
    [(fake, real)] = noisy(metric, 20, n=4)
    there, back = metric.compute(fake, real, metric.params), metric.compute(real, fake, metric.params)

    assert np.allclose(there, back, rtol=1e-10) == metric.symmetric


@pytest.mark.parametrize("name", PIXEL)
def test_paired_pixel_metrics_are_best_on_equal_images_and_worse_with_noise(name):
    metric = ALL[name]
    values = [float(metric.compute(fake, real, metric.params)[0]) for fake, real in noisy(metric, 0, 5, 20, 60)]
    low, high = metric.output.range
    best = {"higher": high, "lower": low}[metric.output.better] if (own := metric.output.on_itself) is None else own

    assert values == sorted(values, reverse=metric.output.better == "higher")
    assert len(set(values)) == 4
    assert values[0] == pytest.approx(best, abs=1e-7)
    assert all(low <= value <= high for value in values)


@pytest.mark.parametrize("name", PYRAMID)
def test_feature_distances_are_zero_on_equal_maps_and_grow_with_noise(name):
    metric = ALL[name]
    generator = torch.Generator().manual_seed(0)
    maps = tuple(torch.rand(2, c, 6, 6, generator=generator) for c in (4, 8, 8, 8, 8))
    noise = tuple(torch.randn(m.shape, generator=generator) for m in maps)
    layers = metric.layers.get(metric.backbones[0])
    used = maps if layers is None else maps[: len(layers)]
    heads = None
    if metric.head_shapes is not None:
        shapes = metric.head_shapes([m.shape[1] for m in used])
        heads = {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}
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


def photograph(side, noise=0.0):
    """A photograph, with noise on it."""
    pixels = skimage.data.coffee()[:side, :side].transpose(2, 0, 1)
    return (pixels + noise * np.random.default_rng(0).normal(size=pixels.shape)).clip(0, 255).astype(np.uint8)


def parameters(metric):
    """Arrays of the declared shapes, near the statistics of a photograph; square ones are a unit matrix."""
    shapes = {name: [30 if n < 0 else n for n in shape] for name, shape in metric.layout.items()}
    return {
        name: np.eye(shape[0]) if len(set(shape)) < len(shape) else np.cos(np.arange(np.prod(shape))).reshape(shape)
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("name", IMAGE)
def test_metrics_of_single_images_read_the_image_alone(name):
    """One number, within the range, the same in any thread and after any other image; the image is left as it was."""
    metric = ALL[name]
    model, image = parameters(metric), photograph(2 * metric.min_side + 7)
    before = image.copy()
    first = metric.compute(image, model, metric.params)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda noise: metric.compute(photograph(len(image[0]), noise), model, metric.params),
                              [0, 30, 0, 30, 0]))  # fmt: skip

    assert isinstance(first, float)
    assert metric.output.range[0] <= first <= metric.output.range[1]
    assert found[::2] == [first] * 3
    assert found[1] == found[3] != first
    assert (image == before).all()


@pytest.mark.parametrize("name", IMAGE)
def test_metrics_of_single_images_refuse_a_flat_image(name):
    metric = ALL[name]

    with pytest.raises(DataError, match=f"{name} needs"):
        metric.compute(
            np.zeros((3, 2 * metric.min_side, 2 * metric.min_side), np.uint8), parameters(metric), metric.params
        )


def pairs_of(metric, labels, n, scale=1.0):
    """Distances of a metric's own pairs: of images at places on a line, noisy."""
    place = np.random.default_rng(0).normal(size=n) * scale
    groups = metric.draw(labels, n, metric.params)
    return {label: Distances(np.abs(place[pairs[:, 0]] - place[pairs[:, 1]]), pairs) for label, pairs in groups.items()}


@pytest.mark.parametrize("labelled", [True, False], ids=["classes", "no classes"])
@pytest.mark.parametrize("name", OWN_PAIRS)
def test_metrics_of_own_pairs_draw_by_their_seed_and_estimate_what_they_declare(name, labelled):
    metric, labels = ALL[name], tuple("abc"[i % 3] for i in range(60)) if labelled else None
    drawn, again = (metric.draw(labels, 60, metric.params) for _ in range(2))
    found = metric.estimate(pairs_of(metric, labels, 60), metric.params)
    twice = metric.estimate(pairs_of(metric, labels, 60, 2.0), metric.params)

    assert all((drawn[label] == again[label]).all() for label in drawn)
    for pairs in drawn.values():
        assert ((pairs >= 0) & (pairs < 60)).all()
        assert (pairs[:, 0] != pairs[:, 1]).all()
        assert len(np.unique(np.sort(pairs, axis=1), axis=0)) == len(pairs)
    assert found.keys() == twice.keys()
    assert {key.partition(":")[0] for key in found} <= {output.name for output in metric.outputs}
    for key, estimate in found.items():
        assert estimate.value > 0
        assert twice[key].value == pytest.approx(2 * estimate.value), "a mean of distances"
        if estimate.ci95 is not None:
            assert estimate.ci95[0] <= estimate.value <= estimate.ci95[1]
        else:
            assert "no interval" in estimate.note


def test_declarations_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALL["fd"].version = 2


@pytest.mark.parametrize("keys_of", [keys.plain_keys, keys.compared_keys, keys.first_gate_keys])
@pytest.mark.parametrize("paired", [False, True], ids=["sets", "pairs"])
def test_what_runs_without_being_named_is_a_list_of_keys_without_a_tie(keys_of, paired):
    found = keys_of(paired=paired)

    assert [keys.parse_key(key).paired for key in found] == [paired] * len(found)
    assert len(set(found)) == len(found) > 0


@pytest.mark.parametrize("kind", ["set", "paired"])
def test_no_two_places_on_the_first_screen_are_the_same(kind):
    outputs = [o for name in ALL if (name in SET) == (kind == "set") for o in ALL[name].outputs]
    places = [output.headline for output in outputs if output.headline is not None]

    assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("fid", "fd"), ("fd@inception#1a2b3c4d", "fd"), ("recall@efflite0", "prdc"), ("psnr", "psnr"),
        ("fd_per_class:Shirt@efflite0", "fd_per_class"), ("lpips_alex", "lpips"),
    ],
)  # fmt: skip
def test_the_key_of_a_row_leads_to_its_declaration(key, name):
    metric, output = keys.declared(key)

    assert metric is METRICS.get(name)
    assert output in metric.outputs
    assert keys.declared("nobody@efflite0") is None


def test_declarations_are_read_without_torch():
    code = "import sys; from ganeval.metrics.keys import aliases; aliases(); sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_no_other_folder_decides_by_the_name_of_a_metric():
    """A comparison with a name, or a collection of names, decides; a name in an example does not."""
    names = {*METRICS, *keys.aliases(), *(o.name for metric in ALL.values() for o in metric.outputs)}
    names -= {"precision", "density"}  # an option and a picture are called so, too
    found = []
    for file in (ROOT / "ganeval").rglob("*.py"):
        if file.is_relative_to(ROOT / "ganeval/metrics") or file.parent.name in OF_OTHER_TOOLS or file.name in NAMED:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            parts = []
            if isinstance(node, ast.Compare):
                parts = [node.left, *node.comparators]
            elif isinstance(node, ast.Set | ast.Tuple | ast.List):
                parts = node.elts
            elif isinstance(node, ast.Dict):
                parts = [key for key in node.keys if key is not None]
            texts = {part.value for part in parts if isinstance(part, ast.Constant)} & names
            if texts:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}: {sorted(texts)}")

    assert found == []
