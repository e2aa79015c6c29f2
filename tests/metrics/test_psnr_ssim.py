"""PSNR, SSIM and MS-SSIM against scikit-image, piq, closed forms and slow oracles; luma against MATLAB's definition."""

import math

import numpy as np
import piq
import pytest
import scipy.ndimage
import scipy.signal
import skimage.color
import skimage.metrics
import torch

from ganeval.metrics.luma import crop_border, pair_luma, to_luma
from ganeval.metrics.psnr import PSNR
from ganeval.metrics.ssim import MS_SSIM, SCALE_WEIGHTS, SSIM

METRICS = (PSNR, SSIM, MS_SSIM)
SIZES = [(11, 11), (32, 47), (65, 33)]


def scene(height, width, seed, channels=3):
    """uint8 (C, H, W): smooth shapes with detail, so that no term of SSIM is trivial."""
    rng = np.random.default_rng(seed)
    smooth = scipy.ndimage.gaussian_filter(rng.normal(size=(channels, height, width)), (0, 3, 3), mode="wrap")
    image = 128 + 60 * smooth / smooth.std() + rng.normal(scale=6, size=smooth.shape)
    return np.clip(image, 0, 255).round().astype(np.uint8)


def pair(height, width, noise=12.0, seed=0, channels=3):
    """A scene, and the same one with noise."""
    real = scene(height, width, seed, channels)
    damage = np.random.default_rng(seed + 1000).normal(scale=noise, size=real.shape)
    return np.clip(real + damage, 0, 255).round().astype(np.uint8), real


def batch(*images):
    return torch.from_numpy(np.stack(images))


def value(metric, fake, real):
    """The metric of one pair of (C, H, W) arrays."""
    arrays = (image[None].astype(np.float64) for image in (fake, real))
    return metric.compute(*arrays, metric.params).item()


def skimage_ssim(fake, real):
    return skimage.metrics.structural_similarity(
        fake.astype(np.float64),
        real.astype(np.float64),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=0,
    )


@pytest.mark.parametrize("size", SIZES)
def test_rgb_agrees_with_scikit_image(size):
    fake, real = pair(*size)
    expected = skimage.metrics.peak_signal_noise_ratio(real, fake, data_range=255)

    assert value(PSNR, fake, real) == pytest.approx(expected, abs=1e-6)
    assert value(SSIM, fake, real) == pytest.approx(skimage_ssim(fake, real), abs=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_luma_agrees_with_scikit_image(size):
    fake, real = images = [to_luma(image) for image in pair(*size)]
    expected = skimage.metrics.peak_signal_noise_ratio(real, fake, data_range=255)

    assert value(PSNR, *images) == pytest.approx(expected, abs=1e-6)
    assert value(SSIM, *images) == pytest.approx(skimage_ssim(fake, real), abs=1e-6)


def test_grey_as_rgb_gives_the_value_of_grey():
    fake, real = pair(40, 31, channels=1)
    for metric in (PSNR, SSIM):
        expected = value(metric, fake, real)
        assert value(metric, fake.repeat(3, 0), real.repeat(3, 0)) == pytest.approx(expected, abs=1e-12)


def test_ssim_is_the_mean_over_direct_windows():
    fake, real = (image[0].astype(np.float64) for image in pair(16, 13, channels=1))
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    scores = []
    for top in range(16 - 10):
        for left in range(13 - 10):
            x, y = fake[top : top + 11, left : left + 11], real[top : top + 11, left : left + 11]
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
            cov = (window * (x - mx) * (y - my)).sum()
            scores.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))

    assert value(SSIM, fake[None], real[None]) == pytest.approx(np.mean(scores), abs=1e-12)


@pytest.mark.parametrize("size", [(176, 192), (161, 161), (180, 163), (161, 162)])
@pytest.mark.parametrize("channels", [1, 3])
def test_ms_ssim_agrees_with_piq_for_even_and_odd_sides(size, channels):
    fake, real = pair(*size, noise=40.0, channels=channels)
    expected = piq.multi_scale_ssim(
        batch(fake).to(torch.float64), batch(real).to(torch.float64), data_range=255, reduction="none"
    )

    assert value(MS_SSIM, fake, real) == pytest.approx(expected.item(), abs=1e-5)


