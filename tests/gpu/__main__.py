"""`python -m tests.gpu --minutes 8 --out DIR`: parity with the CPU, then speeds, then training, on a machine with CUDA.

Each part has its share of the minutes, and each result is written when it is there. A second call goes on behind the
last finished task, and resumes the training that was cut off. Ends with status 1 where a check failed.
"""

import argparse
import sys
import time
import traceback
from pathlib import Path

import torch

from tests.gpu.checks import CHECKS
from tests.gpu.speeds import SPEEDS
from tests.gpu.training import TRAINING, pack_runs
from tests.gpu.work import CheckError, Part, Work

PARTS = (Part(0.25, CHECKS), Part(0.35, SPEEDS), Part(0.40, TRAINING))


def main(arguments: list[str] | None = None) -> int:
    """Runs the parts, and returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="For everything.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of the results.")
    parser.add_argument("--kept", type=Path, default=Path("build/gpu"), help="Folder that a later call goes on from.")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--images", type=int, default=20_000, help="PNGs a folder, for the rate of a score.")
    given = parser.parse_args(arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        print("torch sees no CUDA device here; --device cpu runs the same tasks as a rehearsal.", file=sys.stderr)
        return 2
    given.out.mkdir(parents=True, exist_ok=True)
    given.kept.mkdir(parents=True, exist_ok=True)
    work = Work(given.device, given.out, given.kept, given.images)
    run_parts(work, 60 * given.minutes)
    pack_runs(work)
    for failure in work.failures:
        print(f"FAILED {failure}", flush=True)
    return 1 if work.failures else 0


def run_parts(work: Work, seconds: float) -> None:
    """All tasks in order, each part until its share of the time is used."""
    started, shares = time.monotonic(), 0.0
    finished = work.kept / "finished"
    done = set(finished.read_text().split()) if finished.is_file() else set()
    for part in PARTS:
        shares += part.share
        work.deadline = started + shares * seconds
        for task in part.tasks:
            if task.name in done or work.left <= 0:
                continue
            began = time.monotonic()
            try:
                task.run(work)
            except CheckError as error:
                work.record(task.name, stopped=str(error), seconds=round(time.monotonic() - began, 2))
                if work.left > 0:
                    work.failures.append(f"{task.name}: {error}")
            except Exception as error:  # one task that breaks must not take the others' time with it
                work.record(task.name, broke=f"{type(error).__name__}: {error}", where=traceback.format_exc()[-1500:])
                work.failures.append(f"{task.name}: {type(error).__name__}: {error}")
            else:
                work.record(task.name, finished=True, seconds=round(time.monotonic() - began, 2))
                with finished.open("a") as file:
                    file.write(f"{task.name}\n")


if __name__ == "__main__":
    sys.exit(main())
