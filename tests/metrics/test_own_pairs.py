"""Metrics of pairs that a subject itself gives: diversity, and the path length of generators against torch-fidelity."""

import itertools
import json
import math
import types
from pathlib import Path

import lpips
import numpy as np
import pytest
import scipy.stats
import torch
import torch_fidelity.sample_similarity_lpips as peer_lpips
from PIL import Image
from torch_fidelity.generative_model_modulewrapper import GenerativeModelModuleWrapper
from torch_fidelity.metric_ppl import calculate_ppl
from torchvision import models

import ganeval
from ganeval.backbones.loading import load_backbone
from ganeval.errors import DataError, TooFewSamplesError, UsageError
from ganeval.generators.open import open_generator
from ganeval.metrics import METRICS
from ganeval.metrics.base import Distances, Estimate
from ganeval.metrics.diversity import draw_pairs, estimate_diversity, mean_of_pairs, pair_at, random_pairs
from ganeval.metrics.pair_mean import FEWEST
from ganeval.metrics.path_length import estimate_ppl, random_paths
from ganeval.metrics.perceptual import compute_pd
from ganeval.options import ScoreOptions
from ganeval.scoring.evaluator import Evaluator
from ganeval.scoring.own_pairs import own_pairs_source

HEADS = Path(lpips.__file__).parent / "weights" / "v0.1" / "vgg.pth"


@pytest.fixture(scope="module")
def small_vgg16(tmp_path_factory):
    """Random convolutions; the classifier, four fifths of the file, is views of one zero."""
    generator, state = torch.Generator().manual_seed(2), {}
    with torch.device("meta"):
        shapes = {key: tuple(tensor.shape) for key, tensor in models.vgg16(weights=None).state_dict().items()}
    for key, shape in shapes.items():
        noise = torch.randn(shape, generator=generator) if len(shape) != 2 else torch.zeros(1).expand(shape)
        state[key] = noise * (math.sqrt(2 / math.prod(shape[1:])) if len(shape) == 4 else 0.1)
        state[key] = noise if len(shape) == 2 else state[key]
    path = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    torch.save(state, path)
    return path


# ---- pairs


@pytest.mark.parametrize("n", [2, 3, 7, 30])
def test_places_count_all_pairs_in_order(n):
    every = list(itertools.combinations(range(n), 2))

    assert pair_at(np.arange(len(every)), n).tolist() == [list(pair) for pair in every]


