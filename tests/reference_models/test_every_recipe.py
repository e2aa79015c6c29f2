"""Every recipe of every tier builds and takes a step, on small files in the layout of the data set that it names."""

import json
import pickle
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from reference_models.checkpoints.checkpoint import load_checkpoint
from reference_models.checkpoints.sampling import draw_tensor
from reference_models.checkpoints.translation import translator
from reference_models.recipes import RECIPES
from reference_models.recipes.recipe import with_settings
from reference_models.training.evaluation import held_out
from reference_models.training.train import TrainOptions, train
from tests.reference_models.test_train import Quiet, TinyContent, WeightScore

TRAIN, TEST = 150, 12  # images of a split: at least a batch of 128 to train on
SIDE = 40
# What makes a network small. Batches stay as they are: what is wrong with a batch of one shows with a batch of one.
SMALL = {
    "progan": ["model.fmap_max=4", "techniques.fade_steps=1", "techniques.stable_steps=1", "steps=8"],
    "pix2pix": ["model.width=4", "model.image_size=32"],
    "srresnet": ["model.width=4", "model.n_blocks=1", "model.image_size=16"],
    "srgan": ["model.width=4", "model.n_blocks=1", "model.image_size=16", "model.pool=1", "model.head=8"],
    "cyclegan": ["model.width=4", "model.n_blocks=1", "model.image_size=32"],
    "dcgan": ["model.width=4"],
    "cgan-conv": ["model.width=8"],
    "cgan-dense": ["model.width=8"],
    "cgan-mnist": ["model.width=8"],
    **{
        name: ["model.generator_widths=[8]", "model.discriminator_widths=[8]"]
        for name in ("gan-mlp", "gan-mlp-small", "gan-bn", "gan-fashion", "lsgan", "hinge-gan", "wgan", "wgan-gp")
    },
    "gan-fcn-cnn": ["model.generator_widths=[8]", "model.discriminator_widths=[4]"],
}


def write_idx(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes())


def write_photos(folder, count, width=SIDE):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(width)
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, (SIDE, width, 3), np.uint8)).save(folder / f"{number}.png")


pytestmark = pytest.mark.usefixtures("short_sets")


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    """Every data set that a recipe names and that isn't bundled, a few small images of each."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in ("MNIST", "FashionMNIST"):
        for stem, count in (("train", TRAIN), ("t10k", TEST)):
            raw = root / name / "raw"
            write_idx(raw / f"{stem}-images-idx3-ubyte", rng.integers(0, 256, (count, 28, 28), np.uint8))
            write_idx(raw / f"{stem}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))
    (root / "cifar-10-batches-py").mkdir()
    for stem in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        count = TRAIN // 5 if stem.startswith("data") else TEST
        batch = {b"data": rng.integers(0, 256, (count, 3072), np.uint8), b"labels": [k % 10 for k in range(count)]}
        (root / "cifar-10-batches-py" / stem).write_bytes(pickle.dumps(batch, protocol=2))
    for split in ("train", "test"):
        write_photos(root / "div2k" / split, 2)
        write_photos(root / "bsds500" / split, 2)
        write_photos(root / "facades" / split, 2, width=2 * SIDE)
        for name in ("horse2zebra", "vangogh2photo"):
            for letter in "AB":
                write_photos(root / name / f"{split}{letter}", 2)
    return root


def one_step(name):
    """The recipe, unchanged but for the size of its networks and its length: one step of the game."""
    recipe = RECIPES.get(name)
    settings = ["steps=1", *SMALL.get(recipe.model, [])]
    every = [f"{key}=1000" for key in ("grid_every", "save_every", "log_every", "evaluation.every")]
    before = ["pretrain_steps=0"] if recipe.training.pretrain_steps else []
    return with_settings(recipe, [*settings, *every, *before])


@pytest.mark.parametrize("name", RECIPES.names())
def test_a_recipe_builds_and_takes_a_step(name, data_root, tmp_path, monkeypatch):
    monkeypatch.setattr("reference_models.training.train.PeriodicEvaluator", WeightScore)
    monkeypatch.setattr("reference_models.training.networks.ContentNetwork", TinyContent)
    recipe = one_step(name)

    outcome = train(TrainOptions(recipe, tmp_path / "run", data_root=data_root, device="cpu"), Quiet())

    assert outcome.steps == recipe.training.steps
    line = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert all(np.isfinite(value) for value in line.values())
    untrained, last = (load_checkpoint(tmp_path / "run" / f"{k}.safetensors", "cpu") for k in ("untrained", "last"))
    before, after = untrained.network.state_dict(), last.network.state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before)
    made = generated(last)
    assert made.ndim >= 2
    assert np.isfinite(made).all()


def generated(loaded):
    """One image, or one number, of a checkpoint."""
    if not loaded.spec.kind.translates:
        return draw_tensor(loaded.network, loaded.spec, loaded.config, [0, 1], 0).numpy()
    translate = translator(loaded.network, loaded.spec, loaded.config, loaded.transform, from_truth=False)
    channels = getattr(loaded.config, "condition_channels", loaded.config.channels)
    return translate(np.zeros((channels, 32, 32), np.uint8))


@pytest.mark.parametrize("name", [name for name in RECIPES if RECIPES.get(name).data.transform != "mixture"])
def test_the_test_images_of_a_recipe_are_found_and_readable(name, data_root):
    inputs, truths, _ = held_out(RECIPES.get(name), data_root)

    assert len(inputs) > 1
    assert len(truths) > 1
    assert inputs.read(0).decode().pixels.shape[0] == truths.read(0).decode().pixels.shape[0] == 3
