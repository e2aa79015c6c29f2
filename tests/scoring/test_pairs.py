"""The loop over pairs: matching, sizes, batches, memory, and what is skipped."""

import csv
import dataclasses
import hashlib
import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganeval
from ganeval.backbones.base import Backbone, BackboneInfo
from ganeval.backbones.loading import load_backbone
from ganeval.backbones.weights import LoadedWeights
from ganeval.errors import BadImageError, DataError, DeviceMemoryError, UsageError, WeightsError
from ganeval.metrics.base import Output, PyramidMetric
from ganeval.metrics.lpips import LPIPS
from ganeval.metrics.perceptual import PD
from ganeval.metrics.psnr import PSNR
from ganeval.metrics.ssim import SSIM
from ganeval.scoring import pair_pass as pairs
from ganeval.scoring import read_pairs as pair_reading
from ganeval.scoring.pair_names import pair_up
from ganeval.scoring.pair_pass import (
    PairRequest,
    mean_estimate,
    score_pairs,
)
from ganeval.sources.base import Decoded, ImageSource, Item, Raw, content_hash

CPU = torch.device("cpu")


class Memory(ImageSource):
    """Images held in memory; an entry may be an error instead."""

    def __init__(self, name, images, notes=()):
        self.name = name
        self.entries = dict(sorted(images.items()))
        self.items = [Item(key) for key in self.entries]
        self.notes = frozenset(notes)
        self.decoded = 0
        self.lock = threading.Lock()

    def read(self, index):
        entry = list(self.entries.values())[index]
        if isinstance(entry, BadImageError):
            raise entry
        return Raw(hashlib.sha256(entry.tobytes()).digest(), lambda: self._decode(entry))

    def _decode(self, entry):
        with self.lock:
            self.decoded += 1
        return Decoded(entry, self.notes)


TOYMAPS = BackboneInfo(
    "toymaps", "two maps", None, None, None, "none", False, True, load=lambda info, weights, device: ToyMaps()
)


class ToyMaps(Backbone):
    """Two maps of the image itself; counts the images it saw."""

    def __init__(self):
        super().__init__(TOYMAPS, LoadedWeights({}, "0" * 64, pinned=True), CPU)
        self.pyramid_layers = ("pixels", "means")
        self.seen = 0

    def prepare(self, images):
        raise NotImplementedError

    def forward(self, prepared):
        raise NotImplementedError

    def pyramid(self, images):
        self.seen += len(images)
        pixels = images.to(torch.float32)
        return pixels, pixels.mean(dim=(2, 3), keepdim=True)


def toy_metric(name, factor, heads=None):
    """Mean absolute difference over the maps it gets, times a factor and the head if there is one."""

    def compute(fake_maps, real_maps, heads, params):
        total = sum((f - r).abs().mean(dim=(1, 2, 3)).double() for f, r in zip(fake_maps, real_maps, strict=True))
        return total * factor * (1.0 if heads is None else heads["scale"].item())

    return PyramidMetric(
        name=name,
        summary=name,
        output=Output(name, "lower", (0.0, math.inf), name),
        symmetric=True,
        min_side=1,
        version=1,
        backbones=("toymaps",),
        compute=compute,
        heads=heads or {},
    )


def image(height, width, seed):
    return np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)


def sources(sizes, first_seed=0):
    """Two sources of unrelated images, one pair for each size."""
    fake = {f"{i:03d}.png": image(*size, first_seed + i) for i, size in enumerate(sizes)}
    real = {f"{i:03d}.jpg": image(*size, first_seed + 500 + i) for i, size in enumerate(sizes)}
    return Memory("fakes", fake), Memory("reals", real)


def request(metric, backbone=None, required=True, **params):
    return PairRequest(metric, backbone, {**metric.params, **params}, required)


