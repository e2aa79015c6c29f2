"""Shipped checkpoints: the name of a recipe is a subject; every file is the one of the table, and has its row."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import ganeval
from ganeval.cli.main import root
from ganeval.errors import DataError, UsageError, WeightsError
from ganeval.generators.open import kind_of, open_generator
from ganeval.generators.shipped import checkpoint_file, is_shipped, refuse_unshipped, shipped_names
from ganeval.leaderboard.paths import shipped_folder
from ganeval.options import ScoreOptions
from ganeval.results.result import read_jsonl
from reference_models.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from reference_models.recipes import RECIPES
from reference_models.recipes.cards import card
from reference_models.recipes.expected import check_range
from reference_models.shipped import table, write
from reference_models.shipped.table import FOLDER, shipped, shipped_path

CPU = torch.device("cpu")
DCGAN = "dcgan.digits-cpu"


def run(*words):
    return CliRunner().invoke(root, list(words))


def test_the_wheel_and_git_do_not_grow_by_more_than_they_may():
    assert sum(row.size for row in shipped().values()) < 7_000_000
    assert all(row.size <= write.LARGEST for row in shipped().values())
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == set(shipped())


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_file_is_its_recipe_trained_to_the_end(name):
    row, recipe = shipped()[name], RECIPES.get(name)
    path = shipped_path(name)
    loaded = load_checkpoint(path, CPU)

    assert path.stat().st_size == row.size
    assert (loaded.recipe["name"], loaded.seed, loaded.step) == (name, row.seed, recipe.training.steps)
    assert (loaded.score["metric"], loaded.score["value"]) == (row.metric, pytest.approx(row.float32, rel=1e-6))
    assert abs(row.float16 - row.float32) < write.MOVES * row.float32
    assert row.sha256 in card(name)
    last = next((one for one in recipe.expected if one.checkpoint == "last"), None)
    if last is None:
        return
    if last.sd is None:
        assert row.float32 == pytest.approx(last.mean, rel=0.02)
    else:
        inside = check_range(last, None)
        assert inside.low <= row.float32 <= inside.high


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_checkpoint_has_its_row_on_a_board(name):
    boards = (shipped_folder() / "results").glob("*.jsonl")
    rows = [row for board in boards for row in read_jsonl(board)[0] if row.subject == name]
    of_it = [row.provenance["subject"] for row in rows]

    assert shipped()[name].seed in {one["training_seed"] for one in of_it if one["checkpoint"] == "shipped"}


def test_a_recipe_is_scored_by_its_name_as_its_file_is():
    options = ScoreOptions(DCGAN, num_samples=40)
    by_name, by_file = open_generator(options), open_generator(ScoreOptions(str(shipped_path(DCGAN)), num_samples=40))

    assert kind_of(options) == "shipped"
    assert all(np.array_equal(*(source.read(i).decode().pixels for source in (by_name, by_file))) for i in range(40))
    assert by_name.origin["recipe"] == DCGAN
    assert by_name.origin["checkpoint"] == "shipped"


def test_a_path_that_exists_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_shipped(DCGAN)
    (tmp_path / DCGAN).mkdir()

    assert not is_shipped(DCGAN)
    assert kind_of(ScoreOptions(DCGAN)) is None
    assert str(checkpoint_file(DCGAN)) == DCGAN


def test_score_and_sample_and_diff_take_the_name(tmp_path):
    scored = run("score", DCGAN, "--reference", "digits:test", "--num-samples", "40", "--metrics", "kd", "--json", "-")
    drawn = run("sample", "cgan-conv.digits-cpu", "--class", "3", "-n", "16", "-o", str(tmp_path / "threes"))
    words = ["--reference", "digits:test", "--num-samples", "40", "--metrics", "kd", "--json", "-"]
    compared = run("diff", DCGAN, "cgan-conv.digits-cpu", *words)

    assert scored.exit_code == 0, scored.output
    row = json.loads(scored.stdout)["rows"][0]
    assert (row["subject"], row["provenance"]["subject"]["recipe"]) == (DCGAN, DCGAN)
    assert drawn.exit_code == 0, drawn.output
    assert len(list((tmp_path / "threes" / "3").glob("*.png"))) == 16
    assert compared.exit_code == 0, compared.output
    assert json.loads(compared.stdout)["rows"][0]["delta"] != 0


def test_python_takes_the_name():
    scores = ganeval.score(DCGAN, reference="digits:test", metrics="kd", n=40)

    assert scores.rows[0].subject == DCGAN


@pytest.mark.parametrize(
    ("subject", "error", "words"),
    [
        ("dcgan.digit-cpu", UsageError, ["Did you mean 'dcgan.digits-cpu'", "Shipped: cgan-conv.digits-cpu"]),
        ("dgcan.digits-cpu", UsageError, ["Did you mean 'dcgan.digits-cpu'"]),
        ("dcgan.mnist", UsageError, ["Did you mean 'dcgan.fashion-mnist'", "Shipped: "]),
        ("dcgan", UsageError, ["dcgan is a model", "Did you mean 'dcgan.digits-cpu'", "Shipped: "]),
        ("wgan.mnist", WeightsError, ["train-reference wgan --recipe wgan.mnist", "Shipped: "]),
    ],
)
def test_another_name_is_told_what_is_shipped(subject, error, words):
    with pytest.raises(error) as caught:
        refuse_unshipped(subject)
    assert all(word in str(caught.value) for word in words)

    for command in (["score", subject], ["sample", subject, "-o", "x"], ["diff", subject, DCGAN]):
        result = run(*command, *(["--reference", "digits:test"] if command[0] != "sample" else []))
        assert isinstance(result.exception, error), result.output


@pytest.mark.parametrize(
    "subject", ["gan-mlp.pt", "samples.npz", "last.safetensors", "runs/dcgan.digits", "digits", "a.b:c"]
)
def test_names_of_files_and_data_sets_are_not_taken_for_recipes(subject):
    refuse_unshipped(subject)


def test_a_changed_or_missing_file_is_refused(tmp_path, monkeypatch):
    copy = tmp_path / f"{DCGAN}.safetensors"
    copy.write_bytes((FOLDER / copy.name).read_bytes()[:-1] + b"\0")
    monkeypatch.setattr(table, "FOLDER", tmp_path)

    with pytest.raises(WeightsError, match=r"was changed: its sha256 is .* Install ganeval again"):
        shipped_path(DCGAN)
    copy.unlink()
    with pytest.raises(WeightsError, match=r"is missing\. Install"):
        shipped_path(DCGAN)


def test_half_precision_is_read_as_single(tmp_path):
    loaded = load_checkpoint(shipped_path(DCGAN), CPU)
    save_checkpoint(tmp_path / "whole.safetensors", loaded)
    save_checkpoint(tmp_path / "half.safetensors", loaded, half=True)
    whole, half = (load_checkpoint(tmp_path / f"{name}.safetensors", CPU).network for name in ("whole", "half"))

    assert {tensor.dtype for tensor in half.state_dict().values()} <= {torch.float32, torch.int64}
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), half.state_dict().values(), strict=True))
    assert (tmp_path / "half.safetensors").stat().st_size < 0.55 * (tmp_path / "whole.safetensors").stat().st_size


def test_the_list_of_recipes_says_which_are_shipped():
    rows = {row["name"]: row for row in json.loads(run("list", "recipes", "--json").stdout)}

    assert {name for name, row in rows.items() if row["shipped"]} == set(shipped_names())


def test_names_are_listed_without_torch():
    code = "import sys, ganeval.generators.shipped as s; assert s.shipped_names(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_small_files_whose_score_stays_are_shipped(tmp_path, monkeypatch):
    class Moving:
        def __init__(self, *_):
            self.scores = iter((100.0, 102.0))

        def score(self, _):
            return SimpleNamespace(value=next(self.scores))

    for module in (write, table):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(write, "FILE", tmp_path / "table.json")
    save_checkpoint(tmp_path / "last.safetensors", load_checkpoint(FOLDER / f"{DCGAN}.safetensors", CPU))
    monkeypatch.setattr(write, "PeriodicEvaluator", Moving)
    with pytest.raises(DataError, match=r"100 -> 102 in float16"):
        write.take(tmp_path, None)
    assert not (tmp_path / f"{DCGAN}.safetensors").exists()
