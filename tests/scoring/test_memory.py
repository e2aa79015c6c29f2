"""Memory does not grow with the number of calls: networks are freed with the call that loaded them."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch

from ganeval.backbones.engines import openvino_version
from ganeval.backbones.openvino_model import Converted
from ganeval.backbones.openvino_network import OpenVinoNetwork

openvino = pytest.mark.skipif(openvino_version() is None, reason="OpenVINO is an extra")

ENTRIES = [
    "score",
    "score, cache=False",
    "compare",
    "check",
    "pytorch_fid",
    "cleanfid",
    "torch_fidelity",
    "torchmetrics",
]
MAY_GROW = 40.0  # MiB from the second call to the tenth; a compiled EfficientNet-Lite0 holds about 90, Inception 350


def small_network():
    with torch.random.fork_rng(devices=[]):
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
    return network.eval().requires_grad_(False)


@openvino
def test_a_compiled_network_is_freed_with_its_last_name():
    network = OpenVinoNetwork(Converted(small_network, (3, 8, 8), "small", None), "exact")
    assert network(torch.rand(11, 3, 8, 8, generator=torch.Generator().manual_seed(0))).shape == (11, 4 * 36)
    freed = weakref.ref(network)

    del network
    gc.collect()

    assert freed() is None, "the queue of a compiled network keeps it alive"


@openvino
def test_the_trace_that_a_network_was_converted_by_holds_no_weights(monkeypatch):
    """torch keeps every traced function; ten Inceptions would be a gigabyte."""
    traces, trace = [], torch.jit.trace
    monkeypatch.setattr(torch.jit, "trace", lambda *a, **k: traces.append(trace(*a, **k)) or traces[-1])
    network = small_network()
    batch = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = OpenVinoNetwork(Converted(lambda: network, (3, 8, 8), "small", None), "exact")(batch)

    assert traces
    assert all(not list(each.graph.nodes()) for each in traces)
    with torch.no_grad():
        assert torch.allclose(found, network(batch), atol=1e-5)


@openvino
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
@pytest.mark.parametrize("entry", ENTRIES)
def test_ten_calls_hold_what_two_calls_hold(entry, inception_file):
    command = [sys.executable, "-m", "tests.memory_growth", entry, "10", str(inception_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])

    assert done.returncode == 0, done.stderr
    held = [float(line) for line in done.stdout.split()]
    assert len(held) == 10
    assert held[-1] - held[1] <= MAY_GROW, f"{entry}: {held} MiB after each call"
