"""Sampling: an image depends on its seed and index alone; grids; translated sources."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from ganeval.errors import DataError, UsageError
from ganeval.generators.source import GeneratorSource
from ganeval.sources.arrays import ArraySource
from reference_models.checkpoints.sampling import draw_tensor, grid_of, image_drawer, labels_of, latents, save_png
from reference_models.checkpoints.translation import TranslatedSource, translator
from reference_models.data.transforms import edges
from reference_models.models import MODELS
from reference_models.models.build import build_generator

CPU = torch.device("cpu")


def generator(model, **settings):
    spec = MODELS.get(model)
    return build_generator(model, settings, torch.Generator().manual_seed(0)).eval(), spec, spec.configure(settings)


def test_latents_are_drawn_one_by_one():
    together = latents(range(10), 6, seed=3)

    assert torch.equal(together[4:5], latents([4], 6, seed=3))
    assert torch.equal(together.flip(0), latents(range(9, -1, -1), 6, seed=3))
    assert not torch.equal(together, latents(range(10), 6, seed=4))
    assert together.dtype == torch.float32


def test_latents_are_normal_and_unrelated():
    drawn = latents(range(3000), 4, seed=0).numpy()

    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.08
    assert len(np.unique(drawn[:, 0])) == len(drawn)


@pytest.mark.parametrize("model", ["dcgan", "gan-mlp-small", "cgan-conv", "progan"])
def test_an_image_does_not_depend_on_how_many_are_drawn(model):
    settings = {"dcgan": {"image_size": 28, "width": 4}, "cgan-conv": {"width": 8}, "progan": {"fmap_max": 4}}
    network, spec, config = generator(model, **settings.get(model, {}))
    draw = image_drawer(network, spec, config)
    few, many = (GeneratorSource(draw, n, 5, "g") for n in (7, 70))
    whole = draw(range(70), 5).numpy()

    for index in range(7):
        assert np.array_equal(few.read(index).decode().pixels, many.read(index).decode().pixels)
    # Other batches may round a last bit otherwise.
    assert np.abs(whole[:7].astype(int) - draw(range(7), 5).numpy()).max() <= 1
    assert whole.dtype == np.uint8


def test_classes_come_in_turn_or_as_asked():
    network, spec, config = generator("cgan-dense", width=8)
    turns = draw_tensor(network, spec, config, range(10), 0)
    sevens = draw_tensor(network, spec, config, range(10), 0, only_class=7)

    assert labels_of(range(12), 10).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert torch.allclose(turns[7], sevens[7], atol=1e-6)
    assert not torch.allclose(turns[6], sevens[6], atol=1e-3)


def test_drawing_leaves_the_networks_mode_and_makes_no_graph():
    network, spec, config = generator("dcgan", image_size=28, width=4)
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = draw_tensor(network, spec, config, range(4), 0)

    assert network.training
    assert not images.requires_grad
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_grid_holds_every_image_in_its_place():
    images = torch.arange(1, 6, dtype=torch.uint8).reshape(5, 1, 1, 1).expand(5, 3, 4, 6)
    grid = grid_of(images, (0.0, 1.0), columns=2)

    assert grid.shape == (3, 3 * 6 - 2, 2 * 8 - 2)
    for index in range(5):
        top, left = index // 2 * 6, index % 2 * 8
        assert (grid[:, top : top + 4, left : left + 6] == index + 1).all()
    assert (grid[:, 4:6] == 128).all()
    assert grid_of(images, (0.0, 1.0)).shape == (3, 2 * 6 - 2, 3 * 8 - 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_pixels(channels, tmp_path):
    image = torch.arange(channels * 12, dtype=torch.uint8).reshape(channels, 3, 4)
    save_png(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as stored_image:
        stored = np.asarray(stored_image).reshape(3, 4, channels)

    assert np.array_equal(stored, image.permute(1, 2, 0).numpy())


def photos(height=36, width=45):
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return ArraySource(pixels, "photos", item_names=["a", "b"])


class Nearest(torch.nn.Module):
    """A super-resolution network that repeats pixels."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return images.repeat_interleave(4, 2).repeat_interleave(4, 3)


def test_super_resolution_is_scored_from_originals_of_any_size():
    spec = MODELS.get("srresnet")
    source = photos(37, 45)
    made = TranslatedSource(source, translator(Nearest(), spec, spec.config, "crops", from_truth=True), "sr")

    assert [item.stem for item in made.items] == ["a", "b"]
    for index in range(2):
        assert made.read(index).decode().pixels.shape == (3, 37, 45)
    assert made.read(0).digest != made.read(1).digest


def test_super_resolution_of_inputs_enlarges_them():
    spec = MODELS.get("srresnet")
    pixels = photos(5, 7).read(0).decode().pixels
    made = translator(Nearest(), spec, spec.config, "crops", from_truth=False)(pixels)

    assert np.array_equal(made, pixels.repeat(4, 1).repeat(4, 2))


def test_edges_are_made_of_true_images_and_taken_as_they_are_otherwise():
    network, spec, config = generator("pix2pix", image_size=32, condition_channels=1, width=4)
    pixels = photos(40, 50).read(0).decode().pixels
    from_truth = translator(network, spec, config, "edges", from_truth=True)(pixels)
    from_edges = translator(network, spec, config, "edges", from_truth=False)(np.repeat(edges(pixels), 3, axis=0))

    assert from_truth.shape == (3, 40, 50)
    assert np.array_equal(from_truth, from_edges)


def test_inputs_that_cannot_be_made_of_true_images_are_asked_for():
    network, spec, config = generator("cyclegan", image_size=32, width=4, n_blocks=1)

    with pytest.raises(UsageError, match="--inputs FOLDER"):
        translator(network, spec, config, "restyled", from_truth=True)
    made = translator(network, spec, config, "restyled", from_truth=False)(photos(33, 34).read(0).decode().pixels)
    assert made.shape == (3, 33, 34)


def test_nan_pixels_are_refused():
    network, spec, config = generator("gan-mlp-small")
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))

    with pytest.raises(DataError, match="are NaN"):
        image_drawer(network, spec, config)(range(2), 0)


def test_a_model_of_other_condition_channels_is_told():
    network, spec, config = generator("pix2pix", image_size=32, width=4)
    config = dataclasses.replace(config, condition_channels=4)

    with pytest.raises(DataError, match="takes inputs of 4 channels; got 3"):
        translator(network, spec, config, "pairs", from_truth=False)(photos(32, 32).read(0).decode().pixels)
