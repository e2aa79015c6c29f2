"""Views: nearest images, copies and repetitions counted rightly, sheets that show what they say, the command."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.metrics.nearest_images import nearest, nearest_others, rare_distance
from ganeval.summaries.bank import FeatureBank
from reference_models.checkpoints.checkpoint import Checkpoint, save_checkpoint
from reference_models.data.training_data import mixture
from reference_models.models import MODELS
from reference_models.models.build import build_generator
from reference_models.recipes import RECIPES
from reference_models.recipes.recipe import recipe_to_json
from reference_models.training.memorization import lookalikes
from reference_models.training.views import CELL, MARGIN, Row, density_picture, mixture_density, numbers_distance, sheet


def rows(n, seed, d=6):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def bank(features, blocks=1):
    """A bank in several blocks, in another order than that of the indices."""
    whole = FeatureBank.empty(features.shape[1])
    for part in reversed(np.array_split(np.arange(len(features)), blocks)):
        whole = whole.merge(FeatureBank.of(features[part], part.tolist()))
    return whole


@pytest.mark.parametrize("blocks", [1, 4])
def test_nearest_images_are_those_of_a_plain_search(blocks):
    X, Y = rows(40, 1), rows(70, 2)
    plain = np.linalg.norm(X[:, None].astype(np.float64) - Y[None], axis=2)
    order = np.argsort(plain, axis=1)[:, :3]
    found = nearest(bank(X, 2), bank(Y, blocks), 3)

    assert np.array_equal(found.indices, order)
    assert found.distances == pytest.approx(np.take_along_axis(plain, order, 1), rel=1e-6)


@pytest.mark.parametrize("blocks", [1, 4])
def test_no_image_is_its_own_neighbour_and_ties_go_to_the_lower_index(blocks):
    X = np.array([[0.0], [1.0], [1.0], [2.0], [9.0]])
    found = nearest_others(bank(X, blocks), 2)

    assert found.indices.tolist() == [[1, 2], [2, 0], [1, 0], [1, 2], [3, 1]]
    assert found.distances[:, 0].tolist() == [1.0, 0.0, 0.0, 1.0, 7.0]
    with pytest.raises(ValueError, match="5 nearest of 4 images"):
        nearest_others(bank(X), 5)
    with pytest.raises(ValueError, match="dimensions"):
        nearest(bank(X), bank(rows(5, 0)), 1)


def test_the_limit_is_the_distance_that_one_real_image_in_a_hundred_keeps():
    X = np.cumsum(np.arange(1, 102, dtype=np.float64))[:, None]  # gaps of 2, 3, ... 101

    assert rare_distance(bank(X), 0.0) == 2.0
    assert rare_distance(bank(X), 0.5) == pytest.approx(51.0)


def test_fresh_images_are_rarely_copied_or_repeated():
    found = lookalikes(bank(rows(1500, 1, 4)), bank(rows(1500, 2, 4)), 1)

    assert 0.002 < found.copied.mean() < 0.025
    assert 0.002 < found.repeated.mean() < 0.025


def test_copies_and_repetitions_are_counted():
    training = rows(300, 1, 8)
    samples = rows(200, 2, 8)
    samples[:50] = training[:50] + 1e-3
    samples[150:] = samples[100] + 1e-3 * rows(50, 3, 8)
    found = lookalikes(bank(samples), bank(training), 2)

    assert found.copied[:50].all()
    assert found.copied[50:].mean() < 0.1
    assert found.training.indices[:50, 0].tolist() == list(range(50))
    assert found.repeated[150:].all()
    assert found.repeated[100]
    pairs = found.closest_pairs(20)
    assert len({(i, j) for i, j, _ in pairs}) == len(pairs) == 20
    assert all(i < j and {i, j} <= {100, *range(150, 200)} for i, j, _ in pairs)
    assert [d for _, _, d in pairs] == sorted(d for _, _, d in pairs)


def test_a_sheet_shows_every_image_in_its_place():
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    cells = [np.full((3, 8, 8), 0, dtype=np.uint8) + np.array(c, dtype=np.uint8)[:, None, None] for c in colours]
    picture = Image.open(
        io.BytesIO(sheet("title", ["a"], [Row("x", [cells[0], None, cells[1]], ["1"]), Row("y", cells[2:])]))
    )
    pixels = np.asarray(picture)

    boxes = []
    for colour in colours:
        y, x = np.nonzero((pixels == colour).all(axis=2))
        assert len(y) == CELL * CELL
        boxes.append((y.min(), x.min()))
    assert boxes[0][0] == boxes[1][0] < boxes[2][0]
    assert boxes[0][1] == boxes[2][1] < boxes[1][1]
    assert picture.width == boxes[1][1] + CELL + 4 + MARGIN
    assert (pixels[boxes[0][0] :, : boxes[0][1]] < 128).any(), "rows have labels"


def test_the_density_is_the_mixtures():
    grid = np.linspace(-2, 2, 40_001)
    density = mixture_density(grid)
    exact = mixture(65_536, 5)

    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(1.0, abs=1e-6)
    assert (density * grid).sum() * (grid[1] - grid[0]) == pytest.approx(float(exact.mean()), abs=0.01)
    assert numbers_distance(exact) < 0.005
    assert numbers_distance(exact + 0.1) == pytest.approx(0.1, abs=0.005)
    with Image.open(io.BytesIO(density_picture(exact[:500], "title"))) as picture:
        assert picture.width > 400


@pytest.fixture
def run(command_line, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    return command_line


def checkpoint(path, model, recipe, **settings):
    spec = MODELS.get(model)
    network = build_generator(model, settings, torch.Generator().manual_seed(0))
    classes = tuple("0123456789") if spec.kind.labels else ()
    plan = recipe_to_json(RECIPES.get(recipe))
    save_checkpoint(path, Checkpoint(network, spec, spec.configure(settings), plan, 0, 9, {}, classes))
    return path


def test_views_of_a_conditional_checkpoint(run, tmp_path):
    path = checkpoint(tmp_path / "c.safetensors", "cgan-dense", "cgan-dense.digits-cpu", width=8)
    real = tmp_path / "real"
    real.mkdir()
    rng = np.random.default_rng(0)
    for number in range(9):
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(real / f"{number}.png")
    status, out, err = run("sample", path, "-n", 12, "--views", "v", "--reference", "real", "--device", "cpu")

    assert (status, out) == (0, "v\n"), err
    assert {p.name for p in (tmp_path / "v").iterdir()} == {
        "nearest.png",
        "duplicates.png",
        "classes.png",
        "views.json",
    }
    found = json.loads((tmp_path / "v" / "views.json").read_text())
    assert (found["samples"], found["training_images"]) == (12, 9)
    assert set(found["spaces"]) == {"efflite0", "pixels"}
    assert found["spaces"]["pixels"]["copied_of"] == 12
    assert 0 <= found["prdc"]["coverage"] <= 1
    assert "of 12 samples" in err
    with Image.open(tmp_path / "v" / "classes.png") as picture:
        assert picture.height > 10 * CELL, "one row a class"


def test_views_of_a_generator_of_numbers(run, tmp_path):
    path = checkpoint(tmp_path / "n.safetensors", "gan-1d", "gan-1d.mixture-1d-cpu")
    status, out, err = run("sample", path, "-n", 500, "--views", "v", "--device", "cpu")

    assert (status, out) == (0, "v\n"), err
    assert json.loads((tmp_path / "v" / "views.json").read_text())["w1"] > 0.1, "it is not trained"
    assert (tmp_path / "v" / "density.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["digits:test", "--views", "v"], 2, "isn't a generator"),
        (["reference_models.baselines:bicubic_x4", "--views", "v", "--inputs", "digits:test"], 2, "that draw images"),
        (["m.safetensors"], 2, "-o FOLDER"),
        (["m.safetensors", "--grid", "--views", "v"], 2, "-o FOLDER"),
        (["m.safetensors", "--views", "m.safetensors"], 2, "is a file"),
        (["m.safetensors", "--views", "v", "-n", "3", "--reference", "digits:test"], 3, "Draw more with -n"),
        (["m.safetensors", "--views", "v", "--reference", "nowhere/at-all"], 3, "does not exist"),
    ],
)
def test_views_that_cannot_be_are_told(arguments, status, said, run, tmp_path):
    checkpoint(tmp_path / "m.safetensors", "gan-mlp-small", "gan-mlp-small.digits-cpu")
    found, out, err = run("sample", *arguments, "--device", "cpu")

    assert (found, out) == (status, "")
    assert said in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]
