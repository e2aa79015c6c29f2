"""How long a score's network takes by itself: `python -m ganeval.bench.network_time WEIGHTS` prints seconds an image.

Two numbers: by the wall clock, and of processor time, which other programs on the machine change less.

It is the floor under a whole score, whose other work hides beside the network at best.
"""

import statistics
import sys
import time
from pathlib import Path

import torch

from ganeval.backbones.engines import use_engine
from ganeval.backbones.loading import load_backbone
from ganeval.bench.stages import timed

IMAGES, REPEATS = 32, 3


def seconds_an_image(weights: Path) -> tuple[float, float]:
    """Inception in float32 under the engine that a score takes, on prepared images; medians of three calls.

    Args:
        weights: File in the canonical layout.

    Raises:
        WeightsError: the file cannot be used.
    """
    backbone = load_backbone("inception", device=torch.device("cpu"), weights_file=weights)
    use_engine(backbone, "auto")
    prepared = backbone.prepare(torch.zeros(IMAGES, 3, 256, 256, dtype=torch.uint8))
    clocks = time.perf_counter, time.process_time
    with torch.inference_mode():
        found = [statistics.median(timed(lambda: backbone.forward(prepared), REPEATS, clock)) for clock in clocks]
    return found[0] / IMAGES, found[1] / IMAGES


if __name__ == "__main__":
    sys.stdout.write(" ".join(map(str, seconds_an_image(Path(sys.argv[1])))) + "\n")
