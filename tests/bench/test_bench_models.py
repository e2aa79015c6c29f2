"""`bench training` and `bench sampling`: sides take turns, ratios are of one round, rows fit the timing board."""

import json

import pytest
import torch
from click.testing import CliRunner

from ganeval.cli.main import root
from ganeval.leaderboard.costs import SAMPLING
from ganeval.leaderboard.timings import read_timings
from reference_models.benchmarks.timing import Timed, drawer, in_turn, time_sampling
from reference_models.models import MODELS
from reference_models.models.build import build_generator
from reference_models.recipes import RECIPES


def bench(*arguments):
    return CliRunner().invoke(root, ["bench", *arguments])


def test_sides_take_turns_and_odd_rounds_go_backwards():
    calls = []
    sides = {"a": lambda k: calls.append(("a", k)), "b": lambda k: calls.append(("b", k))}
    first, second = in_turn(sides, {"a": 4, "b": 8}, calls=2, rounds=2)
    order = [name for name, _ in calls]
    assert order == ["a", "b", *"aabb", *"bbaa"]  # one call of each that does not count, then two rounds of two calls
    assert [k for name, k in calls if name == "a"] == [0, 1, 2, 3, 4]  # no step is done twice
    assert (first.name, first.images, len(first.seconds)) == ("a", 4, 2)
    assert (second.name, second.images, len(second.seconds)) == ("b", 8, 2)


def test_a_ratio_is_the_median_of_the_ratios_within_rounds():
    slow, fast = Timed("slow", (2.0, 30.0, 4.0), 1), Timed("fast", (1.0, 10.0, 1.0), 1)
    assert fast.times(slow) == 3.0  # of 2, 3 and 4; the medians alone would give 4
    assert slow.times(slow) == 1.0
    assert slow.median == 4.0


def test_training_is_timed_beside_the_plain_loop(tmp_path):
    rows = tmp_path / "rows.jsonl"
    found = bench(
        "training", "gan-mlp", "--vs", "tutorial", "--bf16", "--steps", "1", "--repeats", "2", "--device", "cpu",
        "--append", str(rows), "--json", "-",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    measured = json.loads(found.stdout)["measured"]
    assert [one["name"] for one in measured] == ["ganeval", "ganeval bf16", "tutorial"]
    assert all(len(one["seconds"]) == 2 and min(one["seconds"]) > 0 for one in measured)
    timings, problems = read_timings([rows])
    assert not problems
    assert {row.unit for row in timings} == {"steps/s"}
    assert len({row.run for row in timings}) == 1
    assert timings[0].stage == "training step, batch 64"
    assert timings[0].value == pytest.approx(2 / sum(measured[0]["seconds"]), rel=1e-12)  # 1 / the median of two


def test_sampling_is_timed_for_the_board_of_timings(tmp_path):
    rows = tmp_path / "rows.jsonl"
    found = bench("sampling", "gan-mlp", "--repeats", "2", "--device", "cpu", "--append", str(rows))
    assert found.exit_code == 0, found.output
    assert "images/s" in found.output
    assert "gan-mlp.digits-cpu" in found.output
    timings, _ = read_timings([rows])
    assert [(row.stage, row.unit) for row in timings] == [
        ("sampling, batch 1", "images/s"), (SAMPLING.stage, SAMPLING.unit), ("latency p50, batch 1", "ms"),
    ]  # fmt: skip
    assert timings[2].value == pytest.approx(1000 / timings[0].value)


def test_a_translator_is_timed_on_inputs_of_its_size():
    found = bench("sampling", "srgan", "--batch", "2", "--repeats", "1", "--device", "cpu", "--json", "-")
    assert found.exit_code == 0, found.output
    assert [row["stage"] for row in json.loads(found.stdout)["rows"]] == ["sampling, batch 2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["training", "wgan", "--vs", "tutorial"], "Drop --vs tutorial"),
        (["training", "gan-mlp", "--recipe", "gan-mlp.mnist"], "bundled data"),
        (["training", "gan-mpl"], "gan-mlp"),
        (["sampling", "gan-1d"], "numbers, not images"),
        (["sampling", "dcgn"], "dcgan"),
        (["sampling", "dcgan", "--batch", "0"], "from 1 on"),
    ],
)
def test_what_cannot_be_timed_is_told_first(arguments, said):
    found = bench(*arguments)
    assert found.exit_code != 0
    assert said in str(found.exception) + found.output


def test_a_recipe_with_dropout_is_timed_alone_and_moves_no_random_state():
    """That dropout draws from a stream of its own is what the fixture of all tests looks at."""
    assert RECIPES.get("gan-mlp.digits-cpu").settings["dropout"] > 0
    found = bench("training", "gan-mlp", "--steps", "1", "--repeats", "1", "--device", "cpu", "--json", "-")

    assert found.exit_code == 0, found.output
    assert [one["name"] for one in json.loads(found.stdout)["measured"]] == ["ganeval"]


def test_a_translator_that_does_not_enlarge_is_timed_on_inputs_as_large_as_its_outputs():
    spec, settings = MODELS.get("pix2pix"), {"width": 4, "image_size": 32}
    network = build_generator("pix2pix", settings, torch.Generator().manual_seed(0)).eval()
    (timed,) = time_sampling(network, spec, spec.configure(settings), "edges", [2], 1)
    made = drawer(network, spec, spec.configure(settings), "edges", 2)(0)

    assert (timed.name, timed.images, len(timed.seconds)) == ("batch 2", 2, 1)
    assert [image.shape for image in made] == [(3, 32, 32)] * 2