def score(fake, real, requests, **changes):
    options = {
        "channel": "rgb",
        "crop_border": 0,
        "batch_size": 4,
        "backbones": {},
        "heads": {},
        "on_bad": "fail",
        "progress": None,
    }
    return score_pairs(fake, real, requests, **{**options, **changes})


# matching


def test_pairs_are_made_by_name_without_extension_and_not_by_position():
    fake = Memory("fakes", {"b.png": image(8, 8, 0), "a.png": image(8, 8, 1), "x/c.png": image(8, 8, 2)})
    real = Memory("reals", {"a.webp": image(8, 8, 3), "b.jpg": image(8, 8, 4), "x/c.tif": image(8, 8, 5)})
    names = [(fake.items[i].name, real.items[j].name) for i, j in pair_up(fake, real).indices]

    assert names == [("a.png", "a.webp"), ("b.png", "b.jpg"), ("x/c.png", "x/c.tif")]


def test_an_extension_that_changes_the_order_does_not_change_the_pairs():
    fake = Memory("fakes", {"a.WEBP": image(8, 8, 0), "a.b.png": image(8, 8, 1)})  # "W" sorts before "b"
    real = Memory("reals", {"a.b.png": image(8, 8, 2), "a.png": image(8, 8, 3)})

    assert pair_up(fake, real).indices == [(0, 1), (1, 0)]
    expected = np.mean((fake.entries["a.WEBP"].astype(float) - real.entries["a.png"]) ** 2)
    scores = score(fake, real, [request(PSNR)])
    assert scores.stems == ["a", "a.b"]
    assert scores.values["psnr"][0] == pytest.approx(10 * math.log10(255**2 / expected))


def test_two_single_images_are_a_pair_whatever_their_names(tmp_path):
    made = {name: Image.fromarray(image(16, 16, seed).transpose(1, 2, 0)) for seed, name in enumerate(("sr", "hr"))}
    for name, picture in made.items():
        picture.save(tmp_path / f"{name}.png")
    (named,) = ganeval.score(str(tmp_path / "sr.png"), paired=str(tmp_path / "hr.png"), metrics="psnr")
    (held,) = ganeval.score(made["sr"], paired=made["hr"], metrics="psnr")
    (mixed,) = ganeval.score(made["sr"], paired=tmp_path / "hr.png", metrics="psnr")

    difference = image(16, 16, 0).astype(float) - image(16, 16, 1)
    assert named.value == held.value == mixed.value == pytest.approx(10 * math.log10(255**2 / np.mean(difference**2)))
    assert (named.n_fake, named.ci95, named.stderr) == (1, None, None)
    (listed,) = ganeval.score([made["sr"]], paired=[made["hr"]], metrics="psnr")
    assert held.fingerprint == listed.fingerprint


@pytest.mark.parametrize("swapped", [False, True])
def test_a_single_image_against_a_set_is_refused_with_the_count(swapped):
    one = Memory("one.png", {"one.png": image(8, 8, 0)})
    one.single = True
    many = Memory("many", {f"{i}.png": image(8, 8, i) for i in range(3)})
    with pytest.raises(DataError, match=r"one\.png is a single image, and many is a set of 3\."):
        pair_up(*((many, one) if swapped else (one, many)))


def test_missing_partners_are_counted_and_named_on_both_sides():
    fake = Memory("fakes", {f"{i}.png": image(8, 8, i) for i in range(6)})
    real = Memory("reals", {f"{i}.png": image(8, 8, i) for i in (4, 5, 7)})
    with pytest.raises(DataError) as caught:
        pair_up(fake, real)

    assert "4 of 6 images of fakes have no partner ('0', '1', '2', …)" in str(caught.value)
    assert "1 of 3 images of reals have no partner ('7')" in str(caught.value)
    assert "2 pairs agree" in str(caught.value)


def test_nothing_in_common_shows_a_name_of_each_side():
    fake, real = Memory("fakes", {"img_SR.png": image(8, 8, 0)}), Memory("reals", {"img_HR.png": image(8, 8, 0)})
    with pytest.raises(DataError, match=r"No image of fakes .* in reals .*'img_SR' and 'img_HR'.*rename"):
        pair_up(fake, real)


