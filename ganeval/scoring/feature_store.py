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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from ganeval.files.read_write import write_atomically
from ganeval.files.safetensors_bytes import tensor_bytes
from ganeval.sources.image_facts import ImageFacts

FORMAT = "ganeval-features-1"
MOST_ROWS = 2**32  # of one shard
UNRECORDED = "an engine that was not recorded"  # of shards that were written before shards said it


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True)
class _Shard:
    """What a file says of its rows.

    Attributes:
        path: The file.
        facts: What decoding said of images of each kind, but for their size.
        kinds: (n,), place in `facts` of each row.
        sizes: (n, 2), height and width.
        engine: What ran the network.
    """

    path: Path
    facts: tuple[ImageFacts, ...]
    kinds: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int32]
    engine: str

    def row(self, number: int) -> Row:
        of, (height, width) = self.facts[self.kinds[number]], self.sizes[number].tolist()
        return Row(self.path, number, ImageFacts(height, width, of.format, of.notes, of.peak), self.engine)


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
        # A store may have millions of rows, and each run looks at all of its digests: a row is made when it is wanted.
        self._shards: list[_Shard] = []
        self._places: dict[bytes, int] = {}  # digest -> number of the shard · MOST_ROWS + row
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
        branch._shards, branch._places = list(self._shards), dict(self._places)
        branch._read, branch._trusted = set(self._read), dict(self._trusted)
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
            found = tuple(ImageFacts(0, 0, kind["format"], tuple(kind["notes"]), _peak(kind)) for kind in facts)
            # Older shards lack the largest sample of 16-bit files, which is looked at: those are decoded again.
            complete = np.array(["peak" in kind or "16-bit" not in kind["notes"] for kind in facts], dtype=bool)
            if digests.shape != (len(kinds), 32) or digests.dtype != np.uint8 or sizes.shape != (len(kinds), 2):
                return
            rows = np.flatnonzero(complete[kinds]).tolist()
            shard = _Shard(path, found, kinds, sizes, str(meta.get("engine", UNRECORDED)))
            self._add(shard, np.ascontiguousarray(digests), rows)
        except (OSError, SafetensorError, LookupError, TypeError, ValueError, RecursionError):
            return

    def _add(self, shard: _Shard, digests: npt.NDArray[np.uint8], rows: Sequence[int]) -> None:
        """Takes these rows of a shard into the index; of two with one digest the one that came last counts."""
        data, first = digests.tobytes(), len(self._shards) * MOST_ROWS
        self._shards.append(shard)  # before a digest leads there: other threads look rows up
        self._places.update((data[32 * row : 32 * row + 32], first + row) for row in rows)

    def find(self, digest: bytes) -> Row | None:
        """Where the features of an image with this digest are, or None. Safe to call from several threads."""
        place = self._places.get(digest)
        if place is None:
            return None
        shard, number = self._shards[place // MOST_ROWS], place % MOST_ROWS
        if shard.path not in self._trusted:
            with self._lock:
                # A shard is hashed when something of it is wanted first: a store may hold far more than this run needs.
                if shard.path not in self._trusted:
                    self._trusted[shard.path] = _has_its_hash(shard.path)
        return shard.row(number) if self._trusted[shard.path] else None

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
        of_kinds = tuple(ImageFacts(0, 0, kind[0], kind[1], kind[2] or None) for kind in kinds)
        shard = _Shard(path, of_kinds, tensors["kinds"], tensors["sizes"], engine)
        self._add(shard, tensors["digests"], range(len(digests)))

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
