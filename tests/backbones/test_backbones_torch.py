"""Inception, VGG16, VGG19 and AlexNet against torch-fidelity, lpips and torchvision, given the same weights."""

import hashlib
import math
import warnings

import pytest
import torch
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16
from torchvision import models

from ganeval.backbones import BACKBONES
from ganeval.backbones.engines import use_engine
from ganeval.backbones.inception import INCEPTION, Inception
from ganeval.backbones.loading import load_backbone
from ganeval.backbones.torchvision_nets import ALEXNET, VGG19, TorchvisionNet
from ganeval.backbones.weights import LoadedWeights, load_into
from ganeval.errors import UsageError, WeightsError
from ganeval.metrics.keys import parse_key, printed_key

CPU = torch.device("cpu")
MIXED = ((32, 32), (299, 299), (180, 411))  # up, as it is, down and up


def _images(size, count=2, seed=0):
    """Blocks of noise: flat areas and edges, as in pictures."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 7, 9, generator=generator) * 255
    return nn.functional.interpolate(coarse, size).to(torch.uint8)


def _he(shape, generator):
    """He et al. 2015: keeps the second moment through ReLU layers."""
    return torch.randn(shape, generator=generator) * math.sqrt(2 / math.prod(shape[1:]))


def _classifier_state(build, seed):
    """Random weights in torchvision's layout. Wide linear layers are Hankel matrices: a file of 60 MB, not of 550."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = {key: tuple(tensor.shape) for key, tensor in build(weights=None).state_dict().items()}
    state = {}
    for key, shape in shapes.items():
        if len(shape) == 2:
            diagonals = torch.randn(sum(shape) - 1, generator=generator) * math.sqrt(2 / shape[1])
            state[key] = diagonals.as_strided(shape, (1, 1))
        else:
            state[key] = _he(shape, generator) if len(shape) == 4 else torch.randn(shape, generator=generator) * 0.1
    return state


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    torch.save(_classifier_state(models.vgg16, seed=2), path)
    return path


@pytest.fixture(scope="module")
def vgg16(vgg16_file):
    return load_backbone("vgg16", device=CPU, weights_file=vgg16_file)


def test_inception_equals_torch_fidelity_given_the_same_file(inception_file):
    with torch.random.fork_rng():
        peer = FeatureExtractorInceptionV3("inception-v3-compat", ["2048", "logits_unbiased"], str(inception_file))
    backbone = load_backbone("inception", device=CPU, weights_file=inception_file)
    prepared = []
    expected = []
    for size in MIXED:
        images = _images(size, count=1)
        prepared.append(backbone.prepare(images))
        with torch.no_grad():
            expected.append(peer(images))

    output = backbone.forward(torch.cat(prepared))  # images of three sizes in one batch

    features = torch.cat([features for features, _ in expected])
    logits = torch.cat([logits for _, logits in expected])
    assert features.shape == (3, 2048)
    assert logits.shape == (3, 1008)
    assert features.std(dim=0).mean() > 0.01  # the images do differ in features
    torch.testing.assert_close(output.features, features, rtol=1e-5, atol=1e-5 * features.abs().max().item())
    torch.testing.assert_close(output.logits, logits, rtol=1e-5, atol=1e-5 * logits.abs().max().item())


def test_the_spatial_map_of_sfid_is_that_of_torch_fidelitys_network_in_tensorflows_order(inception_file):
    with torch.random.fork_rng():
        peer = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(inception_file))
    maps = []
    peer.Mixed_6d.branch1x1.register_forward_hook(lambda _module, _inputs, output: maps.append(output))
    backbone = load_backbone("inception-spatial", device=CPU, weights_file=inception_file)
    images = _images((40, 56), count=2)
    with torch.no_grad():
        peer(images)

    found = backbone(images)

    assert found.logits is None
    assert found.features.shape == (2, backbone.info.dim) == (2, 2023)
    nhwc = maps[0].permute(0, 2, 3, 1)[..., :7].reshape(2, -1)  # guided-diffusion's evaluator: spatial[..., :7]
    torch.testing.assert_close(found.features, nhwc, rtol=1e-5, atol=1e-5 * nhwc.max().item())
    assert (nhwc > 0).float().mean() > 0.05
    use_engine(backbone, "auto")
    torch.testing.assert_close(backbone(images).features, nhwc, rtol=1e-4, atol=1e-5 * nhwc.max().item())


def test_sfid_is_the_frechet_distance_on_the_spatial_map_of_the_published_weights():
    assert parse_key("sFID").backbone == "inception-spatial"
    assert printed_key("fd", "inception-spatial") == "sfid"
    assert printed_key("fd", "inception-spatial#1a2b3c4d") == "fd@inception-spatial#1a2b3c4d"
    assert BACKBONES.get("inception-spatial").weights is INCEPTION.weights


def test_inception_calls_foreign_weights_by_their_hash(inception_file):
    backbone = load_backbone("inception", device=CPU, weights_file=inception_file)
    sha256 = hashlib.sha256(inception_file.read_bytes()).hexdigest()
    assert not backbone.pinned
    assert backbone.weights_sha256 == sha256
    assert backbone.key == f"inception#{sha256[:8]}"
    assert backbone.info is INCEPTION
    with pytest.raises(NotImplementedError, match="no feature pyramid"):
        backbone.pyramid(_images((32, 32)))


def test_pinned_inception_keeps_its_canonical_name(inception_file):
    state = torch.load(inception_file, weights_only=True)  # noqa: TID251 - a file that this test wrote
    assert Inception(INCEPTION, LoadedWeights(state, "6" * 64, pinned=True), CPU).key == "inception"


