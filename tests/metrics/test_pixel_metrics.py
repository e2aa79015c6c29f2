"""Pixel errors, GMSD, VIF and FSIM against scikit-image, scikit-learn, piq, closed forms and slow oracles."""

import numpy as np
import piq
import pytest
import skimage.data
import skimage.metrics
import skimage.transform
import sklearn.metrics
import torch

from ganeval.metrics.fsim import FSIM
from ganeval.metrics.gmsd import GMSD
from ganeval.metrics.pixel_error import MAE, MSE, RMSE
from ganeval.metrics.vif import VIF
from tests import oracles
from tests.metrics.test_psnr_ssim import batch, pair, value

SIZES = [(48, 49), (65, 48), (64, 81), (161, 163), (390, 385)]
PIQ = [
    pytest.param(GMSD, lambda x, y: piq.gmsd(x, y, data_range=255, reduction="none"), id="gmsd"),
    pytest.param(VIF, lambda x, y: piq.vif_p(x, y, data_range=255, reduction="none"), id="vif"),
    pytest.param(
        FSIM, lambda x, y: piq.fsim(x, y, data_range=255, reduction="none", chromatic=x.shape[1] == 3), id="fsim"
    ),
]


def blurred(image):
    """A photo shrunk four times and enlarged again: damage as super-resolution leaves it."""
    height, width = image.shape[1:]
    small = skimage.transform.resize(image, (3, height // 4, width // 4), anti_aliasing=True, preserve_range=True)
    return skimage.transform.resize(small, image.shape, preserve_range=True).round().astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixel_errors_agree_with_scikit_image_and_scikit_learn(channels):
    fake, real = pair(33, 47, channels=channels)
    mse = skimage.metrics.mean_squared_error(real, fake)

    assert value(MSE, fake, real) == pytest.approx(mse, rel=1e-12)
    assert value(RMSE, fake, real) == pytest.approx(np.sqrt(mse), rel=1e-12)
    assert value(MAE, fake, real) == pytest.approx(
        sklearn.metrics.mean_absolute_error(real.ravel().astype(float), fake.ravel().astype(float)), rel=1e-12
    )


def test_pixel_errors_have_closed_forms():
    real = np.zeros((3, 4, 5), np.uint8)
    fake = real.copy()
    fake[:, 0] = 10  # a quarter of the pixels

    assert value(MAE, fake, real) == pytest.approx(10 / 4)
    assert value(MSE, fake, real) == pytest.approx(100 / 4)
    assert value(RMSE, fake, real) == pytest.approx(10 / 2)
    assert [value(m, np.full_like(real, 255), real) for m in (MAE, MSE, RMSE)] == [255, 255**2, 255]


@pytest.mark.parametrize(("metric", "other"), PIQ)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_scenes_agree_with_piq(metric, other, size, channels):
    fake, real = (batch(image).to(torch.float64) for image in pair(*size, noise=20.0, channels=channels))

    assert metric.compute(fake.numpy(), real.numpy(), metric.params).item() == pytest.approx(
        other(fake, real).item(), rel=1e-10
    )


@pytest.mark.parametrize(("metric", "other"), PIQ)
def test_photos_agree_with_piq(metric, other):
    real = skimage.data.astronaut()[:200, :180].transpose(2, 0, 1).copy()
    fake, real = (batch(image).to(torch.float64) for image in (blurred(real), real))

    assert metric.compute(fake.numpy(), real.numpy(), metric.params).item() == pytest.approx(
        other(fake, real).item(), rel=1e-10
    )


@pytest.mark.parametrize(
    ("metric", "oracle"), [(GMSD, oracles.gmsd), (VIF, oracles.vif), (FSIM, oracles.fsim)], ids=["gmsd", "vif", "fsim"]
)
@pytest.mark.parametrize("seed", range(3))
def test_grey_images_agree_with_the_definition(metric, oracle, seed):
    fake, real = pair(60, 54, noise=25.0, seed=seed, channels=1)

    assert value(metric, fake, real) == pytest.approx(oracle(fake[0].astype(float), real[0].astype(float)), rel=1e-7)


def test_a_ramp_against_a_flat_image_has_a_closed_gmsd():
    ramp = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (24, 1))[None]
    flat = np.full_like(ramp, 100)
    # Halved, the ramp rises by 20 a place; Prewitt over two places: 3 x 40 / 3. Zeros beyond the border count.
    means = np.pad(np.tile(np.arange(5.0, 240, 20), (12, 1)), 1)
    across = np.zeros((12, 12)), np.zeros((12, 12))
    for image, found in zip((means, np.pad(np.full((12, 12), 100.0), 1)), across, strict=True):
        for i in range(12):
            for j in range(12):
                x = sum(image[i + r, j + 2] - image[i + r, j] for r in range(3)) / 3
                y = sum(image[i + 2, j + r] - image[i, j + r] for r in range(3)) / 3
                found[i, j] = np.hypot(x, y)
    assert across[0][5, 5] == 40.0
    assert across[1][5, 5] == 0.0
    alike = (2 * across[0] * across[1] + 170) / (across[0] ** 2 + across[1] ** 2 + 170)

    assert alike[5, 5] == pytest.approx(170 / (40**2 + 170))
    assert value(GMSD, ramp, flat) == pytest.approx(alike.std(), rel=1e-12)


def test_vif_of_an_image_with_half_the_contrast_has_a_closed_form():
    """x = y / 2 has gain 1/2 and no damage: log(1 + s / 4 / noise) over log(1 + s / noise), at each place and scale."""
    real = pair(60, 54, channels=1)[1][0].astype(float)
    image, kept, shown = real, 0.0, 0.0
    for scale, taps in enumerate((17, 9, 5, 3)):
        image = oracles.gaussian_means(image, taps)[::2, ::2] if scale else real
        variance = oracles.gaussian_means(image**2, taps) - oracles.gaussian_means(image, taps) ** 2
        kept += np.log10(1 + variance / 4 / 2).sum()
        shown += np.log10(1 + variance / 2).sum()
    images = real[None, None]

    assert VIF.compute(images / 2, images, VIF.params).item() == pytest.approx(kept / shown, rel=1e-6)


def test_more_contrast_than_the_original_has_a_vif_above_one():
    real = pair(60, 54, channels=1)[1].astype(float)[None]

    assert VIF.compute(real * 1.2, real, VIF.params).item() > 1.05


@pytest.mark.parametrize("metric", [GMSD, VIF, FSIM], ids=lambda m: m.name)
def test_flat_images_give_a_finite_number(metric):
    flat = np.full((1, 3, 64, 64), 90.0)
    scene = pair(64, 64)[1][None].astype(np.float64)

    for fake, real in ((flat, flat), (flat, scene), (scene, flat)):
        assert np.isfinite(metric.compute(fake, real, metric.params)).all()
    best = 1.0 if metric.output.better == "higher" else 0.0
    assert metric.compute(flat, flat, metric.params).item() == pytest.approx(best)


@pytest.mark.parametrize("metric", [GMSD, VIF, FSIM], ids=lambda m: m.name)
def test_the_smallest_side_gives_a_number(metric):
    fake, real = pair(metric.min_side, metric.min_side + 7)

    assert np.isfinite(value(metric, fake, real))
    assert metric.min_side >= 4


def test_grey_as_rgb_gives_the_value_of_grey():
    fake, real = pair(64, 60, channels=1)
    for metric in (MAE, MSE, RMSE, GMSD, VIF):
        expected = value(metric, fake, real)
        assert value(metric, fake.repeat(3, 0), real.repeat(3, 0)) == pytest.approx(expected, rel=1e-9)
    # FSIMc of grey: I and Q of equal channels are 0 up to the rounding of the weights of I
    assert value(FSIM, fake.repeat(3, 0), real.repeat(3, 0)) == pytest.approx(value(FSIM, fake, real), abs=1e-4)
