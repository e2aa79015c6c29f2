"""Features on disk: shards that carry their own digests, found by image content, written whole or not at all.

One folder a backbone protocol (weights, preprocessing, precision). A shard holds rows for some images and the sha256 of
each image's stored bytes; a lookup goes by those digests, so renaming, moving or adding images never recomputes an old
one, and a name or a folder can never fetch a wrong one. Without a cache the same files live in a temporary folder.
"""

import copy
import hashlib
import json
import shutil
import tempfile
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from ganeval.files.read_write import write_atomically
from ganeval.files.safetensors_bytes import tensor_bytes
from ganeval.sources.image_facts import ImageFacts

FORMAT = "ganeval-features-1"
UNRECORDED = "an engine that was not recorded"  # of shards that were written before shards said it


@dataclass(frozen=True)
class Row:
    """Where the features of one image are, and what made them.

    Attributes:
        shard: The file.
        row: In the file.
        facts: What decoding said of the image.
        engine: What ran the network: "torch 2.14.1", "openvino 2026.4.1".
    """

    shard: Path
    row: int
    facts: ImageFacts
    engine: str


class FeatureStore:
    """The shards of one backbone protocol.

    Args:
        folder: Where they lie; made when the first shard is written.
        protocol: Names the protocol inside each shard; a shard of another one is ignored.

    Attributes:
        temporary: True once it fell back to a folder that goes when it goes.
    """

    def __init__(self, folder: Path, protocol: str) -> None:
        self.folder = folder
        self.protocol = protocol
        self.temporary = False
        self._rows: dict[bytes, Row] = {}
        self._read: set[Path] = set()
        self._trusted: dict[Path, bool] = {}
        self._lock = threading.Lock()
        self._base: FeatureStore | None = None
        self.refresh()

    def fall_back(self) -> None:
        """Goes on in a temporary folder, which lives as long as this store: its own cannot be written.

        Raises:
            OSError: there is no room for one either.
        """
        folder = tempfile.mkdtemp(prefix="ganeval-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.folder, self.temporary = Path(folder), True

    def branch(self, folder: Path | None = None) -> "FeatureStore":
        """A store that has all that this one has, and keeps for itself what it finds and adds: its memory goes with it.

        Args:
            folder: Where it writes; None for the same folder.
        """
        branch = copy.copy(self)
        branch._rows, branch._read, branch._trusted = dict(self._rows), set(self._read), dict(self._trusted)
        branch._lock = threading.Lock()
        branch._base = self  # whose folder may be a temporary one that goes with it
        branch.folder = self.folder if folder is None else folder
        branch.refresh()
        return branch

    def refresh(self) -> None:
        """Reads the digests of shards that appeared since the last look (another process may have written them)."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.safetensors")):
            if path not in self._read:
                self._read.add(path)
                self._index(path)

    def _index(self, path: Path) -> None:
        try:
            with safe_open(path, framework="numpy") as shard:
                meta = shard.metadata() or {}
                if meta.get("format") != FORMAT or meta.get("protocol") != self.protocol:
                    return
                digests, facts = shard.get_tensor("digests"), json.loads(meta["facts"])
                kinds, sizes = shard.get_tensor("kinds"), shard.get_tensor("sizes")
            found = [ImageFacts(0, 0, kind["format"], tuple(kind["notes"]), _peak(kind)) for kind in facts]
            # Older shards lack the largest sample of 16-bit files, which is looked at: those are decoded again.
            complete = ["peak" in kind or "16-bit" not in kind["notes"] for kind in facts]
            for row, (kind, (height, width)) in enumerate(zip(kinds.tolist(), sizes.tolist(), strict=True)):
                if not complete[kind]:
                    continue
                fact = replace(found[kind], height=height, width=width)
                self._rows[digests[row].tobytes()] = Row(path, row, fact, meta.get("engine", UNRECORDED))
        except (OSError, SafetensorError, LookupError, TypeError, ValueError, RecursionError):
            return

    def find(self, digest: bytes) -> Row | None:
        """Where the features of an image with this digest are, or None. Safe to call from several threads."""
        row = self._rows.get(digest)
        if row is None or self._trusted.get(row.shard):
            return row
        with self._lock:
            # A shard is hashed when something of it is wanted first: a store may hold far more than this run needs.
            if row.shard not in self._trusted:
                self._trusted[row.shard] = _has_its_hash(row.shard)
        return row if self._trusted[row.shard] else None

    def write(
        self,
        digests: Sequence[bytes],
        facts: Sequence[ImageFacts],
        features: npt.NDArray[np.float32],
        logits: npt.NDArray[np.float32] | None,
        engine: str = UNRECORDED,
    ) -> None:
        """Writes one shard: to a temporary file first, then renamed to the hash of its content.

        Args:
            digests: sha256 of each image.
            facts: What decoding said of each image.
            features: (n, D).
            logits: (n, K) or None.
            engine: What ran the network.

        Raises:
            OSError: the folder cannot be written or the disk is full; nothing half-written stays.
        """
        kinds = sorted({_kind(fact) for fact in facts})
        number = {kind: i for i, kind in enumerate(kinds)}
        tensors: dict[str, np.ndarray] = {
            "digests": np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(len(digests), 32),
            "kinds": np.asarray([number[_kind(fact)] for fact in facts], dtype=np.int32),
            "sizes": np.asarray([(fact.height, fact.width) for fact in facts], dtype=np.int32),
            "features": np.ascontiguousarray(features, dtype=np.float32),
        }
        if logits is not None:
            tensors["logits"] = np.ascontiguousarray(logits, dtype=np.float32)
        table = json.dumps([{"format": kind[0], "notes": list(kind[1]), "peak": kind[2] or None} for kind in kinds])
        meta = {"format": FORMAT, "protocol": self.protocol, "facts": table, "engine": engine}
        data = tensor_bytes(tensors, meta)
        path = self.folder / f"{hashlib.sha256(data).hexdigest()[:32]}.safetensors"
        write_atomically(path, data)
        self._read.add(path)
        self._trusted[path] = True
        for row, (digest, fact) in enumerate(zip(digests, facts, strict=True)):
            self._rows[digest] = Row(path, row, fact, engine)

    @staticmethod
    def load(shard: Path, name: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Rows of one tensor of one shard, (len(rows), D) float32.

        Args:
            shard: The file.
            name: "features" or "logits".
            rows: Row numbers in the order wanted.
        """
        with safe_open(shard, framework="numpy") as file:
            return np.asarray(file.get_tensor(name)[rows], dtype=np.float32)


def _peak(kind: dict[str, object]) -> int | None:
    """The largest 16-bit sample in a shard's table.

    Raises:
        ValueError: what is there is no number.
    """
    peak = kind.get("peak")
    if peak is not None and type(peak) is not int:
        raise ValueError(f"peak is {peak!r:.40}")
    return peak


def _kind(fact: ImageFacts) -> tuple[str, tuple[str, ...], int]:
    """What many images of a set have in common; 0 for no peak."""
    return fact.format, fact.notes, fact.peak or 0


def _has_its_hash(path: Path) -> bool:
    """The name is the hash of the content: a truncated or altered shard is not trusted, and not deleted either."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:32] == path.stem
    except OSError:
        return False
