"""The networks of one run with their feature stores: opened once, run over all its sources."""

from __future__ import annotations  # a run whose features are all cached needs no torch

import contextlib
import hashlib
import json
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganeval.backbones import BACKBONES
from ganeval.backbones.loading import AnyBackbone, LazyBackbone, load_backbone, measured_error, open_backbone
from ganeval.backbones.precision import Precision, refuse_inexact
from ganeval.errors import ProtocolMismatchError, ReferenceStatisticsError
from ganeval.files.disk_cache import cache_home, read_json, write_json
from ganeval.formatting import counted
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.scoring.feature_pass import SourceSummary, Walked
from ganeval.scoring.feature_store import FeatureStore
from ganeval.sources.base import ImageSource, Subset
from ganeval.sources.decoding.rules import DECODE_POLICY, stated_peak
from ganeval.sources.decoding_differences import refuse_shallow
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moment_tree import CHUNK
from ganeval.summaries.reference_file import BackboneFacts, ReferenceStatistics

if TYPE_CHECKING:
    from ganeval.backbones.base import Backbone
    from ganeval.processes.shares import Processes


@dataclass(frozen=True)
class RealSide:
    """The reference of a set comparison, from images or from a statistics file.

    Attributes:
        sets: Backbone name -> summary.
        content_sha256: Hash that the protocol states.
        n: Number of images, None if unknown.
        note: Limits of the reference, for the rows.
        seconds: Time of its pass by stage.
        identity: Identifies these images or this statistics file; None if nothing does.
        passed: Summary of its images, None for a statistics file.
    """

    sets: Mapping[str, SetSummary]
    content_sha256: str
    n: int | None
    note: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    identity: str | None = None
    passed: SourceSummary | None = None


def store_protocol(backbone: AnyBackbone, precision: Precision = "exact", decode: str = DECODE_POLICY) -> str:
    """Facts that must agree before cached features are reused."""
    return "|".join((backbone.info.name, backbone.weights_sha256, backbone.info.resize, precision, decode))


def open_store(
    backbone: AnyBackbone, root: Path, precision: Precision = "exact", decode: str = DECODE_POLICY
) -> FeatureStore:
    """The feature shards of one backbone protocol under `root`."""
    protocol = store_protocol(backbone, precision, decode)
    folder = root / f"{backbone.info.name}-{hashlib.sha256(protocol.encode()).hexdigest()[:16]}"
    return FeatureStore(folder, protocol)


def _keep_error(folder: Path, error: float) -> None:
    """Stores the largest error beside the shards, for rows of later runs that read them."""
    with contextlib.suppress(OSError):
        write_json(folder, "fast-error", max(error, _kept_error(folder) or 0.0))


def _kept_error(folder: Path) -> float | None:
    kept = read_json(folder, "fast-error")
    return kept if isinstance(kept, float) and math.isfinite(kept) else None


