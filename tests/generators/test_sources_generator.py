"""Generators: image i depends on (seed, i) alone, whoever asks, in whatever order."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from ganeval.errors import DataError
from ganeval.generators.source import BLOCK, GeneratorSource, image_seed
from ganeval.sources.base import seeded_subset


def draw(indices, seed):
    images = [np.random.default_rng(image_seed(seed, i)).integers(0, 256, (3, 5, 4), dtype=np.uint8) for i in indices]
    return np.stack(images)


def digests(source):
    return [source.read(i).digest for i in range(len(source))]


def test_any_order_and_any_number_of_threads_give_the_same_images():
    straight = digests(GeneratorSource(draw, 300, 5, "g"))
    shuffled = GeneratorSource(draw, 300, 5, "g")
    order = list(range(300))
    random.Random(0).shuffle(order)
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda i: shuffled.read(i).digest, order))
    assert got == [straight[i] for i in order]
    assert len(set(straight)) == 300


def test_fewer_images_are_the_first_of_more_even_for_a_network_that_sees_its_batch():
    def batchwise(indices, seed):  # its rounding depends on the size of the batch, as a real network's may
        return np.full((len(indices), 1, 2, 2), len(indices), np.uint8)

    more, fewer = GeneratorSource(batchwise, 150, 0, "g"), GeneratorSource(batchwise, 70, 0, "g")
    assert digests(more)[:70] == digests(fewer)
    assert (fewer.read(69).decode().pixels == BLOCK).all()


def test_the_generator_is_called_by_one_thread_at_a_time():
    inside = []

    def slow(indices, seed):
        inside.append(1)
        time.sleep(0.005)
        assert len(inside) == 1
        inside.pop()
        return np.zeros((len(indices), 3, 2, 2), np.uint8)

    source = GeneratorSource(slow, 64 * 10, 0, "g")
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(source.read, range(0, 640, 64)))) == 10


def test_another_seed_gives_other_images():
    assert not set(digests(GeneratorSource(draw, 50, 0, "g"))) & set(digests(GeneratorSource(draw, 50, 1, "g")))


def test_the_pixels_are_the_generators_own():
    source = GeneratorSource(draw, 70, 9, "g")
    np.testing.assert_array_equal(source.read(66).decode().pixels, draw([66], 9)[0])
    assert source.read(66).format == "generated"
    assert source.items[66].name == "000066"


def test_reading_in_order_draws_every_block_once():
    calls = []

    def counted(indices, seed):
        calls.append(indices[0])
        return draw(indices, seed)

    source = GeneratorSource(counted, 200, 0, "g")
    digests(source)
    assert calls == [0, 64, 128, 192]
    source.read(199)
    assert calls == [0, 64, 128, 192]


def test_old_blocks_are_forgotten_and_drawn_again_alike():
    source = GeneratorSource(draw, 64 * 6, 0, "g")
    first = digests(source)
    assert len(source._blocks) == 4
    assert digests(source) == first


def test_grey_generators_repeat_and_tensors_are_welcome():
    source = GeneratorSource(lambda indices, seed: torch.full((len(indices), 1, 3, 3), 7, dtype=torch.uint8), 3, 0, "g")
    decoded = source.read(2).decode()
    assert decoded.pixels.shape == (3, 3, 3)
    assert (decoded.pixels == 7).all()
    assert decoded.notes == {"grey"}


def test_labels_and_subsets_follow_the_index():
    source = GeneratorSource(draw, 20, 0, "g", labels=[str(i % 3) for i in range(20)])
    part = seeded_subset(source, 5, 1)
    for i, item in enumerate(part.items):
        assert item.label == str(int(item.name) % 3)
        assert part.read(i).digest == source.read(int(item.name)).digest


@pytest.mark.parametrize(
    "bad",
    [
        lambda indices, seed: np.zeros((len(indices), 3, 4, 4), np.float32),
        lambda indices, seed: np.zeros((len(indices), 4, 4, 3), np.uint8),
        lambda indices, seed: np.zeros((1, 3, 4, 4), np.uint8),
        lambda indices, seed: np.zeros((len(indices), 48), np.uint8),
    ],
    ids=["floats", "channels last", "too few", "flat"],
)
def test_what_is_no_batch_of_uint8_images_is_refused_with_its_shape(bad):
    with pytest.raises(DataError, match=r"gave (float32|uint8) \(.*expected uint8 \(64, 3 or 1, height, width\)"):
        GeneratorSource(bad, 10, 0, "mymodel").read(0)


def test_counts_that_make_no_sense_are_refused():
    with pytest.raises(DataError, match="0 images"):
        GeneratorSource(draw, 0, 0, "g")
    with pytest.raises(DataError, match="3 images and 1 labels"):
        GeneratorSource(draw, 3, 0, "g", labels=["a"])


def test_seeds_of_neighbours_are_unrelated_and_fit_a_torch_generator():
    seeds = {image_seed(seed, index) for seed in range(50) for index in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**63 for seed in seeds)
    ones = np.mean([bin(seed).count("1") for seed in seeds])
    assert abs(ones - 31.5) < 0.5  # 63 fair bits; the mean of 2,500 has a standard error of 0.08
    torch.Generator().manual_seed(max(seeds))
