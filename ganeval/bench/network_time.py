"""How long a score's network takes by itself: `python -m ganeval.bench.network_time WEIGHTS` prints seconds an image.

It is the floor under a whole score, whose other work hides beside the network at best.
"""

import statistics
import sys
from pathlib import Path

import torch

from ganeval.backbones.engines import use_engine
from ganeval.backbones.loading import load_backbone
from ganeval.bench.stages import timed

IMAGES, REPEATS = 32, 3


def seconds_an_image(weights: Path) -> float:
    """Inception in float32 under the engine that a score takes, on prepared images; the median of three calls.

    Args:
        weights: File in the canonical layout.

    Raises:
        WeightsError: the file cannot be used.
    """
    backbone = load_backbone("inception", device=torch.device("cpu"), weights_file=weights)
    use_engine(backbone, "auto")
    prepared = backbone.prepare(torch.zeros(IMAGES, 3, 256, 256, dtype=torch.uint8))
    with torch.inference_mode():
        return statistics.median(timed(lambda: backbone.forward(prepared), REPEATS)) / IMAGES


if __name__ == "__main__":
    sys.stdout.write(f"{seconds_an_image(Path(sys.argv[1]))}\n")
