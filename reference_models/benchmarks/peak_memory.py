"""Peak memory of drawing images, or of training steps, beyond Python and PyTorch themselves: a process of its own.

`python -m reference_models.benchmarks.peak_memory RECIPE sampling|training [DATA_ROOT]` prints MiB.
"""

import resource
import sys
from pathlib import Path
from typing import Final

import torch

from reference_models.benchmarks.timing import time_steps, untrained_drawer
from reference_models.recipes import RECIPES

BATCH: Final = 64
ROUNDS: Final = 3
STEPS: Final = 4  # with the first and the last one of the plan, which come before
_STATUS = Path("/proc/self/status")


def peak_mib() -> float:
    """The largest resident set of this process so far, without that of the process which started it."""
    if _STATUS.exists():  # ru_maxrss goes over to a new process on Linux, the mark of its address space does not
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main(recipe: str, stage: str, data_root: str | None = None) -> float:
    """MiB of one stage of a recipe, beyond those of the imports: networks, data, activations, buffers of kernels."""
    plan, device, before = RECIPES.get(recipe), torch.device("cpu"), peak_mib()
    if stage == "training":
        time_steps(plan, device, STEPS, data_root=None if data_root is None else Path(data_root))
    else:
        draw = untrained_drawer(plan, BATCH, device)
        for number in range(ROUNDS):
            draw(number)
    return peak_mib() - before


if __name__ == "__main__":
    sys.stdout.write(f"{main(*sys.argv[1:]):.1f}\n")
