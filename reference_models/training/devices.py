"""Training on several devices: start, averaged gradients, and a common end.

Each device takes its share of each batch. Gradients are averaged after each backward pass, so the weights stay equal.
"""

import contextlib
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ganeval.errors import UsageError
from ganeval.processes.launch import launched
from reference_models.recipes.recipe import Precision


def open_fabric(device: str, devices: int, precision: Precision) -> Fabric:
    """Opens the devices. With several, one process each is started, unless a launcher has started them.

    Raises:
        UsageError: an unsupported kind of device, more devices than are present, or machines with unequal numbers of
            processes.
    """
    me = launched()
    nodes = 1
    if me is not None:
        devices, nodes = me.local_count, me.count // me.local_count
        if devices * nodes != me.count:
            raise UsageError(
                f"{me.by} started {me.count} processes, {devices} on this machine. Training needs as many on each."
            )
    accelerator = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if accelerator not in ("cpu", "cuda"):
        raise UsageError(f"--device takes auto, cpu or cuda; got {device!r}.")
    if accelerator == "cuda" and torch.cuda.device_count() < devices:
        raise UsageError(f"{devices} CUDA devices were asked for; {torch.cuda.device_count()} are here.")
    fabric = Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if devices * nodes > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric


def machine_of(device: torch.device) -> str:
    """The hardware of a training, in words: the GPU's name, or the CPU's with its cores and threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    names = []
    if (facts := Path("/proc/cpuinfo")).is_file():
        lines = facts.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    return f"{threads} thread{'' if threads == 1 else 's'} on {cores} core{'' if cores == 1 else 's'} of {name}"


def gradient_sharing(fabric: Fabric) -> Callable[[torch.optim.Optimizer], None]:
    """Averages gradients over devices after each backward pass, as DDP does; its wrapper does not suit two networks."""

    def share(optimiser: torch.optim.Optimizer) -> None:
        gradients = [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        _average(fabric, gradients)

    return share


def share_buffers(fabric: Fabric, networks: Iterable[nn.Module]) -> None:
    """Averages BatchNorm's running statistics over devices. Call it before networks are saved or scored.

    Each device has seen its own share of every batch. The mean of the running variances omits the variance between the
    shares' means, which is 1/B of the variance for shares of B images. Values that are equal on all devices stay.
    """
    _average(fabric, [b for network in networks for b in network.buffers() if b.is_floating_point()])


def _average(fabric: Fabric, tensors: list[Tensor]) -> None:
    if fabric.world_size == 1 or not tensors:
        return
    mean = fabric.all_reduce(torch.cat([tensor.flatten() for tensor in tensors]), reduce_op="mean")
    if not isinstance(mean, Tensor):
        raise TypeError("all_reduce of a tensor gives a tensor")
    for tensor, part in zip(tensors, torch.split(mean, [t.numel() for t in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def from_all(fabric: Fabric, tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """The tensors of each device, in the order of ranks. All devices must call it. Tensors may differ in shape."""
    if fabric.world_size == 1:
        return [tensors]
    found: list[dict[str, Tensor]] = [{} for _ in range(fabric.world_size)]
    torch.distributed.all_gather_object(found, tensors)
    return found


@contextlib.contextmanager
def together(fabric: Fabric) -> Iterator[None]:
    """An error in one process ends all of them, so that none waits for one that has ended.

    The first process that failed raises its error; the others exit silently with its status. All processes must enter
    the block.
    """
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        failure = error
    if fabric.world_size == 1:
        if failure is not None:
            raise failure
        return
    own = torch.zeros(fabric.world_size, dtype=torch.int64, device=fabric.device)
    own[fabric.global_rank] = 0 if failure is None else getattr(failure, "exit_code", 1)
    summed = fabric.all_reduce(own, reduce_op="sum")
    if not isinstance(summed, Tensor):
        raise TypeError("all_reduce of a tensor gives a tensor")
    codes = summed.tolist()
    first = next((rank for rank, one in enumerate(codes) if one), None)
    if first is None:
        return
    if failure is not None and first == fabric.global_rank:
        raise failure
    raise SystemExit(codes[first])
