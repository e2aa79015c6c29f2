"""Whole scores against other tools in one run: the entrants take turns, so that a busy machine slows all of them alike.

A round calls every entrant once; odd rounds go backwards. Ratios are taken within a round. Loads no torch.
"""

import dataclasses
import datetime
import hashlib
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ganeval.bench.machine import describe_machine
from ganeval.bench.peers import Entrant, Job
from ganeval.bench.process import Run, run_process
from ganeval.errors import DataError
from ganeval.leaderboard.timings import TimingRow
from ganeval.results.provenance import installed_versions

TIMEOUT = 3600.0  # seconds that one process may take
BESIDE, START = 1.08, 2.5  # of a score at its roofline: the network with what runs beside it; seconds to start


@dataclass(frozen=True)
class Measured:
    """One entrant at one count.

    Attributes:
        name: The entrant.
        version: Of its package.
        n: Images a side.
        wall: Seconds of each round.
        processor: Seconds of processor time of each round, empty where unknown.
        memory: Peak MiB of each round, empty where unknown.
        numbers: What it printed in the last round.
        remark: What a reader must know of the comparison.
    """

    name: str
    version: str
    n: int
    wall: tuple[float, ...]
    processor: tuple[float, ...]
    memory: tuple[float, ...]
    numbers: Mapping[str, float]
    remark: str


@dataclass(frozen=True)
class Spread:
    """A ratio over rounds.

    Attributes:
        median: Of the rounds.
        least: Smallest.
        most: Largest.
    """

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Comparison:
    """One run of all entrants.

    Attributes:
        measured: By count, then in the order of the entrants; the first of each count is ganeval itself.
        what: The task in words.
        machine: In words, without a host name.
        load: Mean of the machine's load over the last minute, before and after, None where unknown.
        time: ISO 8601, of the start.
        failures: What ended other tools, in words; they are left out at that count.
        network: Seconds that ganeval's network takes for an image by itself, of the wall clock and of processor time;
            None where it was not timed.
    """

    measured: tuple[Measured, ...]
    what: str
    machine: str
    load: tuple[float, float] | None
    time: str
    failures: tuple[str, ...] = ()
    network: tuple[float, float] | None = None

    def at(self, n: int) -> list[Measured]:
        """The entrants at one count."""
        return [one for one in self.measured if one.n == n]

    @property
    def counts(self) -> list[int]:
        """Images a side, ascending."""
        return sorted({one.n for one in self.measured})


def times(one: Measured, base: Measured, kind: str = "wall") -> Spread | None:
    """How many times the base's cost an entrant takes, round by round: above 1 where the base is faster.

    Args:
        one: The entrant.
        base: What it is held against, of the same rounds.
        kind: "wall", "processor" or "memory".
    """
    costs, bases = getattr(one, kind), getattr(base, kind)
    if not costs or not bases:
        return None
    ratios = [cost / under for cost, under in zip(costs, bases, strict=True)]
    return Spread(statistics.median(ratios), min(ratios), max(ratios))


def roofline(n: int, network: float) -> float:
    """Seconds of a score that its network alone bounds.

    Args:
        n: Images a side.
        network: Seconds an image of the network by itself.
    """
    return 2 * n * network * BESIDE + START


def difference(one: Measured, base: Measured, number: str) -> float | None:
    """Relative difference of a number from the base's, None where one of them has none."""
    if number not in one.numbers or number not in base.numbers:
        return None
    return abs(one.numbers[number] - base.numbers[number]) / max(abs(base.numbers[number]), 1e-300)


