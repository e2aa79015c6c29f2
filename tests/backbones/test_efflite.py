import io

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
import timm
import torch
from PIL import Image

from ganeval.backbones.efflite import EFFLITE0, EfficientNetLite0
from ganeval.backbones.networks.efflite import SamePad
from ganeval.backbones.weights import LoadedWeights, load_state_dict
from ganeval.errors import WeightsError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def lite0():
    return EfficientNetLite0(EFFLITE0, load_state_dict("efflite0"), CPU)


@pytest.fixture(scope="module")
def photos():
    loaded = {name: getattr(skimage.data, name)() for name in ("chelsea", "coffee", "rocket", "astronaut", "retina")}
    for name in ("china", "flower"):
        loaded[name] = sklearn.datasets.load_sample_image(f"{name}.jpg")
    return {name: np.array(pixels[..., :3]) for name, pixels in loaded.items()}


def to_tensor(pixels):
    """(H, W, 3) or (B, H, W, 3) -> (B, 3, H, W)."""
    return torch.from_numpy(np.atleast_3d(pixels).reshape(-1, *pixels.shape[-3:]).copy()).permute(0, 3, 1, 2)


def timm_twin(name, lite0):
    """timm's network with our tensors, matched by position: the two name them differently but order them alike."""
    with torch.random.fork_rng(devices=[]):  # timm initialises what is overwritten next
        twin = timm.create_model(name, pretrained=False).eval()
    ours = lite0.network.state_dict().values()
    twin.load_state_dict(dict(zip(twin.state_dict(), ours, strict=True)))
    return twin


@pytest.mark.parametrize("size", [(224, 224), (225, 225), (299, 299), (96, 131)])
def test_features_and_logits_are_timms_at_any_size(lite0, size):
    prepared = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    twin = timm_twin("tf_efficientnet_lite0", lite0)

    with torch.no_grad():
        features, logits = lite0.network(prepared)
        expected = twin(prepared)
        expected_features = twin.forward_head(twin.forward_features(prepared), pre_logits=True)

    torch.testing.assert_close(features, expected_features, rtol=0, atol=1e-5)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)


