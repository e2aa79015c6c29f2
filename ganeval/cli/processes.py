"""Several processes of one command: starting them on this machine, and ending them with one message and one status."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ganeval.cli.error_messages import ARGUMENTS, tell
from ganeval.errors import GanevalError, ProcessesError
from ganeval.processes.launch import LAUNCHER, launched

if TYPE_CHECKING:
    from ganeval.processes.shares import Processes

PATIENCE: Final = 20.0  # seconds that the other processes have to end once one has failed


@contextlib.contextmanager
def several(device: str, devices: int, timeout: float) -> "Iterator[Processes | None]":
    """The processes of this command, None for this one alone.

    With `--devices N` alone, the command is started N times and this process waits for them; where torchrun or srun
    started several, they join. Once one fails, the first of them has told the user and all leave with its exit status.

    Args:
        device: As for `ganeval.processes.shares.open_processes`.
        devices: As there.
        timeout: As there.
    """
    if launched() is None:
        if devices > 1:
            raise click.exceptions.Exit(start(devices, click.get_current_context().meta[ARGUMENTS]))
        yield None
        return
    # Where a connection breaks, torch would print C++ frames beside our message.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    from ganeval.processes.shares import open_processes

    with contextlib.suppress(ValueError):  # not in the main thread: a test's
        signal.signal(signal.SIGTERM, _stop)
    told: list[GanevalError] = []

    def tell_once(error: GanevalError) -> None:
        told.append(error)
        tell(error)

    try:
        with open_processes(device, devices, timeout, tell_once) as processes:
            yield processes
    except GanevalError as error:
        if told or isinstance(error, ProcessesError):
            raise click.exceptions.Exit(error.exit_code) from None
        raise
    finally:
        # From here on all processes end; torchrun would stop the slower ones by force, before their exit status is out.
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _stop(number: int, frame: Any) -> None:
    """torchrun, srun and schedulers ask by SIGTERM, most often since another process ended."""
    del number, frame
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from ganeval.processes.shares import StoppedError

    raise StoppedError


def start(count: int, arguments: Sequence[str]) -> int:
    """Runs the command in `count` processes on this machine.

    Args:
        count: At least 2.
        arguments: Those of the command line.

    Returns:
        The exit status: the first process's, or that of whoever failed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared |= {LAUNCHER: os.getpid(), "GROUP_RANK": 0, "NODE_RANK": 0}
    command = [sys.executable, "-m", "ganeval.cli.main", *arguments]
    processes = []
    for rank in range(count):
        numbers = {name: str(value) for name, value in {**shared, "RANK": rank, "LOCAL_RANK": rank}.items()}
        processes.append(subprocess.Popen(command, env={**os.environ, **numbers}))
    try:
        _wait(processes)
    except KeyboardInterrupt:  # a terminal sends it to all of them
        with contextlib.suppress(KeyboardInterrupt):
            _end(processes, after=2.0)
        return 130
    codes = [process.returncode for process in processes]
    failed = next((code for code in codes if code > 0), GanevalError.exit_code if any(codes) else 0)
    return codes[0] if codes[0] > 0 else failed


def _wait(processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    while any(process.poll() is None for process in processes):
        if any(process.returncode for process in processes):
            _end(processes, after=PATIENCE)
            return
        time.sleep(0.05)


def _end(processes: "Sequence[subprocess.Popen[bytes]]", after: float) -> None:
    """Lets processes end by themselves for a while; then ends them."""
    deadline = time.monotonic() + after
    while time.monotonic() < deadline and any(process.poll() is None for process in processes):
        time.sleep(0.05)
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