def test_two_files_of_one_stem_are_refused_by_name():
    real = Memory("reals", {"a.png": image(8, 8, 0)})
    double = Memory("fakes", {"a.png": image(8, 8, 0), "a.jpg": image(8, 8, 1), "b.png": image(8, 8, 2)})
    with pytest.raises(DataError, match=r"fakes has 2 images .*'a.jpg', 'a.png'"):
        pair_up(double, real)


def test_an_empty_side_is_refused():
    with pytest.raises(DataError, match="reals holds no image"):
        pair_up(Memory("fakes", {"a.png": image(8, 8, 0)}), Memory("reals", {}))


# values


def test_values_are_those_of_each_pair_alone():
    sizes = [(16, 20), (20, 16), (16, 20), (31, 31), (16, 20), (20, 16), (16, 20)]
    fake, real = sources(sizes)
    scores = score(fake, real, [request(PSNR), request(SSIM)])

    assert scores.stems == [f"{i:03d}" for i in range(7)]
    for i, (x, y) in enumerate(zip(fake.entries.values(), real.entries.values(), strict=True)):
        one = [side[None].astype(np.float64) for side in (x, y)]
        assert scores.values["psnr"][i] == pytest.approx(PSNR.compute(*one, {}).item(), rel=1e-14)
        assert scores.values["ssim"][i] == pytest.approx(SSIM.compute(*one, SSIM.params).item(), rel=1e-14)


def test_the_batch_size_does_not_change_a_value():
    sizes = [(40, 33), (33, 40), (40, 33), (40, 33), (36, 36), (40, 33), (33, 40), (40, 33), (40, 33)]
    efflite = {"efflite0": load_backbone("efflite0", device=CPU)}
    found = []
    for batch_size in (1, 2, 7):
        fake, real = sources(sizes)
        requests = [request(PSNR), request(SSIM), request(PD, "efflite0")]
        found.append(score(fake, real, requests, batch_size=batch_size, backbones=efflite))
    for other in found[1:]:
        assert other.stems == found[0].stems
        for key, values in found[0].values.items():
            assert values.shape == (9,)
            tolerance = 1e-5 if key == "pd@efflite0" else 1e-13  # the network computes in float32
            assert np.allclose(other.values[key], values, rtol=tolerance, atol=0), key


def test_swapping_the_sides_gives_the_same_values():
    requests = [request(PSNR), request(SSIM), request(toy_metric("toy", 1.0), "toymaps")]
    fake, real = sources([(16, 16), (20, 18)])
    forward = score(fake, real, requests, backbones={"toymaps": ToyMaps()})
    backward = score(real, fake, requests, backbones={"toymaps": ToyMaps()})

    for key, values in forward.values.items():
        assert values.tolist() == backward.values[key].tolist(), key


def test_identical_pairs_give_infinity_one_and_zero():
    same = {f"{i}.png": image(24, 24, i) for i in range(3)}
    requests = [request(PSNR), request(SSIM), request(PD, "efflite0")]
    efflite = {"efflite0": load_backbone("efflite0", device=CPU)}
    scores = score(Memory("fakes", same), Memory("reals", same), requests, backbones=efflite)

    assert scores.values["psnr"].tolist() == [math.inf] * 3
    assert scores.values["ssim"].tolist() == [1.0] * 3
    assert scores.values["pd@efflite0"].tolist() == [0.0] * 3
    assert scores.fake_sha256 == scores.real_sha256


