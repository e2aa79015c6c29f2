"""The resize rules against torch-fidelity, PIL, a float64 oracle and closed forms."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from ganeval.backbones import BACKBONES
from ganeval.backbones.resize import antialiased, resize_array, resize_tensor, tf1_bilinear

# (height, width) in -> out: up, down, mixed, odd, one pixel, and the sizes of the usual data sets
SIZES = [
    ((32, 32), (299, 299)),
    ((28, 28), (299, 299)),
    ((256, 256), (299, 299)),
    ((512, 300), (299, 299)),
    ((301, 640), (299, 299)),
    ((7, 500), (224, 224)),
    ((1, 1), (8, 8)),
    ((1, 9), (4, 4)),
    ((64, 48), (1, 1)),
    ((5, 5), (3, 7)),
]


def _noise(size, count=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, *size), generator=generator, dtype=torch.uint8)


def _tf1_oracle(images, size):
    """TensorFlow 1.x's rule in float64: source = index * in / out, neighbours clamped at the last pixel."""
    pixels = images.numpy().astype(np.float64)
    for axis, out in ((2, size[0]), (3, size[1])):
        count = pixels.shape[axis]
        source = np.arange(out) * (count / out)
        low = np.floor(source).astype(int)
        weight = (source - low).reshape((-1, 1) if axis == 2 else (1, -1))
        high = np.minimum(low + 1, count - 1)
        pixels = np.take(pixels, low, axis) * (1 - weight) + np.take(pixels, high, axis) * weight
    return pixels


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_tf1_bilinear_equals_torch_fidelity(before, after):
    images = _noise(before)
    expected = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=after, align_corners=False, method="slow")

    resized = tf1_bilinear(images, after)

    assert resized.dtype == torch.float32
    assert resized.shape == expected.shape
    assert resized.is_contiguous()
    torch.testing.assert_close(resized, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_tf1_bilinear_equals_the_float64_oracle(before, after):
    images = _noise(before, seed=1)
    # A float32 position is off by up to 2^-23 of itself, times a step of 255 grey levels between two pixels.
    tolerance = 1e-4 + 255 * sum(before) * 2**-23
    assert np.abs(tf1_bilinear(images, after).numpy() - _tf1_oracle(images, after)).max() < tolerance


def test_tf1_bilinear_samples_a_ramp_without_half_pixel_centres():
    ramp = torch.arange(32, dtype=torch.uint8).mul(8).expand(1, 3, 4, 32)

    resized = tf1_bilinear(ramp, (4, 100))

    expected = (torch.arange(100, dtype=torch.float64) * 0.32).clamp(max=31) * 8
    torch.testing.assert_close(resized[0, 1, 2].double(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("rule", ["tf1", "bilinear", "bicubic"])
def test_equal_sizes_change_nothing(rule):
    images = _noise((37, 21))
    resized = tf1_bilinear(images, (37, 21)) if rule == "tf1" else antialiased(images, (37, 21), rule)
    assert resized.dtype == torch.float32
    torch.testing.assert_close(resized, images.float(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("rule", ["tf1", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(9, 31), (224, 224)])
def test_a_constant_image_stays_constant(rule, size):
    images = torch.full((1, 3, 50, 17), 201, dtype=torch.uint8)
    resized = tf1_bilinear(images, size) if rule == "tf1" else antialiased(images, size, rule)
    torch.testing.assert_close(resized, torch.full((1, 3, *size), 201.0), rtol=0, atol=2e-4)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("before", "after"), [((96, 80), (224, 224)), ((300, 451), (224, 224)), ((500, 20), (64, 64))])
def test_antialiased_is_pil_without_its_rounding(mode, before, after):
    images = _noise(before, count=1, seed=2) // 3 + 80  # no overshoot: PIL clamps it between its two passes
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    picture = Image.fromarray(images[0].permute(1, 2, 0).numpy())
    expected = np.asarray(picture.resize((after[1], after[0]), filters[mode])).transpose(2, 0, 1).astype(np.float64)

    resized = antialiased(images, after, mode)[0].clamp(0, 255).numpy()

    # PIL rounds after each of its two passes: half a level from the last, and half (times the filter's gain) before it
    assert np.abs(resized - expected).max() <= 1.25
    assert np.abs(resized - expected).mean() < 0.4


def test_bicubic_neither_clamps_nor_rounds():
    step = torch.zeros(1, 3, 8, 32, dtype=torch.uint8)
    step[..., 16:] = 255
    resized = antialiased(step, (8, 100), "bicubic")
    assert resized.max() > 255 + 5
    assert resized.min() < -5
    assert (resized != resized.round()).any()


def test_a_batch_is_resized_image_by_image():
    images = _noise((40, 60), count=3, seed=3)
    together = tf1_bilinear(images, (299, 299))
    for index in range(3):
        assert torch.equal(together[index : index + 1], tf1_bilinear(images[index : index + 1], (299, 299)))


@pytest.mark.parametrize("rule", ["tf1-bilinear", "bilinear", "bilinear-antialias", "bicubic-antialias"])
@pytest.mark.parametrize(("before", "after"), [*SIZES, ((1024, 300), (299, 224)), ((40, 60), (40, 60))])
def test_an_array_is_resized_as_a_tensor(rule, before, after):
    images = _noise(before, count=1, seed=4)

    resized = resize_array(images[0].numpy(), after, rule)

    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, resize_tensor(images, after, rule)[0].numpy(), rtol=0, atol=5e-4)


@pytest.mark.parametrize("name", [name for name in BACKBONES if BACKBONES.get(name).preparation is not None])
def test_an_array_is_prepared_as_a_tensor(name):
    preparation, images = BACKBONES.get(name).preparation, _noise((200, 75), count=1, seed=5)

    prepared = preparation.array(images[0].numpy())

    assert prepared.shape == preparation.shape
    atol = 5e-4 / np.min(preparation.scale)
    np.testing.assert_allclose(prepared, preparation.tensor(images)[0].numpy(), rtol=0, atol=atol)
