"""Commands take the same names for the same things: recipes with a shipped checkpoint, and folders of runs."""

import pytest

from ganeval.options.table import taken_by
from reference_models.shipped.table import shipped_path

RECIPE = "dcgan.digits-cpu"
EIGHT = ("--num-samples", "8")


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """What `train-reference` leaves, as far as the other commands look at it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "mine"
    (folder / "grids").mkdir(parents=True)
    (folder / "last.safetensors").write_bytes(shipped_path(RECIPE).read_bytes())
    (folder / "recipe.json").write_text("{}")
    return "runs/mine"


@pytest.mark.parametrize(
    "words",
    [
        ["score", "SUBJECT", "--metrics", "vendi@pixels", *EIGHT],
        ["doctor", "SUBJECT", "--no-effects", *EIGHT],
        [
            "diff",
            "SUBJECT",
            "digits:test",
            "--reference",
            "digits:train",
            "--metrics",
            "kd@pixels",
            "--num-samples",
            "8",
        ],
        ["sample", "SUBJECT", "-n", "4", "-o", "drawn"],
        ["reference", "build", "SUBJECT", "--backbone", "pixels", *EIGHT, "-o", "made.safetensors"],
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("subject", [RECIPE, "runs/mine"])
def test_a_recipe_and_a_run_are_subjects_of_every_command(words, subject, run_folder, command_line):
    code, _, err = command_line(*(subject if word == "SUBJECT" else word for word in words))

    assert code == 0, err


@pytest.mark.parametrize("command", ["doctor", "explain"])
def test_an_image_to_image_generator_is_examined_with_its_inputs(command):
    assert {"inputs", "generator", "latent_dim", "state_key", "direction"} <= set(taken_by(command))


def test_a_recipe_is_trained_by_its_full_name(command_line):
    code, out, err = command_line("train-reference", "gan-mlp.mnist", "--show")

    assert code == 0, err
    assert out.startswith("gan-mlp.mnist: ")
    code, _, err = command_line("train-reference", "gan-mlp.mnist", "--recipe", "gan-mlp.digits-cpu", "--show")
    assert (code, "Give one of them" in err) == (2, True)
    code, out, err = command_line("train-reference", "gan-mlp.mnist", "--list")
    assert (code, out.count("gan-mlp")) == (0, 1), err
