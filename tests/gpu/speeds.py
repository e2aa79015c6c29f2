"""How fast a score is, beside what the network alone could do and beside torch-fidelity."""

import datetime
import functools
import importlib.util
import json
import multiprocessing
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ganeval.backbones.engines import use_engine
from ganeval.backbones.precision import Precision
from ganeval.bench.machine import describe_machine
from ganeval.leaderboard.timings import TimingRow, append_timings
from ganeval.results.provenance import installed_versions
from tests.gpu.checks import RANDOM, load, weights
from tests.gpu.work import CheckError, Task, Work

SIDE = 64  # pixels of a PNG
BATCH = 256
ROUNDS = 5


def timing(work: Work, name: str, stage: str, value: float, unit: str, n: int) -> None:
    """A row for the timing board; all rows of one call of this program share the machine and the day."""
    device = torch.cuda.get_device_name(0) if work.device == "cuda" else "cpu"
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    row = TimingRow(
        name=name,
        stage=stage,
        value=value,
        unit=unit,
        n=n,
        threads=torch.get_num_threads(),
        device=device,
        versions=installed_versions(),
        machine=describe_machine(),
        run=f"gpu-{now[:10]}",
        time=now,
        source="python -m tests.gpu",
    )
    append_timings(work.out / "timings.jsonl", [row])


def write_one(path: Path) -> None:
    """Soft blobs under noise, drawn from the file's own name, so that every call writes the same files."""
    rng = np.random.default_rng(int(path.stem) + (path.parent.name == "fake") * 10**6)
    coarse = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    soft = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(np.int16)
    noisy = np.clip(soft + rng.integers(-8, 9, soft.shape), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(path, compress_level=1)


def folders(work: Work) -> tuple[Path, Path]:
    """Two folders of PNGs, written once by all cores."""
    both = work.kept / "fake", work.kept / "real"
    for folder in both:
        folder.mkdir(exist_ok=True)
        wanted = [path for number in range(work.images) if not (path := folder / f"{number:06}.png").exists()]
        if wanted:
            with multiprocessing.get_context("spawn").Pool() as pool:
                pool.map(write_one, wanted, chunksize=256)
    return both


@torch.inference_mode()
def network(work: Work, name: str, precision: Precision) -> None:
    """Images a second of the network alone, on prepared images that lie on the device."""
    backbone = load(work, name, work.device)
    use_engine(backbone, "torch", precision)
    size = BATCH if work.device == "cuda" else 8
    images = torch.randint(0, 256, (size, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    prepared = backbone.prepare(images)
    seconds = []
    for _ in range(ROUNDS + 2):
        started = time.perf_counter()
        backbone.forward(prepared)
        if work.device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    rate = size / statistics.median(seconds[2:])
    work.record("network", backbone=name, precision=precision, batch=size, images_s=rate)
    network_rate(work, name, precision).write_text(str(rate))
    timing(work, f"{name} {precision}", f"network alone, batch {size}", rate, "images/s", ROUNDS)


def network_rate(work: Work, name: str, precision: Precision) -> Path:
    """File with the images a second of the network alone."""
    return work.kept / f"rate-{name}-{precision}"


def score(work: Work, name: str, precision: Precision) -> None:
    """A whole score from files that nothing has seen before: rate, stages, and the share of the network's own rate."""
    fake, real = folders(work)
    extra = ("--weights", f"{name}={weights(work)}") if name in RANDOM else ()
    started = work.ganeval("score", fake, "--metrics", f"cs@{name}", "--num-samples", 16, *device_of(work), *extra)[0]
    seconds, text = work.ganeval(
        "score", fake, "--reference", real, "--metrics", f"fd@{name}", "--precision", precision, "--no-cache",
        "--json", "-", *device_of(work), *extra,
    )  # fmt: skip
    row = json.loads(text)["rows"][0]
    alone = network_rate(work, name, precision)
    rate = 2 * work.images / max(seconds - started, 1e-3)
    work.record(
        "score",
        backbone=name,
        precision=precision,
        images=work.images,
        seconds=seconds,
        seconds_of_16=started,
        images_s=rate,
        share_of_network=rate / float(alone.read_text()) if alone.is_file() else None,
        stages=row["timing"],
        value=row["value"],
    )
    timing(work, f"score fd@{name} {precision}", f"{work.images} + {work.images} PNGs of {SIDE} px", seconds, "s", 1)


def device_of(work: Work) -> tuple[str, ...]:
    return ("--device", work.device, "--engine", "torch")


def fidelity(work: Work) -> None:
    """torch-fidelity's FID on the same files and weights."""
    if importlib.util.find_spec("torch_fidelity") is None:
        work.record("torch-fidelity", skipped="is not installed here")
        return
    import subprocess

    fake, real = folders(work)
    pickled = work.kept / "inception.pth"
    if not pickled.exists():
        from safetensors.torch import load_file

        torch.save(load_file(weights(work)), pickled)
    code = (
        "import json,torch_fidelity,sys;"
        "print(json.dumps(torch_fidelity.calculate_metrics(input1=sys.argv[1],input2=sys.argv[2],fid=True,cuda="
        f"{work.device == 'cuda'},feature_extractor_weights_path=sys.argv[3],cache=False,verbose=False,"
        "batch_size=64)))"
    )
    started = time.monotonic()
    command = [sys.executable, "-c", code, str(fake), str(real), str(pickled)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(work.left, 1.0), check=False)
    except subprocess.TimeoutExpired as error:
        raise CheckError("torch-fidelity was stopped: the time of this part is over") from error
    if done.returncode:
        raise CheckError(f"torch-fidelity ended with {done.returncode}: {done.stderr[-400:]}")
    seconds = time.monotonic() - started
    value = json.loads(done.stdout.strip().splitlines()[-1])["frechet_inception_distance"]
    work.record("torch-fidelity", images=work.images, seconds=seconds, value=value)
    timing(work, "torch-fidelity fid", f"{work.images} + {work.images} PNGs of {SIDE} px", seconds, "s", 1)


SPEEDS = (
    *(
        Task(f"network-{name}-{precision}", functools.partial(network, name=name, precision=precision))
        for name in ("efflite0", "inception")
        for precision in ("exact", "fast")
    ),
    *(
        Task(f"score-{name}-{precision}", functools.partial(score, name=name, precision=precision))
        for name, precision in (("inception", "exact"), ("inception", "fast"), ("efflite0", "exact"))
    ),
    Task("torch-fidelity", fidelity),
)
