"""`train-reference`, `sample` and `score CHECKPOINT` from the command line: words, files and exit codes."""

import dataclasses
import json
import re
import shlex

import numpy as np
import pytest
import torch
from PIL import Image

import ganeval
from ganeval.cli.train_reference import expected_lines, inside_expected
from ganeval.errors import UsageError
from ganeval.sources.datasets.table import open_dataset
from reference_models.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from reference_models.models import MODELS
from reference_models.models.build import build_generator
from reference_models.recipes import RECIPES
from reference_models.recipes.expected import check_range
from reference_models.recipes.recipe import Expected, recipe_to_json
from reference_models.training.train import TrainOutcome
from tests.reference_models.test_train import WeightScore


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


def size_of(path):
    with Image.open(path) as image:
        return image.size


@pytest.fixture
def drawer(tmp_path):
    return checkpoint(tmp_path / "g.safetensors", "gan-mlp-small", "gan-mlp-small.digits-cpu")


@pytest.fixture
def conditional(tmp_path):
    return checkpoint(tmp_path / "c.safetensors", "cgan-dense", "cgan-dense.digits-cpu", width=8)


SHORT = ["--set", "steps=4", "--set", "evaluation.n=50", "--set", "evaluation.every=2", "--device", "cpu"]


def test_training_leaves_a_whole_run_and_says_where(run, tmp_path):
    code, out, err = run("train-reference", "gan-1d", *SHORT, "--out", "here", "--json")

    assert code == 0, err
    row = json.loads(out)
    assert row["recipe"].startswith("gan-1d.mixture-1d-cpu+")  # --set changed it
    assert row["steps"] == 4
    assert {path.name for path in (tmp_path / "here").iterdir()} == {
        *("recipe.json", "metrics.jsonl", "grids", "state.safetensors"),
        *("untrained.safetensors", "last.safetensors", "best.safetensors"),
    }
    loaded = load_checkpoint(tmp_path / "here" / "last.safetensors", torch.device("cpu"))
    assert loaded.score["value"] == row["last"]
    assert loaded.step == 4
    assert "step 4/4" in err

    code, _, err = run("train-reference", "gan-1d", *SHORT, "--out", "here")
    assert code == 2
    assert "--resume" in err
    code, out, _ = run("train-reference", "gan-1d", *SHORT, "--out", "here", "--resume")
    assert code == 0
    assert out.splitlines()[-1] == "here/last.safetensors"


def test_the_end_of_a_run_names_its_grid_and_commands_that_work(run, tmp_path):
    cheap = ("--set", "evaluation.metric=kd@pixels")  # the network of fd would see all 599 real images
    code, out, err = run("train-reference", "gan-mlp-small", *SHORT, *cheap, "--out", "a run")

    assert code == 0, err
    assert out.splitlines()[-1] == "a run/last.safetensors"
    told = dict(
        line.split(": ", 1) for line in err.splitlines() if line.startswith(("samples: ", "next: ", "report: "))
    )
    assert (tmp_path / told["samples"]).is_file()
    command = shlex.split(told["next"])
    assert command == ["ganeval", "score", "a run/last.safetensors", "--reference", "digits:test"]
    code, _, err = run(*command[1:], "--num-samples", "8", "--metrics", "kd")
    assert code == 0, err
    code, _, err = run(*shlex.split(told["report"])[1:])
    assert code == 0, err
    assert (tmp_path / "report.html").is_file()


def test_what_the_discriminator_says_is_logged(run, tmp_path):
    run("train-reference", "gan-1d", *SHORT, "--set", "log_every=1", "--out", "here")
    lines = [json.loads(line) for line in (tmp_path / "here" / "metrics.jsonl").read_text().splitlines()]

    assert all(0 < line["d_real"] < 1 and 0 < line["d_fake"] < 1 for line in lines)
    assert lines[0]["d_fake"] == pytest.approx(0.5, abs=0.2)  # it can't tell yet
    assert all(0 <= line["d_accuracy"] <= 1 for line in lines)


def test_progress_says_when_it_scores(run):
    _, _, err = run("train-reference", "gan-1d", *SHORT, "--out", "here")
    told = [line for line in err.splitlines() if line.startswith("step ")]

    assert [line for line in told if line.endswith("scoring")] == ["step 2/4  scoring", "step 4/4  scoring"]
    assert [line.split()[1] for line in told] == ["2/4", "2/4", "4/4", "4/4"]


