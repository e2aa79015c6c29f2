"""What each process saw of its share goes to the first one: digests and facts of every image, and the rows it lacks.

A message holds what is known of some images, or the rows of one shard, so memory stays bounded on both ends; the next
rows are sent when those before were written into the first process's own store.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganeval.errors import DataError, ProcessesError
from ganeval.processes.shares import Processes
from ganeval.scoring.feature_pass import SHARD_ROWS, Queue, Walked, flush, read_rows
from ganeval.sources.image_facts import ImageFacts
from ganeval.summaries.moment_tree import MomentTree
from ganeval.summaries.moments import Moments

PIECE = 2**16  # images a message: 2 MB of digests


def send_walked(processes: Processes, walked: Walked, errors: Mapping[str, float]) -> None:
    """Tells the first process what this one saw, and sends it the rows that it asks for.

    Args:
        processes: This process is not the first.
        walked: What it saw of its share.
        errors: Backbone name -> relative error that "fast" made here.

    Raises:
        ProcessesError: the run has failed elsewhere.
    """
    for first in range(0, max(1, len(walked.digests)), PIECE):
        part = slice(first, first + PIECE)
        digests, facts = walked.digests[part], walked.facts[part]
        kinds = list(dict.fromkeys((fact.format, fact.notes, fact.peak) for fact in facts))
        number = {kind: i for i, kind in enumerate(kinds)}
        told: dict[str, object] = {
            "kept": [walked.start + index for index in walked.kept[part]],
            "kinds": kinds,
            "facts": [(fact.height, fact.width, number[fact.format, fact.notes, fact.peak]) for fact in facts],
        }
        if first + PIECE >= len(walked.digests):
            told["last"] = {
                "skipped": walked.skipped,
                "warnings": [f"{processes.lines.named(processes.rank)}: {warning}" for warning in walked.warnings],
                "seconds": dict(walked.seconds),
                "computed": [queue.computed for queue in walked.queues],
                "errors": dict(errors),
            }
        processes.lines.send(0, "walked", told, b"".join(digests))
        for queue in walked.queues:
            if queue.sums is None:
                _send_rows(processes, queue, digests)
    for queue in walked.queues:
        if queue.sums is not None:
            _send_sums(processes, queue.sums)


def _send_sums(processes: Processes, sums: MomentTree) -> None:
    for node, moments in sums.ordered():
        processes.lines.send(0, "sum", [*node, moments.n], moments.mean.tobytes() + moments.scatter.tobytes())
    processes.lines.send(0, "sum")


def _take_sums(processes: Processes, rank: int, sums: MomentTree) -> None:
    while True:
        told, data = processes.lines.receive(rank, "sum")
        if told is None:
            return
        level, number, n = map(int, told)
        values = np.frombuffer(data, dtype=np.float64)
        mean, scatter = values[: sums.dim], values[sums.dim :].reshape(sums.dim, sums.dim)
        sums.put((level, number), Moments(n, mean, scatter))


def _send_rows(processes: Processes, queue: Queue, digests: Sequence[bytes]) -> None:
    wanted, _ = processes.lines.receive(0, "want")
    for piece in pieces(queue, digests, wanted):
        features, logits = piece.features, piece.logits
        shape = [features.shape[1], 0 if logits is None else logits.shape[1]]
        data = features.tobytes() + (b"" if logits is None else logits.tobytes())
        told = {"positions": piece.positions, "shape": shape, "engine": piece.engine}
        processes.lines.send(0, "rows", told, data)
        processes.lines.receive(0, "written")
    processes.lines.send(0, "rows")


@dataclass(frozen=True)
class Piece:
    """Rows of one shard: of which images of the share, what made them, and the values."""

    positions: list[int]
    engine: str
    features: np.ndarray
    logits: np.ndarray | None


def pieces(queue: Queue, digests: Sequence[bytes], wanted: Sequence[int]) -> Iterator[Piece]:
    """Rows of the images at some positions, at most a shard's at a time."""
    by_shard: dict[tuple[Path, str], list[tuple[int, int]]] = defaultdict(list)
    for position in wanted:
        row = queue.store.find(digests[position])
        if row is None:
            raise DataError(f"The cache {queue.store.folder} lost features during the run; run again.")
        by_shard[row.shard, row.engine].append((position, row.row))
    for (shard, engine), pairs in by_shard.items():
        for start in range(0, len(pairs), SHARD_ROWS):
            part = pairs[start : start + SHARD_ROWS]
            rows = np.asarray([row for _, row in part], dtype=np.int64)
            logits = None if queue.backbone.info.classes is None else read_rows(shard, "logits", rows)
            yield Piece([position for position, _ in part], engine, read_rows(shard, "features", rows), logits)


