"""Summaries of Ray Data datasets (`pip install 'ganeval[ray]'`): workers compute features, one file holds the set.

    files = ray.data.read_binary_files("s3://bucket/samples", include_paths=True)
    ganeval.ray.summarise(files, "samples.safetensors", backbone="inception")
    ganeval.score("samples.safetensors", reference="real.safetensors", metrics="fid")

Files are decoded by ganeval's own rules, so the summary is that of `ganeval reference build` of the same files.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganeval._version import __version__
from ganeval.backbones import BACKBONES
from ganeval.backbones.call_sizes import full
from ganeval.backbones.engines import Engine
from ganeval.backbones.loading import open_backbone, open_pipeline
from ganeval.backbones.precision import Precision
from ganeval.devices import device_name
from ganeval.errors import BadImageError, DataError, UsageError
from ganeval.processes.listing_hash import list_source
from ganeval.sources.base import ImageSource, Item, Raw, content_hash
from ganeval.sources.decoding.rules import DECODE_POLICY
from ganeval.sources.folder import file_raw
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moment_tree import MomentTree
from ganeval.summaries.moments import Moments
from ganeval.summaries.reference_file import BackboneFacts, ReferenceStatistics, Whole, save_reference

if TYPE_CHECKING:
    import ray.data

__all__ = ["summarise"]

Batch = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Network:
    """What a worker loads.

    Attributes:
        name: Of the backbone.
        weights: A file in place of the pinned one, at the same path on each machine.
        device: As for `ganeval.score`.
        engine: As there.
        precision: As there.
    """

    name: str
    weights: Path | None
    device: str
    engine: Engine
    precision: Precision


class _Worker:
    """One Ray actor: files to features."""

    def __init__(self, network: _Network) -> None:
        device = device_name(network.device)
        self._backbone = open_backbone(network.name, device, network.weights, network.engine, network.precision)

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        """Reads, decodes and computes one batch; a file that cannot be decoded comes back as the words of its error."""
        names = [str(path) for path in batch["path"]]
        raws = [file_raw(bytes(data), name) for data, name in zip(batch["bytes"], names, strict=True)]
        digests = np.stack([np.frombuffer(raw.digest, np.uint8) for raw in raws])
        errors, pixels = [""] * len(raws), []
        for place, raw in enumerate(raws):
            try:
                pixels.append(raw.decode().pixels)
            except BadImageError as error:  # Ray would wrap it into a trace of its own
                errors[place] = str(error)
        features = np.zeros((len(raws), self._backbone.info.dim or 0), np.float32)
        if not any(errors):
            pipeline = open_pipeline(self._backbone)
            pipeline.submit(pixels)
            features, _, _ = pipeline.take(finish=True)
        return {"path": np.asarray(names), "digest": digests, "features": features, "error": np.asarray(errors)}


def summarise(
    dataset: ray.data.Dataset,
    out: str | Path,
    *,
    backbone: str = "efflite0",
    weights: str | Path | None = None,
    moments_only: bool = False,
    device: str = "auto",
    engine: Engine = "auto",
    precision: Precision = "exact",
    batch_size: int = 256,
    workers: int = 1,
    gpus_per_worker: float = 0,
) -> ReferenceStatistics:
    """Writes the summary of a dataset of image files as a statistics file, which serves as subject and as reference.

    Args:
        dataset: With columns `path` and `bytes`, as `ray.data.read_binary_files(..., include_paths=True)` gives it.
        out: File to write, *.safetensors.
        backbone: Whose features.
        weights: A weights file in place of the pinned one, at this path on each machine.
        moments_only: Keep no feature rows: fd alone, in little memory.
        device: Device of the networks: auto, cpu or cuda.
        engine: Engine that runs networks on a CPU.
        precision: Precision of networks.
        batch_size: Images of a worker's task.
        workers: Ray actors, each with a network of its own.
        gpus_per_worker: GPUs that Ray reserves for each.

    Returns:
        What the file holds.

    Raises:
        UsageError: no features, another ending, or columns that are missing.
        BadImageError: a file cannot be decoded.
        DataError: no files, or two of one name.
    """
    target = Path(out)
    if target.suffix != ".safetensors":
        raise UsageError(f"The statistics file must end in .safetensors; got {target}.")
    info = BACKBONES.get(backbone)
    if info.dim is None:
        raise UsageError(f"Backbone {backbone} has no feature vector to summarise; it serves paired metrics only.")
    columns = list(dataset.columns() or [])
    if missing := [name for name in ("path", "bytes") if name not in columns]:
        raise UsageError(
            f"The dataset has the columns {', '.join(map(str, columns)) or 'none'}, without {' and '.join(missing)}. "
            "Read files by ray.data.read_binary_files(PLACE, include_paths=True)."
        )
    _check_room(workers)
    network = _Network(backbone, None if weights is None else Path(weights), device, engine, precision)
    opened = open_backbone(backbone, "cpu", network.weights)  # its hash; refuses weights before workers start
    rows = _rows(dataset, network, full("cpu", batch_size), workers, gpus_per_worker)
    found = _Gathered(info.dim, keep=not moments_only)
    for batch in rows:
        found.add(batch)
    statistics = found.statistics(target.stem, backbone, BackboneFacts(opened.weights_sha256, info.resize, precision))
    save_reference(target, statistics, features=not moments_only)
    return statistics


def _check_room(workers: int) -> None:
    """Refuses more workers than leave a CPU to read: Ray would wait for one without end.

    Raises:
        UsageError: the cluster has too few CPUs.
    """
    ray: Any = importlib.import_module("ray")  # its functions have no types
    if not ray.is_initialized():
        ray.init()
    cpus = int(ray.cluster_resources().get("CPU", 0))
    if not 1 <= workers < cpus:
        raise UsageError(
            f"workers={workers}: the Ray cluster has {cpus} CPUs; each worker takes one, and reading takes one. Take "
            "fewer workers, or start Ray with more CPUs."
        )


def _rows(
    dataset: ray.data.Dataset, network: _Network, batch_size: int, workers: int, gpus: float
) -> Iterator[dict[str, np.ndarray]]:
    """Features of the files, in the order in which the dataset lists them."""
    from ray.data import ActorPoolStrategy

    computed = dataset.map_batches(
        _Worker,
        fn_constructor_args=(network,),
        batch_size=batch_size,
        compute=ActorPoolStrategy(size=workers),
        num_gpus=gpus or None,
        udf_modifying_row_count=False,
    )
    computed.context.execution_options.preserve_order = True
    batches: Any = computed.iter_batches(batch_size=batch_size, batch_format="numpy")
    yield from batches


class _Named(ImageSource):
    """Names and digests of files that workers read."""

    def __init__(self, names: list[str], digests: list[bytes]) -> None:
        root = os.path.commonpath([os.path.dirname(name) for name in names])
        self.name = root
        self.items = [Item(os.path.relpath(name, root).replace(os.sep, "/")) for name in names]
        self._digests = digests

    def read(self, index: int) -> Raw:
        """The digest of one."""

        def decode() -> Any:
            raise DataError("the file is with a worker")

        return Raw(self._digests[index], decode)


class _Gathered:
    """What the workers sent so far."""

    def __init__(self, dim: int, *, keep: bool) -> None:
        self._sums = MomentTree(dim)
        self._kept: list[np.ndarray] | None = [] if keep else None
        self._names: list[str] = []
        self._digests: list[bytes] = []

    def add(self, batch: Batch) -> None:
        """Adds rows of the next files.

        Raises:
            BadImageError: a file cannot be decoded.
        """
        for error in filter(None, map(str, batch["error"])):
            raise BadImageError(error)
        features = np.ascontiguousarray(batch["features"], np.float32)
        places = np.arange(len(self._names), len(self._names) + len(features), dtype=np.int64)
        if self._kept is None:
            self._sums.add(places, features)
        else:
            self._kept.append(features)
        self._names += map(str, batch["path"])
        self._digests += [row.tobytes() for row in np.ascontiguousarray(batch["digest"], np.uint8)]

    def statistics(self, name: str, backbone: str, facts: BackboneFacts) -> ReferenceStatistics:
        """All rows as a statistics file has them.

        Raises:
            DataError: no files, or two of one name.
        """
        if not self._names:
            raise DataError("The dataset holds no files. Check its place.")
        if repeated := len(self._names) - len(set(self._names)):
            raise DataError(f"The dataset holds {repeated} paths twice. Read each once.")
        order = sorted(range(len(self._names)), key=self._names.__getitem__)
        digests = tuple(self._digests[i] for i in order)
        listing = list_source(_Named([self._names[i] for i in order], list(digests)))
        if self._kept is None:
            summary = SetSummary(self._sums.total(), digests=digests)
        else:
            bank = FeatureBank.of(np.concatenate(self._kept)[order])
            summary = SetSummary(Moments.empty(bank.dim), bank, digests=digests)
            moments = Moments.empty(bank.dim)
            for _, chunk in (summary.canonical.bank or bank).chunks():
                moments = moments.merge(Moments.of(chunk))
            summary = SetSummary(moments, bank, digests=digests)
        return ReferenceStatistics(
            name,
            content_hash(digests),
            len(digests),
            DECODE_POLICY,
            {backbone: summary},
            {backbone: facts},
            digests=digests,
            whole=Whole(listing.images, listing.names_sha256, listing.bytes_sha256, None, 0, __version__),
        )
