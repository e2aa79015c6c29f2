"""The path to a device, on a fake CUDA: double buffering, graphs, rows fetched a shard at a time, full memory."""

import numpy as np
import pytest
import torch
from torch import nn

from ganeval.backbones.call_sizes import CUDA_CALL, full
from ganeval.backbones.calls import Measured, TorchNetwork
from ganeval.backbones.cuda_graph import Captured
from ganeval.backbones.engines import use_engine
from ganeval.backbones.loading import load_backbone
from ganeval.backbones.pipeline import Pipeline
from ganeval.backbones.staging import CudaStaging, HostStaging
from ganeval.devices import is_out_of_memory
from ganeval.errors import DataError, DeviceMemoryError
from ganeval.scoring import feature_pass
from ganeval.scoring.feature_pass import _engine_of, run_network
from ganeval.scoring.feature_store import FeatureStore
from ganeval.sources.arrays import ArraySource
from ganeval.sources.read_ahead import WORKERS, decoders
from tests import fake_cuda
from tests.conftest import ToyBackbone
from tests.one_pass import summarise

CUDA = torch.device("cuda", 0)


class Small(nn.Module):
    """A convolution with two outputs, as a network with a classifier has."""

    def __init__(self):
        super().__init__()
        weights = torch.randn(16, 3, 3, 3, generator=torch.Generator().manual_seed(3)) / 5
        self.weight = nn.Parameter(weights, requires_grad=False)

    def forward(self, prepared):
        features = torch.conv2d(prepared, self.weight).relu().mean(dim=(2, 3))
        return features, features[:, :5] * 2


class Backbone(ToyBackbone):
    """The toy's resize before a network in calls."""

    def __init__(self, device, precision="exact"):
        super().__init__()
        self.device = device
        network = Small()
        exact = TorchNetwork(network, device, "exact")
        self.network = exact if precision == "exact" else Measured(TorchNetwork(network, device, "fast"), exact)

    def forward(self, prepared):
        self.seen += len(prepared)
        features, logits = self.network(prepared)
        return type(super().forward(prepared))(features, logits)


@pytest.fixture
def cuda(monkeypatch):
    fake_cuda.install(monkeypatch)


def images(count, seed=0):
    rng = np.random.default_rng(seed)
    sides = rng.choice([8, 20, 33], count)
    return [rng.integers(0, 256, (3, side, side + 1), dtype=np.uint8) for side in sides]


def test_features_of_the_device_path_are_those_of_the_cpu_image_by_image(cuda):
    """Several submissions of mixed sizes, each of several parts and calls, the last of each filled up."""
    batches = [images(150, 1), images(70, 2), images(3, 3)]
    backbone = Backbone(CUDA)
    pipeline = Pipeline(backbone)
    assert not pipeline.immediate
    taken = []
    for batch in batches:
        pipeline.submit(batch)
        taken.append(pipeline.take(finish=False))
    taken.append(pipeline.take(finish=True))

    assert [count for _, _, count in taken] == [0, 150, 70, 3]  # one submission stays in flight
    plain = Backbone(torch.device("cpu"))
    features, logits = run_network(plain, [image for batch in batches for image in batch])
    np.testing.assert_allclose(np.concatenate([part for part, _, _ in taken]), features, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([part for _, part, _ in taken if part is not None]), logits, atol=1e-6)
    assert fake_cuda.Graph.made == 1  # the first call runs by itself, all others by one graph
    assert backbone.network.remark == ""


def test_a_buffer_is_filled_again_only_after_the_device_has_read_it(cuda):
    staging = CudaStaging(CUDA)
    first = staging.upload(images(1))
    staging.used()
    read = staging._buffers[staging._turn].read
    staging.upload(images(1, 1))
    staging.used()
    assert not read.waited
    staging.upload(images(1, 2))
    assert read.waited
    np.testing.assert_array_equal(first[0].numpy(), images(1)[0])


@pytest.mark.filterwarnings("ignore:CUDA is not available")  # of autocast
@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_a_pass_over_a_set_writes_the_same_shards_with_rows_fetched_a_shard_at_a_time(
    cuda, monkeypatch, tmp_path, precision
):
    monkeypatch.setattr(feature_pass, "SHARD_ROWS", 256)
    source = ArraySource(np.random.default_rng(0).integers(0, 256, (700, 12, 12, 3), dtype=np.uint8), "arrays")
    fetched = []
    fetch = CudaStaging.fetch
    monkeypatch.setattr(
        CudaStaging, "fetch", lambda self, rows, mark: fetched.append(len(rows)) or fetch(self, rows, mark)
    )

    found = {}
    for name, device in (("cuda", CUDA), ("cpu", torch.device("cpu"))):
        backbone = Backbone(device, precision)
        store = FeatureStore(tmp_path / name, "protocol")
        summary = summarise(source, [backbone], {"toy": store}, batch_size=32, on_bad="fail")
        found[name] = summary.sets["toy"].bank.rows()
        assert summary.computed == {"toy": 700}
    np.testing.assert_allclose(found["cuda"], found["cpu"], atol=1e-6 if precision == "exact" else 0.02)
    assert len(fetched) == 2 * 3  # features and logits, of 256, 256 and 188 images
    assert full("cuda", 32) == full("cuda", 256) == 256
    assert full("cpu", 30) == 32