def test_a_loss_takes_along_what_goes_with_it_and_says_so(run):
    def plan(*words):
        code, out, err = run("train-reference", *words, "--show", "--json")
        assert code == 0, err
        return json.loads(out), err

    hinge, told = plan("wgan", "--set", "loss=hinge")
    assert hinge["techniques"]["clip"] == 0.0
    assert "--set loss=hinge also sets techniques.clip=0.0; name them to choose" in told
    critic, told = plan("gan-mlp", "--set", "loss=wasserstein", "--set", "d_steps=2")
    assert (critic["techniques"]["gradient_penalty"], critic["training"]["d_steps"]) == (10.0, 2)
    smooth, told = plan("cgan-mnist", "--recipe", "cgan-mnist.mnist", "--set", "loss=hinge")
    assert smooth["techniques"]["real_label"] == 1.0
    kept, told = plan("wgan", "--set", "loss=hinge", "--set", "techniques.clip=0.5")
    assert (kept["techniques"]["clip"], "also sets" in told) == (0.5, False)


@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "wasserstein", "least-squares", "hinge"])
@pytest.mark.parametrize("model", ["gan-mlp-small", "wgan"])
def test_every_loss_trains(run, model, loss, monkeypatch):
    monkeypatch.setattr("reference_models.training.train.PeriodicEvaluator", WeightScore)
    settings = ("--set", f"loss={loss}", "--set", "steps=2", "--set", "evaluation.n=8", "--set", "batch_size=8")
    code, _, err = run("train-reference", model, *settings, "--out", f"{model}-{loss}", "--device", "cpu")
    assert code == 0, err


def test_lr_is_the_rate_of_any_schedule(run):
    def schedule(*words):
        code, out, err = run("train-reference", *words, "--show", "--json")
        assert code == 0, err
        return json.loads(out)["schedule"]

    assert schedule("gan-mlp", "--set", "lr=1e-3")["lr"] == 1e-3
    cyclic = schedule("gan-mlp-small", "--recipe", "gan-mlp-small.fashion-mnist-cyclic", "--set", "lr=8e-4")
    assert (cyclic["high"], cyclic["low"]) == (8e-4, pytest.approx(4e-5))
    cyclic = schedule("gan-mlp", "--set", "schedule.kind=cyclic", "--set", "lr=1e-3")
    assert (cyclic["kind"], cyclic["high"], cyclic["low"]) == ("cyclic", 1e-3, pytest.approx(1e-4))
    assert schedule("gan-mlp", "--set", "schedule.kind=exponential", "--set", "lr=1e-3")["lr"] == 1e-3


def test_a_whole_recipe_is_shown_by_the_names_that_set_takes(run, tmp_path):
    code, out, err = run("train-reference", "gan-mlp", "--set", "schedule.kind=cyclic", "--set", "steps=9", "--show")

    assert code == 0, err
    told = dict(re.findall(r"^([a-z_0-9]+\.[a-z_0-9]+) +(\S.*)$", out, re.MULTILINE))
    assert told["training.steps"] == "9"
    assert (told["schedule.kind"], told["schedule.high"]) == ("cyclic", "0.0005")
    assert told["model.generator_widths"] == "[256, 512, 1024]"
    assert told["techniques.drift"] == "0.0"
    assert re.match(r"gan-mlp\.digits-cpu\+[0-9a-f]{6}: ", out)
    assert "arXiv:1406.2661" in out
    assert list(tmp_path.iterdir()) == []
    given_back = [f"--set={key}={value}" for key, value in told.items() if not key.startswith("model.")]
    code, again, err = run("train-reference", "gan-mlp", *given_back, "--show")
    assert (code, again) == (0, out), err  # every line can be given back
    _, out, _ = run("train-reference", "gan-mlp", "--show", "--json")
    assert json.loads(out)["training"]["steps"] == 4000


