"""Stages of a score against measured limits of the machine: decode, resize, network, all of them, reduce, solve.

The limits are measured beside them: the rate of float32 and float64 matrix products, and of copying memory. What a
stage reaches of its limit says whether work on it can pay.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ganeval.backbones.base import Backbone
from ganeval.metrics.frechet import frechet_distance
from ganeval.scoring.feature_pass import Walked, run_network
from ganeval.scoring.feature_store import FeatureStore
from ganeval.sources.base import ImageSource, Pixels
from ganeval.summaries.moments import Moments

SIDE = 1024  # of the matrices by which the rate of products is measured
COPY_BYTES = 2**26
BATCH = 32  # images of a batch in the whole pass, as `ganeval score` takes them
NETWORK, WHOLE = "network", "whole pass"


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: What it is.
        seconds: Of each repeat.
        images: That a repeat works on, 0 for the solve.
        work: Floating-point operations or bytes of a repeat.
        limit: Name of the limit that binds it.
        reached: Share of that limit's rate, None without one.
    """

    name: str
    seconds: tuple[float, ...]
    images: int
    work: float
    limit: str
    reached: float | None

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float | None:
        """Images a second."""
        return self.images / self.median if self.images else None


@dataclass(frozen=True)
class Limits:
    """What the machine does, measured.

    Attributes:
        float32: Operations a second of a float32 matrix product.
        float64: The same of float64.
        memory: Bytes a second of a copy, reading and writing counted.
    """

    float32: float
    float64: float
    memory: float


def timed(
    work: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, ...]:
    """Seconds of each of `repeats` calls, after one that does not count."""
    work()
    seconds = []
    for _ in range(repeats):
        started = clock()
        work()
        seconds.append(clock() - started)
    return tuple(seconds)


def measure_limits(repeats: int) -> Limits:
    """Rates of matrix products and of memory, the best of the repeats: a limit is what can be reached."""
    rng = np.random.default_rng(0)
    a = torch.from_numpy(rng.normal(size=(SIDE, SIDE)))
    single = a.float()
    source = np.ones(COPY_BYTES // 8)
    target = np.empty_like(source)
    flops = 2.0 * SIDE**3
    return Limits(
        float32=flops / min(timed(lambda: single @ single, repeats)),
        float64=flops / min(timed(lambda: a @ a, repeats)),
        memory=2.0 * COPY_BYTES / min(timed(lambda: np.copyto(target, source), repeats)),
    )


def network_work(backbone: Backbone, prepared: torch.Tensor) -> float:
    """Floating-point operations of the network on some prepared images, as torch counts them. Before an engine."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        backbone.network(prepared)
    return float(counter.get_total_flops())


def _pass(source: ImageSource, backbone: Backbone) -> int:
    """From files to features in an empty store, as a score does it: reading, resize and network beside each other."""
    with tempfile.TemporaryDirectory(prefix="ganeval-bench-") as folder:
        store = FeatureStore(Path(folder), "bench")
        walked = Walked.of([backbone], {backbone.info.name: store})
        walked.add(source, BATCH, "fail")
        walked.finish(source.name)
        return walked.queues[0].computed


def measure_stages(
    source: ImageSource, open_backbone: Callable[[], Backbone], start: Callable[[Backbone], object], repeats: int
) -> tuple[list[Stage], Limits]:
    """Times each stage by itself on the images of a source.

    Args:
        source: Images of one size.
        open_backbone: Gives the backbone with its plain torch network.
        start: Puts an engine under it.
        repeats: Of each stage, after one that does not count.
    """
    limits = measure_limits(repeats)
    backbone = open_backbone()
    n = len(source)
    raws = [source.read(i) for i in range(n)]
    images: list[Pixels] = [raw.decode().pixels for raw in raws]
    stacked = torch.from_numpy(np.stack(images))
    prepared = backbone.prepare(stacked)
    flops = network_work(backbone, prepared[:1]) * n
    start(backbone)
    features, _ = run_network(backbone, images)
    rng = np.random.default_rng(0)
    dim = features.shape[1]
    many = np.maximum(rng.normal(size=(2 * dim, dim)).astype(np.float32), 0)
    sides = Moments.of(many[: dim + 2]), Moments.of(many[dim - 2 :])
    decoded, resized = 1.0 * stacked.numel(), 1.0 * stacked.numel() + 4.0 * prepared.numel()
    stages: list[tuple[str, Callable[[], object], int, float, str]] = [
        ("read + hash + decode", lambda: [source.read(i).decode() for i in range(n)], n, decoded, "memory"),
        ("resize", lambda: backbone.prepare(stacked), n, resized, "memory"),
        (NETWORK, lambda: backbone.forward(prepared), n, flops, "float32"),
        ("resize + network", lambda: run_network(backbone, images), n, flops, "float32"),
        (WHOLE, lambda: _pass(source, backbone), n, flops, "float32"),
        ("reduce", lambda: Moments.of(many), len(many), 2.0 * len(many) * dim**2, "float64"),
        # Cholesky d^3/3, congruence 2 d^3, eigenvalues 4/3 d^3
        ("solve", lambda: frechet_distance(*sides), 0, (1 / 3 + 2 + 4 / 3) * dim**3, "float64"),
    ]
    found = []
    for name, work, images_of_stage, amount, limit in stages:
        with torch.inference_mode():
            seconds = timed(work, repeats)
        reached = amount / statistics.median(seconds) / getattr(limits, limit)
        found.append(Stage(name, seconds, images_of_stage, amount, limit, reached))
    return found, limits
