"""Runs the processes of one command as torchrun would, each with its own environment, folder and output."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass

GENERATOR = """
import os, signal, time
import numpy as np

def factory():
    def draws(indices, seed):
        if os.environ.get("RANK") == os.environ.get("VICTIM", "none") and indices[0] >= 64:
            if os.environ["FATE"] == "hang":
                time.sleep(600)
            os.kill(os.getpid(), getattr(signal, os.environ["FATE"]))
        rngs = [np.random.default_rng([seed, index]) for index in indices]
        return np.stack([rng.integers(0, 256, (3, 8, 8), dtype=np.uint8) for rng in rngs])
    return draws
"""
"""Images of 8 px; in the process that VICTIM names, FATE (a signal, or "hang") comes with image 64."""


@dataclass(frozen=True)
class Ended:
    """How one process ended."""

    code: int
    out: str
    err: str


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def places(count, **more):
    """What torchrun puts into the environment of each of `count` processes."""
    shared = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    numbers = [{**shared, "RANK": rank, "LOCAL_RANK": rank, **more} for rank in range(count)]
    return [{name: str(value) for name, value in own.items()} for own in numbers]


def run_ranks(arguments, home, count=2, folders=None, prefix=lambda rank: [], seconds=300, **environment):
    """Runs `ganeval ARGUMENTS` in several processes, each with a cache of its own below `home`.

    A process that is still there when the first one has ended for 60 s is killed.
    """
    processes = []
    for rank, place in enumerate(places(count, **environment)):
        own = {**os.environ, "GANEVAL_CACHE": str(home / f"cache-{rank}"), **place}
        own["PYTHONPATH"] = os.pathsep.join([os.getcwd(), str(home)])
        command = [*prefix(rank), sys.executable, "-m", "ganeval.cli.main", *arguments]
        folder = home if folders is None else folders[rank]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(command, env=own, cwd=folder, text=True, **pipes))
    victim = int(environment.get("VICTIM", -1))
    ended = {}
    for rank in sorted(range(count), key=lambda rank: rank == victim):  # a stopped one ends only when it is killed
        try:
            out, err = processes[rank].communicate(timeout=seconds if not ended else 60)
        except subprocess.TimeoutExpired:
            processes[rank].kill()
            out, err = processes[rank].communicate()
        ended[rank] = Ended(processes[rank].returncode, out, err)
    return [ended[rank] for rank in range(count)]