def test_vgg16_equals_torch_fidelity_given_the_same_file(vgg16, vgg16_file, monkeypatch):
    build = models.vgg16

    def build_empty():
        with torch.device("meta"):  # 138 million random numbers less; the peer fills in the file's
            net = build()
        return net.to_empty(device=CPU)

    monkeypatch.setattr(models, "vgg16", build_empty)
    peer = FeatureExtractorVGG16("vgg16", ["fc2_relu"], str(vgg16_file))
    images = _images((180, 411), count=1)
    with torch.no_grad():
        (expected,) = peer(images)

    output = vgg16(images)

    assert output.features.shape == expected.shape == (1, 4096)
    assert (expected > 0).float().mean() > 0.1
    torch.testing.assert_close(output.features, expected, rtol=1e-5, atol=1e-5 * expected.max().item())
    last = _classifier_state(build, seed=2)
    logits = nn.functional.linear(expected, last["classifier.6.weight"], last["classifier.6.bias"])
    torch.testing.assert_close(output.logits, logits, rtol=1e-4, atol=1e-5 * logits.abs().max().item())


@pytest.fixture(scope="module")
def alexnet():
    state = _classifier_state(models.alexnet, seed=3)
    return TorchvisionNet(ALEXNET, LoadedWeights(state, "0" * 64, False), CPU)


def test_alexnet_equals_torchvision_given_the_same_weights(alexnet):
    with torch.device("meta"):
        reference = models.alexnet(weights=None)
    load_into(reference, _classifier_state(models.alexnet, seed=3), "alexnet")
    images = _images((224, 224))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised = (images.permute(0, 2, 3, 1) / 255 - mean) / std  # (B, H, W, 3): the textbook order of operations
    with torch.no_grad():
        expected = reference.eval()(normalised.permute(0, 3, 1, 2))

    output = alexnet(images)

    assert output.features.shape == (2, 4096)
    assert output.features.min() == 0  # after the ReLU
    torch.testing.assert_close(output.logits, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("name", ["vgg16", "alexnet"])
def test_the_maps_are_those_that_lpips_takes(name, request):
    lpips = pytest.importorskip("lpips")
    backbone = request.getfixturevalue(name)
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # lpips calls torchvision by an argument that is deprecated
        peer = getattr(lpips.pretrained_networks, name)(pretrained=False)
    for part in (peer.slice1, peer.slice2, peer.slice3, peer.slice4, peer.slice5):
        for index, layer in part.named_children():  # named by their place in torchvision's `features`
            layer.load_state_dict(backbone.network.features[int(index)].state_dict(), assign=True)
    images = _images((64, 80))

    maps = backbone.pyramid(images)

    scaled = lpips.ScalingLayer()(images.float() / 127.5 - 1)  # lpips takes -1..1
    with torch.no_grad():
        expected = peer(scaled)
    assert len(maps) == len(backbone.pyramid_layers) == len(expected) == 5
    assert backbone.pyramid_layers == expected._fields
    for ours, theirs in zip(maps, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * theirs.max().item())


def test_vgg19_names_all_sixteen_maps():
    state = _classifier_state(models.vgg19, seed=5)
    backbone = TorchvisionNet(VGG19, LoadedWeights(state, "0" * 64, False), CPU)
    assert backbone.pyramid_layers == tuple(
        f"relu{block}_{place}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for place in range(1, count + 1)
    )

    # The names by the definition: x counts the poolings before it, y the convolutions since the last one.
    expected, block, place = {}, 1, 0
    x = backbone.normalise(_images((48, 32)).float())
    for layer in backbone.network.features:
        with torch.no_grad():
            x = layer(x)
        if isinstance(layer, nn.Conv2d):
            place += 1
        elif isinstance(layer, nn.ReLU):
            expected[f"relu{block}_{place}"] = x.clone()
        else:
            block, place = block + 1, 0

    maps = dict(zip(backbone.pyramid_layers, backbone.pyramid(_images((48, 32))), strict=True))
    assert maps.keys() == expected.keys()
    assert all(torch.equal(maps[name], expected[name]) for name in maps)
    assert maps["relu5_4"].shape == (2, 512, 3, 2)


def test_maps_can_serve_as_a_loss(vgg16):
    pixels = _images((32, 32)).float().requires_grad_()
    sum(maps.mean() for maps in vgg16.feature_maps(vgg16.normalise(pixels))).backward()
    assert pixels.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in vgg16.feature_maps.parameters())


def test_a_batch_scores_as_its_images_do(alexnet):
    images = _images((50, 60), count=2)
    together = alexnet(images)
    alone = torch.cat([alexnet(images[i : i + 1]).features for i in range(2)])
    torch.testing.assert_close(together.features, alone, rtol=1e-4, atol=1e-4)
    assert not together.features.requires_grad


def test_weights_of_another_network_are_refused(vgg16_file):
    with pytest.raises(WeightsError, match=r"'vgg19' do not fit its network of 38 tensors: 12 missing"):
        load_backbone("vgg19", device=CPU, weights_file=vgg16_file)


def test_missing_weights_name_the_command():
    with pytest.raises(WeightsError, match="ganeval weights fetch inception"):
        load_backbone("inception", device=CPU)


def test_a_misspelt_backbone_gets_a_suggestion():
    with pytest.raises(UsageError, match="'inception'"):
        load_backbone("incepton", device=CPU)
