"""The project's steps give the losses of the tutorials' plain loops: nothing was made faster by computing less."""

import pytest
import torch

from ganeval.backbones.hedvgg import HEDVGG16, HedVgg16
from ganeval.backbones.networks.hedvgg import VggConvolutions
from ganeval.backbones.weights import LoadedWeights
from reference_models.benchmarks.tutorial_loop import OurLoop, TutorialLoop, as_written, plain, same_batches
from reference_models.models.build import build_generator
from reference_models.models.layers import Projection
from reference_models.recipes import RECIPES, default_recipe
from reference_models.recipes.recipe import with_settings
from tests.benchmarks.tutorial_loops import MODELS_COMPARED

SMALLER = {
    "srgan": ["batch_size=2", "model.image_size=16", "model.width=4", "model.n_blocks=1", "model.pool=1"],
    "cyclegan": ["batch_size=2", "model.image_size=32", "model.width=4", "model.n_blocks=1"],
}


@pytest.fixture(autouse=True)
def drawn_content_weights(monkeypatch):
    """A content network of drawn weights: the pinned ones are not on every machine, and the comparison needs none."""
    rng = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in VggConvolutions().state_dict().items()}
    state = {name: torch.randn(shape, generator=rng) / 20 for name, shape in shapes.items()}
    weights = LoadedWeights(state, "0" * 64, False)
    monkeypatch.setattr(
        "reference_models.training.content_loss.load_backbone", lambda name, device: HedVgg16(HEDVGG16, weights, device)
    )


@pytest.mark.parametrize("name", MODELS_COMPARED)
def test_losses_agree_with_the_plain_loop(name):
    """The first five steps, of a smaller network where that takes long; up to fifty in the slow part."""
    # Adam's first steps are ±lr by the sign of each gradient: in float32 the order of a sum decides some of them.
    agree(name, 5, name in ("cgan-conv", "srgan", "cyclegan"), *SMALLER.get(name, []))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS_COMPARED)
def test_losses_agree_with_the_plain_loop_for_long(name):
    # The game doubles a rounding every step or two: in float32 two orders of one sum are 1.4e-3 of gan-mlp's loss apart
    # by step 36, in float64 5% of dcgan's by step 39 at 1e-3, the rate for spectral norm. Of cyclegan's two games
    # step 30 still agrees to 1e-7 and step 43 no longer to 2%, so that one is followed for thirty.
    steps = 30 if name == "cyclegan" else 50
    agree(name, steps, True, *(["schedule.lr=2e-4"] if name == "dcgan" else []))


def test_the_plain_loop_has_the_layers_that_its_tutorial_names():
    recipe = RECIPES.get("dcgan.digits-cpu")
    network = build_generator(recipe.model, recipe.settings, torch.Generator().manual_seed(0)).double()
    latents = torch.randn(4, 100, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours, types = network(latents), {type(layer) for layer in network.modules()}
    plainly = as_written(network)

    assert Projection in types
    assert Projection not in {type(layer) for layer in plainly.modules()}
    assert torch.allclose(plainly(latents), ours, atol=1e-12)


def agree(name, steps, double, *settings):
    recipe = with_settings(plain(RECIPES.get(default_recipe(name))), settings)
    ours, tutorial = (
        OurLoop(recipe, double=double),
        TutorialLoop(recipe, same_batches(recipe, double=double), double=double),
    )
    for number in range(steps):
        found, wanted = ours.step(number), tutorial.step(number)
        assert wanted.keys() <= found.keys()
        for loss, value in wanted.items():
            assert float(found[loss]) == pytest.approx(float(value), rel=1e-3, abs=1e-3), (number, loss)
