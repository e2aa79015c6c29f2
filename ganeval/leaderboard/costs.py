"""What a recipe costs: the timings that boards of scores show beside the score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganeval.leaderboard.timings import UNITS

Cost = Mapping[str, float]
"""Name of a kind of cost -> its number, where it was measured."""


@dataclass(frozen=True)
class CostKind:
    """One kind of cost.

    Attributes:
        name: In exports.
        stage: Of its timings.
        unit: Of its timings, one of `UNITS`.
        head: Of its column.
        words: Of its axis in a chart.
        front: What `Entry.fronts` calls it; "" for a kind that has no Pareto front of its own.
    """

    name: str
    stage: str
    unit: str
    head: str
    words: str
    front: str = ""

    @property
    def better(self) -> str:
        """Which direction is good: "lower" or "higher"."""
        return UNITS[self.unit]


PARAMETERS = CostKind("parameters", "generator", "parameters", "params", "parameters of the generator", "parameters")
TRAINING = CostKind("training_seconds", "training, steps alone", "s", "train s", "seconds of training", "training")
SAMPLING = CostKind(
    "images_per_second", "sampling, batch 64", "images/s", "images/s", "images sampled a second, batch 64", "sampling"
)
SAMPLING_ONE = CostKind(
    "images_per_second_batch_1",
    "sampling, batch 1",
    "images/s",
    "images/s alone",
    "images sampled a second, one at a time",
)
LATENCY_P50 = CostKind("latency_p50_ms", "latency p50, batch 1", "ms", "p50 ms", "median latency of one image, ms")
LATENCY_P95 = CostKind("latency_p95_ms", "latency p95, batch 1", "ms", "p95 ms", "95th percentile of latency, ms")
SAMPLING_MEMORY = CostKind(
    "sampling_mib",
    "peak memory beyond imports, sampling, batch 64",
    "MiB",
    "sample MiB",
    "memory of sampling, MiB",
)
TRAINING_MEMORY = CostKind(
    "training_mib", "peak memory beyond imports, training", "MiB", "train MiB", "memory of training, MiB"
)
WORK = CostKind("flop", "one image", "FLOP", "FLOP", "floating-point operations of one image")

COSTS: Sequence[CostKind] = (
    PARAMETERS,
    TRAINING,
    SAMPLING,
    SAMPLING_ONE,
    LATENCY_P50,
    LATENCY_P95,
    SAMPLING_MEMORY,
    TRAINING_MEMORY,
    WORK,
)
"""Every kind, in the order of columns; those with a front stand beside the score, the others behind the metrics."""
