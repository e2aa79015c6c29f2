"""Where a number came from: versions, machine, time. Recorded beside the protocol, never part of the fingerprint."""

import datetime
import importlib.metadata
import os
import platform
import sys

from ganeval._version import __version__

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pillow", "torch-fidelity")


def installed_versions() -> dict[str, str]:
    """Version of each package that may move a last digit; absent ones are left out."""
    versions = {"ganeval": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def machine() -> dict[str, object]:
    """Operating system, processor kind and core count; no host name, no user name, no path."""
    return {"system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count() or 1}


def provenance(device: str) -> dict[str, object]:
    """All of it for one run.

    Args:
        device: "cpu", "cuda:0", ... as the run used it.
    """
    record: dict[str, object] = {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": device,
        "versions": installed_versions(),
        **machine(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        record["threads"] = torch.get_num_threads()
        if device.startswith("cuda"):
            record["device_name"] = torch.cuda.get_device_name(device)
            record["tf32"] = bool(torch.backends.cuda.matmul.allow_tf32)
    return record
