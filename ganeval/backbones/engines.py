"""Exchanges a backbone's network for a faster equal on the CPU: OpenVINO in fp32, when it is installed.

Preprocessing, weights and arithmetic precision stay the same; only the order of float32 sums differs (about 2e-6 of the
largest feature), so the engine is provenance and not protocol.
"""

import contextlib
import importlib.metadata
import sys
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from ganeval.backbones.base import Backbone
from ganeval.errors import UsageError

Engine = Literal["auto", "torch", "openvino"]


def openvino_version() -> str | None:
    """Version of the installed OpenVINO, or None. Imports nothing."""
    try:
        return importlib.metadata.version("openvino")
    except importlib.metadata.PackageNotFoundError:
        return None


@contextlib.contextmanager
def without_telemetry() -> Iterator[None]:
    """OpenVINO's converter phones home when it can import `openvino_telemetry`; in here it cannot."""
    before = sys.modules.get("openvino_telemetry")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if before is None:
            del sys.modules["openvino_telemetry"]
        else:
            sys.modules["openvino_telemetry"] = before


class OpenVinoNetwork(torch.nn.Module):
    """A compiled OpenVINO model that is called like the network it replaces.

    Args:
        network: In eval mode, on the CPU; prepared (B, 3, S, T) -> a tensor or a tuple of tensors.
        example: One prepared image, (1, 3, S, T).
    """

    def __init__(self, network: torch.nn.Module, example: Tensor) -> None:
        super().__init__()
        with without_telemetry(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer warns of sizes that become constants; they are constant
            import openvino

            model = openvino.convert_model(network, example_input=example)
        model.reshape([-1, *example.shape[1:]])
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
        self.compiled: Any = openvino.Core().compile_model(model, "CPU", settings)
        self.single = len(self.compiled.outputs) == 1

    def forward(self, prepared: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Runs one batch, fp32."""
        results = self.compiled(prepared.contiguous().numpy())
        outputs = tuple(torch.from_numpy(results[i].copy()) for i in range(len(self.compiled.outputs)))
        return outputs[0] if self.single else outputs


def use_engine(backbone: Backbone, engine: Engine) -> str:
    """Puts the chosen engine under a backbone.

    Args:
        backbone: Its `network` is exchanged in place; its pyramid keeps running on torch.
        engine: "auto" takes OpenVINO on a CPU where it is installed, torch elsewhere.

    Returns:
        What runs, for provenance: "torch 2.14.1" or "openvino 2026.4.1".

    Raises:
        UsageError: "openvino" was asked for and cannot run here.
    """
    version = openvino_version()
    if engine == "openvino" and (version is None or backbone.device.type != "cpu"):
        why = (
            "is not installed: pip install 'ganeval[cpu]'" if version is None else f"does not run on {backbone.device}"
        )
        raise UsageError(f"--engine openvino: OpenVINO {why}. Or use --engine torch.")
    nothing = next(backbone.network.parameters(), None) is None  # a backbone that only resizes
    if engine == "torch" or version is None or backbone.device.type != "cpu" or nothing:
        return f"torch {torch.__version__}"
    with torch.inference_mode():
        example = backbone.prepare(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    # Tensors made in inference mode cannot be traced.
    backbone.network = OpenVinoNetwork(backbone.network, torch.zeros(example.shape))
    return f"openvino {version}"
