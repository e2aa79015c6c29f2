"""Images through OpenVINO without PyTorch: the features of the torch network, in any company, and what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from ganeval.backbones.base import BackboneInfo
from ganeval.backbones.engines import openvino_version
from ganeval.backbones.openvino_model import Converted
from ganeval.backbones.openvino_pipeline import OpenVinoModel, OpenVinoPipeline
from ganeval.backbones.preparation import Preparation
from ganeval.errors import DeviceMemoryError, UsageError
from ganeval.generators.latents import draws_from

pytestmark = pytest.mark.skipif(openvino_version() is None, reason="needs OpenVINO")
PREPARATION = Preparation("bicubic-antialias", 16, (120.0, 110.0, 100.0), 64.0, order="bgr")
INFO = BackboneInfo("small", "", None, 6, 4, "", False, False, load=None, preparation=PREPARATION)


class Small(nn.Module):
    """Features and logits."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 3)
        self.classes = nn.Linear(6, 4)

    def forward(self, images):
        features = self.convolution(images).square().mean(dim=(2, 3))
        return features, self.classes(features)


@pytest.fixture(scope="module")
def network():
    with draws_from(torch.Generator().manual_seed(3)):
        return Small().eval().requires_grad_(False)


def images(count, seed=0):
    rng = np.random.default_rng(seed)
    sizes = [(20, 31), (16, 16), (9, 40)]
    return [rng.integers(0, 256, (3, *sizes[i % 3]), dtype=np.uint8) for i in range(count)]


def model(network, precision="exact"):
    return OpenVinoModel(INFO, PREPARATION, Converted(lambda: network, (3, 16, 16), "small", None), precision)


def rows(pipeline, batches):
    for batch in batches:
        pipeline.submit(batch)
    features, logits, count = pipeline.take(finish=True)
    assert len(features) == len(logits) == count
    return features, logits


def test_rows_are_those_of_the_torch_network(network):
    batch = images(19)
    with torch.inference_mode():
        prepared = torch.cat([PREPARATION.tensor(torch.from_numpy(image)[None]) for image in batch])
        expected = network(prepared)

    found = rows(OpenVinoPipeline(model(network)), [batch])

    for part, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(part, wanted.numpy(), rtol=2e-5, atol=1e-5)


def test_an_image_has_the_same_bits_in_any_company(network):
    batch, compiled = images(19), model(network)
    together = rows(OpenVinoPipeline(compiled), [batch])
    in_parts = rows(OpenVinoPipeline(compiled), [batch[:3], batch[3:4], batch[4:]])
    tensors = rows(OpenVinoPipeline(compiled), [[torch.from_numpy(image) for image in batch]])
    one = OpenVinoPipeline(compiled)
    one.submit(batch[7:8])
    alone, _, count = one.take(finish=True)

    assert count == 1
    assert np.array_equal(alone, together[0][7:8])
    for found in (in_parts, tensors):
        assert all(map(np.array_equal, found, together))


def test_rows_can_be_taken_while_later_images_run(network):
    batch, pipeline = images(40), OpenVinoPipeline(model(network))
    taken = []
    for start in range(0, 40, 10):
        pipeline.submit(batch[start : start + 10])
        taken.append(pipeline.take(finish=start == 30)[0])

    assert np.array_equal(np.concatenate(taken), rows(OpenVinoPipeline(model(network)), [batch])[0])
    assert pipeline.take(finish=True)[2] == 0


def test_the_error_of_fast_is_measured_on_the_first_images_and_refused_above_the_limit(network, monkeypatch):
    fast = model(network, "fast")
    assert fast.error is None
    rows(OpenVinoPipeline(fast), [images(11)])
    assert 0 <= fast.error < 0.05

    monkeypatch.setattr("ganeval.backbones.precision.MOST_ERROR", -1.0)
    with pytest.raises(UsageError, match="--precision fast moves features of small"):
        OpenVinoPipeline(model(network, "fast")).submit(images(8))


def test_memory_that_is_full_is_said_with_the_size_of_the_largest_image(network, monkeypatch):
    def full(self, image):
        raise MemoryError

    monkeypatch.setattr(Preparation, "array", full)
    with pytest.raises(DeviceMemoryError, match="too little memory for small and images of up to 31x20 pixels"):
        OpenVinoPipeline(model(network)).submit(images(2))
