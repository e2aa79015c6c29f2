"""Exchanges a backbone's network for a faster equal: OpenVINO on a CPU where it is installed, folded torch elsewhere.

Preprocessing and weights stay the same. In "exact" only the order of float32 sums differs (about 2e-6 of the largest
feature), so the engine is provenance and not protocol; "fast" computes in bfloat16, which is protocol.
"""

from __future__ import annotations  # which engine will run is known without torch

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ganeval.backbones.openvino_package import import_openvino, openvino_version
from ganeval.backbones.precision import Precision
from ganeval.devices import torch_version
from ganeval.errors import UsageError

if TYPE_CHECKING:
    import torch

    from ganeval.backbones.base import Backbone

__all__ = ["Engine", "engine_of", "import_openvino", "openvino_version", "use_engine"]

Engine = Literal["auto", "torch", "openvino"]


def engine_of(engine: Engine, device: str, *, network: bool) -> str:
    """What `use_engine` will put under a backbone, before the backbone is loaded.

    Args:
        engine: As there.
        device: Name of a device that exists.
        network: False for a backbone that only resizes.

    Returns:
        The name of what runs, for provenance: "torch 2.14.1", "torch 2.14.1 on NVIDIA H100 80GB HBM3" or "openvino
        2026.4.1".

    Raises:
        UsageError: "openvino" was asked for and cannot run here.
    """
    version = openvino_version()
    on_cpu = device.partition(":")[0] == "cpu"
    if engine == "openvino" and (version is None or not on_cpu):
        why = "is not installed: pip install 'ganeval[cpu]'" if version is None else f"does not run on {device}"
        raise UsageError(f"--engine openvino: OpenVINO {why}. Or use --engine torch.")
    if network and engine != "torch" and version is not None and on_cpu:
        return f"openvino {version}"
    return f"torch {torch_version()}{'' if on_cpu else f' on {_kind_of(device)}'}"


def _kind_of(device: str) -> str:
    """Kernels of other devices sum in another order."""
    import torch

    where = torch.device(device)
    return torch.cuda.get_device_name(where) if where.type == "cuda" else where.type


def use_engine(backbone: Backbone, engine: Engine, precision: Precision = "exact", folder: Path | None = None) -> str:
    """Puts the chosen engine under a backbone, and its name into `backbone.engine`.

    Args:
        backbone: Its `network` is exchanged in place; its pyramid keeps running on torch in float32.
        engine: "auto" takes OpenVINO on a CPU where it is installed, torch elsewhere.
        precision: "exact", or "fast": bfloat16 in the network, its error measured on the first images.
        folder: Where converted networks are kept, None to keep none.

    Returns:
        What runs, as `engine_of` names it.

    Raises:
        UsageError: "openvino" was asked for and cannot run here.
    """
    network = next(backbone.network.parameters(), None) is not None
    backbone.engine = engine_of(engine, str(backbone.device), network=network)
    if network:
        exchange = _openvino_under if backbone.engine.startswith("openvino") else _torch_under
        backbone.network = exchange(backbone, precision, folder)
    return backbone.engine


def _torch_under(backbone: Backbone, precision: Precision, folder: Path | None) -> torch.nn.Module:
    from ganeval.backbones.calls import Measured, TorchNetwork, folded

    del folder
    network = folded(backbone.network)
    exact = TorchNetwork(network, backbone.device, "exact")
    return (
        exact
        if precision == "exact"
        else Measured(TorchNetwork(network, backbone.device, "fast"), exact, backbone.info.name)
    )


def _openvino_under(backbone: Backbone, precision: Precision, folder: Path | None) -> torch.nn.Module:
    import torch

    from ganeval.backbones.calls import Measured
    from ganeval.backbones.openvino_model import Converted
    from ganeval.backbones.openvino_network import OpenVinoNetwork

    with torch.inference_mode():
        shape = backbone.prepare(torch.zeros(1, 3, 32, 32, dtype=torch.uint8, device="cpu")).shape[1:]
    network = backbone.network
    converted = Converted(lambda: network, shape, f"{backbone.info.name}|{backbone.weights_sha256}", folder)
    exact = OpenVinoNetwork(converted, "exact")
    return exact if precision == "exact" else Measured(OpenVinoNetwork(converted, "fast"), exact, backbone.info.name)
