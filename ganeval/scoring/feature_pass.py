"""The one loop over images: read ahead, decode, resize, network, features into shards; then summaries from the shards.

Each image goes through each network once, whatever the number of metrics, and not at all when the store already has its
features. Memory holds a few batches, never the set.
"""

from __future__ import annotations  # a pass over images whose features are cached needs no torch

import contextlib
import functools
import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ganeval.backbones.call_sizes import full
from ganeval.backbones.loading import AnyBackbone, LazyBackbone, open_pipeline
from ganeval.errors import BadImageError, DataError
from ganeval.files.disk_cache import content_key, read_checked, write_checked
from ganeval.formatting import counted
from ganeval.scoring.feature_store import FeatureStore, Row
from ganeval.sources.base import Decoded, ImageSource, Pixels, content_hash
from ganeval.sources.decoding_differences import facts_of
from ganeval.sources.image_facts import ImageFacts
from ganeval.sources.read_ahead import decoders, read_ahead
from ganeval.summaries.bank import Block, FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moment_tree import MomentTree
from ganeval.summaries.moments import Moments

if TYPE_CHECKING:
    import torch

    from ganeval.backbones.base import Backbone
    from ganeval.backbones.openvino_pipeline import OpenVinoPipeline
    from ganeval.backbones.pipeline import Pipeline

KEPT_MOMENTS = 4096  # images from which on their moments cost more to compute than to read
SHARD_ROWS = 1024  # 1024 x 2048 x 4 B = 8 MB: one write, and what a killed run can lose
WAITING_PIXELS = 2**26  # read ahead, and again waiting for the network: 201 MB each

Progress = Callable[[int], None]