def test_the_last_pair_of_a_million_images_is_exact():
    n = 10**6
    assert pair_at(np.array([0, n - 2, n - 1, n * (n - 1) // 2 - 1]), n).tolist() == [
        [0, 1], [0, n - 1], [1, 2], [n - 2, n - 1],
    ]  # fmt: skip


def test_pairs_are_drawn_once_and_all_of_them_where_there_are_few():
    drawn = random_pairs(np.arange(100, 150), 300, np.random.default_rng(0))

    assert len(np.unique(drawn, axis=0)) == len(drawn) == 300
    assert ((drawn >= 100) & (drawn < 150)).all()
    assert len(random_pairs(np.arange(5), 300, np.random.default_rng(0))) == 10


def test_the_standard_error_of_shared_images_agrees_with_all_pairs_of_pairs():
    rng = np.random.default_rng(0)
    pairs = random_pairs(np.arange(25), 60, rng)
    values = rng.normal(size=len(pairs)) + pairs.sum(axis=1) / 25
    e = values - values.mean()
    oracle = sum(e[p] * e[q] for p in range(60) for q in range(60) if set(pairs[p]) & set(pairs[q]))

    assert mean_of_pairs(values, pairs).stderr == pytest.approx(math.sqrt(oracle) / 60, rel=1e-12)


def test_the_standard_error_covers_random_sets():
    """|x - y| of standard normals has mean 2/sqrt(pi); 95% intervals of 40 images and 200 pairs."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        x = rng.normal(size=40)
        pairs = random_pairs(np.arange(40), 200, rng)
        low, high = mean_of_pairs(np.abs(x[pairs[:, 0]] - x[pairs[:, 1]]), pairs).ci95
        held += low <= 2 / math.sqrt(math.pi) <= high

    assert 0.90 <= held / 300 <= 0.985


# ---- diversity


def write_classes(folder, per_class=4, classes="ab", size=24):
    """Class a is one picture with slight noise, class b pictures of noise."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (size, size, 3))
    for label in classes:
        (folder / label).mkdir(parents=True)
        for i in range(per_class):
            pixels = base + rng.integers(-3, 4, base.shape) if label == "a" else rng.integers(0, 256, base.shape)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / label / f"{i}.png")
    return folder


def test_diversity_is_the_mean_of_pd_over_all_pairs_in_all_and_within_classes(tmp_path):
    folder = write_classes(tmp_path / "set")
    found = ganeval.score(folder, metrics="pd_diversity@efflite0", engine="torch").dict()
    files = sorted(folder.rglob("*.png"))
    pixels = torch.stack([torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) for file in files])
    with torch.no_grad():
        maps = load_backbone("efflite0", device=torch.device("cpu")).pyramid(pixels)

    def pd(a, b):
        pair = [tuple(one[[files.index(file)]] for one in maps) for file in (a, b)]
        return float(compute_pd(*pair, None, {}))

    distances = {(a, b): pd(a, b) for a, b in itertools.combinations(files, 2)}
    within = {c: np.mean([v for (a, b), v in distances.items() if a.parent.name == b.parent.name == c]) for c in "ab"}
    assert found["pd_diversity@efflite0"] == pytest.approx(np.mean(list(distances.values())), rel=1e-5)
    for label, value in within.items():
        assert found[f"pd_diversity_within:{label}@efflite0"] == pytest.approx(value, rel=1e-5)
    assert found["pd_diversity_within@efflite0"] == pytest.approx(np.mean(list(within.values())), rel=1e-5)
    assert within["a"] < within["b"] / 5  # closed form of sorts: a class of one picture is not diverse


def test_a_set_of_one_picture_has_no_diversity(tmp_path):
    Image.new("RGB", (24, 24), (9, 200, 30)).save(tmp_path / "0.png")
    for i in (1, 2):
        (tmp_path / f"{i}.png").write_bytes((tmp_path / "0.png").read_bytes())
    [row] = ganeval.score(tmp_path, metrics="pd_diversity@efflite0", engine="torch")

    assert row.value == 0.0
    assert "no interval" in row.note


def test_diversity_refuses_one_image_and_two_sizes(tmp_path):
    for i, size in enumerate(((24, 24), (30, 24))):
        Image.new("RGB", size).save(tmp_path / f"{i}.png")
    with pytest.raises(DataError, match=r"they have 2 sizes \(width x height\): 1 of 24x24, 1 of 30x24"):
        ganeval.score(tmp_path, metrics="pd_diversity@efflite0")
    with pytest.raises(TooFewSamplesError, match="pd_diversity needs at least 2 generated images; got 1"):
        ganeval.score(tmp_path, metrics="pd_diversity@efflite0", match="0.png")
    with pytest.raises(UsageError, match="of one set by itself"):
        ganeval.compare(tmp_path, tmp_path, metrics="fd,pd_diversity@efflite0", reference=tmp_path)


def test_lpips_diversity_is_what_stargan_v2_prints_for_the_outputs_of_one_input(tmp_path, small_vgg16, monkeypatch):
    """The mean of the lpips package's distance over all pairs: `calculate_lpips_given_images`."""
    folder = write_classes(tmp_path / "set", 3, "b", 32)
    given = {"vgg16": small_vgg16, "lpips-vgg": HEADS}
    [row, *_] = ganeval.score(folder, metrics="lpips_diversity", weights=given)
    state = torch.load(small_vgg16, weights_only=True)  # noqa: TID251 - a file that this test wrote
    tv = types.SimpleNamespace(
        vgg16=lambda **_: models.vgg16(weights=None)
    )  # the package passes an argument that is gone
    monkeypatch.setattr(lpips.pretrained_networks, "tv", tv)
    with torch.random.fork_rng():
        peer = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    features = [tensor for key, tensor in state.items() if key.startswith("features")]
    with torch.no_grad():
        for own, tensor in zip(peer.net.parameters(), features, strict=True):
            own.copy_(tensor)
        images = [torch.from_numpy(np.array(Image.open(f))).permute(2, 0, 1)[None] / 127.5 - 1
                  for f in sorted(folder.rglob("*.png"))]  # fmt: skip
        expected = np.mean([float(peer(a, b)) for a, b in itertools.combinations(images, 2)])

    assert row.key.startswith("lpips_diversity@vgg16#")
    assert row.value == pytest.approx(expected, rel=1e-5)
    assert row.protocol.params["pairs"] == 1000