def test_luma_and_border_are_for_pixels_and_only_the_border_for_networks():
    fake, real = sources([(24, 30)])
    x, y = next(iter(fake.entries.values())), next(iter(real.entries.values()))
    whole = score(
        fake, real, [request(PSNR), request(toy_metric("toy", 1.0), "toymaps")], backbones={"toymaps": ToyMaps()}
    )
    cropped = score(
        fake,
        real,
        [request(PSNR), request(toy_metric("toy", 1.0), "toymaps")],
        channel="y",
        crop_border=4,
        backbones={"toymaps": ToyMaps()},
    )
    luma = [np.floor(16 + np.tensordot([65.481, 128.553, 24.966], side, 1) / 255 + 0.5) for side in (x, y)]
    mse = np.mean((luma[0] - luma[1])[4:-4, 4:-4] ** 2)
    inner = [side[:, 4:-4, 4:-4].astype(float) for side in (x, y)]
    expected = np.abs(inner[0] - inner[1]).mean() + np.abs(inner[0].mean((1, 2)) - inner[1].mean((1, 2))).mean()

    assert cropped.values["psnr"][0] == pytest.approx(10 * math.log10(255**2 / mse), abs=1e-9)
    assert cropped.values["toy@toymaps"][0] == pytest.approx(expected, rel=1e-5)
    assert whole.values["psnr"][0] != pytest.approx(cropped.values["psnr"][0], abs=0.1)


def test_one_pyramid_serves_all_metrics_of_a_backbone():
    backbone = ToyMaps()
    requests = [request(toy_metric("one", 1.0), "toymaps"), request(toy_metric("two", 2.0), "toymaps")]
    fake, real = sources([(8, 8)] * 5)
    scores = score(fake, real, requests, batch_size=2, backbones={"toymaps": backbone})

    assert backbone.seen == 10
    assert np.allclose(scores.values["two@toymaps"], 2 * scores.values["one@toymaps"], rtol=1e-12)


def test_layers_are_chosen_by_params_and_stated_in_them():
    fake, real = sources([(8, 8)] * 2)
    both = score(fake, real, [request(toy_metric("toy", 1.0), "toymaps")], backbones={"toymaps": ToyMaps()})
    one = score(
        fake, real, [request(toy_metric("toy", 1.0), "toymaps", layers="means")], backbones={"toymaps": ToyMaps()}
    )

    assert both.params["toy@toymaps"] == {"layers": "pixels,means"}
    assert one.params["toy@toymaps"] == {"layers": "means"}
    assert (one.values["toy@toymaps"] < both.values["toy@toymaps"]).all()
    with pytest.raises(UsageError, match="toymaps has no layer relu9; it has pixels, means"):
        score(
            fake, real, [request(toy_metric("toy", 1.0), "toymaps", layers="relu9")], backbones={"toymaps": ToyMaps()}
        )


def test_heads_are_found_by_their_name_in_the_weights_table():
    metric = toy_metric("toy", 1.0, heads={"toymaps": "toy-heads"})
    fake, real = sources([(8, 8)])
    plain = score(fake, real, [request(toy_metric("toy", 1.0), "toymaps")], backbones={"toymaps": ToyMaps()})
    headed = score(
        fake,
        real,
        [request(metric, "toymaps")],
        backbones={"toymaps": ToyMaps()},
        heads={"toy-heads": {"scale": torch.tensor(3.0)}},
    )

    assert headed.values["toy@toymaps"][0] == pytest.approx(3 * plain.values["toy@toymaps"][0])
    with pytest.raises(WeightsError, match="weights fetch toy-heads"):
        score(fake, real, [request(metric, "toymaps")], backbones={"toymaps": ToyMaps()})


@pytest.mark.parametrize(
    ("requests", "error", "words"),
    [
        ([request(PSNR), request(PSNR)], UsageError, "psnr is asked for twice"),
        ([request(PSNR, "efflite0")], UsageError, "takes no backbone"),
        ([request(LPIPS, "efflite0")], UsageError, "lpips is defined on vgg16, alexnet; got efflite0"),
        ([request(LPIPS, "vgg16")], WeightsError, "needs backbone vgg16"),
    ],
)
def test_requests_that_cannot_be_served_are_refused_before_any_image_is_read(requests, error, words):
    fake, real = sources([(32, 32)])
    with pytest.raises(error, match=words):
        score(fake, real, requests)
    assert fake.decoded == real.decoded == 0