def test_a_graph_that_fails_leaves_plain_calls_and_says_so_in_the_provenance(cuda, monkeypatch, tmp_path):
    def fails(*arguments, **options):
        raise RuntimeError("operation not permitted when stream is capturing\nCUDA kernel errors might be reported")

    monkeypatch.setattr(torch.cuda, "graph", fails)
    backbone = Backbone(CUDA)
    backbone.engine = "torch 2 on NVIDIA Fake"
    source = ArraySource(np.random.default_rng(0).integers(0, 256, (200, 12, 12, 3), dtype=np.uint8), "arrays")
    store = FeatureStore(tmp_path, "protocol")
    summary = summarise(source, [backbone], {"toy": store}, batch_size=32, on_bad="fail")

    engine = "torch 2 on NVIDIA Fake, no CUDA graph: operation not permitted when stream is capturing"
    assert summary.engines == {"toy": {engine: 200}}
    expected, _ = run_network(Backbone(torch.device("cpu")), [source.read(i).decode().pixels for i in range(200)])
    np.testing.assert_allclose(summary.sets["toy"].bank.rows(), expected, atol=1e-6)


def test_a_graph_gives_outputs_of_their_own(cuda):
    network = Small()
    one, other = torch.rand(2, 4, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    captured = Captured(network, one)
    first = captured(one)
    second = captured(other)
    assert torch.equal(first[0], network(one)[0])
    assert torch.equal(second[1], network(other)[1])


class Hungry(nn.Module):
    """Holds `most` images a call, and no more."""

    def __init__(self, most, error):
        super().__init__()
        self.most, self.error, self.inner, self.sizes = most, error, Small(), []

    def forward(self, prepared):
        self.sizes.append(len(prepared))
        if len(prepared) > self.most:
            raise self.error
        return self.inner(prepared)


OUT = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore advice")


@pytest.mark.parametrize("error", [OUT, RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")])
def test_a_device_whose_memory_is_full_gets_smaller_calls_once_and_the_user_is_told(cuda, tmp_path, error):
    backbone = Backbone(CUDA)
    backbone.network.network = Hungry(CUDA_CALL // 4, error)
    backbone.engine = "torch 2 on NVIDIA Fake"
    source = ArraySource(np.random.default_rng(0).integers(0, 256, (100, 12, 12, 3), dtype=np.uint8), "arrays")
    summary = summarise(source, [backbone], {"toy": FeatureStore(tmp_path, "p")}, batch_size=32, on_bad="fail")

    assert summary.warnings == ("cuda:0 (NVIDIA Fake 80GB) ran out of memory; calls of toy are smaller from here on.",)
    assert summary.engines == {"toy": {"torch 2 on NVIDIA Fake, calls of 16 images": 100}}
    expected, _ = run_network(Backbone(torch.device("cpu")), [source.read(i).decode().pixels for i in range(100)])
    np.testing.assert_allclose(summary.sets["toy"].bank.rows(), expected, atol=1e-6)


def test_a_device_that_does_not_hold_smaller_calls_either_gets_a_clear_error(cuda, tmp_path):
    backbone = Backbone(CUDA)
    backbone.network.network = Hungry(0, OUT)
    with pytest.raises(DeviceMemoryError) as caught:
        Pipeline(backbone).submit(images(5))
    text = str(caught.value)
    assert text.startswith("cuda:0 (NVIDIA Fake 80GB) has too little memory for toy and images of up to 34x33 pixels")
    assert "Tried to allocate 2.00 GiB. Free memory there" in text
    assert "More advice" not in text
    assert backbone.network.network.sizes == [64, 16]
    assert caught.value.exit_code == 3


def test_the_cpu_gets_a_smaller_call_and_the_same_error_and_other_errors_pass():
    backbone = Backbone(torch.device("cpu"))
    backbone.network.network = Hungry(2, RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"))
    pipeline = Pipeline(backbone)
    pipeline.submit(images(5))
    assert pipeline.notes == ["This machine ran out of memory; calls of toy are smaller from here on."]
    assert pipeline.take(finish=True)[2] == 5
    backbone.network.network = Hungry(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        pipeline.submit(images(5))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(DataError("out of memory"))


def test_pixels_that_are_on_the_device_are_not_staged_and_nothing_is_taken_twice():
    backbone = ToyBackbone()
    pipeline = Pipeline(backbone, HostStaging())
    batch = images(7)
    pipeline.submit([torch.from_numpy(image) for image in batch])
    features, _, count = pipeline.take(finish=True)
    np.testing.assert_array_equal(features, run_network(backbone, batch)[0])
    assert count == 7
    assert pipeline.take(finish=True)[2] == 0


def test_all_cores_decode_beside_a_network_on_a_device(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(24)), raising=False)
    assert decoders(["cpu", "cuda"]) == 24
    assert decoders(["cpu"]) == decoders([]) == WORKERS


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_a_real_device_gives_the_features_of_the_cpu_and_runs_a_graph(precision):
    backbone, plain = (load_backbone("efflite0", device=device) for device in (CUDA, torch.device("cpu")))
    use_engine(backbone, "torch", precision)
    use_engine(plain, "torch", "exact")
    batch = images(200)
    pipeline = Pipeline(backbone)
    taken = []
    for _ in range(4):
        pipeline.submit(batch)
        taken.append(pipeline.take(finish=False))
    taken.append(pipeline.take(finish=True))
    found = np.concatenate([features for features, _, _ in taken])
    expected, _ = run_network(plain, batch)
    assert np.abs(found - np.tile(expected, (4, 1))).max() <= (1e-5 if precision == "exact" else 0.3) * expected.max()
    assert _engine_of(backbone) == backbone.engine  # neither smaller calls nor a graph that failed