@dataclass(frozen=True)
class SourceSummary:
    """What one pass over a source leaves behind.

    Attributes:
        name: The source's name.
        sets: Backbone name -> summary.
        content_sha256: Hash over the digests of the images that were kept.
        names: Item name of each kept image; position = image index in the banks.
        digests: sha256 of each kept image.
        facts: Size, format and decode notes of each kept image.
        skipped: "name: reason" of images left out under on_bad="skip".
        computed: Backbone name -> images that really went through its network.
        engines: Backbone name -> what made the features that the summary is of, in this run or before -> images.
        seconds: Time by stage.
        warnings: What the user should be told (a cache that could not be written).
        left_out: Reason -> entries of the folder or archive that are no images of the set.
    """

    name: str
    sets: Mapping[str, SetSummary]
    content_sha256: str
    names: tuple[str, ...]
    digests: tuple[bytes, ...]
    facts: tuple[ImageFacts, ...]
    skipped: tuple[str, ...]
    computed: Mapping[str, int]
    seconds: Mapping[str, float]
    warnings: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    engines: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of kept images."""
        return len(self.names)

    @functools.cached_property
    def identity(self) -> str:
        """Hash over the digests with their labels, in any order: all that metrics can tell two sets apart by."""
        labels = next((one.labels for one in self.sets.values()), None) or ("",) * self.n
        return hashlib.sha256(repr(sorted(zip(self.digests, labels, strict=True))).encode()).hexdigest()

    @property
    def distinct(self) -> int:
        """How many of the kept images differ from each other."""
        return len(set(self.digests))


@dataclass
class Queue:
    """Decoded images of one backbone on their way to its network, and finished rows on their way to a shard.

    Attributes:
        backbone: The network.
        store: Where its shards are.
        waiting: Images for the next submission.
        pixels: How many they have.
        queued: Digests of images that are on their way.
        running: What was submitted and not taken.
        pipeline: Runs the network; None before the first image.
        digests: Of finished rows.
        facts: Of finished rows.
        features: Finished rows.
        logits: Finished rows.
        computed: Images that went through the network.
        sums: Takes finished rows in place of the store, of which only moments are wanted; None to keep rows.
    """

    backbone: AnyBackbone
    store: FeatureStore
    waiting: list[tuple[bytes, ImageFacts, Pixels | torch.Tensor]] = field(default_factory=list)
    pixels: int = 0
    queued: set[bytes] = field(default_factory=set)
    running: list[tuple[bytes, ImageFacts]] = field(default_factory=list)
    pipeline: Pipeline | OpenVinoPipeline | None = None
    digests: list[bytes] = field(default_factory=list)
    facts: list[ImageFacts] = field(default_factory=list)
    features: list[np.ndarray] = field(default_factory=list)
    logits: list[np.ndarray] = field(default_factory=list)
    computed: int = 0
    sums: MomentTree | None = None


def run_network(backbone: Backbone, images: Sequence[Pixels | torch.Tensor]) -> tuple[np.ndarray, np.ndarray | None]:
    """Features and logits of images of any mix of sizes, in their order.

    Args:
        backbone: The network.
        images: uint8 (3, H, W); a tensor on the network's device stays there.

    Returns:
        (n, D) float32 and (n, K) float32 or None.
    """
    from ganeval.backbones.pipeline import Pipeline

    pipeline = Pipeline(backbone)
    pipeline.submit(images)
    features, logits, _ = pipeline.take(finish=True)
    return features, logits


@dataclass(frozen=True)
class _Loaded:
    digest: bytes
    facts: ImageFacts
    decoded: Decoded | None

    @property
    def pixels(self) -> int:
        """How many are held in memory."""
        return 0 if self.decoded is None else self.facts.height * self.facts.width


def _pixels_of(loaded: _Loaded | BadImageError) -> int:
    return 0 if isinstance(loaded, BadImageError) else loaded.pixels


@dataclass
class Walked:
    """What one walk over a source, or over several in turn, has seen so far."""

    queues: list[Queue]
    start: int = 0  # of the first image in the whole set
    count: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    digests: list[bytes] = field(default_factory=list)
    facts: list[ImageFacts] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seen: dict[ImageFacts, ImageFacts] = field(default_factory=dict)  # one object for equal facts of many images

    @staticmethod
    def of(
        backbones: Sequence[AnyBackbone], stores: Mapping[str, FeatureStore], *, moments_only: bool = False
    ) -> Walked:
        """A walk that has seen nothing."""
        queues = [Queue(backbone, stores[backbone.info.name]) for backbone in backbones]
        if moments_only:
            for queue in queues:
                queue.sums = MomentTree(_width(queue.backbone))
        return Walked(queues)

    def copied(self) -> Walked:
        """The same walk, whose lists may be extended; queues are shared."""
        return Walked(
            self.queues,
            self.start,
            self.count,
            defaultdict(float, self.seconds),
            list(self.digests),
            list(self.facts),
            list(self.kept),
            list(self.skipped),
            list(self.warnings),
        )

    def add(
        self,
        source: ImageSource,
        batch_size: int,
        on_bad: Literal["fail", "skip"],
        progress: Progress | None = None,
        on_device: Sequence[torch.Tensor] | None = None,
    ) -> None:
        """Reads every image of one more source once, decodes it and runs each network whose store lacks it.

        Args:
            source: The images.
            batch_size: Images that are gathered for the networks, >= 1; the result does not depend on it.
            on_bad: What to do with an image that cannot be decoded.
            progress: Called with the number of images done since the last call.
            on_device: The pixels of each image, uint8 (3, H, W), if they are on a device already.

        Raises:
            BadImageError: an image cannot be decoded and on_bad is "fail".
            DataError: features are not finite, or the disk is full.
        """
        first, seconds = self.count, self.seconds
        self.count += len(source)
        started = time.perf_counter()
        stores = [queue.store for queue in self.queues]
        streaming = any(queue.sums is not None for queue in self.queues)

        def load(index: int) -> _Loaded | BadImageError:
            """Reads one image; decodes it only if some store lacks it."""
            try:
                raw = source.read(index)
                rows = [None if streaming else store.find(raw.digest) for store in stores]
                known = next((row for row in rows if row is not None), None)
                if known is not None and all(row is not None for row in rows):
                    return _Loaded(raw.digest, known.facts, None)
                decoded = raw.decode()
            except BadImageError as error:
                return error
            return _Loaded(raw.digest, facts_of(raw, decoded), decoded)

        ahead = read_ahead(
            load,
            len(source),
            ahead=2 * batch_size,
            pixels=_pixels_of,
            limit=WAITING_PIXELS,
            workers=decoders(queue.backbone.device_type for queue in self.queues),
        )
        # An error in between ends the threads here, not whenever the generator is collected, maybe by one of them.
        with contextlib.closing(ahead):
            for index, loaded in enumerate(ahead):
                seconds["read+decode (waited)"] += time.perf_counter() - started
                if isinstance(loaded, BadImageError):
                    if on_bad == "fail":
                        raise loaded
                    self.skipped.append(str(loaded))
                else:
                    self.kept.append(first + index)
                    self.digests.append(loaded.digest)
                    self.facts.append(self.seen.setdefault(loaded.facts, loaded.facts))
                    if loaded.decoded is not None:
                        pixels = loaded.decoded.pixels if on_device is None else on_device[index]
                        self._enqueue(loaded, pixels, batch_size, source.name)
                if progress is not None:
                    progress(1)
                started = time.perf_counter()

    def _enqueue(self, loaded: _Loaded, pixels: Pixels | torch.Tensor, batch_size: int, name: str) -> None:
        """Sends an image to each network whose features of it are neither stored nor on their way."""
        for queue in self.queues:
            if queue.sums is None:
                if loaded.digest in queue.queued or queue.store.find(loaded.digest) is not None:
                    continue
                queue.queued.add(loaded.digest)
            queue.waiting.append((loaded.digest, loaded.facts, pixels))
            queue.pixels += loaded.pixels
            if len(queue.waiting) >= full(queue.backbone.device_type, batch_size) or queue.pixels >= WAITING_PIXELS:
                _submit(queue, self, name)
            if len(queue.digests) >= SHARD_ROWS:
                self._flush(queue)

    def finish(self, name: str) -> None:
        """Puts what still waits through the networks, and writes the last rows: every image has its features then.

        Args:
            name: Of the set, for messages.

        Raises:
            DataError: as `add`.
        """
        for queue in self.queues:
            _submit(queue, self, name)
            _take(queue, self, name, finish=True)
            self._flush(queue)
            queue.queued.clear()
            if queue.sums is not None:
                queue.sums.close()

    def _flush(self, queue: Queue) -> None:
        """Finished rows go to a shard, or into sums."""
        if queue.sums is None:
            flush(queue, self.warnings)
        elif queue.features:
            done = queue.computed - len(queue.digests)
            places = self.start + np.asarray(self.kept[done : queue.computed], dtype=np.int64)
            queue.sums.add(places, np.concatenate(queue.features))
            queue.digests, queue.facts, queue.features, queue.logits = [], [], [], []

    def summary(self, source: ImageSource) -> SourceSummary:
        """The summaries of all images, from the rows in the stores; the walk is finished first.

        Args:
            source: The whole set, whose items name the images.

        Raises:
            DataError: no image is left, or as `add`.
        """
        self.finish(source.name)
        queues, digests = self.queues, self.digests
        if not len(source):
            raise DataError(f"{source.name} holds 0 images; expected at least one. Name a set that has some.")
        if not self.kept:
            raise DataError(
                f"No image of {source.name} could be decoded ({counted(len(source), 'image')}); first: "
                f"{self.skipped[0]} "
                "Run `ganeval score` on a folder of images."
            )
        started = time.perf_counter()
        labels = tuple(source.items[i].label or "" for i in self.kept)
        sets = {q.backbone.info.name: _summary(q, digests, labels if all(labels) else None) for q in queues}
        self.seconds["reduce"] += time.perf_counter() - started
        # A fallback folder goes with its store, so banks that live in one are pulled into memory first.
        sets |= {q.backbone.info.name: in_memory(sets[q.backbone.info.name]) for q in queues if q.store.temporary}
        return SourceSummary(
            name=source.name,
            sets=sets,
            content_sha256=content_hash(digests),
            names=tuple(source.items[i].name for i in self.kept),
            digests=tuple(digests),
            facts=tuple(self.facts),
            skipped=tuple(self.skipped),
            computed={q.backbone.info.name: q.computed for q in queues},
            seconds=dict(self.seconds),
            warnings=tuple(self.warnings),
            left_out=dict(source.skipped),
            engines={q.backbone.info.name: _engines(q, digests) for q in queues},
        )


def _submit(queue: Queue, walked: Walked, name: str) -> None:
    """Sends what is waiting to the network, and takes the rows that are finished, if they fill a shard."""
    if not queue.waiting:
        return
    if queue.pipeline is None:
        queue.pipeline = open_pipeline(queue.backbone)
    started = time.perf_counter()
    queue.pipeline.submit([pixels for _, _, pixels in queue.waiting])
    walked.seconds[f"network {queue.backbone.info.name}"] += time.perf_counter() - started
    walked.warnings += queue.pipeline.notes
    queue.pipeline.notes.clear()
    queue.running += [(digest, facts) for digest, facts, _ in queue.waiting]
    queue.waiting.clear()
    queue.pixels = 0
    if queue.pipeline.immediate or len(queue.running) >= SHARD_ROWS:
        _take(queue, walked, name, finish=False)


def _take(queue: Queue, walked: Walked, name: str, *, finish: bool) -> None:
    """Rows that the network has finished; all of them with `finish`."""
    if queue.pipeline is None:
        return
    started = time.perf_counter()
    features, logits, count = queue.pipeline.take(finish=finish)
    walked.seconds[f"network {queue.backbone.info.name}"] += time.perf_counter() - started
    if not count:
        return
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise DataError(
            f"Backbone {queue.backbone.info.name} gave NaN or infinite features for {int((~finite).sum())} of "
            f"{count} images of {name}. Its weights are damaged, or not made for this network; "
            f"check them with `ganeval weights verify {queue.backbone.info.name}`."
        )
    done, queue.running = queue.running[:count], queue.running[count:]
    queue.digests += [digest for digest, _ in done]
    queue.facts += [facts for _, facts in done]
    queue.features.append(features)
    if logits is not None:
        queue.logits.append(logits)
    queue.computed += count


def flush(queue: Queue, warnings: list[str], engine: str | None = None) -> None:
    """Writes finished rows as one shard; goes on in a temporary folder when the cache cannot be written.

    Args:
        queue: Whose rows.
        warnings: Takes what the user should be told.
        engine: What made the rows, where it was not this process's backbone.
    """
    if not queue.digests:
        return
    logits = np.concatenate(queue.logits) if queue.logits else None
    features = np.concatenate(queue.features)
    engine = _engine_of(queue.backbone) if engine is None else engine
    try:
        queue.store.write(queue.digests, queue.facts, features, logits, engine)
    except OSError as error:
        reason = error.strerror or str(error)
        warnings.append(f"The cache {queue.store.folder} cannot be written ({reason}); this run is not cached.")
        try:
            queue.store.fall_back()
            queue.store.write(queue.digests, queue.facts, features, logits, engine)
        except OSError as second:
            raise DataError(
                f"Features can be written neither to the cache nor to {queue.store.folder}: {second.strerror}. "
                "Free disk space or set GANEVAL_CACHE to a folder with room."
            ) from second
    queue.digests, queue.facts, queue.features, queue.logits = [], [], [], []


def _engine_of(backbone: AnyBackbone) -> str:
    """What ran a network, and how its calls differed from those that the engine's name stands for."""
    if isinstance(backbone, LazyBackbone) and backbone.model is not None:
        return backbone.engine
    from ganeval.backbones.calls import remark_of

    remark = remark_of(backbone.load().network)
    return f"{backbone.engine}, {remark}" if remark else backbone.engine


