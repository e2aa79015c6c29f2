"""Large images do not fill the memory, however many are read ahead and in whatever order they come."""

import threading
import weakref

import numpy as np
import pytest

from ganeval.scoring import feature_pass as engine
from ganeval.scoring.feature_store import FeatureStore
from ganeval.sources.base import Decoded, ImageSource, Item, Raw
from ganeval.sources.budget import PixelBudget
from ganeval.sources.read_ahead import WORKERS
from tests.conftest import ToyBackbone
from tests.one_pass import summarise


class Counting(ImageSource):
    """Small images first and large ones behind them; knows how many pixels are alive."""

    def __init__(self, sides):
        self.name, self.sides = "counting", sides
        self.items = [Item(f"{i:04d}") for i in range(len(sides))]
        self.alive, self.most = 0, 0
        self._lock = threading.Lock()

    def read(self, index):
        return Raw(index.to_bytes(32, "big"), lambda: self._draw(index))

    def _draw(self, index):
        side = self.sides[index]
        pixels = np.full((3, side, side), index % 251, np.uint8)
        self._count(side * side)
        weakref.finalize(pixels, self._count, -side * side)
        return Decoded(pixels)

    def _count(self, pixels):
        with self._lock:
            self.alive += pixels
            self.most = max(self.most, self.alive)


@pytest.mark.parametrize("batch_size", [1, 64])
def test_decoded_pixels_stay_within_the_budget_whatever_the_batch_size(batch_size, tmp_path, monkeypatch):
    small, large, limit = 8, 100, 40_000
    monkeypatch.setattr(engine, "WAITING_PIXELS", limit)
    source = Counting([small] * 100 + [large] * 100)

    summary = summarise(
        source, [ToyBackbone()], {"toy": FeatureStore(tmp_path, "toy")}, batch_size=batch_size, on_bad="fail"
    )

    assert summary.n == 200
    # Waiting for their turn, waiting for the network, one more a thread, and the one in hand.
    assert source.most <= 2 * limit + (WORKERS + 2) * large**2
    assert source.most < 100 * large**2 / 5


def test_the_budget_never_changes_a_number(tmp_path, monkeypatch):
    def moments(folder):
        source = Counting([8, 40, 8, 60, 12] * 8)
        store = {"toy": FeatureStore(tmp_path / folder, "toy")}
        return summarise(source, [ToyBackbone()], store, batch_size=16, on_bad="fail").sets["toy"].moments

    free = moments("free")
    monkeypatch.setattr(engine, "WAITING_PIXELS", 100)
    monkeypatch.setattr("ganeval.backbones.pipeline.STACKED_PIXELS", 100)
    tight = moments("tight")

    np.testing.assert_allclose(tight.mean, free.mean, rtol=1e-6)
    np.testing.assert_allclose(tight.scatter, free.scatter, rtol=1e-5, atol=1e-9)


def test_who_is_wanted_passes_a_full_budget_and_others_wait():
    budget, passed = PixelBudget(10), []
    budget.hold(0, 8)

    def wait(place):
        budget.hold(place, 8)
        passed.append(place)

    threads = [threading.Thread(target=wait, args=(place,)) for place in (2, 1)]
    for thread in threads:
        thread.start()
    threads[1].join(0.05)
    assert passed == []
    budget.release(0, 8)
    threads[1].join(5)
    assert 1 in passed
    budget.stop()
    threads[0].join(5)
    assert sorted(passed) == [1, 2]