# sizes


@pytest.mark.parametrize(
    ("fake_size", "real_size", "hint"),
    [
        ((10, 12), (40, 48), "fake is exactly 4 times smaller"),
        ((40, 48), (20, 24), "fake is exactly 2 times larger"),
        ((40, 48), (20, 23), "Crop or resize one side"),
    ],
)
def test_unequal_sizes_name_the_pair_and_the_likely_cause(fake_size, real_size, hint):
    fake = Memory("fakes", {"good.png": image(16, 16, 0), "odd.png": image(*fake_size, 1)})
    real = Memory("reals", {"good.png": image(16, 16, 2), "odd.png": image(*real_size, 3)})
    with pytest.raises(DataError) as caught:
        score(fake, real, [request(PSNR)], on_bad="skip")

    (fh, fw), (rh, rw) = fake_size, real_size
    assert f"Pair 'odd': the fake is {fw}x{fh}, the real {rw}x{rh} (width x height)" in str(caught.value)
    assert hint in str(caught.value)


def test_a_border_that_leaves_nothing_is_refused():
    fake, real = sources([(20, 9)])
    with pytest.raises(DataError, match=r"'000' is 9x20 .* border of 5 .* Cut at most 4"):
        score(fake, real, [request(PSNR)], crop_border=5)

    assert score(fake, real, [request(PSNR)], crop_border=4).values["psnr"].shape == (1,)


def test_an_image_too_small_for_a_required_metric_is_named():
    fake, real = sources([(16, 16), (14, 18)])
    with pytest.raises(
        DataError, match=r"ssim needs images of at least 11x11 pixels; '001' is 18x14 .*, 14x10 without"
    ):
        score(fake, real, [request(PSNR), request(SSIM)], crop_border=2)


def test_a_metric_that_is_not_required_is_left_out_with_its_reason():
    fake, real = sources([(16, 16), (16, 16), (9, 30), (16, 16)])
    scores = score(fake, real, [request(PSNR), request(SSIM, required=False)], batch_size=1)

    assert list(scores.values) == list(scores.params) == ["psnr"]
    assert scores.values["psnr"].shape == (4,)
    assert "'002' is 30x9" in scores.too_small["ssim"]


# batches and memory


def recorder(seen):
    """A metric that notes the shape of each batch."""

    def compute(fake_maps, real_maps, heads, params):
        seen.append(tuple(fake_maps[0].shape))
        return torch.zeros(len(fake_maps[0]), dtype=torch.float64)

    return dataclasses.replace(toy_metric("seen", 1.0), compute=compute)


def test_batches_hold_one_size_and_at_most_batch_size_pairs():
    seen = []
    fake, real = sources([(8, 8), (9, 8)] * 5)
    score(fake, real, [request(recorder(seen), "toymaps")], batch_size=3, backbones={"toymaps": ToyMaps()})

    assert sorted(seen) == [(2, 3, 8, 8), (2, 3, 9, 8), (3, 3, 8, 8), (3, 3, 9, 8)]


@pytest.mark.parametrize("most", [2, 1, 0])
def test_a_device_whose_memory_is_full_gets_smaller_batches_once_and_then_a_clear_error(most):
    """Nine pairs a batch: two at a time fit, one does, none does."""
    sizes = []

    class Small(ToyMaps):
        def pyramid(self, images):
            sizes.append(len(images))
            if len(images) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.\nMore")
            return super().pyramid(images)

    fake, real = sources([(12, 12)] * 9)
    asked = [request(toy_metric("toy", 1.0), "toymaps")]
    plain = score(fake, real, asked, batch_size=9, backbones={"toymaps": ToyMaps()})
    if most == 2:
        scores = score(fake, real, asked, batch_size=9, backbones={"toymaps": Small()})
        assert scores.warnings == ("cpu ran out of memory; from here on it gets 2 pairs a batch.",)
        assert sizes == [9, *[2] * 8, 1, 1]  # fakes, then reals
        np.testing.assert_array_equal(scores.values["toy@toymaps"], plain.values["toy@toymaps"])
    else:
        with pytest.raises(DeviceMemoryError, match=r"9 pairs of 12x12 pixels; .* allocate 3\.00 GiB\. Free"):
            score(fake, real, asked, batch_size=9, backbones={"toymaps": Small()})