# ---- path length


class Bytes(torch.nn.Module):
    """A shipped generator as torch-fidelity wants it: latents (and classes) to uint8."""

    def __init__(self, space):
        super().__init__()
        self.space = space

    def forward(self, z, labels=None):
        images = self.space.images(z, [] if labels is None else labels.tolist())
        return images.expand(-1, 3, -1, -1)


@pytest.mark.parametrize("recipe", ["dcgan.digits-cpu", pytest.param("cgan-conv.digits-cpu", marks=pytest.mark.slow)])
def test_path_length_is_torch_fidelitys_on_a_shipped_generator(recipe, small_vgg16, monkeypatch):
    n, given = 16, {"vgg16": small_vgg16, "lpips-vgg": HEADS}
    options = ScoreOptions(recipe, metrics="ppl", num_samples=n, weights=given)
    with Evaluator(options) as evaluator:
        [row] = evaluator.score(recipe).results
    space = open_generator(options).latents
    state = torch.load(small_vgg16, weights_only=True)  # noqa: TID251 - a file that this test wrote

    def vgg16():
        with torch.device("meta"):
            net = models.vgg16(weights=None)
        net = net.to_empty(device="cpu")
        net.load_state_dict(state, assign=True)
        return net

    heads = torch.load(HEADS, weights_only=True, map_location="cpu")  # noqa: TID251 - a file of the lpips package
    monkeypatch.setattr(peer_lpips, "torchvision_load_pretrained_vgg16", vgg16)
    monkeypatch.setattr(peer_lpips, "load_state_dict_from_url", lambda *_, **__: heads)
    percentile = np.percentile  # its keyword `interpolation` is gone from NumPy
    monkeypatch.setattr(
        np, "percentile", lambda a, q, interpolation=None, **k: percentile(a, q, **({"method": interpolation} | k))
    )
    with torch.random.fork_rng():
        peer = calculate_ppl(
        1, input1=GenerativeModelModuleWrapper(Bytes(space), space.width, "normal", space.classes),
        input1_model_num_samples=n, input1_model_num_classes=space.classes, batch_size=n, cuda=False,
        verbose=False, ppl_reduction="none",
    )  # fmt: skip

    assert row.value == pytest.approx(peer["perceptual_path_length_mean"], rel=1e-4)
    assert row.n_fake == n
    assert row.protocol.resize == "area or bilinear 64"


def test_path_length_of_given_distances_is_the_mean_between_the_percentiles():
    values = np.arange(1.0, 201.0) * 1e-8
    params = METRICS.get("ppl").params
    found = estimate_ppl({"": Distances(values, np.zeros((200, 2), np.int64))}, params)["ppl"]

    # 1% of 199 steps is 1.99: the 2nd value from below, and from above, are the last that are kept
    assert found.value == pytest.approx(np.arange(2, 200).mean())
    assert found.note.startswith("198 of 200 paths")
    assert found.ci95[0] < found.value < found.ci95[1]


def test_paths_start_anywhere_and_are_a_ten_thousandth_of_the_way_long():
    paths = random_paths(500, 8, 3, METRICS.get("ppl").params)

    assert np.abs(paths.starts).mean() == pytest.approx(math.sqrt(2 / math.pi), rel=0.05)
    steps = np.linalg.norm(paths.ends - paths.starts, axis=1)
    assert steps.mean() == pytest.approx(1e-4 * math.sqrt(2 * 8), rel=0.1)
    assert set(paths.classes) == {0, 1, 2}


