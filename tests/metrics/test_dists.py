"""DISTS against a direct float64 computation, closed forms, and recorded values of DISTS_pytorch."""

import numpy as np
import pytest
import torch
from torchvision import models

from ganeval.backbones.networks.vgg16_l2pool import L2Pool
from ganeval.backbones.vgg16_l2pool import LAYERS, VGG16_L2POOL, Vgg16L2Pool
from ganeval.backbones.weights import LoadedWeights
from ganeval.errors import WeightsError
from ganeval.metrics.dists import DISTS, head_shapes
from tests import oracles
from tests.metrics.test_lpips_perceptual import damaged, images, random_weights

CHANNELS = (3, 64, 128, 256, 512, 512)
# 1 - S of DISTS_pytorch 0.1 on torchvision's VGG16 with `random_weights(seed=0)`, alpha and beta of `heads()`.
PEER = {
    (64, 64): [0.010992825031280518, 0.06694924831390381],
    (65, 47): [0.01087188720703125, 0.06837773323059082],
}


def heads():
    i = np.arange(sum(CHANNELS))
    alpha, beta = (torch.tensor(1.1 + np.sin(step * i), dtype=torch.float32).view(1, -1, 1, 1) for step in (1.0, 2.0))
    return {"alpha": alpha, "beta": beta}


@pytest.fixture(scope="module")
def backbone():
    with torch.device("meta"):
        network = models.vgg16(weights=None)
    state = random_weights(network, seed=0, keep="features")
    return Vgg16L2Pool(VGG16_L2POOL, LoadedWeights(state, "0" * 64, pinned=False), torch.device("cpu"))


def pairs(size):
    real = images(2, *size, seed=1)
    return damaged(real, torch.tensor([20.0, 80.0]).view(2, 1, 1, 1)), real


@pytest.mark.parametrize("size", PEER)
def test_dists_agrees_with_its_authors_package_given_the_same_weights(backbone, size):
    fake, real = pairs(size)
    found = DISTS.compute(backbone.pyramid(fake), backbone.pyramid(real), heads(), DISTS.params)

    assert found.tolist() == pytest.approx(PEER[size], abs=2e-7)  # it takes 1 - S in float32


def test_dists_agrees_with_the_slow_definition(backbone):
    fake, real = pairs((33, 40))
    maps = [[layer[:1].double().numpy()[0] for layer in backbone.pyramid(side)] for side in (fake, real)]
    found = DISTS.compute(backbone.pyramid(fake[:1]), backbone.pyramid(real[:1]), heads(), DISTS.params)
    weights = {name: value.flatten().double().numpy() for name, value in heads().items()}

    assert found.item() == pytest.approx(oracles.dists(*maps, weights["alpha"], weights["beta"]), rel=1e-5)


def test_the_pooling_is_the_l2_norm_under_a_hann_window(backbone):
    maps = images(1, 5, 6, seed=3)[:, :2].float()
    padded = np.pad(maps.numpy()[0, 1], 1).astype(float)
    taps = np.array([0.25, 0.5, 0.25])
    expected = [
        [np.sqrt((np.outer(taps, taps) * padded[r : r + 3, c : c + 3] ** 2).sum()) for c in (0, 2, 4)]
        for r in (0, 2, 4)
    ]

    assert L2Pool(2)(maps)[0, 1].numpy() == pytest.approx(np.asarray(expected), rel=1e-6)
    assert backbone.pyramid_layers == LAYERS
    assert [m.shape[1] for m in backbone.pyramid(images(1, 16, 16, seed=0))] == list(CHANNELS)


def test_a_shifted_constant_has_a_closed_form():
    """Two constant maps a and b: texture (a - b)² / (a² + b² + c), structure 0."""
    fake, real = (torch.full((1, 1, 4, 4), value) for value in (2.0, 1.0))
    weights = {"alpha": torch.full((1, 1, 1, 1), 3.0), "beta": torch.full((1, 1, 1, 1), 1.0)}

    assert DISTS.compute((fake,), (real,), weights, DISTS.params).item() == pytest.approx(3 / 4 / (5 + 1e-6), rel=1e-12)


def test_heads_of_another_layout_are_refused():
    maps = (images(1, 4, 4, seed=3).float(),)

    with pytest.raises(WeightsError, match=r"expected \{'alpha': \(1, 3, 1, 1\)"):
        DISTS.compute(maps, maps, {"alpha": torch.ones(1, 2, 1, 1), "beta": torch.ones(1, 3, 1, 1)}, DISTS.params)
    assert head_shapes(CHANNELS)["beta"] == (1, 1475, 1, 1)
