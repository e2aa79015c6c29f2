"""What a timing must say beside its number, for `ganeval leaderboard add`: device, threads, versions."""

import pytest
import torch

from ganeval.results.provenance import installed_versions


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info):
    machine_info["ganeval"] = {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "versions": installed_versions(),
    }