def test_path_length_is_of_generators_that_are_asked_by_latents(tmp_path, small_vgg16):
    folder = write_classes(tmp_path / "set")
    given = {"vgg16": small_vgg16, "lpips-vgg": HEADS}
    with pytest.raises(UsageError, match="is no generator that is called with latents"):
        ganeval.score(folder, metrics="ppl", weights=given)
    with pytest.raises(UsageError, match="is no generator that is called with latents"):
        ganeval.score(
            lambda count, rng: torch.zeros(count, 3, 8, 8, dtype=torch.uint8), metrics="ppl", weights=given,
            n=4,
        )  # fmt: skip


def test_a_generator_that_ignores_its_latents_has_a_path_length_of_zero(small_vgg16):
    class Constant(torch.nn.Module):
        latent_dim, value_range = 5, "0..1"

        def forward(self, z):
            return torch.full((len(z), 3, 16, 16), 0.5)

    [row] = ganeval.score(Constant(), metrics="ppl", n=21, weights={"vgg16": small_vgg16, "lpips-vgg": HEADS})

    assert row.value == 0.0
    assert "all 21 values are equal" in row.note


def test_the_list_says_what_these_metrics_are_of(command_line):
    listed = json.loads(command_line("list", "metrics", "--json")[1])
    kinds = {entry["name"]: entry["kind"] for entry in listed}

    assert kinds["ppl"] == "generator"
    assert kinds["lpips_diversity"] == kinds["pd_diversity"] == "pairs within a set"


def test_the_source_of_paths_holds_both_ends_of_each(small_vgg16):
    source = open_generator(ScoreOptions("dcgan.digits-cpu", num_samples=40))
    ends = own_pairs_source(METRICS.get("ppl"), source)

    assert len(ends) == 80
    first, second = (ends.read(i).decode().pixels.astype(int) for i in (0, 1))
    other = ends.read(2).decode().pixels.astype(int)
    assert np.abs(first - second).max() <= 1 < np.abs(first - other).max()


# ---- every field of an estimate of diversity


def groups_of(counts, rng, n=30, spread=1.0):
    """Label -> distances: `counts` pairs of each class and of "", among n images."""
    return {
        label: Distances(1 + k + spread * rng.random(count), random_pairs(np.arange(n), count, rng))
        for k, (label, count) in enumerate(counts.items())
    }


def test_a_mean_of_pairs_has_every_field():
    group = groups_of({"": 200}, np.random.default_rng(0))[""]
    found = mean_of_pairs(group.values, group.pairs)
    value, images = group.values.mean(), len(np.unique(group.pairs))
    reach = found.stderr * scipy.stats.t(images - 1).ppf(0.975)

    assert found == Estimate(
        pytest.approx(value, rel=1e-12),
        found.stderr,
        (pytest.approx(value - reach), pytest.approx(value + reach)),
        None,
        "pairs that share an image vary together, Student t",
        f"200 pairs of {images} images",
        images - 1,
    )
    wide = mean_of_pairs(np.where(np.arange(200) < 2, 1e6, 1e-6), group.pairs)
    assert wide.ci95[0] == 0.0  # distances are never below


def test_few_images_or_equal_distances_have_a_value_and_the_reason():
    pairs = random_pairs(np.arange(FEWEST - 1), 100, np.random.default_rng(0))
    few = mean_of_pairs(np.arange(100.0), pairs)
    assert few == Estimate(49.5, note=f"100 pairs of {FEWEST - 1} images; no interval: fewer than {FEWEST} images")
    pairs = random_pairs(np.arange(FEWEST), 150, np.random.default_rng(0))
    assert mean_of_pairs(np.arange(150.0), pairs).ci95 is not None
    equal = mean_of_pairs(np.full(150, 0.25), pairs)
    assert equal == Estimate(0.25, note=f"150 pairs of {FEWEST} images; no interval: all pairs are equally far apart")


