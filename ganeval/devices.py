"""Which device runs the networks."""

import torch

from ganeval.errors import UsageError


def resolve_device(name: str) -> torch.device:
    """Turns "auto", "cpu", "cuda", "cuda:1" or "mps" into a device that exists.

    Raises:
        UsageError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device {name!r} is not a device. Write auto, cpu, cuda or cuda:0.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"--device {name}: {torch.cuda.device_count()} CUDA devices are here. Use --device cpu.")
    if device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"--device {name!r} is not supported. Write auto, cpu, cuda or cuda:0.")
    return device
