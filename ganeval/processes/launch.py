"""Which processes one run consists of, as torchrun, srun or ganeval itself started them: read from the environment.

No torch: the command line asks before it does anything, since one process prints and writes for all.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ganeval.errors import UsageError

LAUNCHER: Final = "GANEVAL_LAUNCHER"  # environment variable: the process that `--devices` started others from


@dataclass(frozen=True)
class Launched:
    """One of several processes of a run.

    Attributes:
        by: What started them, for messages.
        rank: Its number, from 0; process 0 prints and writes.
        count: How many there are, at least 2.
        local_rank: Its number on this machine.
        local_count: How many there are on this machine.
        address: Where process 0 can be reached by the others; a SLURM node list where nothing else is known.
        port: The port there.
        starter: The process that started this one and ends with it, where that was ganeval.
        own_devices: The launcher shows each process GPUs of its own, so that each counts from 0.
    """

    by: str
    rank: int
    count: int
    local_rank: int
    local_count: int
    address: str
    port: int
    starter: int | None = None
    own_devices: bool = False


def launched(environment: Mapping[str, str] = os.environ) -> Launched | None:
    """The place of this process among those of the run, None where it runs alone.

    srun is known by the variables that only a job step has: those of an allocation are set for a single process, too.

    Raises:
        UsageError: variables that contradict each other, or a launcher that says too little.
    """
    if "WORLD_SIZE" in environment or "RANK" in environment:
        return _by_torchrun(environment)
    if _number(environment, "SLURM_STEP_NUM_TASKS", 1) > 1 and "SLURM_PROCID" in environment:
        return _by_srun(environment)
    if (count := _number(environment, "OMPI_COMM_WORLD_SIZE", 1)) > 1:
        raise UsageError(
            f"mpirun started {count} processes, and each would score everything. Start them with torchrun, which tells "
            f"them of each other: `torchrun --nproc-per-node {count} -m ganeval.cli.main score ...`."
        )
    return None


def _by_torchrun(environment: Mapping[str, str]) -> Launched | None:
    count = _number(environment, "WORLD_SIZE", 1)
    if count < 2:
        return None
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in environment]
    if missing:
        raise UsageError(
            f"WORLD_SIZE is {count}, but {' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not set. Start "
            "the processes with torchrun, or unset WORLD_SIZE to score in one process."
        )
    local = _number(environment, "LOCAL_WORLD_SIZE", count)
    rank = _number(environment, "RANK", 0)
    starter = _number(environment, LAUNCHER, 0) or None
    return _checked(
        Launched(
            "torchrun" if starter is None else "--devices",
            rank,
            count,
            _number(environment, "LOCAL_RANK", rank % max(1, local)),
            local,
            environment["MASTER_ADDR"],
            _number(environment, "MASTER_PORT", 0),
            starter,
        )
    )


def _by_srun(environment: Mapping[str, str]) -> Launched:
    count, nodes = _number(environment, "SLURM_STEP_NUM_TASKS", 1), _number(environment, "SLURM_STEP_NUM_NODES", 1)
    address = next((environment[name] for name in ("MASTER_ADDR", *_NODES) if name in environment), "127.0.0.1")
    # As Lightning and others do it: the same port in all tasks, another one in most other jobs.
    job = int("0" + "".join(filter(str.isdigit, environment.get("SLURM_JOB_ID", "")))[-4:])
    return _checked(
        Launched(
            "srun",
            _number(environment, "SLURM_PROCID", 0),
            count,
            _number(environment, "SLURM_LOCALID", 0),
            -(-count // max(1, nodes)),
            address,
            _number(environment, "MASTER_PORT", 15000 + job),
            own_devices=_gpus_for_each_task(environment),
        )
    )


def _gpus_for_each_task(environment: Mapping[str, str]) -> bool:
    """Whether srun shows each task GPUs of its own: `--gpus-per-task`, a TRES in newer versions, or `--gpu-bind`."""
    return (
        "SLURM_GPUS_PER_TASK" in environment
        or "gres/gpu" in environment.get("SLURM_TRES_PER_TASK", "").replace(":", "/")
        or any(words in environment.get("SLURM_GPU_BIND", "") for words in ("single:", "per_task:"))
    )


_NODES = ("SLURM_STEP_NODELIST", "SLURM_NODELIST")


def _checked(found: Launched) -> Launched:
    if not (found.rank < found.count and 1 <= found.local_count <= found.count and 0 < found.port < 2**16):
        raise UsageError(
            f"{found.by} describes no process that there can be: number {found.rank} of {found.count}, "
            f"{found.local_count} on this machine, port {found.port}. Check RANK, WORLD_SIZE, LOCAL_WORLD_SIZE and "
            "MASTER_PORT."
        )
    return found


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not (text.isdecimal() and len(text) < 10):
        raise UsageError(f"The environment variable {name} must be a whole number; got {text[:40]!r}.")
    return int(text)