def test_the_mean_within_many_classes_takes_the_classes_as_draws():
    groups = groups_of({"": 50, **{f"c{k:02d}": 5 for k in range(FEWEST)}}, np.random.default_rng(0), n=6)
    found = estimate_diversity(groups, {}, "d")
    values = [groups[f"c{k:02d}"].values.mean() for k in range(FEWEST)]
    stderr = np.std(values, ddof=1) / math.sqrt(FEWEST)
    reach = stderr * scipy.stats.t(FEWEST - 1).ppf(0.975)

    assert list(found) == ["d", "d_within", *(f"d_within:c{k:02d}" for k in range(FEWEST))]
    assert found["d"].value == pytest.approx(groups[""].values.mean())
    assert found["d_within"] == Estimate(
        pytest.approx(np.mean(values)),
        pytest.approx(stderr),
        (pytest.approx(np.mean(values) - reach), pytest.approx(np.mean(values) + reach)),
        None,
        f"mean over classes, Student t, n={FEWEST}",
        f"mean over {FEWEST} classes",
        FEWEST - 1,
    )


def test_the_mean_within_few_classes_adds_their_errors_and_needs_all_of_them():
    groups = groups_of({"": 50, "a": 100, "b": 60, "c": 80}, np.random.default_rng(0))
    found = estimate_diversity(groups, {}, "d")
    own = [found[f"d_within:{label}"] for label in "abc"]
    value, stderr = np.mean([one.value for one in own]), math.sqrt(sum(one.stderr**2 for one in own)) / 3
    reach = stderr * scipy.stats.norm.ppf(0.975)

    assert found["d_within"] == Estimate(
        pytest.approx(value),
        pytest.approx(stderr),
        (pytest.approx(value - reach), pytest.approx(value + reach)),
        None,
        "of independent classes",
        "mean over 3 classes",
        None,
    )
    groups["b"] = Distances(np.ones(3), groups["b"].pairs[:3])
    without = estimate_diversity(groups, {}, "d")["d_within"]
    assert without.value == pytest.approx((own[0].value + 1 + own[2].value) / 3)
    assert (without.stderr, without.ci95) == (None, None)
    assert without.note == "mean over 3 classes; no interval: too few classes, and too few images in one"
    assert list(estimate_diversity({"": groups["a"]}, {}, "d")) == ["d"]


def test_pairs_are_drawn_of_all_images_and_within_each_class_by_the_seed():
    labels = tuple("bbabcaa")
    drawn = draw_pairs(labels, 7, {"seed": 4, "pairs": 100})

    assert list(drawn) == ["", "a", "b"]  # one image of class c has no pair
    assert {tuple(pair) for pair in drawn["a"].tolist()} == {(2, 5), (2, 6), (5, 6)}
    assert {tuple(pair) for pair in drawn["b"].tolist()} == {(0, 1), (0, 3), (1, 3)}
    assert len(drawn[""]) == 21
    assert list(draw_pairs(None, 7, {"seed": 4, "pairs": 100})) == [""]
    some = draw_pairs(labels, 7, {"seed": 4, "pairs": 2})
    rng = np.random.default_rng(4)
    for label, members in (("", np.arange(7)), ("a", np.array([2, 5, 6])), ("b", np.array([0, 1, 3]))):
        assert (some[label] == random_pairs(members, 2, rng)).all()


def test_distances_of_any_scale_have_an_interval_and_equal_classes_have_none():
    group = groups_of({"": 200}, np.random.default_rng(0))[""]
    whole, tiny = mean_of_pairs(group.values, group.pairs), mean_of_pairs(group.values * 1e-9, group.pairs)
    assert np.array(tiny.ci95) / 1e-9 == pytest.approx(np.array(whole.ci95))

    equal = {f"c{k:02d}": Distances(np.full(3, 0.5), np.array([[0, 1], [0, 2], [1, 2]])) for k in range(FEWEST)}
    found = estimate_diversity({"": group, **equal}, {}, "d")["d_within"]
    assert (found.value, found.stderr) == (0.5, None)
    assert "no interval" in found.note
