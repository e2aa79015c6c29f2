"""The same numbers on the device as on the CPU."""

import functools
import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from ganeval.backbones.base import Backbone
from ganeval.backbones.engines import measured_error, use_engine
from ganeval.backbones.loading import load_backbone
from ganeval.bench.machine import describe_machine
from ganeval.bench.materials import crop, random_inception
from ganeval.results.provenance import installed_versions
from ganeval.sources.datasets.photos import photo, photo_names
from tests.gpu.work import Task, Work

RANDOM = ("inception", "inception-pytorch", "inception-clean", "inception-antialias")
BACKBONES = ("efflite0", *RANDOM)
SIZES = (28, 96, 256, 299)  # pixels: enlarged, about as it is, made smaller, exact
EXACT = 1e-5  # largest difference of a feature, in units of the largest feature
ROWS = 1e-4  # relative difference of a metric between devices; an fd subtracts nearly equal traces

SETS = ("digits:test", "--reference", "digits:train", "--num-samples", 200)
PAIRS = ("reference_models.baselines:bicubic_x4", "--paired", "photos:test")


def weights(work: Work) -> Path:
    """One file of random Inception weights in the canonical layout, made once."""
    from safetensors.torch import save_file

    path = work.kept / "inception.safetensors"
    if not path.exists():
        save_file(random_inception(1), path)
    return path


def load(work: Work, name: str, device: str) -> Backbone:
    """A backbone with its bundled weights, or the random ones."""
    return load_backbone(name, device=torch.device(device), weights_file=weights(work) if name in RANDOM else None)


def machine(work: Work) -> None:
    """Which card, which driver, which versions."""
    card = {}
    if work.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        driver = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        card = {
            "card": properties.name,
            "memory_gib": round(properties.total_memory / 2**30, 1),
            "driver": driver,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    versions = {**installed_versions(), "python": platform.python_version()}
    work.record("machine", **card, machine=describe_machine(), versions=versions)


@torch.inference_mode()
def features(work: Work, name: str) -> None:
    """Features of crops of photos: the CPU's plain network against the device's engine, exact and fast."""
    count = 16 if work.device == "cuda" else 2
    photos = [photo(each) for each in photo_names("all")]
    rng = np.random.default_rng(0)
    plain, exact, fast = (load(work, name, device) for device in ("cpu", work.device, work.device))
    use_engine(exact, "torch", "exact")
    use_engine(fast, "torch", "fast")
    for size in SIZES:
        images = torch.from_numpy(np.stack([crop(photos, size, rng) for _ in range(count)]))
        expected = plain(images).features
        scale = float(expected.abs().max())
        found = {kind: one(images).features.cpu() for kind, one in (("exact", exact), ("fast", fast))}
        errors = {kind: float((values - expected).abs().max()) / scale for kind, values in found.items()}
        stated = measured_error(fast)  # what a row says of its own error under --precision fast
        work.expect("features", errors["exact"] <= EXACT, backbone=name, size=size, **errors, fast_stated=stated)


def rows(work: Work, name: str, arguments: tuple[object, ...]) -> None:
    """Every metric that runs by default: the row of the device against that of the CPU."""
    scored = {}
    for device in ("cpu", work.device):
        _, text = work.ganeval(
            "score", *arguments, "--engine", "torch", "--device", device, "--no-cache", "--json", "-"
        )
        scored[device] = {row["key"]: row for row in json.loads(text)["rows"] if row["status"] == "ok"}
    one, other = scored["cpu"], scored[work.device]
    work.expect(name, set(one) == set(other) and len(one) > 0, metrics=sorted(one))
    for key in sorted(set(one) & set(other)):
        a, b = one[key], other[key]
        # A distance near zero is a difference of large numbers: its scale is its standard error, where it has one.
        apart = abs(a["value"] - b["value"]) / max(abs(a["value"]), a["stderr"] or 0.0, 1e-12)
        work.expect(
            name,
            apart <= ROWS and a["fingerprint"] == b["fingerprint"],
            key=key,
            value=a["value"],
            relative_difference=apart,
            same_fingerprint=a["fingerprint"] == b["fingerprint"],
        )


def memory(work: Work) -> None:
    """Device memory of a score does not grow with the number of images."""
    if work.device == "cpu":
        work.record("memory", skipped="the CPU's memory is measured by the test suite")
        return
    import ganeval

    peaks = []
    for count in (256, 1024):
        torch.cuda.reset_peak_memory_stats()
        images = np.random.default_rng(count).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
        ganeval.score(images, reference=images[::-1], metrics="kd", device=work.device, cache=False)
        peaks.append(torch.cuda.max_memory_allocated() / 2**20)
    work.expect("memory", peaks[1] <= 1.2 * peaks[0] + 16, mib_of_256=peaks[0], mib_of_1024=peaks[1])


def marked(work: Work) -> None:
    """The suite's own tests of devices."""
    if work.device == "cpu":
        work.record("pytest -m gpu", skipped="needs CUDA")
        return
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=max(work.left, 1.0), check=False)
    work.expect("pytest -m gpu", done.returncode == 0, last=done.stdout.strip()[-400:])


CHECKS = (
    Task("machine", machine),
    *(Task(f"features-{name}", functools.partial(features, name=name)) for name in BACKBONES),
    Task("rows-sets", functools.partial(rows, name="rows of sets", arguments=SETS)),
    Task("rows-pairs", functools.partial(rows, name="rows of pairs", arguments=PAIRS)),
    Task("memory", memory),
    Task("marked", marked),
)
