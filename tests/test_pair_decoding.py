"""Pairs whose two images were stored or decoded differently: the right number, or words beside it, never silence."""

import math

import numpy as np
import pytest
from PIL import Image

import ganeval


@pytest.fixture
def save(tmp_path):
    """Writes a folder of images, name -> array or Image, and gives its path."""

    def write(folder, images, **options):
        path = tmp_path / folder
        path.mkdir()
        for name, image in images.items():
            (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path / name, **options)
        return path

    return write


def grey(seed, size=(48, 40)):
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def noisy(image, seed=99):
    moved = image.astype(int) + np.random.default_rng(seed).integers(-20, 21, image.shape)
    return np.clip(moved, 0, 255).astype(np.uint8)


def rgb(image):
    return np.stack([image] * 3, axis=-1)


def psnr(a, b):
    return 10 * math.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2))


def studio(image):
    """BT.601 luma of RGB (H, W, 3), rounded as MATLAB does."""
    return np.floor(16 + image @ np.array([65.481, 128.553, 24.966]) / 255 + 0.5)


# ---- luma of grey pictures


def test_a_grey_original_is_its_own_luma(save):
    real = grey(0)
    fake = noisy(real)
    row = ganeval.score(
        save("sr", {"a.png": fake}), paired=save("hr", {"a.png": real}), metrics="psnr", channel="y", crop_border=4
    )["psnr"]

    assert row.value == pytest.approx(psnr(fake[4:-4, 4:-4], real[4:-4, 4:-4]), abs=1e-9)
    assert row.protocol.version == 2
    assert row.protocol.params["luma"] == "BT.601, 16..235; an original of one channel is its own luma, 0..255"
    assert "1 of 1 originals are stored in one channel: their own luma" in row.note


def test_ssim_of_a_grey_original_is_that_of_its_values(save):
    real = grey(1, (180, 176))
    folders = save("sr", {"a.png": noisy(real)}), save("hr", {"a.png": real})
    luma, plain = (
        ganeval.score(folders[0], paired=folders[1], metrics="ssim,ms_ssim", channel=channel)
        for channel in ("y", "rgb")
    )

    for key in ("ssim", "ms_ssim"):
        assert luma[key].value == pytest.approx(plain[key].value, abs=1e-12)
        assert luma[key].protocol.version == 2
        assert plain[key].protocol.version == 1


@pytest.mark.parametrize(
    "stored",
    [
        Image.fromarray(grey(2)),
        Image.fromarray(np.dstack([grey(2), np.full_like(grey(2), 255)]), "LA"),
        Image.fromarray(grey(2).astype(np.uint16) * 257),
        Image.fromarray(np.where(grey(2) < 128, np.uint8(0), np.uint8(255))).convert("1"),
    ],
    ids=["L", "LA", "I;16", "1"],
)
def test_every_way_to_store_one_channel_is_its_own_luma(save, stored):
    shown = np.asarray(stored.convert("L")) if stored.mode in ("L", "LA", "1") else grey(2)
    fake = noisy(grey(2))
    row = ganeval.score(save("sr", {"a.png": fake}), paired=save("hr", {"a.png": stored}), metrics="psnr", channel="y")[
        "psnr"
    ]

    assert row.value == pytest.approx(psnr(fake, shown), abs=1e-9)


def test_arrays_of_one_channel_are_their_own_luma():
    real = grey(3)
    fake = noisy(real)
    row = ganeval.score(fake[None, ..., None], paired=real[None, ..., None], metrics="psnr", channel="y")["psnr"]

    assert row.value == pytest.approx(psnr(fake, real), abs=1e-9)


def test_a_fake_of_three_equal_channels_follows_its_grey_original(save):
    real = grey(4)
    fake = noisy(real)
    hr = save("hr", {"a.png": real})
    as_grey, as_rgb = (
        ganeval.score(save(name, {"a.png": image}), paired=hr, metrics="psnr", channel="y")["psnr"]
        for name, image in (("grey", fake), ("rgb", rgb(fake)))
    )

    assert as_rgb.value == as_grey.value == pytest.approx(psnr(fake, real), abs=1e-9)
    assert as_rgb.fingerprint == as_grey.fingerprint


def test_one_pixel_of_colour_does_not_change_the_scale_of_the_number(save):
    real = grey(5)
    fake = rgb(noisy(real))
    hr = save("hr", {"a.png": real})
    tinted = fake.copy()
    tinted[0, 0, 0] ^= 1
    plain, coloured = (
        ganeval.score(save(name, {"a.png": image}), paired=hr, metrics="psnr", channel="y")["psnr"]
        for name, image in (("plain", fake), ("tinted", tinted))
    )

    assert coloured.value == pytest.approx(plain.value, abs=0.01)
    assert "(1 of them against a fake in colour, weighted over the same range)" in coloured.note


def test_colour_originals_go_through_bt601_as_before_and_their_fingerprint_stays(save):
    rng = np.random.default_rng(6)
    real = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    fake = noisy(real)
    row = ganeval.score(save("sr", {"a.png": fake}), paired=save("hr", {"a.png": real}), metrics="psnr", channel="y")[
        "psnr"
    ]

    assert row.value == pytest.approx(psnr(studio(fake), studio(real)), abs=1e-9)
    assert row.protocol.version == 1
    assert dict(row.protocol.params) == {}
    assert "luma" not in row.note


def test_a_mixed_set_says_how_many_originals_went_which_way(save):
    colour = np.random.default_rng(7).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    originals = {"bridge.png": grey(8), "face.png": colour, "twin.png": rgb(grey(9))}
    fakes = {"bridge.png": noisy(grey(8)), "face.png": noisy(colour), "twin.png": noisy(grey(9))}
    row = ganeval.score(save("sr", fakes), paired=save("hr", originals), metrics="psnr", channel="y")["psnr"]

    expected = [
        psnr(fakes["bridge.png"], originals["bridge.png"]),
        psnr(studio(fakes["face.png"]), studio(colour)),
        psnr(studio(rgb(fakes["twin.png"])), studio(originals["twin.png"])),
    ]
    assert row.value == pytest.approx(np.mean(expected), abs=1e-9)
    assert "1 of 3 originals are stored in one channel: their own luma, 0..255" in row.note
    assert "1 grey original is stored as RGB: BT.601, 16..235" in row.note
    assert "1 in colour: BT.601, 16..235" in row.note