def test_symmetric_padding_would_be_another_network(lite0):
    prepared = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1)) * 2 - 1
    symmetric = timm_twin("efficientnet_lite0", lite0)

    with torch.no_grad():
        difference = (lite0.network(prepared)[1] - symmetric(prepared)).abs().max()

    assert difference > 0.5


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [1, 7, 112, 150, 224, 225, 299])
def test_stride_2_padding_is_tensorflows_same(kernel, size):
    padded = SamePad(kernel)(torch.ones(1, 1, size, size + 1))

    for axis, length in ((2, size), (3, size + 1)):
        outputs = -(-length // 2)
        total = max((outputs - 1) * 2 + kernel - length, 0)
        line = padded.amax(dim=5 - axis).flatten()  # 1 where the image is, 0 where padding is
        expected = torch.cat((torch.zeros(total // 2), torch.ones(length), torch.zeros(total - total // 2)))
        assert torch.equal(line, expected)


@pytest.mark.parametrize(
    ("photo", "classes", "least"),
    [
        ("chelsea", {281, 282, 283, 284, 285, 287}, 0.3),  # tabby, tiger cat, Persian, Siamese, Egyptian cat, lynx
        ("coffee", {967}, 0.93),  # espresso
        ("rocket", {657}, 0.2),  # missile
        ("china", {698}, 0.3),  # palace
        ("flower", {985}, 0.25),  # daisy
    ],
)
def test_it_names_what_is_in_a_photo(lite0, photos, photo, classes, least):
    pixels = photos[photo]
    side = min(pixels.shape[:2]) * 7 // 8  # ImageNet's usual evaluation crop
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    probabilities = lite0(to_tensor(pixels[top : top + side, left : left + side])).logits.softmax(dim=1)[0]

    best = int(probabilities.argmax())

    assert best in classes
    assert probabilities[best] > least


def test_prepare_is_pillows_bicubic_without_its_rounding(lite0, photos):
    pixels = photos["coffee"]
    channels = [
        np.asarray(Image.fromarray(pixels[..., c].astype(np.float32)).resize((224, 224), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    expected = (torch.from_numpy(np.stack(channels)) - 127) / 128

    prepared = lite0.prepare(to_tensor(pixels))

    assert prepared.shape == (1, 3, 224, 224)
    torch.testing.assert_close(prepared[0], expected, rtol=0, atol=1e-4)
    assert prepared.max() > (255 - 127) / 128  # overshoot is kept


def test_output_does_not_depend_on_the_batch(lite0, photos):
    images = torch.cat([to_tensor(photos[name][:96, :96]) for name in ("chelsea", "coffee", "rocket")])

    together = lite0(images)
    alone = lite0(images[1:2])

    assert together.features.shape == (3, 1280)
    assert together.logits.shape == (3, 1000)
    assert not together.features.requires_grad
    torch.testing.assert_close(together.features[1:2], alone.features, rtol=0, atol=1e-5)


def test_pyramid_halves_the_native_size_five_times(lite0, photos):
    images = to_tensor(photos["chelsea"][:75, :96])

    maps = lite0.pyramid(images)

    assert lite0.pyramid_layers == ("block0", "block2", "block4", "block10", "block15")
    shapes = [(1, 16, 38, 48), (1, 24, 19, 24), (1, 40, 10, 12), (1, 112, 5, 6), (1, 320, 3, 3)]
    assert [tuple(m.shape) for m in maps] == shapes
    twin = timm_twin("tf_efficientnet_lite0", lite0)
    stem = twin.bn1(twin.conv_stem((images.float() - 127) / 128))
    with torch.no_grad():
        torch.testing.assert_close(maps[-1], twin.blocks(stem), rtol=0, atol=1e-5)
        torch.testing.assert_close(maps[2], twin.blocks[:3](stem), rtol=0, atol=1e-5)


def test_pyramid_survives_another_network_in_its_place(photos):
    backbone = EfficientNetLite0(EFFLITE0, load_state_dict("efflite0"), CPU)
    images = to_tensor(photos["coffee"][:64, :64])
    before = backbone.pyramid(images)

    backbone.network = torch.nn.Identity()  # what an engine does with a compiled graph

    assert all(torch.equal(a, b) for a, b in zip(before, backbone.pyramid(images), strict=True))


def test_building_it_draws_nothing_from_the_global_rng():
    weights = load_state_dict("efflite0")
    before = torch.get_rng_state()

    EfficientNetLite0(EFFLITE0, weights, CPU)

    assert torch.equal(before, torch.get_rng_state())


def test_the_memory_order_of_the_file_does_not_matter(lite0, photos):
    weights = load_state_dict("efflite0")
    assert not weights.state["_fc.weight"].is_contiguous()
    copied = LoadedWeights(
        {k: v.clone(memory_format=torch.contiguous_format) for k, v in weights.state.items()}, "0", False
    )

    images = to_tensor(photos["coffee"])

    assert torch.equal(lite0(images).logits, EfficientNetLite0(EFFLITE0, copied, CPU)(images).logits)


def test_weights_of_another_network_are_refused():
    state = dict(load_state_dict("efflite0").state)
    del state["_conv_head.weight"]

    with pytest.raises(WeightsError, match=r"efflite0.*1 missing \(_conv_head\.weight"):
        EfficientNetLite0(EFFLITE0, LoadedWeights(state, "0" * 64, False), CPU)


def frechet(a, b):
    """Frechet distance of the two Gaussians, float64; the cross term is a nuclear norm of the n x n cross product."""
    ca, cb = a - a.mean(axis=0), b - b.mean(axis=0)
    n, m = len(a) - 1, len(b) - 1
    cross = np.linalg.svd(ca @ cb.T, compute_uv=False).sum() / np.sqrt(n * m)
    return ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + (ca**2).sum() / n + (cb**2).sum() / m - 2 * cross


def jpeg(pixels, quality):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


def phase_scramble(pixels, rng):
    """Each colour keeps its amplitude spectrum; all three get the same random phases."""
    noise = np.fft.fft2(rng.standard_normal(pixels.shape[:2]))
    spectrum = np.fft.fft2(pixels.astype(float), axes=(0, 1)) * (noise / np.abs(noise))[..., None]
    return np.clip(np.rint(np.fft.ifft2(spectrum, axes=(0, 1)).real), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("count", "jpeg_ratio", "scramble_ratio"),
    [(42, 1.4, 1.55), pytest.param(210, 2.2, 2.8, marks=pytest.mark.slow)],
)
def test_damage_is_ranked_as_a_trained_network_ranks_it(photos, count, jpeg_ratio, scramble_ratio):
    """Brightness x .9 stays at the distance of two clean samples; an untrained Lite0 puts it above JPEG (3.0, 1.0)."""
    rng = np.random.default_rng(0)
    lite0 = EfficientNetLite0(EFFLITE0, load_state_dict("efflite0"), CPU)
    lite0.network.to(memory_format=torch.channels_last)  # half the time

    def crops():
        chosen = []
        for i in range(count):
            photo = list(photos.values())[i % len(photos)]
            top, left = (int(rng.integers(0, length - 95)) for length in photo.shape[:2])
            chosen.append(photo[top : top + 96, left : left + 96])
        return np.stack(chosen)

    def features(images):
        batches = to_tensor(images).split(25)
        return torch.cat([lite0(batch).features for batch in batches]).double().numpy()

    real, fake = features(crops()), crops()
    floor = frechet(real, features(fake))
    dimmed = frechet(real, features(np.rint(fake * 0.9).astype(np.uint8))) / floor
    compressed = frechet(real, features(np.stack([jpeg(image, 8) for image in fake]))) / floor
    scrambled = frechet(real, features(np.stack([phase_scramble(image, rng) for image in fake]))) / floor

    assert 0.95 < dimmed < 1.05
    assert compressed > jpeg_ratio
    assert scrambled > scramble_ratio
    assert dimmed < compressed < scrambled
