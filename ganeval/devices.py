"""Several processes in one score: each puts its share of the images through the networks, one of them does the rest.

Shares go by index, so that no image is padded or counted twice. Features meet in the feature store,
where every image is known by its content: whatever the number of processes, the first one then finds all features and
computes the numbers as if it had been alone. Processes on several machines need a store that all of them see.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganeval.errors import UsageError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Processes:
    """The processes of one run, this one among them.

    Args:
        fabric: Launched.
    """

    def __init__(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        self.rank = fabric.global_rank
        self.count = fabric.world_size
        self.device = fabric.device

    def share(self, n: int) -> range:
        """Indices of this process's images out of n: neighbours, so that tar shards are read by one process each."""
        return range(n * self.rank // self.count, n * (self.rank + 1) // self.count)

    def agreed(self, text: str) -> str:
        """The first process's text, in all of them."""
        return str(self._fabric.broadcast(text, src=0))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Waits for all at its end; when one fails, all end: it with its error, the others with its exit status."""
        failure: Exception | None = None
        try:
            yield
        except Exception as error:
            failure = error
        codes = torch.zeros(self.count, dtype=torch.int64, device=self.device)
        codes[self.rank] = 0 if failure is None else getattr(failure, "exit_code", 1)
        summed = self._fabric.all_reduce(codes, reduce_op="sum")
        if not isinstance(summed, Tensor):
            raise TypeError("all_reduce of a tensor gives a tensor")
        first = next((rank for rank, code in enumerate(summed.tolist()) if code), None)
        if first is None:
            return
        if failure is not None and first == self.rank:
            raise failure
        raise SystemExit(int(summed[first]))


def open_processes(device: str, devices: int) -> Processes | None:
    """Starts `devices` processes on this machine, or joins those that torchrun or SLURM started; None for a single one.

    Args:
        device: "auto", "cpu" or "cuda".
        devices: Processes on each machine, >= 1; with CUDA one a device.

    Raises:
        UsageError: fewer devices than asked for, or a device that several processes cannot share.
    """
    if devices < 2 and int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if kind not in ("cpu", "cuda"):
        raise UsageError(f"--devices {devices} goes with --device auto, cpu or cuda; got {device!r}.")
    if kind == "cuda" and torch.cuda.device_count() < devices:
        raise UsageError(f"--devices {devices}: {torch.cuda.device_count()} CUDA devices are here.")
    nodes = int(os.environ.get("WORLD_SIZE", devices)) // int(os.environ.get("LOCAL_WORLD_SIZE", devices))
    nodes = max(1, nodes, int(os.environ.get("SLURM_NNODES", "1")))
    from lightning_fabric import Fabric  # it imports half of torch, which a score in one process needs not

    fabric = Fabric(accelerator=kind, devices=devices, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    if kind == "cpu":
        # The cores of a machine are divided once; OpenVINO takes the same count.
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // devices))
    return Processes(fabric)