@dataclass(frozen=True)
class Passes:
    """Loaded backbones with their engines and feature stores.

    Attributes:
        backbones: Name -> backbone.
        engines: Name -> its engine, for provenance.
        stores: Name -> its shards.
        options: Batch size and the rule for bad images.
        reporter: Where progress goes.
        errors: Backbone name -> relative error that "fast" made on its first images in this run.
        processes: Processes that share the images, None for a single one.
    """

    backbones: Mapping[str, AnyBackbone]
    engines: Mapping[str, str]
    stores: Mapping[str, FeatureStore]
    options: ScoreOptions
    reporter: Reporter
    errors: dict[str, float] = field(default_factory=dict)
    processes: Processes | None = None

    def contribute(self, source: ImageSource) -> None:
        """Runs this process's share of a source and sends the features to the first process."""
        from ganeval.scoring.gather_features import send_walked

        if self.processes is None:
            raise TypeError("there is no other process")
        walked = self._walked()
        self._add_share(walked, source, self.processes, lambda _: None)
        send_walked(self.processes, walked, self.errors)

    def _walked(self) -> Walked:
        return Walked.of(list(self.backbones.values()), self.stores, moments_only=self.options.moments_only)

    def _share(self, source: ImageSource, processes: Processes) -> range:
        return processes.share(source, CHUNK if self.options.moments_only else 1)

    def _add_share(
        self, walked: Walked, source: ImageSource, processes: Processes, advance: Callable[[int], None]
    ) -> None:
        def progress(steps: int) -> None:
            processes.lines.progress(steps)
            advance(steps)

        share = self._share(source, processes)
        own, walked.start = Subset(source, share), share.start
        processes.lines.work(True)
        walked.add(own, self.options.batch_size, self.options.on_bad, progress)
        walked.finish(own.name)
        own.keep()
        self.keep_errors()

    def keep_errors(self) -> None:
        """Stores the measured error of "fast".

        Raises:
            UsageError: the error of cached features is too large.
        """
        for name, backbone in self.backbones.items():
            error = measured_error(backbone)
            if error is not None and name not in self.errors:
                self.errors[name] = error
                _keep_error(self.stores[name].folder, error)
            if (kept := self.fast_error(name)) is not None:
                refuse_inexact(kept, name)

    def fast_error(self, name: str) -> float | None:
        """The relative error of a backbone's features under "fast": the largest of this run and of the cache's."""
        if self.options.precision == "exact":
            return None
        measured = (self.errors.get(name), _kept_error(self.stores[name].folder))
        return max((error for error in measured if error is not None), default=None)

    def identity(self, name: str, *sides: SourceSummary | None) -> str:
        """Identifies the features of sets beyond their images, for values that are computed from them and cached.

        The engine is provenance, not protocol: numbers of two engines differ in the last digits and may be compared.
        But a cached number must come from the features whose engine the row states.
        """
        made = [{} if side is None else dict(side.engines.get(name, {})) for side in sides]
        protocol = store_protocol(self.backbones[name], self.options.precision, self.options.decode)
        return f"{protocol}|{json.dumps(made)}{'|moments' if self.options.moments_only else ''}"

    def engine_of(self, name: str, *sides: SourceSummary | None) -> str:
        """The engine that made the features of a row, for its provenance; read from the shards.

        Args:
            name: The backbone.
            sides: Summaries of the sets of the row, None for a statistics file.
        """
        passed = [side for side in sides if side is not None]
        counts: Counter[str] = Counter()
        for side in passed:
            counts.update(side.engines.get(name, {}))
        cached = " (cached)" if not any(side.computed.get(name) for side in passed) else ""
        if len(counts) <= 1:
            return f"{next(iter(counts), self.engines[name])}{cached}"
        return ", ".join(f"{engine} ({count:,} images)" for engine, count in sorted(counts.items())) + cached

    def run(self, source: ImageSource, title: str) -> SourceSummary:
        """Runs every image of a source through every network once, and reports skipped images.

        Raises:
            BadImageError: an image cannot be decoded and the options say to fail.
            DataError: no image is left, features are not finite, or the files
                hold samples of fewer bits and `peak` is not given.
        """
        walked, processes = self._walked(), self.processes
        own = len(source) if processes is None else len(self._share(source, processes))
        with self.reporter.stage(title, own) as advance:
            if processes is None:
                walked.add(source, self.options.batch_size, self.options.on_bad, advance)
            else:
                from ganeval.scoring.gather_features import gather_walked

                self._add_share(walked, source, processes, advance)
                gather_walked(processes, walked, self.errors)
            summary = walked.summary(source)
        self.keep_errors()
        if self.options.peak is None:
            refuse_shallow(summary.name, summary.facts)
        for warning in summary.warnings:
            self.reporter.message(warning)
        if summary.skipped:
            first = summary.skipped[0]
            self.reporter.message(f"{counted(len(summary.skipped), 'image')} of {summary.name} skipped; first: {first}")
        for note in source.notes:
            self.reporter.message(note)
        return summary

    def stored(self, statistics: ReferenceStatistics, path: str) -> SourceSummary:
        """The summary of a subject from a statistics file, as a pass over its images would give it.

        Raises:
            ReferenceStatisticsError: the file has nothing for a backbone of this run.
            ProtocolMismatchError: it was made by another protocol.
        """
        self.check_statistics(statistics, path)
        names = tuple(f"{index:06d}" for index in range(len(statistics.digests)))
        return SourceSummary(
            name=statistics.name,
            sets=statistics.sets,
            content_sha256=statistics.content_sha256,
            names=names,
            digests=statistics.digests,
            facts=(),
            skipped=("not recorded",) * statistics.skipped,
            computed=dict.fromkeys(statistics.sets, 0),
            seconds={},
            engines={name: {"statistics file": len(names)} for name in statistics.sets},
        )

    def run_reference(
        self, reference: ImageSource | ReferenceStatistics | None, role: str = "reference"
    ) -> RealSide | None:
        """Real images, by a pass over them or from their statistics file; None without any.

        Args:
            reference: What was opened.
            role: What they are here, for the title of the pass.
        """
        if reference is None:
            return None
        if isinstance(reference, ImageSource):
            passed = self.run(reference, f"{reference.name} ({role})")
            return RealSide(
                passed.sets,
                passed.content_sha256,
                passed.n,
                seconds=passed.seconds,
                identity=passed.identity,
                passed=passed,
            )
        note = "reference statistics of another tool: its resize and weights were not checked" if reference.peer else ""
        if reference.tool:
            known = "" if reference.n is not None else ", of an unknown number of images"
            note = f"reference statistics imported from {reference.tool}{known}"
        return RealSide(reference.sets, reference.content_sha256, reference.n, note, identity=reference.identity)

    def check_statistics(self, reference: ReferenceStatistics, path: str) -> None:
        """Checks that a statistics file was made by the backbones of this run.

        Raises:
            ReferenceStatisticsError: it has nothing for a backbone of this run.
            ProtocolMismatchError: it was made by another protocol.
        """
        for backbone in self.backbones.values():
            facts = reference.facts.get(backbone.info.name)
            if facts is None and reference.tool:
                own = next(iter(reference.facts))
                raise ProtocolMismatchError(
                    f"{path} was made by {reference.tool}, whose features are those of {own}; this run has those of "
                    f"{backbone.info.name}. Score by that tool's path: --metrics fd@{own}."
                )
            if facts is None:
                raise ReferenceStatisticsError(
                    f"{path} has statistics for {', '.join(reference.facts)}, not for {backbone.info.name}. "
                    f"Ask for metrics on those (--metrics fd@{next(iter(reference.facts))}), or build the file again."
                )
            if reference.peer:
                continue
            expected = BackboneFacts(backbone.weights_sha256, backbone.info.resize, self.options.precision)
            if facts != expected or (reference.decode != self.options.decode and not reference.tool):
                advice = "Import it again, with the weights it was made by." if reference.tool else "Build it again."
                if facts == expected and (peak := stated_peak(reference.decode)) is not None:
                    advice = f"Score with --peak {peak}, as it was built, or build it again."
                raise ProtocolMismatchError(
                    f"{path} was built by another protocol of {backbone.info.name}: {facts}, decode "
                    f"{reference.decode!r}; this run has {expected}, decode {self.options.decode!r}. {advice}"
                )