def test_the_default_folder_names_recipe_and_seed(run, tmp_path):
    run("train-reference", "gan-1d", *SHORT, "--seed", "3")

    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"gan-1d\.mixture-1d-cpu\+[0-9a-f]{6}-seed3", folder.name)
    assert (folder / "last.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Name a model"),
        (["gan-mpl"], 2, "Did you mean 'gan-mlp'"),
        (["dcgan", "--recipe", "dcgan.digit-cpu"], 2, "Did you mean 'dcgan.digits-cpu'"),
        (["dcgan", "--recipe", "lsgan.mnist"], 2, "trains lsgan, not dcgan"),
        (["dcgan", "--set", "stepz=1"], 2, "Did you mean 'steps'"),
        (["dcgan", "--set", "steps=x"], 2, "must be an integer"),
        (["dcgan", "--recipe", "fashion-mnist", "--set", "lr=1"], 2, "write schedule.lr=... and d_schedule.lr=..."),
        (["gan-mlp", "--set", "loss=hinge", "--set", "techniques.real_label=.9"], 2, "has no labels to smooth"),
        (["gan-mlp", "--set", "loss=hing"], 2, "'hinge'"),
        (["dcgan", "--check", "--set", "steps=9"], 2, "--set changed it"),
        (["dcgan", "--recipe", "fashion-mnist", "--check"], 2, "1 of the 2 training seeds that an interval needs"),
        (["dcgan", "--seed", "-1"], 2, "--seed takes a whole number of at least 0; got -1."),
        (["dcgan", "--list", "--recipe", "x", "--seed", "x"], 2, "--seed takes a whole number of at least 0; got 'x'."),
        (["pix2pix", "--recipe", "facades", "--offline"], 3, "--offline forbids"),
        (["gan-mlp", "--device", "tpu"], 2, "takes auto, cpu or cuda"),
        (["gan-mlp", "--recipe", "mnist", "--set", "evaluation.metric=fd"], 3, "--data-root"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_written(arguments, code, said, run, tmp_path):
    found, out, err = run("train-reference", *arguments)

    assert (found, out) == (code, "")
    assert said in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_told_what_its_recipe_is_expected_to_reach():
    recipe = dataclasses.replace(
        RECIPES.get("gan-1d.mixture-1d-cpu"),
        expected=(Expected("w1", "last", 0.0203, 0.00075, 3), Expected("w1", "untrained", 0.375, None, 1)),
    )

    assert expected_lines(recipe) == [
        "expected: last 0.02030 ± 0.00075 (3 training seeds)",
        "expected: untrained 0.3750 (1 training seed)",
    ]
    assert expected_lines(dataclasses.replace(recipe, expected=())) == []


def test_the_list_shows_both_tiers_of_every_model(run):
    code, out, _ = run("train-reference", "--list", "--json")
    listed = json.loads(out)

    assert code == 0
    small_and_full = {(m, t) for m in MODELS for t in ("cpu", "full")}
    assert {(row["model"], row["tier"]) for row in listed if row["tier"] != "data"} == small_and_full
    _, out, _ = run("train-reference", "dcgan", "--list", "--json")
    assert [row["name"] for row in json.loads(out)] == [
        "dcgan.digits-cpu",
        "dcgan.fashion-mnist-cpu",
        "dcgan.fashion-mnist",
        "dcgan.cifar10",
    ]
    assert run("train-reference", "dcgna", "--list")[0] == 2


@pytest.mark.parametrize(("what", "names"), [("models", MODELS.names()), ("recipes", RECIPES.names())])
def test_models_and_recipes_are_listed(what, names, run):
    code, out, _ = run("list", what, "--json")

    assert code == 0
    assert [row["name"] for row in json.loads(out)] == names
    assert all(row["summary"] and row["kind"] for row in json.loads(out))


def test_a_run_is_checked_against_a_prediction_interval(capsys):
    # t(.995, 2) = 9.92484; cv = 1/70: s = .014285, mu = ln 70 - s^2/2; exp(mu +- 9.92484 s sqrt(4/3))
    recipe = dataclasses.replace(RECIPES.get("dcgan.digits-cpu"), expected=(Expected("fd", "last", 70.0, 1.0, 3),))
    outcome = TrainOutcome(None, 1, 82.4, 0.0, 1, 0.0)

    assert inside_expected(recipe, outcome)
    assert not inside_expected(recipe, dataclasses.replace(outcome, last_score=82.5))
    told = "OUTSIDE [59.42, 82.44], expected of 3 seeds; a fresh seed passes 99 times in 100\n"
    assert told in capsys.readouterr().err


def test_a_range_that_would_reach_the_untrained_score_ends_there_and_says_how_often_a_seed_passes(capsys):
    expected = (Expected("fd", "untrained", 81.4, 1.0, 3), Expected("fd", "last", 70.0, 4.0, 3))
    recipe = dataclasses.replace(RECIPES.get("dcgan.digits-cpu"), expected=expected)

    assert inside_expected(recipe, TrainOutcome(None, 1, 71.0, 0.0, 1, 0.0))
    assert "expected of 3 seeds; a fresh seed passes 92 times in 100\n" in capsys.readouterr().err
    assert not inside_expected(recipe, TrainOutcome(None, 1, 81.4, 0.0, 1, 0.0))


def test_a_score_that_should_be_high_has_its_untrained_generator_below():
    found = check_range(Expected("psnr", "last", 30.0, 1.0, 3), 27.0)

    assert 27.0 < found.low < 27.001
    assert found.high > 40
    assert found.passes < 0.99
    below_zero = check_range(Expected("kd", "last", -0.1, 0.05, 3), None)  # no logarithm
    assert below_zero.low == pytest.approx(-0.1 - 9.92484 * 0.05 * (4 / 3) ** 0.5)
    with pytest.raises(ValueError, match="too few seeds"):
        check_range(Expected("fd", "last", 70.0, None, 1), None)


def test_samples_are_the_same_however_many_are_drawn(run, drawer, tmp_path):
    assert run("sample", drawer, "-n", 5, "-o", "few")[0] == 0
    assert run("sample", drawer, "-n", 9, "-o", "many")[0] == 0
    few, many = sorted((tmp_path / "few").iterdir()), sorted((tmp_path / "many").iterdir())

    assert [path.name for path in few] == [f"{i:06d}.png" for i in range(5)]
    assert len(many) == 9
    for one, other in zip(few, many, strict=False):
        assert one.read_bytes() == other.read_bytes()
    assert run("sample", drawer, "-n", 5, "-o", "other", "--seed", 1)[0] == 0
    assert (tmp_path / "other" / "000000.png").read_bytes() != few[0].read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_classes_get_a_folder_each_or_one_is_asked_for(run, conditional, tmp_path):
    assert run("sample", conditional, "-n", 12, "-o", "all")[0] == 0
    assert run("sample", conditional, "-n", 3, "-o", "sevens", "--class", "7")[0] == 0

    assert {path.name for path in (tmp_path / "all").iterdir()} == set("0123456789")
    assert len(list((tmp_path / "all" / "1").iterdir())) == 2
    assert [path.name for path in (tmp_path / "sevens").iterdir()] == ["7"]
    assert len(list((tmp_path / "sevens" / "7").iterdir())) == 3


def test_a_grid_is_one_picture(run, drawer, tmp_path):
    assert run("sample", drawer, "-n", 6, "--grid", "-o", "grid.png")[0] == 0

    assert size_of(tmp_path / "grid.png") == (3 * 30 - 2, 2 * 30 - 2)


def test_inputs_are_translated(run, tmp_path):
    path = checkpoint(tmp_path / "sr.safetensors", "srresnet", "srresnet.photos-cpu", width=4, n_blocks=1)
    (tmp_path / "low").mkdir()
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / "low" / "a.png")
    code, _, err = run("sample", path, "--inputs", "low", "-o", "high")

    assert code == 0, err
    assert size_of(tmp_path / "high" / "a.png") == (32, 24)


