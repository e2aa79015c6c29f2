"""One command as a whole process: wall time, processor time, peak memory, what it printed.

Memory is the largest resident set of the process or of any one of its children (Linux counts each by itself). It also
counts what the measuring process itself held when it forked, so that one must stay small: nothing here loads torch.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganeval.errors import DataError

SHOWN = 400  # characters of a failed command's last words


@dataclass(frozen=True)
class Run:
    """One finished process.

    Attributes:
        wall: Seconds from start to end.
        processor: Seconds of processor time, user and system, with those of its children; None where unknown.
        memory: Peak resident memory in MiB, None where unknown.
        output: What it wrote to stdout.
    """

    wall: float
    processor: float | None
    memory: float | None
    output: str


def run_process(name: str, command: Sequence[str], environment: Mapping[str, str], timeout: float) -> Run:
    """Runs a command to its end.

    Args:
        name: What messages call it.
        command: Program and arguments.
        environment: Added to this process's own.
        timeout: Seconds after which it is stopped.

    Raises:
        DataError: it cannot be started, failed, or did not end in time; the message holds its last words.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                list(command), stdout=out, stderr=err, stdin=subprocess.DEVNULL, env={**os.environ, **environment}
            )
        except OSError as error:
            raise DataError(f"{name} cannot be started ({error.strerror}): {command[0]}. Install it again.") from error
        processor, memory, code = _wait(process, started + timeout)
        wall = time.perf_counter() - started
        if code != 0:
            err.seek(0)
            words = err.read().decode(errors="replace").strip()[-SHOWN:]
            why = f"did not end within {timeout:.0f} s" if code is None else f"ended with status {code}"
            raise DataError(f"{name} {why}. Its last words: {words or 'none'}. Run it by hand: {' '.join(command)}")
        out.seek(0)
        return Run(wall, processor, memory, out.read().decode(errors="replace"))


def _wait(process: "subprocess.Popen[bytes]", deadline: float) -> tuple[float | None, float | None, int | None]:
    """Processor seconds, MiB and status; status None for a process that had to be stopped."""
    if not hasattr(os, "wait4"):  # Windows
        try:
            return None, None, process.wait(max(0.0, deadline - time.perf_counter()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None, None, None
    stopped = False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.perf_counter() > deadline and not stopped:
            process.kill()
            stopped = True
        time.sleep(0.01)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    code = None if stopped else process.returncode
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20, code
