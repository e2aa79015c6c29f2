"""Several processes in one score: each puts its share of the images through the networks, the first does the rest.

Shares go by index, so that no image is padded or counted twice. Each process keeps the features of its share in its own
cache. The first one is sent the digests of all images and the rows that its own cache lacks, and then computes the
numbers as if it had been alone: no disk is shared, and a shared one saves the sending.
"""

from __future__ import annotations  # of torch, devices alone are meant

import bisect
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from ganeval.errors import DataError, GanevalError, ProcessesError, UsageError
from ganeval.processes.connections import INTERRUPTED, Lines
from ganeval.processes.launch import Launched, launched
from ganeval.processes.listing_hash import list_source
from ganeval.sources.base import ImageSource
from ganeval.summaries.reference_file import ReferenceStatistics

if TYPE_CHECKING:
    import torch

TIMEOUT: Final = 600.0  # seconds


class StoppedError(GanevalError):
    """This process was asked to end by SIGTERM."""

    def __init__(self) -> None:
        super().__init__("stopped by SIGTERM, as launchers do when another process has ended or a job's time is over")


Tell = Callable[[GanevalError], None]
"""Prints an error; of the first process, or of the second where the first is lost."""


class Processes:
    """The processes of one run, this one among them.

    Args:
        lines: Connections to the others.
        device: Where this process's networks run.
    """

    def __init__(self, lines: Lines, device: torch.device) -> None:
        self.lines = lines
        self.rank, self.count, self.device = lines.rank, lines.count, device

    @property
    def others(self) -> range:
        """The numbers of all processes but the first."""
        return range(1, self.count)

    def share(self, source: ImageSource, step: int = 1) -> range:
        """Indices of this process's images: neighbours, and whole archives of a set in several.

        An archive that is larger than a share is divided all the same.

        Args:
            source: The whole set.
            step: Shares begin at multiples of it, whatever archives there are.
        """
        n = len(source)
        borders = [_border(source, rank, self.count) for rank in (self.rank, self.rank + 1)]
        return range(*(n if border == n else round(border / step) * step for border in borders))

    def compare(self, facts: Mapping[str, str], advice: str) -> None:
        """Holds against each other what all processes must have alike. To be called by all of them.

        Args:
            facts: What it is -> how it is here.
            advice: What to do where they differ.

        Raises:
            DataError: in the first process; they differ.
            ProcessesError: in the others.
        """
        if self.rank > 0:
            self.lines.send(0, "facts", dict(facts))
            self.lines.receive(0, "same")
            return
        for rank in self.others:
            theirs, _ = self.lines.receive(rank, "facts")
            for what in facts.keys() | theirs.keys():
                here, there = facts.get(what, "none"), theirs.get(what, "none")
                if here != there:
                    raise DataError(
                        f"{self.lines.named(rank)} has other {what} than {self.lines.named(0)}: {there} against "
                        f"{here}. {advice}"
                    )
        for rank in self.others:
            self.lines.send(rank, "same")

    def compare_sources(self, sources: Mapping[str, ImageSource | ReferenceStatistics | None]) -> None:
        """Sees that all processes have the same images: number, names and classes, and the bytes of a few.

        Args:
            sources: What messages call a set -> the set.

        Raises:
            GanevalError: as `compare`; an image that cannot be read is left to the pass over all of them.
        """
        facts = {what: _described(source) for what, source in sources.items() if source is not None}
        self.compare(facts, "Give all machines the same files, or wait until the shared folder shows them everywhere.")

    def results(self, rows: list[dict[str, object]]) -> list[dict[str, object]]:
        """The first process's rows, in all of them."""
        if self.rank > 0:
            return list(self.lines.receive(0, "results")[0])
        for rank in self.others:
            self.lines.send(rank, "results", rows)
        return rows


def _border(source: ImageSource, rank: int, count: int) -> int:
    """Where the share of a process begins: at the start of the archive that is nearest to an even division."""
    n = len(source)
    even = n * rank // count
    if not 0 < rank < count or even == n or (archive := source.shard(even)) is None:
        return even

    def archive_of(index: int) -> int:
        number = source.shard(index)
        return 0 if number is None else number

    start = bisect.bisect_left(range(n), archive, key=archive_of)
    end = bisect.bisect_right(range(n), archive, key=archive_of)
    if end - start > n // count:
        return even
    return start if even - start <= end - even else end