def _bank(rows: Sequence[Row], tensor: str, dim: int) -> FeatureBank:
    """A bank whose blocks are read from their shards when asked for."""
    by_shard: dict[Path, list[tuple[int, int]]] = defaultdict(list)
    for index, row in enumerate(rows):
        by_shard[row.shard].append((index, row.row))
    blocks = []
    for shard, pairs in by_shard.items():
        indices = np.asarray([index for index, _ in pairs], dtype=np.int64)
        numbers = np.asarray([row for _, row in pairs], dtype=np.int64)
        blocks.append(Block(indices, functools.partial(read_rows, shard, tensor, numbers)))
    return FeatureBank(dim, tuple(blocks))


def read_rows(shard: Path, tensor: str, rows: np.ndarray) -> np.ndarray:
    """Rows of one tensor of a shard.

    Raises:
        DataError: the shard went away during the run.
    """
    try:
        return FeatureStore.load(shard, tensor, rows)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"The feature shard {shard} vanished or changed during the run ({error}); run again."
        ) from error


def _engines(queue: Queue, digests: Sequence[bytes]) -> dict[str, int]:
    return engines_of(queue.store, digests) if queue.sums is None else {_engine_of(queue.backbone): len(digests)}


def _width(backbone: AnyBackbone) -> int:
    if backbone.info.dim is None:
        raise RuntimeError(f"backbone {backbone.info.name} has no features to summarise")
    return backbone.info.dim


