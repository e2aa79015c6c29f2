"""Exchanges a backbone's network for a faster equal: OpenVINO on a CPU where it is installed, folded torch elsewhere.

Preprocessing and weights stay the same. In "exact" only the order of float32 sums differs (about 2e-6 of the largest
feature), so the engine is provenance and not protocol; "fast" computes in bfloat16, which is protocol.
"""

from pathlib import Path
from typing import Literal

import torch

from ganeval.backbones.base import Backbone
from ganeval.backbones.calls import Measured, Precision, TorchNetwork, folded
from ganeval.backbones.openvino_network import Converted, OpenVinoNetwork, import_openvino, openvino_version
from ganeval.errors import UsageError

__all__ = ["Engine", "Precision", "import_openvino", "measured_error", "openvino_version", "use_engine"]

Engine = Literal["auto", "torch", "openvino"]


def use_engine(backbone: Backbone, engine: Engine, precision: Precision = "exact", folder: Path | None = None) -> str:
    """Puts the chosen engine under a backbone, and its name into `backbone.engine`.

    Args:
        backbone: Its `network` is exchanged in place; its pyramid keeps running on torch in float32.
        engine: "auto" takes OpenVINO on a CPU where it is installed, torch elsewhere.
        precision: "exact", or "fast": bfloat16 in the network, its error measured on the first images.
        folder: Where converted networks are kept, None to keep none.

    Returns:
        What runs, for provenance: "torch 2.14.1", "torch 2.14.1 on NVIDIA H100 80GB HBM3" or "openvino 2026.4.1".

    Raises:
        UsageError: "openvino" was asked for and cannot run here.
    """
    backbone.engine = _exchange(backbone, engine, precision, folder)
    return backbone.engine


def _exchange(backbone: Backbone, engine: Engine, precision: Precision, folder: Path | None) -> str:
    """Exchanges the network; gives the name of what runs it."""
    version = openvino_version()
    if engine == "openvino" and (version is None or backbone.device.type != "cpu"):
        why = (
            "is not installed: pip install 'ganeval[cpu]'" if version is None else f"does not run on {backbone.device}"
        )
        raise UsageError(f"--engine openvino: OpenVINO {why}. Or use --engine torch.")
    if next(backbone.network.parameters(), None) is None:  # a backbone that only resizes
        return _torch_on(backbone.device)
    if engine == "torch" or version is None or backbone.device.type != "cpu":
        network = folded(backbone.network)
        exact = TorchNetwork(network, backbone.device, "exact")
        fast = TorchNetwork(network, backbone.device, "fast")
        backbone.network = exact if precision == "exact" else Measured(fast, exact)
        return _torch_on(backbone.device)
    with torch.inference_mode():
        shape = backbone.prepare(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).shape[1:]
    identity = f"{backbone.info.name}|{backbone.weights_sha256}"
    converted = Converted(backbone.network, shape, identity, folder)
    backbone.network = (
        OpenVinoNetwork(converted, "exact")
        if precision == "exact"
        else Measured(OpenVinoNetwork(converted, "fast"), OpenVinoNetwork(converted, "exact"))
    )
    return f"openvino {version}"


def _torch_on(device: torch.device) -> str:
    """The version and, beside the CPU, the device: kernels of other devices sum in another order."""
    if device.type == "cpu":
        return f"torch {torch.__version__}"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"torch {torch.__version__} on {name}"


def measured_error(backbone: Backbone) -> float | None:
    """Largest relative error of features under "fast", once images went through; None under "exact"."""
    return backbone.network.error if isinstance(backbone.network, Measured) else None