def gather_walked(processes: Processes, walked: Walked, errors: dict[str, float]) -> None:
    """Adds what the others saw to what the first process saw of its own share, and their rows to its stores.

    Args:
        processes: This process is the first.
        walked: Extended in place, in the order of the images.
        errors: Backbone name -> relative error of "fast"; the largest of all processes stays.

    Raises:
        ProcessesError: one of the others failed, is lost, or sent what fits nothing.
        DataError: rows can be written nowhere.
    """
    processes.lines.work(False)
    for rank in processes.others:
        try:
            while not _take_piece(processes, rank, walked, errors):
                pass
            for queue in walked.queues:
                if queue.sums is not None:
                    _take_sums(processes, rank, queue.sums)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ProcessesError(
                f"{processes.lines.named(rank)} sent features that cannot be used: {error}."
            ) from error


def _take_piece(processes: Processes, rank: int, walked: Walked, errors: dict[str, float]) -> bool:
    """Some images of one process, and the rows of them that the stores lack; whether they are its last ones."""
    told, data = processes.lines.receive(rank, "walked")
    digests = [data[at : at + 32] for at in range(0, len(data), 32)]
    kinds = [(str(format_), tuple(map(str, notes)), peak) for format_, notes, peak in told["kinds"]]
    facts = [ImageFacts(int(height), int(width), *kinds[kind]) for height, width, kind in told["facts"]]
    if not len(digests) == len(facts) == len(told["kept"]):
        raise ValueError("counts differ")
    walked.digests += digests
    walked.facts += facts
    walked.kept += map(int, told["kept"])
    for queue in walked.queues:
        if queue.sums is not None:
            continue
        queue.store.refresh()  # a store that all share has what the other wrote
        _take_rows(processes, rank, queue, digests, facts, walked.warnings)
    last = told.get("last")
    if last is None:
        return False
    walked.skipped += map(str, last["skipped"])
    walked.warnings += map(str, last["warnings"])
    for name, error in last["errors"].items():
        errors[name] = max(float(error), errors.get(name, 0.0))
    for stage, seconds in last["seconds"].items():
        walked.seconds[stage] = max(float(seconds), walked.seconds.get(stage, 0.0))
    for queue, computed in zip(walked.queues, last["computed"], strict=True):
        queue.computed += int(computed)
    return True


def _take_rows(
    processes: Processes,
    rank: int,
    queue: Queue,
    digests: Sequence[bytes],
    facts: Sequence[ImageFacts],
    warnings: list[str],
) -> None:
    """Asks one process for the rows that a store lacks, and writes them as shards."""
    first = {digest: position for position, digest in reversed(list(enumerate(digests)))}
    lacking = sorted(position for digest, position in first.items() if queue.store.find(digest) is None)
    processes.lines.send(rank, "want", lacking)
    while True:
        piece, data = processes.lines.receive(rank, "rows")
        if piece is None:
            return
        positions, (dim, classes) = piece["positions"], piece["shape"]
        values = np.frombuffer(data, dtype=np.float32)
        split = len(positions) * dim
        features, logits = values[:split].reshape(-1, dim), values[split:]
        if dim != queue.backbone.info.dim or classes != (queue.backbone.info.classes or 0):
            raise ValueError(f"{dim} features and {classes} classes of {queue.backbone.info.name}")
        queue.digests += [digests[position] for position in positions]
        queue.facts += [facts[position] for position in positions]
        queue.features.append(features)
        if classes:
            queue.logits.append(logits.reshape(len(positions), classes))
        flush(queue, warnings, str(piece["engine"]))
        processes.lines.send(rank, "written")
