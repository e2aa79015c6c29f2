"""A network in OpenVINO: converted once for each weights file, compiled for the first image, run without PyTorch.

Only the conversion needs PyTorch. It takes several seconds of a processor, so its result is kept on disk.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from ganeval._version import __version__
from ganeval.backbones.call_sizes import CALL
from ganeval.backbones.openvino_package import import_openvino, openvino_version, without_telemetry
from ganeval.devices import cpu_threads, torch_version
from ganeval.files.disk_cache import content_key, read_checked, write_checked

if TYPE_CHECKING:
    from torch import nn

    from ganeval.backbones.precision import Precision

Float32 = npt.NDArray[np.float32]
Rows = tuple[Float32, ...]  # one array an output of the network

_HINTS: Final[dict[str, str]] = {"exact": "f32", "fast": "bf16"}


class Converted:
    """A torch network as an OpenVINO model, made when first asked for and kept on disk where there is a folder.

    Args:
        network: Gives the network, in eval mode, on the CPU; prepared images -> a tensor or a tuple of tensors.
        shape: Of one prepared image, (3, S, T).
        identity: What tells this network with these weights from all others.
        folder: Where converted networks are kept, or None.
    """

    def __init__(self, network: Callable[[], nn.Module], shape: Sequence[int], identity: str, folder: Path | None):
        self._network = network
        self.shape = tuple(shape)
        self._identity = identity
        self._folder = folder
        self._model: Any = None

    def model(self) -> Any:
        """The `openvino.Model`, for calls of `CALL` images."""
        if self._model is None:
            self._model = self._load() or self._convert()
        return self._model

    @property
    def _key(self) -> str:
        return content_key(self._identity, self.shape, CALL, openvino_version(), torch_version(), __version__)

    def _convert(self) -> Any:
        import torch

        # Tensors made in inference mode cannot be traced.
        openvino, network = import_openvino(), self._network()
        with without_telemetry(), warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")  # the tracer warns of sizes that become constants; they are constant
            try:
                model = self._traced(openvino, network, 0)  # no image: a forward in torch costs as much as the rest
            except RuntimeError:  # an operation that refuses an empty batch
                model = self._traced(openvino, network, 1)
        model.reshape([CALL, *self.shape])
        if self._folder is not None:
            with contextlib.suppress(OSError), tempfile.TemporaryDirectory(prefix="ganeval-") as scratch:
                xml, weights = Path(scratch, "model.xml"), Path(scratch, "model.bin")
                openvino.serialize(model, xml, weights)
                parts = {n: np.fromfile(p, dtype=np.uint8) for n, p in (("xml", xml), ("weights", weights))}
                write_checked(self._folder, self._key, save(parts))
        return model

    def _traced(self, openvino: Any, network: nn.Module, images: int) -> Any:
        """The model by way of a trace on some black images."""
        import torch

        example = torch.zeros(images, *self.shape, device="cpu")
        # Traced here, without the three runs of the network by which the tracer checks itself; as a function, since a
        # traced module would be taken to pieces part by part.
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


class Compiled:
    """A compiled model that runs several calls side by side; compiled by its first call.

    Args:
        converted: The model.
        precision: "exact" is float32, "fast" bfloat16 (float32 on processors without it).
    """

    def __init__(self, converted: Converted, precision: Precision) -> None:
        self._converted: Converted | None = converted
        self._precision: Precision = precision
        self._queue: Any = None

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
        self._queue = openvino.AsyncInferQueue(compiled)  # as many requests as OpenVINO has streams: one a core
        self._queue.set_callback(_keep)
        self._converted = None

    def begin(self, call: Float32, results: dict[int, Rows], place: int) -> None:
        """Runs a call of `CALL` prepared images when a core is free, which it waits for.

        Args:
            call: (CALL, 3, S, T); it must not change until the rows are there.
            results: Takes the rows.
            place: Their key.
        """
        self.start()
        self._queue.start_async([call], (results, place))

    def wait(self) -> None:
        """Returns when all calls are done."""
        if self._queue is not None:
            self._queue.wait_all()

    def run(self, call: Float32) -> Rows:
        """One call, whose rows are there when it returns."""
        results: dict[int, Rows] = {}
        self.begin(call, results, 0)
        self.wait()
        return results.pop(0)  # the queue keeps what it was given last


def _empty(graph: Any) -> None:
    """Frees a trace's weights: torch keeps every traced function until the process ends, and its graph holds them."""
    for _ in list(graph.outputs()):
        graph.eraseOutput(0)
    for node in reversed(list(graph.nodes())):
        node.destroy()


def _keep(request: Any, told: tuple[dict[int, Rows], int]) -> None:
    """Puts the outputs of a finished call where `begin` was told to.

    A function of the module, and not a closure: the queue would hold the network that holds the queue, in C++, where
    Python's garbage collector sees no cycle, and no compiled network would ever be freed.
    """
    results, place = told
    results[place] = tuple(tensor.data.copy() for tensor in request.output_tensors)
