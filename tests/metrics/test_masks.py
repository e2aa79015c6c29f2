"""Masks: metrics over some of the pixels, against direct computations, and what is refused."""

import json

import lpips
import numpy as np
import pytest
import skimage.metrics
import torch
from PIL import Image

import ganeval
from ganeval.metrics import METRICS
from ganeval.metrics.lpips import LPIPS, compute_lpips, masked_lpips
from ganeval.metrics.pixel_error import MAE, MSE, RMSE
from ganeval.metrics.psnr import PSNR
from ganeval.metrics.ssim import SSIM

RNG = np.random.default_rng(0)
REAL = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)
FAKE = np.clip(REAL + RNG.normal(0, 20, REAL.shape), 0, 255).astype(np.uint8)
MASK = RNG.random((40, 50)) < 0.3


def planes(image):
    return image.transpose(2, 0, 1)[None].astype(np.float64)


def test_pixel_errors_are_those_of_the_marked_pixels():
    difference = FAKE[MASK].astype(float) - REAL[MASK]
    mse = np.mean(difference**2)
    mae, psnr = np.abs(difference).mean(), 10 * np.log10(255**2 / mse)

    for metric, value in ((MAE, mae), (MSE, mse), (RMSE, mse**0.5), (PSNR, psnr)):
        assert metric.masked(planes(FAKE), planes(REAL), MASK, metric.params) == pytest.approx(value, rel=1e-12)


def test_ssim_is_the_mean_of_scikit_images_map_over_the_marked_places():
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    _, full = skimage.metrics.structural_similarity(FAKE, REAL, channel_axis=2, full=True, **wang)
    inside = np.zeros_like(MASK)
    inside[5:-5, 5:-5] = MASK[5:-5, 5:-5]  # places that the window of 11 fits around

    assert SSIM.masked(planes(FAKE), planes(REAL), MASK, SSIM.params) == pytest.approx(full[inside].mean(), rel=1e-9)


def test_lpips_is_the_mean_of_the_lpips_packages_spatial_map():
    generator = torch.Generator().manual_seed(0)
    sides = [(4, 40, 50), (6, 20, 25), (8, 10, 12)]
    fake, real = ([torch.rand(2, *side, generator=generator) for side in sides] for _ in range(2))
    heads = {f"lin{k}.model.1.weight": torch.rand(1, c, 1, 1, generator=generator) for k, (c, _, _) in enumerate(sides)}
    masks = torch.from_numpy(np.stack([MASK, MASK[::-1].copy()]))
    total = torch.zeros(2, 1, 40, 50)
    for k, (x, y) in enumerate(zip(fake, real, strict=True)):
        difference = (lpips.normalize_tensor(x) - lpips.normalize_tensor(y)) ** 2
        weighted = (difference * heads[f"lin{k}.model.1.weight"]).sum(dim=1, keepdim=True)
        total += lpips.upsample(weighted, out_HW=(40, 50))

    found = masked_lpips(tuple(fake), tuple(real), heads, masks, LPIPS.params)

    assert found.tolist() == pytest.approx([float(total[i, 0][masks[i]].mean()) for i in range(2)], rel=1e-5)


