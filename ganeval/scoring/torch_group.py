"""A set that several training processes gathered batch by batch, over their own process group.

Every process sends its digests, facts and feature rows to the first one, a shard at a time; that one computes, and all
get the result rows. Nothing is pickled, and since the rows are gathered, the sums equal those of one process bit for
bit.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed
from safetensors.numpy import load, save

from ganeval.errors import DataError, GanevalError
from ganeval.scoring.feature_pass import Queue, Walked, flush
from ganeval.scoring.gather_features import pieces
from ganeval.sources.image_facts import ImageFacts


@dataclass(frozen=True)
class Group:
    """The default process group of torch.distributed.

    Attributes:
        rank: Number of this process.
        count: Of all processes.
        device: Device of the tensors that are sent.
    """

    rank: int
    count: int
    device: torch.device

    def send(self, to: int, data: bytes) -> None:
        """Sends bytes to one process."""
        torch.distributed.send(torch.tensor([len(data)], device=self.device), to)
        if data:
            torch.distributed.send(torch.frombuffer(bytearray(data), dtype=torch.uint8).to(self.device), to)

    def receive(self, of: int) -> bytes:
        """Receives what one process sends."""
        length = torch.zeros(1, dtype=torch.int64, device=self.device)
        torch.distributed.recv(length, of)
        if not int(length):
            return b""
        data = torch.empty(int(length), dtype=torch.uint8, device=self.device)
        torch.distributed.recv(data, of)
        return data.cpu().numpy().tobytes()

    def from_first(self, compute: Callable[[], list[dict[str, object]]]) -> list[dict[str, Any]]:
        """The result of the first process, in all processes; its errors are raised in all.

        Raises:
            GanevalError: as `compute`, or the first process failed.
        """
        if self.rank > 0:
            told = json.loads(self.receive(0))
            if "error" in told:
                raise DataError(f"The first of {self.count} processes failed: {told['error']}")
            rows: list[dict[str, Any]] = told["rows"]
            return rows
        try:
            answer: dict[str, Any] = {"rows": compute()}
        except BaseException as error:
            reason = str(error) if isinstance(error, GanevalError) else f"{type(error).__name__}: {error}"
            self._tell({"error": reason})
            raise
        self._tell(answer)
        return list(answer["rows"])

    def _tell(self, answer: dict[str, Any]) -> None:
        for rank in range(1, self.count):
            self.send(rank, json.dumps(answer).encode())


def torch_group() -> Group | None:
    """The process group of this training; None for a single process."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return None
    count = torch.distributed.get_world_size()
    if count < 2:
        return None
    on_cuda = torch.distributed.get_backend() == "nccl"
    device = torch.device("cuda", torch.cuda.current_device()) if on_cuda else torch.device("cpu")
    return Group(torch.distributed.get_rank(), count, device)


def gather_batches(group: Group, walked: Walked, labels: list[str], errors: dict[str, float]) -> None:
    """Adds the images of the other processes to the first one's. All processes call it.

    Args:
        group: The processes.
        walked: Finished; in the first process it is extended, in the order of the processes.
        labels: Of each image, "" for none; extended in the same way.
        errors: Backbone name -> relative error of "fast"; the largest of all processes stays in the first.

    Raises:
        DataError: the networks differ between the processes.
    """
    if group.rank == 0:
        for rank in range(1, group.count):
            _take(group, rank, walked, labels, errors)
        return
    facts = [(fact.height, fact.width, fact.format, fact.notes, fact.peak) for fact in walked.facts]
    told = {
        "protocols": [queue.store.protocol for queue in walked.queues],
        "count": walked.count,
        "kept": walked.kept,
        "skipped": walked.skipped,
        "labels": labels,
        "facts": facts,
        "seconds": dict(walked.seconds),
        "errors": errors,
    }
    group.send(0, json.dumps(told).encode())
    group.send(0, b"".join(walked.digests))
    for queue in walked.queues:
        first = {digest: position for position, digest in reversed(list(enumerate(walked.digests)))}
        for piece in pieces(queue, walked.digests, sorted(first.values())):
            tensors = {"positions": np.asarray(piece.positions, dtype=np.int64), "features": piece.features}
            if piece.logits is not None:
                tensors["logits"] = piece.logits
            group.send(0, piece.engine.encode())
            group.send(0, save({name: np.ascontiguousarray(values) for name, values in tensors.items()}))
        group.send(0, b"")


def _take(group: Group, rank: int, walked: Walked, labels: list[str], errors: dict[str, float]) -> None:
    told, data = json.loads(group.receive(rank)), group.receive(rank)
    digests = [data[at : at + 32] for at in range(0, len(data), 32)]
    facts = [ImageFacts(height, width, kind, tuple(notes), peak) for height, width, kind, notes, peak in told["facts"]]
    differing = told["protocols"] != [queue.store.protocol for queue in walked.queues]
    for queue in walked.queues:
        while engine := group.receive(rank):
            piece = load(group.receive(rank))
            if not differing:
                _write(queue, digests, facts, piece, engine.decode(), walked.warnings)
    if differing:
        raise DataError(
            f"Process {rank} of {group.count} evaluates with other networks than process 0: {told['protocols']}. Give "
            "all of them the same metrics and weights."
        )
    walked.kept += [walked.count + index for index in told["kept"]]
    walked.count += told["count"]
    walked.digests += digests
    walked.facts += facts
    walked.skipped += told["skipped"]
    labels += told["labels"]
    for name, error in told["errors"].items():
        errors[name] = max(error, errors.get(name, 0.0))
    for stage, seconds in told["seconds"].items():
        walked.seconds[stage] = max(seconds, walked.seconds.get(stage, 0.0))


def _write(
    queue: Queue,
    digests: list[bytes],
    facts: list[ImageFacts],
    piece: dict[str, np.ndarray],
    engine: str,
    warnings: list[str],
) -> None:
    """Rows that this process lacks, as a shard of its own."""
    positions = piece["positions"].tolist()
    lacking = [i for i, position in enumerate(positions) if queue.store.find(digests[position]) is None]
    if not lacking:
        return
    queue.digests += [digests[positions[i]] for i in lacking]
    queue.facts += [facts[positions[i]] for i in lacking]
    queue.features.append(piece["features"][lacking])
    if "logits" in piece:
        queue.logits.append(piece["logits"][lacking])
    flush(queue, warnings, engine)
