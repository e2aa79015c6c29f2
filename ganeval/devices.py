"""Devices for the networks, by name: torch is imported only if it must be asked."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ganeval.errors import UsageError

if TYPE_CHECKING:
    import torch


def resolve_device(name: str) -> torch.device:
    """The available device of the name "auto", "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        UsageError: there is no such device.
    """
    import torch

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


def device_name(name: str) -> str:
    """The name of the device of `resolve_device`: "cpu", "cuda", "cuda:1" or "mps".

    A run with cached features needs only the name. torch takes two seconds to import, and is not imported if only the
    CPU is possible.

    Raises:
        UsageError: there is no such device.
    """
    if name == "cpu" or (name == "auto" and not may_have_gpu()):
        return "cpu"
    return str(resolve_device(name))


def may_have_gpu() -> bool:
    """False if this machine has no GPU driver, so that "auto" is the CPU. True if torch must be asked."""
    if "torch" in sys.modules:
        return True
    if sys.platform == "darwin":
        return False
    if sys.platform == "win32":
        return _loads("nvcuda.dll")
    return _loads("libcuda.so.1") or Path("/dev/kfd").exists()  # NVIDIA's driver, or AMD's


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory is full: Python's own, or PyTorch's for CPU, CUDA, cuDNN or MPS."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


_NO_MEMORY = ("can't allocate memory", "out of memory", "_STATUS_ALLOC_FAILED")


def torch_version() -> str | None:
    """`torch.__version__` ("2.14.1+cu130"), read without importing torch; None if it isn't installed."""
    if (loaded := sys.modules.get("torch")) is not None:
        return str(loaded.__version__)
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    lines = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8").splitlines()
    stated = next((line for line in lines if line.startswith("__version__ =")), "")
    return stated.partition("=")[2].strip().strip("'\"") or None


def cpu_threads() -> int:
    """Threads of a network on the CPU: torch's number if torch is loaded, else the number that it would use.

    That is OMP_NUM_THREADS or MKL_NUM_THREADS, else the number of physical cores that this process may use.
    """
    if (loaded := sys.modules.get("torch")) is not None:
        return int(loaded.get_num_threads())
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        stated = os.environ.get(variable, "").partition(",")[0].strip()
        if stated.isdecimal() and int(stated) > 0:
            return int(stated)
    return _physical_cores()


def _physical_cores() -> int:
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = os.sched_getaffinity(0)
    topology = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    try:
        return len({Path(topology.format(core)).read_text(encoding="ascii") for core in cores})
    except OSError:
        return len(cores)