def test_large_images_go_in_smaller_batches(monkeypatch):
    monkeypatch.setattr(pairs, "BATCH_PIXELS", 2 * 64 * 64)
    seen = []
    fake, real = sources([(64, 64)] * 4 + [(128, 128)] * 2)
    score(fake, real, [request(recorder(seen), "toymaps")], batch_size=32, backbones={"toymaps": ToyMaps()})

    assert seen == [(2, 3, 64, 64)] * 2 + [(1, 3, 128, 128)] * 2


def test_memory_is_bounded_when_every_image_has_its_own_size(monkeypatch):
    waiting = 10 * 30 * 30
    monkeypatch.setattr(pairs, "WAITING_PIXELS", waiting)
    monkeypatch.setattr(pair_reading, "WAITING_PIXELS", waiting)
    seen, alive = [], []
    fake, real = sources([(20 + i % 10, 20 + i // 10) for i in range(100)])
    score(
        fake,
        real,
        [request(recorder(seen), "toymaps")],
        batch_size=32,
        backbones={"toymaps": ToyMaps()},
        progress=lambda _: alive.append(fake.decoded - sum(shape[0] for shape in seen)),
    )

    assert sum(shape[0] for shape in seen) == 100
    # At most 9000 pixels wait in queues, and as many are read ahead; the smallest image here has 400.
    assert max(alive) <= 2 * waiting // 400


def test_progress_counts_every_pair():
    done = []
    fake, real = sources([(8, 8)] * 5)
    score(fake, real, [request(PSNR)], progress=done.append)

    assert sum(done) == 5


def test_stages_are_timed():
    fake, real = sources([(8, 8)])
    requests = [request(PSNR), request(toy_metric("toy", 1.0), "toymaps")]
    seconds = score(fake, real, requests, backbones={"toymaps": ToyMaps()}).seconds

    assert set(seconds) == {"read+decode (waited)", "pixels", "network toymaps"}
    assert min(seconds.values()) > 0


@pytest.mark.gpu
def test_cuda_gives_the_values_of_the_cpu():
    fake, real = sources([(170, 165)] * 3)
    on_cpu, on_cuda = (
        score(fake, real, [request(PD, "efflite0")], backbones={"efflite0": load_backbone("efflite0", device=device)})
        for device in (CPU, torch.device("cuda"))
    )
    assert np.allclose(on_cuda.values["pd@efflite0"], on_cpu.values["pd@efflite0"], rtol=1e-3)


# what is wrong with images


def test_bad_images_fail_or_are_skipped_with_their_reason():
    fake, real = sources([(8, 8)] * 4)
    fake.entries["001.png"] = BadImageError("'001.png': truncated")
    real.entries["003.jpg"] = BadImageError("'003.jpg': not an image")
    with pytest.raises(BadImageError, match="truncated"):
        score(fake, real, [request(PSNR)])
    scores = score(fake, real, [request(PSNR)], on_bad="skip")

    assert scores.stems == ["000", "002"]
    assert scores.skipped == ["001: '001.png': truncated", "003: '003.jpg': not an image"]
    kept = [hashlib.sha256(real.entries[f"{stem}.jpg"].tobytes()).digest() for stem in scores.stems]
    assert scores.real_sha256 == content_hash(kept)
    clean = sources([(8, 8)] * 4)
    assert scores.values["psnr"].tolist() == score(*clean, [request(PSNR)]).values["psnr"][[0, 2]].tolist()


def test_nothing_left_is_an_error():
    bad = {"a.png": BadImageError("'a.png': truncated")}
    with pytest.raises(DataError, match=r"No pair of fakes and reals .* \(1 pair\); first: a: 'a.png': truncated"):
        score(Memory("fakes", bad), Memory("reals", {"a.png": image(8, 8, 0)}), [request(PSNR)], on_bad="skip")


def test_notes_of_decoding_are_kept_for_each_image_of_a_pair():
    images = {f"{i}.png": image(8, 8, i) for i in range(3)}
    scores = score(Memory("fakes", images, ["alpha", "grey"]), Memory("reals", images, ["grey"]), [request(PSNR)])

    assert [(fake.facts.notes, real.facts.notes) for fake, real in scores.seen] == [(("alpha", "grey"), ("grey",))] * 3


def test_a_network_that_gives_nan_is_an_error_that_names_the_pair():
    fake, real = sources([(8, 8)] * 2)
    with pytest.raises(DataError, match=r"toy@toymaps is NaN or infinite for 2 of 2 pairs, the first of them '000'"):
        score(fake, real, [request(toy_metric("toy", math.nan), "toymaps")], backbones={"toymaps": ToyMaps()})


def test_the_set_is_the_mean_of_images_and_not_of_pooled_errors():
    real = {f"{i}.png": np.full((3, 8, 8), 100, np.uint8) for i in range(2)}
    fake = {"0.png": np.full((3, 8, 8), 120, np.uint8), "1.png": np.full((3, 8, 8), 102, np.uint8)}
    values = score(Memory("fakes", fake), Memory("reals", real), [request(PSNR)]).values["psnr"]
    pooled = 10 * math.log10(255**2 / ((20**2 + 2**2) / 2))

    assert mean_estimate(values).value == pytest.approx(10 * math.log10(255**2 / (20 * 2)))  # 32.1 dB
    assert mean_estimate(values).value > pooled + 7


# published numbers


def set5():
    """stem -> (bicubic upsampling, original), and stem -> (published PSNR, SSIM)."""
    root = os.environ.get("GANEVAL_DATA")
    folder = Path(root or ".") / "set5-x4"
    if root is None or not folder.is_dir():
        pytest.skip("GANEVAL_DATA has no set5-x4")
    fake, real, published = {}, {}, {}
    with (folder / "published-bicubic.csv").open() as table:
        for row in csv.DictReader(table):
            stem = row["image"]
            with (
                Image.open(folder / f"{stem}_SRF_4_LR.png") as low,
                Image.open(folder / f"{stem}_SRF_4_HR.png") as high,
            ):
                real[f"{stem}.png"] = np.array(high.convert("RGB")).transpose(2, 0, 1).copy()
                raised = low.convert("RGB").resize(high.size, Image.Resampling.BICUBIC)
                fake[f"{stem}.png"] = np.array(raised).transpose(2, 0, 1).copy()
            published[stem] = float(row["psnr_y_db"]), float(row["ssim_y"])
    return Memory("bicubic", fake), Memory("set5", real), published


@pytest.mark.data
def test_bicubic_set5_has_the_published_psnr_and_ssim(capsys):
    fake, real, published = set5()
    scores = score(fake, real, [request(PSNR), request(SSIM)], channel="y", crop_border=4)

    assert len(published) == 5
    for stem, psnr, ssim in zip(scores.stems, scores.values["psnr"], scores.values["ssim"], strict=True):
        with capsys.disabled():
            print(f"{stem}: {psnr - published[stem][0]:+.5f} dB, {ssim - published[stem][1]:+.6f}")  # noqa: T201
        assert psnr == pytest.approx(published[stem][0], abs=0.005)
        assert ssim == pytest.approx(published[stem][1], abs=0.0005)