def _described(source: ImageSource | ReferenceStatistics) -> str:
    """What tells a set from another one, short enough to print."""
    if isinstance(source, ReferenceStatistics):
        return f"statistics {source.content_sha256[:16]}"
    return str(list_source(source))


@contextlib.contextmanager
def open_processes(
    device: str, devices: int, timeout: float = TIMEOUT, tell: Tell | None = None
) -> Iterator[Processes | None]:
    """Joins the processes that torchrun, srun or `--devices` started, and ends all of them together.

    What fails in one process ends all, with its exit status: the first process raises it, whoever it was.

    Args:
        device: "auto", "cpu" or "cuda"; with CUDA each process of a machine takes one.
        devices: How many there should be, in all or on each machine; 1 for as many as there are.
        timeout: Seconds in which the processes must find each other, and after which one that gives no sign of life or
            makes no progress counts as lost.
        tell: Tells the user, before the processes end; None leaves that to the caller.

    Yields:
        The processes, or None where there is only this one.

    Raises:
        UsageError: other processes than asked for, or a device that they cannot share.
        ProcessesError: one of the others failed or is lost.
    """
    me = launched()
    if me is None:
        if devices > 1:
            raise UsageError(
                f"{devices} devices need a process each, and only the command line starts them (--devices {devices}). "
                f"Start this script with `torchrun --nproc-per-node {devices}`."
            )
        yield None
        return
    if devices > 1 and devices not in (me.count, me.local_count):
        raise UsageError(
            f"--devices {devices}: {me.by} started {me.count} processes, {me.local_count} on this machine. Drop "
            "--devices, or start as many."
        )
    chosen = _device_of(device, me)
    try:
        processes = Processes(Lines(me, timeout), chosen)
    except ProcessesError as error:
        if tell is not None and (me.rank == 0 or error.aloud):
            tell(error)
        raise
    yield from _ending_together(processes, tell)


def _ending_together(processes: Processes, tell: Tell | None) -> Iterator[Processes]:
    lines = processes.lines
    try:
        yield processes
        lines.end(0)
    except BaseException as error:
        # Libraries raise errors of their own when another process goes; the reason is what the lines know.
        known = isinstance(error, GanevalError | KeyboardInterrupt) and not isinstance(error, StoppedError)
        reason = None if known else lines.reason(2.0)
        told: BaseException = error if reason is None else lines.error(reason)
        code = _exit_code(told)
        if not isinstance(told, ProcessesError):
            lines.fail(_text_of(told), code)
        speaks = processes.rank == 0 or (isinstance(told, ProcessesError) and told.aloud)
        if tell is not None and speaks and isinstance(told, GanevalError):
            tell(told)
        lines.end(code or 1)
        if told is error:
            raise
        raise told from None


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, OSError | MemoryError):
        return GanevalError.exit_code
    return getattr(error, "exit_code", 1)


def _text_of(error: BaseException) -> str:
    if isinstance(error, GanevalError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, SystemExit):
        return f"ended with status {error.code}"
    return f"{type(error).__name__}: {error}"


def _device_of(device: str, me: Launched) -> torch.device:
    import torch

    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if kind not in ("cpu", "cuda"):
        raise UsageError(f"{me.count} processes ({me.by}) go with --device auto, cpu or cuda; got {device!r}.")
    if kind == "cuda":
        if me.own_devices and torch.cuda.device_count():
            return torch.device("cuda", 0)
        if torch.cuda.device_count() < me.local_count:
            raise UsageError(
                f"{me.local_count} processes on this machine ({me.by}): {torch.cuda.device_count()} CUDA devices are "
                "here. Start fewer, or use --device cpu."
            )
        return torch.device("cuda", me.local_rank)
    # The cores of a machine are divided once; OpenVINO takes the same count.
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // me.local_count))
    return torch.device("cpu")