def compare(
    chosen: Sequence[Entrant],
    jobs: Mapping[int, Job],
    repeats: int,
    what: str,
    told: Callable[[str], None],
    advance: Callable[[int], None],
) -> Comparison:
    """Runs all entrants in turn.

    Args:
        chosen: Who; ganeval first.
        jobs: Images a side -> what they are given.
        repeats: Rounds, >= 1.
        what: The task in words.
        told: Hears one line about each process.
        advance: Told of each finished process.

    Raises:
        DataError: a process of ganeval failed. Another tool's failure leaves it out at that count, and is told.
    """
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    before = _load()
    measured: list[Measured] = []
    failures: list[str] = []
    for n, job in sorted(jobs.items()):
        runs: dict[str, list[Run]] = {entrant.name: [] for entrant in chosen}
        for entrant in chosen:
            entrant.prepare(job)
        racing = list(chosen)
        for number in range(repeats):
            for entrant in racing if number % 2 == 0 else racing[::-1]:
                try:
                    run = run_process(entrant.name, entrant.command(job), entrant.environment(job), TIMEOUT)
                except DataError as error:
                    if entrant.distribution == "ganeval":
                        raise
                    racing = [other for other in racing if other is not entrant]
                    failures.append(f"{n} images a side: {error}")
                    told(failures[-1])
                else:
                    runs[entrant.name].append(run)
                    told(f"{entrant.name}, {n} images a side, round {number + 1}: {run.wall:.1f} s")
                advance(1)
        measured += [_measured(entrant, n, runs[entrant.name]) for entrant in racing]
    after = _load()
    load = None if before is None or after is None else (before, after)
    return Comparison(tuple(measured), what, describe_machine(), load, started, tuple(failures))


def _measured(entrant: Entrant, n: int, runs: Sequence[Run]) -> Measured:
    return Measured(
        entrant.name,
        entrant.version,
        n,
        tuple(run.wall for run in runs),
        tuple(run.processor for run in runs if run.processor is not None),
        tuple(run.memory for run in runs if run.memory is not None),
        entrant.numbers(runs[-1].output),
        entrant.remark,
    )


def _load() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def to_dict(comparison: Comparison) -> dict[str, object]:
    """Plain JSON types: every round, with the ratios and differences that the table shows."""
    entries = []
    for n in comparison.counts:
        base = comparison.at(n)[0]
        for one in comparison.at(n):
            ratios = {kind: times(one, base, kind) for kind in ("wall", "processor", "memory")}
            entries.append(
                {
                    **dataclasses.asdict(one),
                    "times_ganeval": {k: None if r is None else dataclasses.asdict(r) for k, r in ratios.items()},
                    "relative_difference": {key: difference(one, base, key) for key in ("fid", "is")},
                }
            )
    shared: dict[str, object] = {
        "what": comparison.what,
        "machine": comparison.machine,
        "load": comparison.load,
        "time": comparison.time,
    }
    if comparison.network is not None:
        wall, processor = comparison.network
        shared["network_seconds_an_image"], shared["network_processor_seconds_an_image"] = wall, processor
    return {"schema": 1, **shared, "failures": list(comparison.failures), "entrants": entries}


def timing_rows(comparison: Comparison) -> list[TimingRow]:
    """What `ganeval leaderboard` reads: wall time, processor time and memory of each entrant at each count."""
    run = hashlib.sha256(repr(comparison).encode()).hexdigest()[:12]
    rows = []
    for one in comparison.measured:
        task = f"{comparison.what}, {one.n} + {one.n}, whole process"
        sides = [(task, one.wall, "s"), (f"{task}, processor time", one.processor, "s"), (task, one.memory, "MiB")]
        for stage, values, unit in sides:
            if values:
                rows.append(
                    TimingRow(
                        name=one.name,
                        stage=stage,
                        value=statistics.median(values),
                        unit=unit,
                        n=len(values),
                        threads=os.cpu_count(),
                        device="cpu",
                        versions={**installed_versions(), one.name.partition(" ")[0].rstrip(","): one.version},
                        machine=comparison.machine,
                        run=run,
                        time=comparison.time,
                        source="ganeval bench scoring",
                        sd=statistics.stdev(values) if len(values) > 1 else None,
                    )
                )
    return rows
