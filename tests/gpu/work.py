"""What the parts share: where results go, how much time is left, and how a command of the program is called."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


class CheckError(Exception):
    """A result that is not what it must be: recorded, and the run ends with status 1."""


@dataclass
class Work:
    """One run.

    Attributes:
        device: "cuda" or "cpu".
        out: Where results go: `results.jsonl`, `timings.jsonl`, `runs.tar`.
        kept: What a later call goes on from: images, weights, run folders, the list of finished tasks.
        images: PNGs in each of the two folders of the speed part.
        deadline: Of the part that runs, on the clock of `time.monotonic`.
        failures: What went wrong, in words.
    """

    device: str
    out: Path
    kept: Path
    images: int
    deadline: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def left(self) -> float:
        """Seconds of the part that are left."""
        return self.deadline - time.monotonic()

    def record(self, task: str, **facts: object) -> None:
        """Appends one result at once: a machine that is taken away loses only what was running."""
        line = json.dumps({"task": task, "device": self.device, **facts}, default=str)
        with (self.out / "results.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        print(line, flush=True)

    def expect(self, task: str, holds: bool, **facts: object) -> None:
        """Records a check. The task goes on after one that fails."""
        self.record(task, ok=holds, **facts)
        if not holds:
            self.failures.append(f"{task}: {facts}")

    def ganeval(self, *arguments: object) -> tuple[float, str]:
        """Calls the program as a process of its own: (seconds, stdout).

        Raises:
            CheckError: it failed, or the part's time is over.
        """
        command = [sys.executable, "-m", "ganeval.cli.main", *map(str, arguments)]
        started = time.monotonic()
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=max(self.left, 1.0), check=False, env=os.environ
            )
        except subprocess.TimeoutExpired as error:
            raise CheckError(f"{' '.join(command[2:])} was stopped: the time of this part is over") from error
        if done.returncode != 0:
            raise CheckError(f"{' '.join(command[2:])} ended with {done.returncode}: {done.stderr[-600:]}")
        return time.monotonic() - started, done.stdout


@dataclass(frozen=True)
class Task:
    """One thing to do.

    Attributes:
        name: In the results; a task that is finished is not done again.
        run: Does it.
    """

    name: str
    run: Callable[[Work], None]


@dataclass(frozen=True)
class Part:
    """Tasks that share some of the minutes; what they leave over goes to the parts behind them.

    Attributes:
        share: Of all the time, in (0, 1].
        tasks: In order.
    """

    share: float
    tasks: tuple[Task, ...]