@pytest.mark.parametrize("name", [n for n in METRICS if getattr(METRICS.get(n), "masked", None)])
def test_a_mask_of_everything_changes_nothing(name):
    metric = METRICS.get(name)
    if metric is LPIPS:
        maps = [torch.rand(1, 4, 40, 50, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
        heads = {"lin0.model.1.weight": torch.full((1, 4, 1, 1), 0.5)}
        args = ((maps[0],), (maps[1],), heads)
        found = masked_lpips(*args, torch.ones(1, 40, 50, dtype=torch.bool), {})
        assert found.tolist() == pytest.approx(compute_lpips(*args, {}).tolist(), rel=1e-12)
        return
    whole = metric.compute(planes(FAKE), planes(REAL), metric.params)[0]

    assert metric.masked(planes(FAKE), planes(REAL), np.ones_like(MASK), metric.params) == pytest.approx(
        whole, rel=1e-12
    )


@pytest.fixture
def run(command_line, monkeypatch, tmp_path):
    """Three pairs with a mask each, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for folder, image in (("fake", FAKE), ("real", REAL), ("masks", (MASK * 255).astype(np.uint8))):
        (tmp_path / folder).mkdir()
        for i in range(3):
            Image.fromarray(np.roll(image, i, 0)).save(tmp_path / folder / f"{i}.png")
    return lambda *words: command_line("score", "fake", "--paired", "real", *map(str, words))


def test_a_score_states_pixels_and_masks(run):
    code, out, _ = run("--metrics", "psnr,ssim", "--mask", "masks", "--json", "-")
    rows = json.loads(out)["rows"]
    mse = np.mean((FAKE[MASK].astype(float) - REAL[MASK]) ** 2)

    assert code == 0
    assert rows[0]["value"] == pytest.approx(10 * np.log10(255**2 / mse), rel=1e-9)
    assert rows[0]["provenance"]["mask_pixels"] == 3 * MASK.sum()
    assert f"over {3 * MASK.sum():,} of 6,000 pixels, by the mask" in rows[0]["note"]
    assert rows[0]["protocol"]["params"]["mask"].endswith(": 128 or more")


def test_one_image_is_the_mask_of_all_and_the_border_is_cut_from_it(run, tmp_path):
    single = json.loads(run("--metrics", "psnr", "--mask", "masks/0.png", "--crop-border", 3, "--json", "-")[1])[
        "rows"
    ][0]
    scores = ganeval.score("fake", paired="real", mask=(MASK * 255).astype(np.uint8)[None, :, :, None].repeat(3, 0),
                           metrics="psnr", pair_by="order")  # fmt: skip

    assert single["provenance"]["mask_pixels"] == 3 * MASK[3:-3, 3:-3].sum()
    assert scores["psnr"].provenance["mask_pixels"] == 3 * MASK.sum()


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_masks_of_true_and_false_are_masks_from_files_and_memory(run, tmp_path, ending):
    marks = np.stack([MASK] * 3)
    (np.save if ending == "npy" else np.savez)(tmp_path / f"marks.{ending}", marks)
    given = {"paired": "real", "metrics": "psnr", "pair_by": "order"}
    stored, held = (ganeval.score("fake", mask=mask, **given)["psnr"] for mask in (f"marks.{ending}", marks))

    assert stored.value == held.value
    assert stored.provenance["mask_pixels"] == 3 * MASK.sum()


def test_the_first_screen_says_that_a_value_is_masked(run):
    assert "PSNR (masked)" in run("--metrics", "psnr", "--mask", "masks")[1]


def test_another_mask_is_another_protocol(run, tmp_path):
    first = json.loads(run("--metrics", "psnr", "--mask", "masks", "--json", "-")[1])["rows"][0]
    Image.fromarray((~MASK * 255).astype(np.uint8)).save(tmp_path / "masks" / "1.png")
    second = json.loads(run("--metrics", "psnr", "--mask", "masks", "--json", "-")[1])["rows"][0]

    assert first["fingerprint"] != second["fingerprint"]


@pytest.mark.parametrize(
    ("mask", "words", "code", "message"),
    [
        (np.zeros((40, 50), np.uint8), (), 3, "The mask of '1' marks no pixel: none of its values is 128"),
        (np.full((41, 50), 255, np.uint8), (), 3, "The mask of '1' is 50x41, the pair 50x40"),
        (np.pad(np.zeros((38, 48), np.uint8), 1, constant_values=255), ("--crop-border", "2"), 3,
         "marks no pixel inside the border"),
        (np.full((40, 50), 255, np.uint8), ("--metrics", "gmsd"), 2, "gmsd has no value over a mask; psnr, ssim"),
        (None, (), 3, "1 of 3 images of fake have no partner"),
        (np.full((40, 50), 1, np.uint8), (), 3, "white (255, not 1)"),
        (np.dstack([np.zeros((40, 50, 3), np.uint8), np.arange(50, dtype=np.uint8)[None].repeat(40, 0)]), (), 3,
         "The mask 1.png of masks is transparent in places"),
    ],
)  # fmt: skip
def test_masks_that_cannot_be_used_are_named(run, tmp_path, mask, words, code, message):
    (tmp_path / "masks" / "1.png").unlink()
    if mask is not None:
        Image.fromarray(mask).save(tmp_path / "masks" / "1.png")
    found, _, err = run("--mask", "masks", *(words if "--metrics" in words else ("--metrics", "psnr", *words)))

    assert found == code
    assert message in " ".join(err.split())


def test_a_mask_needs_pairs_and_a_plain_score_says_what_has_no_value_over_it(run, command_line):
    assert command_line("score", "fake", "--metrics", "vendi@pixels", "--mask", "masks")[0] == 2
    rows = {row["key"]: row for row in json.loads(run("--mask", "masks", "--json", "-")[1])["rows"]}

    assert rows["psnr"]["status"] == "ok"
    assert rows["pd@efflite0"]["note"] == "it has no value over a mask"
