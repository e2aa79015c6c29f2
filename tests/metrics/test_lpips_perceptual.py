"""LPIPS against the lpips package with the same weights; VGG19 distance and `pd` against direct computations."""

import types

import lpips
import numpy as np
import pytest
import torch
from torchvision import models

from ganeval.backbones.hedvgg import HEDVGG16, HedVgg16
from ganeval.backbones.loading import load_backbone
from ganeval.backbones.networks.hedvgg import VggConvolutions
from ganeval.backbones.torchvision_nets import ALEXNET, VGG16, VGG19, TorchvisionNet
from ganeval.backbones.weights import LoadedWeights
from ganeval.errors import UsageError, WeightsError
from ganeval.metrics.lpips import LPIPS, unit_normalise
from ganeval.metrics.perceptual import PD, VGG

CPU = torch.device("cpu")
INFOS = {"vgg16": VGG16, "vgg19": VGG19, "alexnet": ALEXNET}
PEER_NAMES = {"vgg16": "vgg", "alexnet": "alex"}


def random_weights(network, seed, keep=""):
    """A state dict of the network's layout: He-normal where the name begins with `keep`, zeros elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in network.state_dict().items():
        if not name.startswith(keep):
            state[name] = torch.zeros(tensor.shape)
        elif tensor.ndim == 4:
            state[name] = torch.randn(tensor.shape, generator=generator) * (2 / tensor[0].numel()) ** 0.5
        else:
            state[name] = torch.randn(tensor.shape, generator=generator) * 0.1
    return state


@pytest.fixture(scope="module")
def nets():
    """name -> (torchvision's features with random weights, our backbone with the same)."""
    made = {}
    for name, info in INFOS.items():
        with torch.device("meta"):
            network = getattr(models, name)(weights=None).eval()
        state = random_weights(network, seed=len(name), keep="features")
        features = network.features.to_empty(device="cpu")
        features.load_state_dict({k.removeprefix("features."): v for k, v in state.items() if k.startswith("features")})
        made[name] = features, TorchvisionNet(info, LoadedWeights(state, "0" * 64, pinned=False), CPU)
    return made


def images(count, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


def damaged(real, noise, seed=9):
    generator = torch.Generator().manual_seed(seed)
    return (real + noise * torch.randn(real.shape, generator=generator)).clamp(0, 255).to(torch.uint8)


def maps(backbone, batch, names):
    by_name = dict(zip(backbone.pyramid_layers, backbone.pyramid(batch), strict=True))
    return tuple(by_name[name] for name in names)


def peer(name, features, monkeypatch):
    """The lpips package's metric with its own heads, on our random backbone in place of a download."""
    stand_in = types.SimpleNamespace(**{name: lambda pretrained: types.SimpleNamespace(features=features)})
    monkeypatch.setattr(lpips.pretrained_networks, "tv", stand_in)
    with torch.random.fork_rng(devices=[]):  # the package initialises its heads before it loads them
        return lpips.LPIPS(net=PEER_NAMES[name], pnet_rand=True, verbose=False)


def heads_of(metric):
    return {key: tensor for key, tensor in metric.state_dict().items() if key.startswith("lin") and key[3].isdigit()}


@pytest.mark.parametrize("size", [(64, 64), (65, 47)])
@pytest.mark.parametrize("name", ["vgg16", "alexnet"])
def test_lpips_agrees_with_the_lpips_package_given_the_same_weights(nets, name, size, monkeypatch):
    features, backbone = nets[name]
    metric = peer(name, features, monkeypatch)
    real = images(2, *size, seed=1)
    fake = damaged(real, torch.tensor([20.0, 80.0]).view(2, 1, 1, 1))
    with torch.no_grad():
        expected = metric(fake / 127.5 - 1, real / 127.5 - 1).flatten().to(torch.float64)

    names = LPIPS.layers[name]
    found = LPIPS.compute(maps(backbone, fake, names), maps(backbone, real, names), heads_of(metric), LPIPS.params)

    assert expected.min() > 1e-3
    assert found.dtype == torch.float64
    assert torch.allclose(found, expected, rtol=1e-5, atol=0)


def test_the_declared_layers_are_the_ones_the_backbones_give(nets):
    for name, names in LPIPS.layers.items():
        assert nets[name][1].pyramid_layers == names
        assert set(LPIPS.backbones) == set(LPIPS.layers) == set(LPIPS.heads)
    assert set(VGG.layers["vgg19"]) <= set(nets["vgg19"][1].pyramid_layers)


@pytest.mark.parametrize("name", ["vgg16", "alexnet"])
def test_lpips_works_at_its_smallest_side(nets, name, monkeypatch):
    features, backbone = nets[name]
    real = images(1, LPIPS.min_side, LPIPS.min_side, seed=2)
    found = LPIPS.compute(
        backbone.pyramid(255 - real), backbone.pyramid(real), heads_of(peer(name, features, monkeypatch)), LPIPS.params
    )

    assert 0 < found.item() < float("inf")


def test_alexnet_is_what_sets_the_smallest_side(nets):
    with pytest.raises(RuntimeError):
        nets["alexnet"][1].pyramid(images(1, LPIPS.min_side - 1, LPIPS.min_side - 1, seed=2))


def test_lpips_of_one_position_has_the_closed_form():
    fake, real = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1), torch.tensor([40.0, 30.0]).view(1, 2, 1, 1)
    heads = {f"lin{k}.model.1.weight": torch.tensor([1.0, 2.0]).view(1, 2, 1, 1) for k in range(5)}

    found = LPIPS.compute((fake,) * 5, (real,) * 5, heads, LPIPS.params)

    assert found.item() == pytest.approx(5 * (0.2**2 * 1 + 0.2**2 * 2), rel=1e-6)  # (.6, .8) against (.8, .6)


def test_a_length_of_1e_10_is_halved_and_longer_ones_are_all_but_one():
    """The 1e-10 is added to the length, as the lpips package does, and not to its square."""
    assert unit_normalise(torch.tensor([0.0, 1e-10]).view(1, 2, 1, 1)).flatten().tolist() == pytest.approx([0.0, 0.5])
    assert unit_normalise(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).flatten().tolist() == pytest.approx([0.6, 0.8])


def test_heads_are_brought_to_the_precision_of_the_maps():
    generator = torch.Generator().manual_seed(0)
    fake, real = (torch.rand(2, 3, 4, 4, generator=generator) for _ in range(2))
    head = torch.rand(1, 3, 1, 1, generator=generator)
    found = [LPIPS.compute((fake,), (real,), {"lin0.model.1.weight": h}, {}) for h in (head, head.double())]

    assert torch.equal(*found)


@pytest.mark.parametrize("metric", [LPIPS, PD])
def test_sides_with_other_counts_of_maps_are_refused(metric):
    maps = (torch.ones(1, 3, 4, 4),) * 2
    heads = {f"lin{k}.model.1.weight": torch.ones(1, 3, 1, 1) for k in range(2)}
    with pytest.raises(ValueError, match="zip"):
        metric.compute(maps, maps[:1], heads, {})
    with pytest.raises(ValueError, match="zip"):
        metric.compute(maps[:1], maps, heads, {})


def test_a_position_without_activation_stays_zero():
    assert unit_normalise(torch.zeros(1, 4, 2, 2)).abs().sum() == 0


@pytest.mark.parametrize(
    ("heads", "found"),
    [(None, "nothing"), ({"lin0.model.1.weight": torch.ones(1, 7, 1, 1)}, r"shape \(1, 7, 1, 1\)")],
)
def test_heads_that_do_not_fit_are_refused(heads, found):
    five = (torch.ones(1, 2, 3, 3),) * 5
    with pytest.raises(WeightsError, match=rf"lin0.model.1.weight of shape \(1, 2, 1, 1\), found {found}"):
        LPIPS.compute(five, five, heads, LPIPS.params)


def test_vgg_is_the_mean_squared_error_after_the_last_activation(nets):
    features, backbone = nets["vgg19"]
    real = images(2, 48, 33, seed=3)
    fake = damaged(real, 40.0)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():  # features[35] is the ReLU after conv5_4
        outputs = [features[:36]((batch / 255 - mean) / std).to(torch.float64) for batch in (fake, real)]
    expected = (outputs[0] - outputs[1]).square().mean(dim=(1, 2, 3))
    chosen = maps(backbone, fake, VGG.layers["vgg19"]), maps(backbone, real, VGG.layers["vgg19"])

    found = VGG.compute(*chosen, None, VGG.params)

    assert expected.min() > 0
    assert torch.allclose(found, expected, rtol=1e-5, atol=0)
    # Equation (5) of SRGAN with its 1/12.75 is this, times the 512 channels that the equation does not divide by.
    rescaled = VGG.compute(*chosen, None, {"feature_scale": 1 / 12.75})
    assert torch.allclose(rescaled, found / 162.5625, rtol=1e-12)


def test_vgg_takes_one_layer():
    two = (torch.ones(1, 2, 3, 3),) * 2
    with pytest.raises(UsageError, match="one layer; got 2"):
        VGG.compute(two, two, None, VGG.params)


def oracle_pd(fake_maps, real_maps):
    """Mean over layers and positions of |u - v|², channel vectors u, v of unit length, in float64 loops."""
    layers = []
    for fake, real in zip(fake_maps, real_maps, strict=True):
        x, y = (m.to(torch.float64).numpy().transpose(1, 2, 0).reshape(-1, m.shape[0]) for m in (fake, real))
        squares = []
        for u, v in zip(x, y, strict=True):
            u, v = (w / np.linalg.norm(w) if w.any() else w for w in (u, v))
            squares.append(((u - v) ** 2).sum())
        layers.append(np.mean(squares))
    return np.mean(layers)


@pytest.fixture(scope="module")
def hedvgg():
    with torch.device("meta"):
        network = VggConvolutions()
    return HedVgg16(HEDVGG16, LoadedWeights(random_weights(network, seed=4), "0" * 64, pinned=False), CPU)


@pytest.fixture(scope="module")
def efflite():
    return load_backbone("efflite0", device=CPU)


@pytest.mark.parametrize("name", ["hedvgg", "efflite"])
def test_pd_is_the_mean_squared_distance_of_unit_vectors(name, request):
    backbone = request.getfixturevalue(name)
    real = images(2, 40, 33, seed=5)
    fake = damaged(real, torch.tensor([10.0, 90.0]).view(2, 1, 1, 1))
    names = PD.layers.get(backbone.info.name, backbone.pyramid_layers)
    fake_maps, real_maps = maps(backbone, fake, names), maps(backbone, real, names)

    found = PD.compute(fake_maps, real_maps, None, PD.params)

    for index in range(2):
        expected = oracle_pd([m[index] for m in fake_maps], [m[index] for m in real_maps])
        assert found[index].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["hedvgg", "efflite"])