def _summary(queue: Queue, digests: Sequence[bytes], labels: tuple[str, ...] | None) -> SetSummary:
    if queue.sums is not None:
        return SetSummary(queue.sums.total(), digests=tuple(digests))
    rows = []
    for digest in digests:
        row = queue.store.find(digest)
        if row is None:
            raise RuntimeError(f"no features for digest {digest.hex()} after the pass")
        rows.append(row)
    info, dim = queue.backbone.info, _width(queue.backbone)
    bank = _bank(rows, "features", dim)
    logits = None if info.classes is None else _bank(rows, "logits", info.classes)
    summary = SetSummary(Moments.empty(dim), bank, logits, labels, digests=tuple(digests))
    return replace(summary, moments=_moments(queue.store, summary.canonical.bank or bank, digests))


def engines_of(store: FeatureStore, digests: Sequence[bytes]) -> dict[str, int]:
    """What made the features of these images -> how many of them; the engines in sorted order."""
    found = Counter(row.engine for row in map(store.find, digests) if row is not None)
    return dict(sorted(found.items()))


def _moments(store: FeatureStore, bank: FeatureBank, digests: Sequence[bytes]) -> Moments:
    """Moments of a bank, chunk by chunk; those of a large set are kept beside its shards.

    What made the features is part of their name: the same images by another engine differ in the last digits.

    Args:
        store: Its shards.
        bank: In canonical order, so that the rounding of the sums is that of the images, not of their names.
        digests: Of its images.
    """
    folder, key = store.folder / "moments", content_key("canonical", content_hash(digests), engines_of(store, digests))
    large = len(bank) >= KEPT_MOMENTS
    if large and (data := read_checked(folder, key)) is not None:
        stored = load(data)
        return Moments(len(bank), stored["mean"], stored["scatter"])
    moments = Moments.empty(bank.dim)
    for _, chunk in bank.chunks():
        moments = moments.merge(Moments.of(chunk))
    if large:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the number
            write_checked(folder, key, save({"mean": moments.mean, "scatter": moments.scatter}))
    return moments


def in_memory(summary: SetSummary) -> SetSummary:
    """A summary whose rows do not go with the temporary folder that they are in."""

    def pulled(bank: FeatureBank | None) -> FeatureBank | None:
        return None if bank is None else FeatureBank.of(bank.rows(), bank.indices().tolist())

    return replace(summary, bank=pulled(summary.bank), logits=pulled(summary.logits))
