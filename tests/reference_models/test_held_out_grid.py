"""Grids of image-to-image models show test pictures, what a network makes of them, and what it has to beat."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.sources.datasets.photos import photo, photo_names
from ganeval.sources.datasets.photos_evening import restyle
from reference_models.data.transforms import bicubic_enlargement, edges, low_resolution
from reference_models.recipes import RECIPES
from reference_models.recipes.recipe import with_settings
from reference_models.training.held_out_grid import held_out_pictures, translated_grid
from reference_models.training.networks import make_networks
from reference_models.training.train import TrainOptions, train
from tests.reference_models.test_train import TINY, Quiet, TinyContent, WeightScore

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr("reference_models.training.train.PeriodicEvaluator", WeightScore)
    monkeypatch.setattr("reference_models.training.networks.ContentNetwork", TinyContent)


def grid(name, *settings, data_root=None):
    """(cells of the grid by row, uint8 (3, S, S); the pictures that it shows)."""
    recipe = RECIPES.get(name)
    recipe = with_settings(recipe, [*TINY[recipe.model], *settings])
    networks = make_networks(recipe, 0, CPU, torch.Tensor.backward)
    shown = held_out_pictures(networks, data_root)
    canvas = translated_grid(networks, shown).numpy()
    side = shown[0].inputs[0].shape[1]
    rows, columns = ((length + 2) // (side + 2) for length in canvas.shape[1:])
    step = side + 2
    cells = [
        [canvas[:, r * step : r * step + side, c * step : c * step + side] for c in range(columns)] for r in range(rows)
    ]
    return cells, shown


def is_a_piece_of(cell, photos):
    """Whether a picture is cut from one of these photos."""
    side = cell.shape[1]
    return any(
        np.array_equal(cell, whole[:, top : top + side, left : left + side])
        for whole in photos
        for top in range(0, whole.shape[1] - side + 1)
        for left in np.flatnonzero((cell[:, 0, 0] == whole[:, top, : whole.shape[2] - side + 1].T).all(axis=1))
    )


@pytest.mark.parametrize("name", ["srgan.photos-cpu", "pix2pix.photos-cpu", "cyclegan.photos-cpu"])
def test_the_pictures_are_of_the_test_split_and_none_is_trained_on(name):
    _, shown = grid(name, "model.image_size=64")
    test, trained = ([photo(n) for n in photo_names(split)] for split in ("test", "train"))
    pictures = shown[0].inputs  # of super-resolution and edges the truths, of which the inputs are made

    assert len(pictures) == 8
    assert all(is_a_piece_of(picture, test) for picture in pictures)
    assert not any(is_a_piece_of(picture, trained) for picture in pictures[:3])


def test_super_resolution_stands_between_bicubic_and_the_truth():
    rows, shown = grid("srresnet.photos-cpu")
    truth = torch.from_numpy(np.stack(shown[0].truths)).float() / 255.0
    bicubic = bicubic_enlargement(low_resolution(truth, 4), 4).mul(255.0).add(0.5).floor().to(torch.uint8).numpy()

    assert len(rows) == 3
    assert np.abs(np.stack(rows[0]).astype(int) - bicubic).max() <= 1
    assert np.array_equal(np.stack(rows[1]), np.stack(rows[0]))  # untrained, this generator is the enlargement
    assert np.array_equal(np.stack(rows[2]), np.stack(shown[0].truths))


def test_pix2pix_shows_edges_outputs_and_photos():
    rows, shown = grid("pix2pix.photos-cpu")

    assert len(rows) == 3
    assert all(
        np.array_equal(cell, np.repeat(edges(p), 3, 0)) for cell, p in zip(rows[0], shown[0].truths, strict=True)
    )
    assert np.array_equal(np.stack(rows[2]), np.stack(shown[0].truths))


def test_cyclegan_shows_both_directions_with_the_known_restyling():
    rows, shown = grid("cyclegan.photos-cpu", "model.image_size=64")

    assert len(rows) == 6
    assert all(np.array_equal(restyle(photo), wanted) for photo, wanted in zip(rows[0], rows[2], strict=True))
    assert np.array_equal(np.stack(rows[3]), np.stack(rows[2]))  # the way back starts from the restyled photos
    assert np.array_equal(np.stack(rows[5]), np.stack(rows[0]))
    assert [pictures.generator for pictures in shown] == [0, 1]


@pytest.mark.usefixtures("short_sets")
def test_two_sets_have_no_truth_and_small_sets_are_shown_whole(tmp_path):
    rng = np.random.default_rng(0)
    for letter, size in (("A", (40, 60)), ("B", (80, 50))):
        folder = tmp_path / "horse2zebra" / f"test{letter}"
        folder.mkdir(parents=True)
        for k in range(3):
            Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(folder / f"{k}.png")
    rows, shown = grid("cyclegan.horse2zebra", data_root=tmp_path)

    assert [len(row) for row in rows] == [3] * 4
    assert [len(pictures.truths) for pictures in shown] == [0, 0]


@pytest.mark.parametrize(("direction", "scored"), [("a2b", 0), ("b2a", 1)])
def test_a_run_scores_the_generator_of_its_direction_and_averages_both(direction, scored, tmp_path):
    recipe = with_settings(
        RECIPES.get("cyclegan.photos-cpu"),
        ["steps=2", "batch_size=2", f"evaluation.direction={direction}", "techniques.ema=.5", *TINY["cyclegan"]],
    )
    train(TrainOptions(recipe, tmp_path / "run", device="cpu"), Quiet())
    networks = make_networks(recipe, 0, CPU, torch.Tensor.backward)
    line = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])

    from reference_models.checkpoints.checkpoint import load_checkpoint

    last = load_checkpoint(tmp_path / "run" / "last.safetensors", CPU, direction)
    assert line["score psnr"] == WeightScore(recipe, CPU, None).score(last.network).value
    assert networks.best_generator is networks.sampled[scored]
    untrained = load_checkpoint(tmp_path / "run" / "untrained.safetensors", CPU, direction)
    for name in ("network", "back"):  # both generators moved, and both are averages
        before, after = (getattr(loaded, name).state_dict() for loaded in (untrained, last))
        assert any(not torch.equal(before[key], after[key]) for key in before)
