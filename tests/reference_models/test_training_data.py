"""Training data: batches by number, crops with what belongs to them, rules for inputs, and what is missing."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.errors import DataError, UsageError
from ganeval.sources.datasets.photos_evening import restyle
from reference_models.checkpoints.sampling import stream
from reference_models.data.training_data import (
    MIXTURE,
    CropData,
    ResidentData,
    folder_of,
    load_images,
    load_training_data,
    mixture,
)
from reference_models.data.transforms import (
    bicubic_enlargement,
    edges,
    grey,
    low_resolution,
    masked,
    padded_to_multiple,
    to_range,
    to_uint8,
)
from reference_models.models import MODELS
from reference_models.models.base import SIGNED, UNIT
from reference_models.recipes import RECIPES
from reference_models.recipes.recipe import DataPlan

CPU = torch.device("cpu")


def numbered(count=10, size=4, **options):
    """Data whose image k is all k, so that a batch says which rows it holds."""
    images = torch.arange(count, dtype=torch.uint8).reshape(count, 1, 1, 1).expand(count, 1, 2, 2)
    plan = options.pop("plan", DataPlan("numbered"))
    labels = options.pop("labels", torch.arange(count) % 2)
    return ResidentData(
        images, labels, ("even", "odd"), plan, (0.0, 255.0), batch_size=size, seed=3, device=CPU, **options
    )


def rows(batch):
    return batch.images[:, 0, 0, 0].long().tolist()


def test_an_epoch_shows_no_image_twice():
    data = numbered()
    seen = rows(data.batch(0, stream(0))) + rows(data.batch(1, stream(0)))

    assert len(set(seen)) == 8
    assert rows(data.batch(2, stream(0))) != rows(data.batch(0, stream(0)))


def test_a_batch_is_a_function_of_its_number():
    asked_late, asked_in_order = numbered(), numbered()
    for number in range(5):
        asked_in_order.batch(number, stream(0))

    assert rows(asked_late.batch(5, stream(0))) == rows(asked_in_order.batch(5, stream(0)))


def test_labels_follow_their_images():
    batch = numbered().batch(1, stream(0))

    assert batch.labels.tolist() == [row % 2 for row in rows(batch)]


def test_two_devices_share_the_batch_of_one():
    whole = rows(numbered().batch(3, stream(0)))
    parts = [rows(numbered(rank=rank, world_size=2).batch(3, stream(0))) for rank in (0, 1)]

    assert sorted(parts[0] + parts[1]) == sorted(whole)
    assert len(parts[0]) == len(parts[1]) == 2


def test_balanced_batches_show_a_rare_class_as_often_as_the_others():
    rare = torch.tensor([1] + [0] * 9)
    data = numbered(labels=rare, plan=DataPlan("numbered", balanced=True))
    labels = torch.cat([data.batch(number, stream(0)).labels for number in range(2)])

    assert labels.tolist().count(1) == 4


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(UsageError, match="A batch of 11 is larger than the 10 images"):
        numbered(size=11)


def test_balance_without_labels_is_refused():
    with pytest.raises(UsageError, match="need labels"):
        numbered(labels=None, plan=DataPlan("numbered", balanced=True))


def crops(conditions=(), others=(), side=4, scale=0, flip=False):
    ramp = np.arange(20 * 30).reshape(1, 20, 30) % 251
    photo = np.repeat(ramp, 3, axis=0).astype(np.uint8)
    return photo, CropData(
        [photo],
        [photo[:1]] if conditions else [],
        [255 - photo] if others else [],
        DataPlan("ramp", flip=flip),
        (0.0, 255.0),
        side=side,
        scale=scale,
        batch_size=16,
        device=CPU,
    )


@pytest.mark.parametrize("flip", [False, True])
def test_conditions_are_cut_and_mirrored_with_their_photo(flip):
    _, data = crops(conditions=True, flip=flip)
    batch = data.batch(0, stream(1))

    assert batch.images.shape == (16, 3, 4, 4)
    assert torch.equal(batch.condition, batch.images[:, :1])


def test_crops_are_pieces_of_the_photo_and_follow_their_generator():
    photo, data = crops()
    windows = {photo[:, top : top + 4, left : left + 4].tobytes() for top in range(17) for left in range(27)}
    first, again, other = (data.batch(0, stream(seed)).images for seed in (1, 1, 2))

    assert all(crop.to(torch.uint8).numpy().tobytes() in windows for crop in first)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_both_sets_of_an_unpaired_model_are_mirrored_each_by_its_own_coins():
    # a ramp to the right: mirrored, it falls
    rises = np.broadcast_to(np.arange(0, 240, 8, dtype=np.uint8), (3, 20, 30))
    options = {"side": 4, "scale": 0, "batch_size": 400, "device": CPU}
    data = CropData([rises], [], [rises], DataPlan("ramp", flip=True), (0.0, 255.0), **options)
    batch = data.batch(0, stream(1))
    mirrored = [(images[:, 0, 0, 0] > images[:, 0, 0, -1]) for images in (batch.images, batch.other)]

    # 400 fair coins: 200 +- 10 each; of independent ones 200 +- 10 agree
    assert all(150 < int(half.sum()) < 250 for half in mirrored)
    assert 150 < int((mirrored[0] == mirrored[1]).sum()) < 250


def test_flips_mirror_about_half_of_the_crops():
    _, plain = crops()
    _, flipping = crops(flip=True)
    images, mirrored = plain.batch(0, stream(1)).images, flipping.batch(0, stream(1)).images
    turned = [torch.equal(m, i.flip(2)) for m, i in zip(mirrored, images, strict=True)]
    kept = [torch.equal(m, i) for m, i in zip(mirrored, images, strict=True)]

    assert sum(turned) + sum(kept) == 16
    assert 3 <= sum(turned) <= 13


def test_the_two_sets_are_cut_independently():
    _, data = crops(others=True)
    batch = data.batch(0, stream(1))

    assert batch.other.shape == batch.images.shape
    assert not torch.equal(255 - batch.other, batch.images)


def test_a_photo_smaller_than_the_crops_is_counted():
    with pytest.raises(DataError, match="1 of them smaller than crops of 64x64"):
        crops(side=64)


def test_low_resolution_keeps_constants_and_is_made_of_bytes():
    grey = torch.full((1, 3, 8, 8), 100 / 255)
    noisy = torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    levels = low_resolution(noisy, 4) * 255

    assert low_resolution(grey, 4).shape == (1, 3, 2, 2)
    assert torch.allclose(low_resolution(grey, 4), torch.tensor(100 / 255), atol=1e-6)
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert torch.allclose(bicubic_enlargement(low_resolution(grey, 4), 4), grey, atol=1e-6)


def test_low_resolution_agrees_with_pillow():
    from PIL import Image

    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (32, 24, 3), dtype=np.uint8)
    ours = low_resolution(to_range(torch.from_numpy(pixels).permute(2, 0, 1)[None], UNIT), 4)
    theirs = np.asarray(Image.fromarray(pixels).resize((6, 8), Image.Resampling.BICUBIC), dtype=np.float64)

    assert (
        np.abs(ours[0].permute(1, 2, 0).numpy() * 255 - theirs).max() <= 1.001
    )  # Pillow rounds between its two passes


def test_edges_are_where_the_brightness_jumps_and_grey_elsewhere():
    pixels = np.zeros((3, 16, 16), np.uint8)
    pixels[:, :, 8:] = 200
    found = edges(pixels)[0].astype(int)

    assert (found[:, :4] == 128).all()
    assert (found[:, 12:] == 128).all()
    assert (found[:, 7] > 200).all()  # light on the dark side
    assert (found[:, 8] < 55).all()
    ramp = np.broadcast_to(np.arange(0, 160, 10, dtype=np.uint8), (3, 16, 16))
    assert (edges(ramp)[0, :, 5:11] == 128).all()


def test_the_restyling_never_folds_two_levels_of_a_channel_over():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16).repeat(3, axis=0)
    styled = restyle(levels).reshape(3, 256).astype(int)

    assert (np.diff(styled, axis=1) >= 0).all()
    assert styled[0, 64] > 64  # red is lifted
    assert styled[2, 200] < 160  # blue is taken down


def test_grey_and_masked_inputs_are_made_of_the_true_image():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 100, 70), dtype=np.uint8)
    luma = np.asarray(Image.fromarray(pixels.transpose(1, 2, 0)).convert("L"))
    holes = (masked(pixels) == 128).all(axis=0)

    assert grey(pixels).shape == (1, 100, 70)
    assert np.abs(grey(pixels)[0].astype(int) - luma).max() <= 1  # Pillow's weights have 16 bits
    assert holes[12:36, 12:36].all()
    assert not holes[:12].any()
    assert not holes[36:60].any()
    np.testing.assert_array_equal(masked(pixels)[:, ~holes], pixels[:, ~holes])
    assert 0.15 < holes[12:-12, 12:-12].mean() < 0.5


def test_bytes_survive_the_way_to_a_range_and_back():
    levels = torch.arange(256, dtype=torch.uint8)

    for output_range in (SIGNED, UNIT):
        assert torch.equal(to_uint8(to_range(levels, output_range), output_range), levels)
    assert to_uint8(torch.tensor([-9.0, 9.0]), SIGNED).tolist() == [0, 255]


def test_padding_repeats_the_last_row_and_column():
    image = torch.arange(6.0).reshape(1, 1, 2, 3)

    assert padded_to_multiple(image, 2).shape == (1, 1, 2, 4)
    assert padded_to_multiple(image, 2)[0, 0, :, 3].tolist() == [2.0, 5.0]
    assert padded_to_multiple(image, 1).shape == image.shape


def test_the_mixture_has_its_components_shares_and_means():
    drawn = mixture(100_000, 0).numpy().ravel()

    assert np.abs(drawn).max() < 1
    assert abs(drawn.mean() - sum(w * m for w, m, _ in MIXTURE)) < 5 * drawn.std() / np.sqrt(len(drawn))
    assert abs((drawn > 0.47).mean() - 0.2) < 0.01
    assert not np.array_equal(drawn, mixture(100_000, 1).numpy().ravel())


def test_digits_come_at_the_models_size_and_channels():
    config = MODELS.get("progan").configure({"channels": 1})
    images, labels, classes = load_images(DataPlan("digits"), config, None)

    assert images.shape == (1198, 1, 32, 32)
    assert images.dtype == torch.uint8
    assert classes == tuple("0123456789")
    assert labels.bincount().min() > 100


def test_a_model_of_other_channels_is_refused():
    with pytest.raises(UsageError, match=r"Set model\.channels"):
        load_images(DataPlan("photos"), MODELS.get("gan-mlp").config, None)


@pytest.mark.parametrize("name", [name for name in RECIPES if RECIPES.get(name).data.id in ("div2k", "facades")])
def test_a_missing_folder_says_which_files_go_where(name, tmp_path):
    recipe = RECIPES.get(name)
    config = MODELS.get(recipe.model).configure(recipe.settings)
    arguments = {"batch_size": 1, "seed": 0, "device": CPU}

    with pytest.raises(DataError, match="--data-root"):
        load_training_data(recipe.data, config, UNIT, **arguments)
    with pytest.raises(DataError, match=f"{recipe.data.id}/train"):
        load_training_data(recipe.data, config, UNIT, data_root=tmp_path, **arguments)


@pytest.mark.usefixtures("short_sets")
def test_folders_of_pairs_and_of_two_sets_are_read(tmp_path):
    from PIL import Image

    for folder, width in (("facades/train", 64), ("horse2zebra/trainA", 32), ("horse2zebra/trainB", 32)):
        (tmp_path / folder).mkdir(parents=True)
        pixels = np.zeros((32, width, 3), np.uint8)
        pixels[:, :32] = 200
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    pix2pix = MODELS.get("pix2pix").configure({"image_size": 32})
    cyclegan = MODELS.get("cyclegan").configure({"image_size": 32})
    options = {"batch_size": 2, "seed": 0, "device": CPU, "data_root": tmp_path}

    paired = load_training_data(DataPlan("facades", transform="pairs"), pix2pix, SIGNED, **options)
    unpaired = load_training_data(DataPlan("horse2zebra", transform="two-sets"), cyclegan, SIGNED, **options)
    pair, both = paired.batch(0, stream(0)), unpaired.batch(0, stream(0))

    assert pair.images.shape == pair.condition.shape == (2, 3, 32, 32)
    assert (pair.images > 0.5).all()  # the left half is the photo
    assert (pair.condition == -1).all()
    assert both.images.shape == both.other.shape == (2, 3, 32, 32)


def test_a_folder_that_no_recipe_knows_gets_a_suggestion():
    with pytest.raises(UsageError, match="Did you mean 'facades'"):
        folder_of(DataPlan("facade"), "train", None)
