"""Interpolation baselines: Pillow's filters on inputs made by the recipes' rule; the published numbers of Set5."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganeval.generators.open import open_generator
from ganeval.options import ScoreOptions
from tests.one_pass import score

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def options(name, originals, **more):
    return ScoreOptions(
        f"reference_models.baselines:{name}_x4", paired=str(originals), metrics="psnr,ssim", device="cpu", **more
    )


@pytest.fixture
def smooth(tmp_path):
    """One photo-like image whose sides are no multiples of 4."""
    y, x = np.mgrid[:41, :54] / 8
    waves = np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=-1)
    (tmp_path / "hr").mkdir()
    Image.fromarray(((waves + 1) * 127.5).astype(np.uint8)).save(tmp_path / "hr" / "a.png")
    return tmp_path / "hr"


@pytest.mark.parametrize("name", FILTERS)
def test_a_baseline_is_pillows_filter_on_the_low_resolution(name, smooth):
    made = open_generator(options(name, smooth)).read(0).decode().pixels
    with Image.open(smooth / "a.png") as image:
        padded = np.pad(np.asarray(image), ((0, 3), (0, 2), (0, 0)), mode="edge")
    small = Image.fromarray(padded).resize((14, 11), Image.Resampling.BICUBIC)  # Pillow's is antialiased, a = -.5
    large = np.asarray(small.resize((56, 44), FILTERS[name]))[:41, :54].transpose(2, 0, 1)

    assert made.shape == (3, 41, 54)
    assert np.abs(made.astype(int) - large).max() <= 2, "a last bit of the low resolution may round otherwise"
    assert (made == large).mean() > 0.9


def test_colour_maps_learn_from_training_photos_what_matching_gives_and_boards_have_their_rows():
    value = {}
    for name in ("mean_colour", "mean_and_deviation", "histogram_matching"):
        subject = ScoreOptions(
            f"reference_models.baselines:{name}",
            paired="photos-evening:test",
            inputs="photos:test",
            metrics="psnr",
            device="cpu",
        )
        (row,) = score(subject).results
        value[name] = row.value

    # measured: 12.1, 35.3 and 60.5 dB; photographs as they are 25.5
    assert 11 < value["mean_colour"] < 13
    assert 34 < value["mean_and_deviation"] < 37
    assert value["histogram_matching"] > 55
    lines = (Path(__file__).parents[2] / "leaderboards" / "results" / "photos-restyled.jsonl").read_text()
    anchors = {json.loads(line).get("subject") for line in lines.splitlines()}
    assert {"photos:test", "histogram-matching", "mean-and-deviation", "mean-colour"} <= anchors


def test_anchors_of_paired_translation_are_what_doing_nothing_gives_and_boards_have_their_rows():
    value, boards = {}, Path(__file__).parents[2] / "leaderboards" / "results"
    for name in ("photo_colour", "grey_input", "masked_input"):
        subject = ScoreOptions(
            f"reference_models.baselines:{name}",
            paired="photos:test",
            inputs="photos:test",
            metrics="psnr",
            device="cpu",
        )
        (row,) = score(subject).results
        value[name] = row.value

    assert 10.9 < value["photo_colour"] < 11.1  # computed beforehand with NumPy alone: 10.97 dB
    assert value["photo_colour"] < value["grey_input"] < value["masked_input"]
    for board, anchors in (
        ("photos-edges", {"photo-colour"}),
        ("photos-grey", {"photo-colour", "grey-input"}),
        ("photos-masked", {"photo-colour", "masked-input"}),
    ):
        lines = (boards / f"{board}.jsonl").read_text().splitlines()
        assert anchors <= {json.loads(line).get("subject") for line in lines}


def test_the_better_filter_scores_higher_and_rows_name_the_baseline(smooth):
    rows = {name: score(options(name, smooth)).results for name in FILTERS}
    psnr = {name: row[0].value for name, row in rows.items()}

    assert psnr["nearest"] < psnr["bicubic"]
    assert rows["bicubic"][0].provenance["subject"] == {
        "kind": "factory",
        "model": "reference_models.baselines:bicubic_x4",
    }


@pytest.mark.data
def test_bicubic_reaches_the_published_numbers_on_set5(tmp_path):
    """Huang et al., CVPR 2015, table 2: 28.42 dB, SSIM .8104; luma, 4 pixels cropped."""
    found = sorted(Path(os.environ["GANEVAL_DATA"]).glob("set5*/*_HR.png"))
    assert len(found) == 5
    for path in found:
        shutil.copy(path, tmp_path / path.name)
    psnr, ssim = score(options("bicubic", tmp_path, channel="y", crop_border=4)).results

    assert psnr.value == pytest.approx(28.42, abs=0.02)
    assert ssim.value == pytest.approx(0.8104, abs=0.0005)
