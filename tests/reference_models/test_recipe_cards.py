"""Recipe cards agree with the recipes; results of seeds are pooled as they should be and are never half a plan's."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from ganeval.errors import DataError
from ganeval.leaderboard.cells import Cell
from ganeval.leaderboard.standings import Entry
from reference_models.recipes import RECIPES
from reference_models.recipes.cards import card, index, separation
from reference_models.recipes.expected import read_expected
from reference_models.recipes.measured import RunResult, pooled, write_expected
from reference_models.recipes.quality import misses, pictures, standings
from reference_models.recipes.recipe import Expected

PAGES = Path(__file__).parents[2] / "docs" / "recipes"


def run(seed, last, **other):
    fields = {
        "untrained": 200.0,
        "best": last - 1,
        "seconds": 60.0 + seed,
        "better": "lower",
        "metric": "fd@efflite0",
        "device": "a machine",
    }
    return RunResult(**{**fields, "recipe": "dcgan.digits-cpu", "seed": seed, "last": last, **other})


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_has_its_generated_card(name, request):
    page = PAGES / f"{name}.md"
    if request.config.getoption("--update-golden"):
        page.write_text(card(name))

    assert page.read_text() == card(name)


def test_the_list_of_recipes_is_up_to_date(request):
    page = PAGES / "README.md"
    if request.config.getoption("--update-golden"):
        page.write_text(index())

    assert page.read_text() == index()


def test_every_grid_was_looked_at_since_it_was_made():
    made = {page.stem: hashlib.sha256(page.read_bytes()).hexdigest()[:12] for page in PAGES.glob("*.png")}

    assert {name: picture.sha256 for name, picture in pictures().items()} == made, "describe it in pictures.toml"
    assert all(picture.shows.strip() for picture in pictures().values())


@pytest.mark.parametrize(
    ("values", "of_real", "missed"),
    [
        ({"precision@efflite0": 0.2, "recall@efflite0": 0.1, "agreement@pixels": 0.9}, None, []),
        ({"precision@efflite0": 0.2, "recall@efflite0": 0.1}, 0.857, []),
        ({"precision@efflite0": 0.0, "recall@efflite0": 0.1}, None, ["precision is 0"]),
        (
            {"precision@efflite0": 0.0, "recall@efflite0": 0.0, "agreement@pixels": 0.894},
            0.98,
            ["precision is 0", "recall is 0", "agreement is 89.4%, below 90.0%"],
        ),
        ({"precision@efflite0": 0.6, "agreement@pixels": 0.868}, 0.857, []),
        (
            {"agreement@pixels": 0.8, "precision@efflite0": 0.6},
            0.857,
            ["agreement is 80.0%, below 85.7%, that of real images"],
        ),
        ({"psnr": 30.0}, None, None),
    ],
)
def test_the_quality_bar_names_what_is_missed(values, of_real, missed):
    entry = Entry(
        "a", "last", "", (0,), {key: Cell(value, None, 1, None, None, None) for key, value in values.items()}, None, {}
    )
    real = {} if of_real is None else {"agreement@pixels": Cell(of_real, None, 1, None, None, None)}
    board = dataclasses.replace(standings()[0], entries=(Entry("r", "", "real images", (), real, None, {}),))

    assert misses(board, entry, ()) == missed
    assert missed is None or misses(board, entry, ("speckle",)) == [*missed, "speckle"]


def test_seeds_are_pooled_to_mean_and_deviation():
    rows = pooled([run(0, 70.0), run(1, 72.0), run(2, 74.0)])["expected"]

    found = {row["checkpoint"]: (row["mean"], row["sd"], row["seeds"]) for row in rows}
    assert found == {"untrained": (200.0, 0.0, 3), "last": (72.0, 2.0, 3), "best": (71.0, 2.0, 3)}


def test_one_seed_on_given_data_is_kept_without_a_deviation():
    found = pooled([run(0, 70.0, recipe="dcgan.fashion-mnist-cpu")])["expected"]

    assert [(row["mean"], row["sd"], row["seeds"]) for row in found if row["checkpoint"] == "last"] == [(70.0, None, 1)]
    untrained, last = (Expected("fd", name, 70.0, None, 1) for name in ("untrained", "last"))
    assert separation(untrained, last) is None


@pytest.mark.parametrize(
    "runs",
    [
        [run(0, 70.0), run(1, 72.0)],
        [run(0, 70.0), run(0, 70.0), run(1, 72.0)],
        [run(0, 70.0), run(1, 72.0), run(2, 71.0, recipe="wgan.digits-cpu")],
    ],
    ids=["two seeds", "a seed twice", "two recipes"],
)
def test_results_that_cannot_be_pooled_are_refused(runs):
    with pytest.raises(DataError, match=r"expected 3 different seeds|one recipe"):
        pooled(runs)


def test_recording_keeps_the_results_of_other_recipes(tmp_path):
    path = tmp_path / "expected.json"
    path.write_text(json.dumps({"wgan.digits-cpu": {"expected": []}}))

    write_expected([run(seed, 70.0 + seed) for seed in range(3)], path)

    table = read_expected(path)
    assert list(table) == ["dcgan.digits-cpu", "wgan.digits-cpu"]
    assert table["dcgan.digits-cpu"]["device"] == "a machine"
    assert table["dcgan.digits-cpu"]["seconds"] == 60.0


def test_separation_is_in_units_of_the_larger_deviation():
    untrained = Expected("fd", "untrained", 200.0, 1.0, 3)

    assert separation(untrained, dataclasses.replace(untrained, mean=100.0, sd=20.0)) == 5.0


def test_measured_recipes_lie_five_deviations_from_their_untrained_generators():
    for name in read_expected():
        found = {expected.checkpoint: expected for expected in RECIPES.get(name).expected}
        away = separation(found["untrained"], found["last"])
        # one seed on data that must be given has no deviation to measure by
        assert away >= 5 if RECIPES.get(name).tier == "cpu" else away is None or away >= 5, name