def test_either_direction_of_cyclegan_translates_and_is_scored(run, tmp_path):
    spec, settings = MODELS.get("cyclegan"), {"width": 4, "n_blocks": 1, "image_size": 32}
    there, back = (build_generator("cyclegan", settings, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    plan = recipe_to_json(RECIPES.get("cyclegan.photos-cpu"))
    kept = Checkpoint(there, spec, spec.configure(settings), plan, 0, 9, {}, (), back)
    save_checkpoint(tmp_path / "both.safetensors", kept)
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in" / "a.png")
    for name, direction in (("own", []), ("a2b", ["--direction", "a2b"]), ("b2a", ["--direction", "b2a"])):
        code, _, err = run("sample", "both.safetensors", "--inputs", "in", "-o", name, *direction)
        assert code == 0, err
    made = {name: np.asarray(Image.open(tmp_path / name / "a.png")) for name in ("own", "a2b", "b2a")}
    arguments = ["--inputs", "in", "--paired", "b2a", "--metrics", "ssim", "--json", "-", "--device", "cpu"]
    code, out, err = run("score", "both.safetensors", *arguments, "--direction", "b2a")

    assert np.array_equal(made["own"], made["a2b"])
    assert not np.array_equal(made["a2b"], made["b2a"])
    assert code == 0, err
    (row,) = json.loads(out)["rows"]
    assert row["value"] == 1  # the very pictures that `sample` wrote
    assert row["provenance"]["subject"]["direction"] == "b2a"
    python = {"inputs": "in", "paired": "b2a", "metrics": "ssim", "device": "cpu"}
    assert ganeval.score("both.safetensors", **python, direction="b2a")["ssim"].value == 1
    assert ganeval.score("both.safetensors", **python)["ssim"].value < 1
    with pytest.raises(UsageError, match="direction="):
        ganeval.score("in", paired="b2a", metrics="ssim", direction="b2a")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["g.safetensors", "-o", "x", "--direction", "b2a"], 2, "one generator; drop --direction"),
        (["g.safetensors", "-o", "x", "--direction", "back"], 2, "a2b"),
        (["none.safetensors", "-o", "x"], 3, "There is no checkpoint"),
        (["g.safetensors", "-o", "x", "--class", "1"], 2, "has no classes"),
        (["c.safetensors", "-o", "x", "--class", "12"], 2, "Unknown class '12'"),
        (["g.safetensors", "-o", "full"], 2, "is not an empty folder"),
        (["g.safetensors", "-o", "x.jpg", "--grid"], 2, "does not end in .png"),
        (["g.safetensors", "-o", "no/x.png", "--grid"], 2, "does not exist"),
        (["g.safetensors", "-o", "x", "--inputs", "full"], 2, "drop --inputs"),
        (["g.safetensors", "-o", "x", "-n", "0"], 2, "-n takes a whole number of at least 1; got 0."),
        (["bad.safetensors", "-o", "x"], 3, "cannot be read as a checkpoint"),
    ],
)
def test_samples_that_cannot_be_are_told(arguments, code, said, run, drawer, conditional, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("kept")
    (tmp_path / "bad.safetensors").write_bytes(drawer.read_bytes()[:500])
    before = sorted(path.name for path in tmp_path.iterdir())
    found, out, err = run("sample", *arguments)

    assert (found, out) == (code, "")
    assert said in err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_checkpoint_is_scored_like_the_samples_that_it_gives(run, drawer, tmp_path):
    run("sample", drawer, "-n", 4, "-o", "samples", "--seed", 2)
    (tmp_path / "real").mkdir()
    digits = open_dataset("digits:test")
    for index in range(4):
        pixels = digits.read(index).decode().pixels.transpose(1, 2, 0)
        Image.fromarray(pixels).save(tmp_path / "real" / f"{index}.png")
    options = ["--reference", "real", "--metrics", "fd", "--json", "-", "--seed", 2, "--device", "cpu"]
    code, out, err = run("score", drawer, *options)
    assert code == 0, err
    (row,) = json.loads(out)["rows"]
    (folder,) = json.loads(run("score", "samples", *options)[1])["rows"]

    assert (row["n_fake"], row["n_real"]) == (4, 4)
    assert row["value"] == pytest.approx(folder["value"], rel=1e-6)


def test_super_resolution_is_scored_from_originals(run, tmp_path):
    path = checkpoint(tmp_path / "sr.safetensors", "srresnet", "srresnet.photos-cpu", width=4, n_blocks=1)
    (tmp_path / "hr").mkdir()
    photos = open_dataset("photos:test")
    for index in range(2):
        pixels = photos.read(index).decode().pixels[:, :61, :50].transpose(1, 2, 0)
        Image.fromarray(pixels).save(tmp_path / "hr" / f"{index}.png")
    code, out, err = run("score", path, "--paired", "hr", "--metrics", "psnr", "--json", "-", "--device", "cpu")

    assert code == 0, err
    (row,) = json.loads(out)["rows"]
    assert 3 < row["value"] < 25
    assert row["n_fake"] == 2


@pytest.mark.parametrize(
    ("model", "settings", "arguments", "said"),
    [
        ("gan-1d", {}, [], "gives numbers"),
        ("srresnet", {"width": 4, "n_blocks": 1}, [], "--paired FOLDER"),
        ("gan-mlp-small", {}, ["--paired", "digits:test"], "pair with none"),
        ("cyclegan", {"width": 4, "n_blocks": 1}, ["--paired", "photos:test"], "--inputs FOLDER"),
    ],
)
def test_checkpoints_that_cannot_be_scored_so_are_told(model, settings, arguments, said, run, tmp_path):
    recipe = next(name for name in RECIPES if name.startswith(f"{model}."))
    path = checkpoint(tmp_path / "m.safetensors", model, recipe, **settings)
    code, _, err = run("score", path, *arguments)

    assert code == 2
    assert said in err
