"""Training on a folder of one's own: what is taken from it, what it must hold, and a run from end to end."""

import json
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from reference_models.data.own_folder import look_at, open_own, own_recipe, square

KINDS = ("cats", "dogs")


def fill(folder, count, size=(40, 36), *, grey=False, classes=()):
    """Pictures of noise, of this (width, height)."""
    rng = np.random.default_rng(count)
    for index in range(count):
        place = folder / classes[index % len(classes)] if classes else folder
        place.mkdir(parents=True, exist_ok=True)
        shape = (size[1], size[0]) if grey else (size[1], size[0], 3)
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(place / f"picture{index}.png")
    return folder


def test_size_colour_and_classes_are_the_folders(tmp_path):
    colour, _ = own_recipe("dcgan", fill(tmp_path / "a", 4, (70, 66)))
    grey, _ = own_recipe("gan-mlp", fill(tmp_path / "b", 4, (30, 200), grey=True))
    kinds, count = own_recipe("cgan-conv", fill(tmp_path / "c", 4, (28, 28), grey=True, classes=KINDS))

    assert (colour.settings["image_size"], colour.settings["channels"]) == (64, 3)
    assert (grey.settings["image_size"], grey.settings["channels"]) == (28, 1)
    assert (kinds.settings["image_size"], kinds.settings["classes"], count) == (28, 2, 4)
    assert colour.expected == ()


def test_the_recipe_is_named_by_the_content(tmp_path):
    first = fill(tmp_path / "first", 5)
    moved = tmp_path / "elsewhere" / "moved"
    shutil.copytree(first, moved)
    (moved / "picture0.png").rename(moved / "renamed.png")
    name = own_recipe("dcgan", first)[0].name

    assert name.startswith("dcgan.own-")
    assert own_recipe("dcgan", moved)[0].name == name
    assert own_recipe("dcgan", fill(moved, 6))[0].name != name


def test_the_split_goes_by_content_and_shares_no_image(tmp_path):
    folder = fill(tmp_path / "a", 20)
    train, test = (open_own(split, folder, 28) for split in ("train", "test"))
    names = [{item.name for item in source.items} for source in (train, test)]

    assert (len(train), len(test)) == (16, 4)
    assert not names[0] & names[1]
    assert train.read(0).decode().pixels.shape == (3, 28, 28)
    assert open_own("test", folder, None).read(0).decode().pixels.shape == (3, 36, 40)


def test_a_square_is_cut_about_the_middle():
    pixels = np.zeros((3, 10, 30), np.uint8)
    pixels[:, :, 10:20] = 200

    assert (square(pixels, 10) == 200).all()
    assert (square(pixels, 5) == 200).all()


@pytest.mark.parametrize(
    ("model", "folder", "code", "said"),
    [
        ("dcgan", {"count": 2}, 3, "holds 2 images; dcgan needs 80: 64 for a batch, and every 5th to be scored on"),
        ("srresnet", {"count": 2, "size": (200, 200)}, 3, "holds 2 images; srresnet needs 10"),
        ("cgan-conv", {"count": 4}, 2, "needs classes"),
        ("cyclegan", {"count": 4}, 2, "two sets of images"),
        ("gan-1d", {"count": 4}, 2, "no images"),
        ("dcgan", None, 3, "does not exist"),
        ("dcgann", {"count": 2}, 2, "Did you mean 'dcgan'"),
    ],
)
def test_a_folder_that_does_not_do_is_refused(command_line, tmp_path, model, folder, code, said):
    place = tmp_path / "photos"
    if folder is not None:
        fill(place, **folder)

    found, _, err = command_line("train-reference", model, "--data", place, "--out", tmp_path / "run")
    assert found == code
    assert said in " ".join(err.split())
    assert not (tmp_path / "run").exists()


def test_a_damaged_photo_is_named_without_an_option_that_training_lacks(command_line, tmp_path):
    fill(tmp_path / "photos", count=100)
    (tmp_path / "photos" / "cut.png").write_bytes(b"no image")

    code, _, err = command_line("train-reference", "dcgan", "--data", tmp_path / "photos", "--out", tmp_path / "run")
    assert code == 3
    assert "'cut.png': not an image" in err
    assert "--on-bad" not in err


@pytest.mark.parametrize(
    ("more", "said"),
    [(("--recipe", "dcgan.digits-cpu"), "drop --recipe"), (("--check",), "--data names images of your own")],
)
def test_options_that_do_not_go_with_a_folder_are_refused(command_line, tmp_path, more, said):
    code, _, err = command_line("train-reference", "dcgan", "--data", fill(tmp_path / "a", 80), *more)

    assert code == 2
    assert said in " ".join(err.split())


SHORT = ("steps=2", "batch_size=4", "evaluation.n=8", "evaluation.every=2")


@pytest.mark.parametrize(
    ("model", "size", "grey", "classes", "more"),
    [
        ("dcgan", (40, 36), False, (), ("model.width=4",)),
        ("cgan-mnist", (28, 28), True, KINDS, ("model.width=16",)),
        ("srresnet", (100, 90), False, (), ("model.width=4", "model.n_blocks=1", "model.image_size=32")),
    ],
)
def test_a_model_trains_on_a_folder_and_says_how_to_score_it(command_line, tmp_path, model, size, grey, classes, more):
    folder = fill(tmp_path / "my photos", 24, size, grey=grey, classes=classes)
    words = [word for setting in (*SHORT, *more) for word in ("--set", setting)]

    code, out, err = command_line("train-reference", model, "--data", folder, "--out", tmp_path / "run", *words)
    assert code == 0, err
    assert out.splitlines()[-1] == str(tmp_path / "run" / "last.safetensors")
    stored = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert stored["name"].startswith(f"{model}.{look_at(folder).name}+")
    (following,) = [line for line in err.splitlines() if line.startswith("next: ganeval score")]
    words = shlex.split(following.removeprefix("next: ganeval "))
    assert words[-1] == str(folder)
    keys = (
        "--metrics",
        "psnr" if "--paired" in words else "kd",
        *(() if "--paired" in words else ("--num-samples", "20")),
    )
    assert command_line(*words, *keys, "--json", "-")[0] == 0

    again = command_line(
        "train-reference",
        model,
        "--data",
        folder,
        "--out",
        tmp_path / "run",
        "--resume",
        *[word for setting in (*SHORT, *more) for word in ("--set", setting)],
    )
    assert again[0] == 0, again[2]
