"""Several devices in one run: shared buffers, common endings, and a run of two processes."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ganeval.errors import UsageError
from reference_models.training.devices import share_buffers, together


class Pair:
    """A Fabric of two processes of which one is seen; `other` is what the second one sends."""

    world_size = 2
    device = torch.device("cpu")

    def __init__(self, other, rank=0):
        self.other = other
        self.global_rank = rank
        self.is_global_zero = rank == 0

    def all_reduce(self, tensor, reduce_op):
        other = torch.as_tensor(self.other, dtype=tensor.dtype)
        return (tensor + other) / 2 if reduce_op == "mean" else tensor + other


def test_running_statistics_become_the_mean_over_devices_and_counters_stay():
    layer = nn.BatchNorm2d(3)
    layer.running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    before = layer.weight.clone()

    share_buffers(Pair([3.0, 2.0, 1.0, 5.0, 5.0, 5.0]), [nn.Sequential(layer)])

    assert layer.running_mean.tolist() == [2.0, 2.0, 2.0]
    assert layer.running_var.tolist() == [3.0, 3.0, 3.0]
    assert layer.num_batches_tracked == 0
    assert torch.equal(layer.weight, before)


def test_one_process_fails_for_all():
    with pytest.raises(UsageError, match="mine"), together(Pair([0, 0])):
        raise UsageError("mine")
    with pytest.raises(SystemExit) as stop, together(Pair([0, 3])):
        pass
    assert stop.value.code == 3
    with pytest.raises(SystemExit), together(Pair([2, 0], rank=1)):
        raise UsageError("both failed: the first process tells")
    with together(Pair([0, 0])):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dcgan", "cyclegan"])
def test_two_processes_train_one_model_and_resume_to_the_same_bits(tmp_path, model):
    """Gloo on the CPU. One process speaks; what is saved is of both: BatchNorm's statistics, the past fakes of each."""

    def train(folder, *more):
        settings = ["steps=8", "batch_size=4", "model.width=4", "evaluation.n=40", "evaluation.every=4"]
        settings += ["save_every=4", "grid_every=8", "log_every=4", *more]
        command = [sys.executable, "-m", "ganeval.cli.main", "train-reference", model, "--device", "cpu"]
        command += ["--devices", "2", "--out", str(folder), "--json"]
        command += [part for setting in settings for part in ("--set", setting)]
        return command

    whole = subprocess.run(train(tmp_path / "whole"), capture_output=True, text=True, timeout=300)
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["steps"] == 8, "one JSON document, from one process"

    again = subprocess.run(train(tmp_path / "whole"), capture_output=True, text=True, timeout=300)
    assert again.returncode == 2
    assert again.stderr.count("ganeval: ") == 1
    assert "Traceback" not in again.stderr

    part = subprocess.Popen(train(tmp_path / "part"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in part.stderr:
        if line.startswith("step 4/8"):
            break
    state = tmp_path / "part" / "state.safetensors"
    while not state.is_file() and part.poll() is None:
        pass
    part.kill()
    part.communicate(timeout=60)
    resumed = subprocess.run([*train(tmp_path / "part"), "--resume"], capture_output=True, text=True, timeout=300)
    assert resumed.returncode == 0, resumed.stderr
    first, second = load_file(tmp_path / "whole" / "state.safetensors"), load_file(state)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    if model == "cyclegan":
        kept = [next(v for k, v in first.items() if k.startswith(f"device{rank}/replay0/")) for rank in (0, 1)]
        assert not torch.equal(*kept), "each process keeps the fakes of its own share"