def test_ms_ssim_is_the_product_of_wang_2003_where_sides_divide_by_16():
    fake, real = (image[0].astype(np.float64) for image in pair(176, 176, noise=40.0, channels=1))
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

    def blur(image):
        return scipy.signal.convolve2d(image, window, mode="valid")

    product = 1.0
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale > 0:
            fake, real = ((x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4 for x in (fake, real))
        mx, my = blur(fake), blur(real)
        cs = (2 * (blur(fake * real) - mx * my) + c2) / (blur(fake**2) - mx**2 + blur(real**2) - my**2 + c2)
        luminance = (2 * mx * my + c1) / (mx**2 + my**2 + c1) if scale == 4 else 1.0
        product *= (luminance * cs).mean() ** weight

    assert value(MS_SSIM, *pair(176, 176, noise=40.0, channels=1)) == pytest.approx(product, abs=1e-10)


def test_flat_images_have_the_closed_form():
    dark, light = np.full((3, 161, 161), 90, np.uint8), np.full((3, 161, 161), 100, np.uint8)
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 90 * 100 + c1) / (90**2 + 100**2 + c1)

    assert value(PSNR, dark, light) == pytest.approx(20 * math.log10(255 / 10), abs=1e-12)
    assert value(SSIM, dark, light) == pytest.approx(luminance, abs=1e-9)
    assert value(MS_SSIM, dark, light) == pytest.approx(luminance ** SCALE_WEIGHTS[-1], abs=1e-9)


def test_black_against_white_is_the_worst_psnr():
    black, white = np.zeros((3, 8, 8), np.uint8), np.full((3, 8, 8), 255, np.uint8)

    assert value(PSNR, black, white) == PSNR.output.range[0] == 0.0


def test_anticorrelated_images_stay_in_range():
    real = scene(176, 176, 3)
    ssim, ms_ssim = value(SSIM, 255 - real, real), value(MS_SSIM, 255 - real, real)

    assert -1.0 <= ssim < -0.3
    assert ms_ssim == 0.0  # negative structure counts as zero


def test_identical_images_give_exactly_the_best_value():
    images = np.stack([scene(163, 170, 1), scene(163, 170, 2)]).astype(np.float64)
    for metric, best in zip(METRICS, (math.inf, 1.0, 1.0), strict=True):
        assert metric.compute(images, images, metric.params).tolist() == [best, best]
        assert metric.output.range[1] == best


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_declared_symmetry_is_exact(metric):
    fake, real = pair(170, 161, noise=30.0)

    assert metric.symmetric
    assert value(metric, fake, real) == value(metric, real, fake)


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_more_noise_is_worse(metric):
    ladder = [value(metric, *pair(161, 161, noise=noise)) for noise in (2, 8, 24, 60)]

    assert metric.output.better == "higher"
    assert ladder == sorted(ladder, reverse=True)
    assert len(set(ladder)) == 4


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_the_batch_does_not_matter(metric):
    pairs = [pair(161, 164, seed=seed) for seed in range(5)]
    fake, real = (np.stack(side).astype(np.float64) for side in zip(*pairs, strict=True))

    together = metric.compute(fake, real, metric.params).tolist()

    assert together == pytest.approx([value(metric, *images) for images in pairs], rel=1e-14)


@pytest.mark.parametrize("metric", [SSIM, MS_SSIM], ids=lambda m: m.name)
def test_min_side_is_the_smallest_that_works(metric):
    least = metric.min_side
    value(metric, *pair(least, least))
    with pytest.raises(ValueError, match="smaller than a window of 11"):
        value(metric, *pair(least + 20, least - 1))


def test_luma_is_bt601_in_studio_range():
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    luma = to_luma(colours.T.reshape(3, 1, 5))

    # 16 + 65.481 = 81.48, 16 + 128.553 = 144.55, 16 + 24.966 = 40.97
    assert luma.flatten().tolist() == [16, 235, 81, 145, 41]
    assert luma.dtype == np.float64


def test_both_images_of_a_pair_are_weighted_by_the_rule_of_the_original():
    rng = np.random.default_rng(3)
    fake, real = (rng.integers(0, 256, (3, 9, 7), np.uint8) for _ in range(2))
    full = [np.floor(np.tensordot([0.299, 0.587, 0.114], x.astype(float), 1) + 0.5 + 1e-9)[None] for x in (fake, real)]

    for found, expected in zip(pair_luma(fake, real, False), (to_luma(fake), to_luma(real)), strict=True):
        assert np.array_equal(found, expected)
    for found, expected in zip(pair_luma(fake, real, True), full, strict=True):
        assert np.array_equal(found, expected)
        assert found.dtype == np.float64
    grey = np.repeat(real[:1], 3, axis=0)
    assert np.array_equal(pair_luma(fake, grey, True)[1], real[:1])


def test_luma_is_scikit_images_rounded():
    rgb = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    expected = np.round(skimage.color.rgb2ycbcr(rgb)[..., 0])

    assert np.array_equal(to_luma(rgb.transpose(2, 0, 1))[0], expected)


def test_crop_border_cuts_each_side():
    images = torch.arange(2 * 3 * 7 * 9).reshape(2, 3, 7, 9)

    assert torch.equal(crop_border(images, 3), images[:, :, 3:4, 3:6])
    assert torch.equal(crop_border(images, 0), images)
    for border in (-1, 4):
        with pytest.raises(ValueError, match="does not fit"):
            crop_border(images, border)
