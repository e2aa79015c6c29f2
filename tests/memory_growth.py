"""Calls one entry of the package many times in this process, and prints the resident MiB after each call.

    python -m tests.memory_growth score 10 inception.pth

What malloc keeps for itself is given back first, so that what is printed is what something still refers to.
"""

import ctypes
import gc
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import ganeval
from ganeval.compat.cleanfid import compute_fid
from ganeval.compat.pytorch_fid import calculate_fid_given_paths
from ganeval.compat.torch_fidelity import calculate_metrics
from ganeval.compat.torchmetrics import FrechetInceptionDistance
from ganeval.results.result import append_jsonl

COUNT = 24


def images(seed: int) -> np.ndarray:
    """Other images for each seed."""
    return np.random.default_rng(seed).integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8)


def folder(path: Path, seed: int) -> Path:
    """The same as PNG files."""
    path.mkdir()
    for number, image in enumerate(images(seed)):
        Image.fromarray(image).save(path / f"{number:02d}.png")
    return path


def entries(work: Path, weights: Path) -> dict[str, Callable[[int], object]]:
    """Name -> one call; its argument is the number of the call, so that no features are found in the cache."""
    fake, real = folder(work / "fake", 10_001), folder(work / "real", 10_000)
    baseline = work / "baseline.jsonl"

    def score(call: int) -> object:
        return ganeval.score(images(2 * call), reference=images(2 * call + 1), metrics="kd", engine="openvino")

    def uncached(call: int) -> object:
        return ganeval.score(images(2 * call), reference=real, metrics="kd", engine="openvino", cache=False)

    def compare(call: int) -> object:
        return ganeval.compare(images(2 * call), fake, reference=real, metrics="kd", engine="openvino")

    def check(call: int) -> object:
        if not baseline.exists():
            append_jsonl(baseline, list(ganeval.score(fake, reference=real, metrics="kd", engine="openvino")))
        return ganeval.check(images(2 * call), reference=real, baseline=baseline, engine="openvino")

    def torchmetrics(call: int) -> object:
        metric = FrechetInceptionDistance(feature_extractor_weights_path=weights, device="cpu")
        for side in (True, False):
            batch = images(2 * call + side).transpose(0, 3, 1, 2)
            metric.update(torch.from_numpy(np.ascontiguousarray(batch)), real=side)
        return metric.compute()

    return {
        "score": score,
        "score, cache=False": uncached,
        "compare": compare,
        "check": check,
        "pytorch_fid": lambda _: calculate_fid_given_paths([fake, real], device="cpu", weights=weights),
        "cleanfid": lambda _: compute_fid(fake, real, device="cpu", weights=weights),
        "torch_fidelity": lambda _: calculate_metrics(
            input1=str(fake), input2=str(real), fid=True, isc=True, cuda=False, feature_extractor_weights_path=weights
        ),
        "torchmetrics": torchmetrics,
    }


def resident() -> float:
    """MiB."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(entry: str, calls: int, weights: Path) -> None:
    """Prints one number a line."""
    with tempfile.TemporaryDirectory() as work:
        call = entries(Path(work), weights)[entry]
        for number in range(calls):
            call(number)
            sys.stdout.write(f"{resident():.1f}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
