"""The same numbers on the device as on the CPU."""

import contextlib
import functools
import json
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from ganeval.backbones import BACKBONES
from ganeval.backbones.base import Backbone
from ganeval.backbones.calls import remark_of
from ganeval.backbones.engines import use_engine
from ganeval.backbones.float32 import true_float32
from ganeval.backbones.loading import load_backbone, measured_error
from ganeval.backbones.pipeline import Pipeline
from ganeval.backbones.weights import LoadedWeights, load_network
from ganeval.bench.machine import describe_machine
from ganeval.bench.materials import crop, random_inception
from ganeval.errors import DeviceMemoryError, UsageError
from ganeval.results.provenance import installed_versions
from ganeval.scoring.feature_pass import run_network
from ganeval.sources.datasets.photos import photo, photo_names
from tests.gpu.work import Task, Work

OTHERS = (
    "pixels", "vgg16", "vgg16-l2pool", "vgg19", "alexnet", "dinov2-vits14", "dinov2-vitb14", "dinov2-vitl14",
    "clip-vitb32", "clip-vitl14-336",
)  # fmt: skip
RANDOM = ("inception", "inception-spatial", "inception-pytorch", "inception-clean", "inception-antialias")
BUNDLED = ("efflite0", *RANDOM)
SIZES = (28, 96, 256, 299)  # pixels: enlarged, about as it is, made smaller, exact
EXACT = 1e-5  # largest difference of a feature, in units of the largest feature
ROUNDING = 1e-4  # the same, of deep networks with random weights, which amplify the rounding of sums
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


def drawn(build: Callable[[], torch.nn.Module], state: object, name: str, device: torch.device) -> torch.nn.Module:
    """In place of `load_network`: weights ~ 1 / sqrt(inputs), gains around 1, the rest ~ 0.1, by a fixed seed."""
    del state
    with torch.device("meta"):
        network = build()
    generator = torch.Generator().manual_seed(1)
    weights = {}
    for key, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        matrix = tensor.dim() >= 2
        gain = not matrix and key.endswith(("weight", "gamma"))
        weights[key] = noise / tensor[0].numel() ** 0.5 if matrix else float(gain) + 0.1 * noise
    return load_network(lambda: network, weights, name, device)


def load_other(name: str, device: str) -> Backbone:
    """A backbone with random weights, whose file is on no machine without internet."""
    info = BACKBONES.get(name)
    module = sys.modules[info.load.__module__]
    if not info.weights:
        return load_backbone(name, device=torch.device(device))
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(module, "load_network", drawn))
        if hasattr(module, "image_state"):  # CLIP's file holds a network for texts too
            stack.enter_context(mock.patch.object(module, "image_state", lambda state, name: state))
        return info.load(info, LoadedWeights({}, "0" * 64, pinned=False), torch.device(device))


def load(work: Work, name: str, device: str) -> Backbone:
    """A backbone with its bundled weights, or with random ones."""
    if name in OTHERS:
        return load_other(name, device)
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
    most = ROUNDING if name in OTHERS else EXACT
    photos = [photo(each) for each in photo_names("all")]
    rng = np.random.default_rng(0)
    mixed = [np.ascontiguousarray(crop(photos, size, rng)) for size in (*SIZES[:3], *SIZES[:2])]
    plain, exact, fast = (load(work, name, device) for device in ("cpu", work.device, work.device))
    use_engine(exact, "torch", "exact")
    use_engine(fast, "torch", "fast")
    if exact.info.dim is None:
        pyramids(work, plain, exact)
        return
    for size in SIZES:
        images = torch.from_numpy(np.stack([crop(photos, size, rng) for _ in range(count)]))
        expected = plain(images).features
        scale = float(expected.abs().max())
        found = {"exact": exact(images).features.cpu()}
        try:
            found["fast"] = fast(images).features.cpu()
        except UsageError as error:  # too far off to be used: a score is refused in the same way
            work.record("fast is refused", backbone=name, size=size, error=str(error))
        errors = {kind: float((values - expected).abs().max()) / scale for kind, values in found.items()}
        stated = measured_error(fast)  # what a row says of its own error under --precision fast
        work.expect("features", errors["exact"] <= most, backbone=name, size=size, **errors, fast_stated=stated)
    # As a score runs it: by pinned memory, by size groups, and from the second call on by a CUDA graph.
    pipeline = Pipeline(exact)
    for _ in range(3):
        pipeline.submit(mixed)
    taken = pipeline.take(finish=True)[0]
    alone = np.concatenate([plain(torch.from_numpy(image[None])).features.numpy() for image in mixed])
    apart = float(np.abs(taken - np.tile(alone, (3, 1))).max()) / float(np.abs(alone).max())
    work.expect("pipeline", apart <= most, backbone=name, largest_difference=apart, remark=remark_of(exact.network))
    if exact.info.pyramid:
        pyramids(work, plain, exact)


@torch.inference_mode()
def pyramids(work: Work, plain: Backbone, other: Backbone) -> None:
    """The maps that paired metrics compare."""
    images = torch.randint(0, 256, (2, 3, 97, 128), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with true_float32(other.device):
        maps = other.pyramid(images)
    for layer, one, two in zip(plain.pyramid_layers, plain.pyramid(images), maps, strict=True):
        apart = float((two.cpu() - one).abs().max()) / max(float(one.abs().max()), 1e-12)
        work.expect("maps", apart <= ROUNDING, backbone=plain.info.name, layer=layer, largest_difference=apart)


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


def full_memory(work: Work) -> None:
    """A device with too little memory gets smaller calls once, and the features stay."""
    if work.device == "cpu":
        work.record("full memory", skipped="the suite plays it on the CPU")
        return
    plain, small = load(work, "efflite0", "cuda"), load(work, "efflite0", "cuda")
    for backbone in (plain, small):
        use_engine(backbone, "torch", "exact")
    images = [np.random.default_rng(i).integers(0, 256, (3, 224, 224), dtype=np.uint8) for i in range(64)]
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    expected, held = run_network(plain, images)[0], torch.cuda.memory_reserved()
    needed = torch.cuda.max_memory_reserved()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    pipeline = Pipeline(small)
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + (needed - held) * 0.4 + 2**27) / total)
    try:
        pipeline.submit(images)
        apart = float(np.abs(pipeline.take(finish=True)[0] - expected).max() / np.abs(expected).max())
        work.expect("full memory", apart <= EXACT, notes=pipeline.notes, largest_difference=apart)
    except DeviceMemoryError as error:
        work.record("full memory", refused=str(error))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


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
    *(Task(f"features-{name}", functools.partial(features, name=name)) for name in BUNDLED),
    Task("rows-sets", functools.partial(rows, name="rows of sets", arguments=SETS)),
    Task("rows-pairs", functools.partial(rows, name="rows of pairs", arguments=PAIRS)),
    Task("memory", memory),
    Task("full-memory", full_memory),
    *(Task(f"features-{name}", functools.partial(features, name=name)) for name in OTHERS),
    Task("marked", marked),
)