def test_pd_works_at_its_smallest_side(name, request):
    backbone = request.getfixturevalue(name)
    real = images(1, PD.min_side, PD.min_side, seed=6)
    found = PD.compute(backbone.pyramid(255 - real), backbone.pyramid(real), None, PD.params)

    assert PD.output.range[0] < found.item() <= PD.output.range[1]


def test_pd_of_opposite_maps_is_its_largest_value():
    one = torch.tensor([1.0, -2.0, 2.0]).view(1, 3, 1, 1)

    assert PD.compute((one,), (-one,), None, PD.params).item() == pytest.approx(PD.output.range[1], rel=1e-6)


def test_pd_on_trained_efflite_grows_with_noise(efflite):
    real = torch.full((1, 3, 64, 64), 60, dtype=torch.uint8)
    real[:, :, 16:48, 20:44] = 200
    ladder = []
    for noise in (0.0, 5.0, 20.0, 60.0):
        ladder.append(PD.compute(efflite.pyramid(damaged(real, noise)), efflite.pyramid(real), None, PD.params).item())

    assert ladder[0] == 0.0
    assert ladder == sorted(ladder)
    assert len(set(ladder)) == 4


@pytest.mark.parametrize("metric", [LPIPS, VGG, PD], ids=lambda m: m.name)
def test_distances_are_symmetric_and_zero_for_identical_maps(metric):
    generator = torch.Generator().manual_seed(7)
    count = 1 if metric is VGG else 5
    fake, real = (tuple(torch.rand(3, 4, 5, 6, generator=generator) for _ in range(count)) for _ in range(2))
    heads = {f"lin{k}.model.1.weight": torch.rand(1, 4, 1, 1, generator=generator) for k in range(count)}

    forward, backward = (metric.compute(*sides, heads, metric.params) for sides in ((fake, real), (real, fake)))

    assert metric.symmetric
    assert torch.equal(forward, backward)
    assert forward.min() > 0
    assert metric.compute(real, real, heads, metric.params).tolist() == [0.0, 0.0, 0.0]
