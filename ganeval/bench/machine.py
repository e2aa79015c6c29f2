"""Which machine, in words that hold no host name."""

import os
import platform
from pathlib import Path


def describe_machine() -> str:
    """System, processor kind, count of cores and model, as in "Linux x86_64, 2 cores, Intel Xeon"."""
    parts = [f"{platform.system()} {platform.machine()}", f"{os.cpu_count() or 1} cores"]
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return ", ".join(parts + names[:1])
