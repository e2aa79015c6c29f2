"""OpenVINO under a backbone: converted once for each weights file, compiled when the first image comes.

Conversion takes several seconds of a processor and the compiled network memory; a score whose features are all in the
cache needs neither.
"""

import contextlib
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load, save
from torch import Tensor, nn

from ganeval._version import __version__
from ganeval.backbones.calls import CALL, Outputs, in_calls, joined
from ganeval.backbones.engines import Precision
from ganeval.backbones.openvino_package import import_openvino, openvino_version, without_telemetry
from ganeval.devices import cpu_threads, torch_version
from ganeval.files.disk_cache import content_key, read_checked, write_checked

_HINTS: dict[Precision, str] = {"exact": "f32", "fast": "bf16"}


class Converted:
    """A torch network as an OpenVINO model, made when first asked for and kept on disk where there is a folder.

    Args:
        network: In eval mode, on the CPU; prepared images -> a tensor or a tuple of tensors.
        shape: Of one prepared image, (3, S, T).
        identity: What tells this network with these weights from all others.
        folder: Where converted networks are kept, or None.
    """

    def __init__(self, network: nn.Module, shape: Sequence[int], identity: str, folder: Path | None) -> None:
        self._network = network
        self._shape = tuple(shape)
        self._key = content_key(identity, self._shape, CALL, openvino_version(), torch_version(), __version__)
        self._folder = folder
        self._model: Any = None

    def model(self) -> Any:
        """The `openvino.Model`, for calls of `CALL` images."""
        if self._model is None:
            self._model = self._load() or self._convert()
        return self._model

    def _convert(self) -> Any:
        # Tensors made in inference mode cannot be traced.
        openvino = import_openvino()
        with without_telemetry(), warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")  # the tracer warns of sizes that become constants; they are constant
            try:
                model = self._traced(openvino, 0)  # no image at all: a forward in torch costs as much as the rest
            except RuntimeError:  # an operation that refuses an empty batch
                model = self._traced(openvino, 1)
        model.reshape([CALL, *self._shape])
        if self._folder is not None:
            with contextlib.suppress(OSError), tempfile.TemporaryDirectory(prefix="ganeval-") as scratch:
                xml, weights = Path(scratch, "model.xml"), Path(scratch, "model.bin")
                openvino.serialize(model, xml, weights)
                parts = {n: np.fromfile(p, dtype=np.uint8) for n, p in (("xml", xml), ("weights", weights))}
                write_checked(self._folder, self._key, save(parts))
        return model

    def _traced(self, openvino: Any, images: int) -> Any:
        """The model by way of a trace on some black images."""
        example = torch.zeros(images, *self._shape, device="cpu")
        # Traced here, without the three runs of the network by which the tracer checks itself; as a function, since a
        # traced module would be taken to pieces part by part.
        network = self._network
        traced = torch.jit.trace(lambda x: network(x), example, check_trace=False)  # type: ignore[no-untyped-call]
        try:
            return openvino.convert_model(traced, example_input=example)
        finally:
            _empty(traced.graph)

    def _load(self) -> Any:
        """The model from its file; None where there is none, or none whose content has the hash in its name."""
        data = None if self._folder is None else read_checked(self._folder, self._key)
        if data is None:
            return None
        parts = load(data)
        return import_openvino().Core().read_model(parts["xml"].tobytes(), parts["weights"].tobytes())


class OpenVinoNetwork(nn.Module):
    """A compiled OpenVINO model that is called like the network it replaces; compiled by its first call.

    Args:
        converted: The model.
        precision: "exact" is float32, "fast" bfloat16 (float32 on processors without it).
    """

    def __init__(self, converted: Converted, precision: Precision) -> None:
        super().__init__()
        self._converted: Converted | None = converted
        self._precision: Precision = precision
        self._queue: Any = None
        self._single = True

    def start(self) -> None:
        """Compiles; does nothing the second time."""
        if self._converted is None:
            return
        openvino = import_openvino()
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_NUM_THREADS": cpu_threads(),  # the one count that rows state
        }
        compiled = openvino.Core().compile_model(self._converted.model(), "CPU", settings)
        self._single = len(compiled.outputs) == 1
        self._queue = openvino.AsyncInferQueue(compiled)  # as many requests as OpenVINO has streams: one a core
        self._queue.set_callback(_keep)
        self._converted = None

    def forward(self, prepared: Tensor) -> Outputs:
        """Runs a batch of any size, its calls side by side on the cores."""
        self.start()
        calls = in_calls(prepared, CALL)
        results: dict[int, tuple[Tensor, ...]] = {}
        for place, call in enumerate(calls):
            self._queue.start_async([call.contiguous().numpy()], (results, place))
        self._queue.wait_all()
        parts: list[Outputs] = [results[place][0] if self._single else results[place] for place in range(len(calls))]
        results.clear()  # the queue keeps what it was given last
        return joined(parts, len(prepared))


def _empty(graph: Any) -> None:
    """Frees a trace's weights: torch keeps every traced function until the process ends, and its graph holds them."""
    for _ in list(graph.outputs()):
        graph.eraseOutput(0)
    for node in reversed(list(graph.nodes())):
        node.destroy()


def _keep(request: Any, told: tuple[dict[int, tuple[Tensor, ...]], int]) -> None:
    """Puts the outputs of a finished call where `forward` looks for them.

    A function of the module, and not a closure: the queue would hold the network that holds the queue, in C++, where
    Python's garbage collector sees no cycle, and no compiled network would ever be freed.
    """
    results, place = told
    results[place] = tuple(torch.from_numpy(tensor.data.copy()) for tensor in request.output_tensors)
