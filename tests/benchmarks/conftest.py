"""What a timing must say beside its number, for `ganeval leaderboard add`: device, threads, versions, other work."""

import os

import pytest
import torch

from ganeval.results.provenance import installed_versions


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info):
    machine_info["ganeval"] = {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "versions": installed_versions(),
        "note": _load(),
    }


def _load():
    """How busy the machine was at the end; "" where the system does not say."""
    if not hasattr(os, "getloadavg"):
        return ""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end of the run"