def given_weights(name: str, given: Mapping[str, Path]) -> Path | None:
    """The user's weights file for a backbone; inception and inception-clean share one."""
    weights = BACKBONES.get(name).weights
    return None if weights is None else given.get(weights.name)


class OpenedNetworks:
    """The networks that several evaluators of one run share: each weights file is read once."""

    def __init__(self) -> None:
        self._opened: dict[tuple[object, ...], LazyBackbone] = {}
        self._loaded: dict[tuple[object, ...], Backbone] = {}

    def open(self, name: str, device: str, options: ScoreOptions) -> LazyBackbone:
        """A backbone for set metrics, loaded when the first image needs it.

        Raises:
            GanevalError: weights that cannot be used.
        """
        kept = cache_home() / "engines" if options.cache else None
        asked = name, device, given_weights(name, options.weights), options.engine, options.precision, kept
        if asked not in self._opened:
            self._opened[asked] = open_backbone(*asked)
        return self._opened[asked]

    def open_all(self, names: Iterable[str], device: str, options: ScoreOptions) -> dict[str, AnyBackbone]:
        """Name -> backbone, each as `open` gives it; one named twice is opened once."""
        return {name: self.open(name, device, options) for name in names}

    def load(self, name: str, device: str, options: ScoreOptions) -> Backbone:
        """A backbone for paired metrics, loaded now.

        Raises:
            GanevalError: weights that cannot be used.
        """
        import torch

        file = given_weights(name, options.weights)
        asked = name, device, file
        if asked not in self._loaded:
            self._loaded[asked] = load_backbone(name, device=torch.device(device), weights_file=file)
        return self._loaded[asked]


def open_passes(
    backbones: Mapping[str, AnyBackbone],
    options: ScoreOptions,
    reporter: Reporter,
    stack: contextlib.ExitStack,
    reference: ImageSource | ReferenceStatistics | None = None,
    processes: Processes | None = None,
) -> Passes:
    """Backbones with their stores, in the cache or in a temporary folder.

    Args:
        backbones: Name -> backbone, of `OpenedNetworks`.
        options: Cache, precision, batch size.
        reporter: Where progress goes.
        stack: Removes a temporary store when the run ends.
        reference: Checked against the backbones when it is a statistics file, before any network is loaded.
        processes: Processes that share the images; each has its own store.

    Raises:
        GanevalError: a statistics file of another protocol, or processes whose networks differ.
    """
    if options.cache and not options.moments_only:
        root = cache_home() / "features"
    else:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ganeval-")))
        if processes is not None:
            processes.lines.temporary.append(root)
    stores = {
        name: open_store(backbone, root, options.precision, options.decode) for name, backbone in backbones.items()
    }
    engines = {name: backbone.engine for name, backbone in backbones.items()}
    passes = Passes(backbones, engines, stores, options, reporter, processes=processes)
    if isinstance(reference, ReferenceStatistics):
        passes.check_statistics(reference, options.reference or "")
    if processes is not None:
        made = {
            f"networks {name}": f"{store_protocol(backbone, options.precision, options.decode)}, {backbone.engine}"
            for name, backbone in backbones.items()
        }
        processes.compare(made, "Give all machines the same weights and packages, or name one --engine.")
    return passes
