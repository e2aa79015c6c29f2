"""Images that are translated in tiles: the output of the whole image, for less memory."""

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import DataError, UsageError
from ganeval.generators.open import open_generator
from ganeval.generators.translated import OVERLAP, in_tiles
from ganeval.options import ScoreOptions
from reference_models.checkpoints.translation import translator
from reference_models.models import MODELS
from reference_models.models.build import build_generator


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)


@pytest.mark.parametrize("side", [32, 64, 128, 256])
def test_tiles_of_a_convolutional_network_make_the_output_of_the_whole_image(side):
    spec, settings = MODELS.get("srresnet"), {"n_blocks": 3, "width": 8}
    network = build_generator("srresnet", settings).eval()
    enlarge = translator(network, spec, spec.configure(settings), "crops", from_truth=False)
    image = picture(150, 97)

    whole, tiled = enlarge(image), in_tiles(enlarge, side)(image)

    assert whole.shape == tiled.shape == (3, 600, 388)
    assert np.abs(whole.astype(int) - tiled).max() <= 1  # a level at which rounding falls the other way
    assert (whole != tiled).mean() < 1e-3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (64, 64), (65, 63), (200, 31)])
def test_no_pixel_is_lost_at_any_size(height, width):
    image = picture(height, width)

    assert np.array_equal(in_tiles(lambda x: x.repeat(2, 1).repeat(2, 2), 64)(image), image.repeat(2, 1).repeat(2, 2))


def test_the_generator_never_sees_more_than_a_tile_and_what_lies_around_it():
    seen = []
    in_tiles(lambda x: seen.append(x.shape) or x, 64)(picture(300, 500))

    assert len(seen) == 5 * 8
    assert max(height for _, height, _ in seen) == max(width for *_, width in seen) == 64 + 2 * OVERLAP


@pytest.mark.parametrize("make", [lambda x: x[:, ::2, ::2], lambda x: x[:, :, :-1], lambda x: np.repeat(x, 2, axis=1)])
def test_an_output_of_another_size_is_refused_with_both_sizes(make):
    with pytest.raises(DataError, match=r"of a tile of 96x96; .* Drop --tile"):
        in_tiles(make, 64)(picture(96, 96))


def test_sample_translates_in_tiles(tmp_path, command_line):
    Image.fromarray(picture(90, 70).transpose(1, 2, 0)).save(tmp_path / "photo.png")
    asked = ["sample", "reference_models.baselines:nearest_x4", "--inputs", tmp_path / "photo.png", "--tile", "64"]
    status, _, err = command_line(*asked, "-o", tmp_path / "large")

    assert status == 0, err
    with Image.open(tmp_path / "large" / "photo.png") as large:
        assert np.array_equal(np.asarray(large).transpose(2, 0, 1), picture(90, 70).repeat(4, 1).repeat(4, 2))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["reference_models.baselines:nearest_x4", "--inputs", ".", "--tile", "100"],
            "multiple of 32 pixels; got 100. Take 96",
        ),
        (["dcgan.digits-cpu", "--tile", "64"], "--tile divides the images of --inputs"),
        (
            ["reference_models.baselines:nearest_x4", "--inputs", ".", "--tile", "8"],
            "--tile takes a whole number of at least 32; got 8.",
        ),
    ],
)
def test_a_tile_that_cannot_be_is_told_before_anything_runs(words, said, tmp_path, command_line):
    status, _, err = command_line("sample", *words, "-o", tmp_path / "made")

    assert (status, said in err) == (2, True), err


def test_a_generator_that_draws_has_no_tiles():
    with pytest.raises(UsageError, match="draws images from noise, and --tile"):
        open_generator(ScoreOptions("dcgan.digits-cpu", drawn=2, device="cpu"), tile=64)
