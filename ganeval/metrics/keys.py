"""Metric keys: from what a user types ("fid", "prdc@inception", "psnr") to a metric on a backbone, and back.

The field's own names stand for the canonical pairing and only for it: "fid" is fd on Inception with the pinned weights.
With any other weights file the key printed is "fd@inception#<sha8>".
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from ganeval.backbones import BACKBONES
from ganeval.errors import UsageError
from ganeval.metrics import METRICS
from ganeval.metrics.base import (
    ImageMetric,
    Metric,
    Output,
    OwnPairsMetric,
    PairedMetric,
    PixelMetric,
    PyramidMetric,
    SetMetric,
)
from ganeval.registry import unknown_name

DEFAULT_BACKBONE = "efflite0"  # its weights come with the installation

NAMES_ELSEWHERE: Final = {
    "fid_score": "fid",
    "frechet_inception_distance": "fid",
    "inception_score": "is",
    "isc": "is",
    "kernel_inception_distance": "kid",
    "peak_signal_noise_ratio": "psnr",
    "prc": "prdc",
    "precision_recall": "prdc",
    "psnr_y": "psnr with --channel y",
    "psnry": "psnr with --channel y",
    "ssim_y": "ssim with --channel y",
    "ssimc": "ssim",
    "structural_similarity": "ssim",
}
"""Name of a metric in pyiqa, torch-fidelity, torchmetrics or scikit-image -> what to write here."""


@dataclass(frozen=True)
class SetRequest:
    """One set metric on one backbone.

    Attributes:
        name: Registry name of the metric.
        metric: The declaration.
        backbone: Registry name.
        outputs: Which of the metric's outputs were asked for.
        asked: What the user typed; error messages speak of this.
    """

    paired: ClassVar[bool] = False
    name: str
    metric: SetMetric = field(compare=False)  # the name says which; its params cannot be hashed
    backbone: str
    outputs: tuple[str, ...]
    asked: str


@dataclass(frozen=True)
class PairedRequest:
    """One paired metric.

    Attributes:
        backbone: Registry name, None for a metric of pixels.
        Others as in SetRequest.
    """

    paired: ClassVar[bool] = True
    name: str
    metric: PairedMetric = field(compare=False)
    backbone: str | None
    outputs: tuple[str, ...]
    asked: str


@dataclass(frozen=True)
class ImageRequest:
    """One metric of single images.

    Attributes:
        backbone: None.
        Others as in SetRequest.
    """

    paired: ClassVar[bool] = False
    name: str
    metric: ImageMetric = field(compare=False)
    outputs: tuple[str, ...]
    asked: str
    backbone: None = None


@dataclass(frozen=True)
class OwnPairsRequest:
    """One metric of pairs that the subject itself gives.

    Attributes:
        As in SetRequest.
    """

    paired: ClassVar[bool] = False
    name: str
    metric: OwnPairsMetric = field(compare=False)
    backbone: str
    outputs: tuple[str, ...]
    asked: str


Request = SetRequest | PairedRequest | ImageRequest | OwnPairsRequest


def declarations() -> Iterator[tuple[str, Metric]]:
    """Every metric: (registry name, declaration)."""
    return ((name, METRICS.get(name)) for name in METRICS)


def aliases() -> dict[str, str]:
    """The field's own names -> metric@backbone ("fid" -> "fd@inception")."""
    return {
        alias: f"{metric.outputs[0].name}@{one.backbone}"
        for _, metric in declarations()
        for alias, one in metric.aliases.items()
    }


def field_name(key: str) -> str | None:
    """What papers call a key ("fid": "FID"); None for a key that the field has no name for."""
    return next((metric.aliases[key].title for _, metric in declarations() if key in metric.aliases), None)


def plain_keys(*, paired: bool) -> list[str]:
    """What a score runs that names no metrics; canonical ones whose weights are missing become "skipped" rows."""
    return _in_order(paired, lambda metric: [("", metric.plain)])


def compared_keys(*, paired: bool) -> list[str]:
    """What a `diff` compares that names no metrics: those whose difference has a standard error."""
    return _in_order(paired, lambda metric: [(output.name, output.compared) for output in metric.outputs])


def first_gate_keys(*, paired: bool) -> list[str]:
    """What a gate's first baseline holds."""
    return _in_order(paired, lambda metric: [(output.name, output.first_gate) for output in metric.outputs])


def _in_order(paired: bool, places_of: Callable[[Metric], list[tuple[str, Mapping[str, int]]]]) -> list[str]:
    found = [
        (place, _typed(output or name, metric, backbone))
        for name, metric in declarations()
        if paired == isinstance(metric, PairedMetric)
        for output, places in places_of(metric)
        for backbone, place in places.items()
    ]
    return [key for _, key in sorted(found)]


def _typed(name: str, metric: Metric, backbone: str) -> str:
    """A key as a person would type it: "fid", "kd", "pd@hedvgg16"."""
    alias = next((alias for alias, one in metric.aliases.items() if one.backbone == backbone), None)
    if alias is not None:
        return alias
    return (
        name
        if not backbone or (isinstance(metric, SetMetric) and backbone == DEFAULT_BACKBONE)
        else f"{name}@{backbone}"
    )


def declared(key: str) -> tuple[Metric, Output] | None:
    """The declaration behind the key of a row, and which of its outputs; None for a metric that is not registered.

    Args:
        key: "fid", "recall@inception#1a2b3c4d", "fd_per_class:Shirt@efflite0".
    """
    output = aliases().get(key, key).partition("#")[0].partition("@")[0].partition(":")[0]
    return next(((metric, one) for _, metric in declarations() for one in metric.outputs if one.name == output), None)


def other_packages(output: str, backbone: str | None) -> dict[str, str]:
    """Which packages beside ganeval define a metric and a backbone, for a protocol; {} where none does.

    Args:
        output: What the metric prints, as in a protocol.
        backbone: Registry name.
    """
    metric = next((name for name, one in declarations() if output in {o.name for o in one.outputs}), None)
    found = {
        "metric_of": None if metric is None else METRICS.package(metric),
        "backbone_of": None if backbone is None or backbone not in BACKBONES else BACKBONES.package(backbone),
    }
    return {key: of.partition(" ")[0] for key, of in found.items() if of not in (None, "ganeval")}


def output_owners() -> dict[str, str]:
    """Output name -> registry name of the metric that prints it ("precision" -> "prdc")."""
    return {output.name: name for name, metric in declarations() for output in metric.outputs}


def parse_key(text: str) -> Request:
    """Reads one key.

    Args:
        text: In any case: an alias ("fid", "FID"), a metric ("fd": on the embedded backbone), one output of a family
            ("recall@inception"), or metric@backbone.

    Raises:
        UsageError: unknown metric or backbone (with a did-you-mean), or a pairing that is not defined.
    """
    asked = text.strip().lower()
    known = aliases()
    key = known.get(asked.replace("-", "_"), asked)
    wanted, at, backbone = key.partition("@")
    owners = output_owners()
    name = wanted if wanted in METRICS else owners.get(wanted)
    if name is None and (meant := NAMES_ELSEWHERE.get(wanted.replace("-", "_"))) is not None:
        raise UsageError(f"Unknown metric {wanted!r}; write {meant}.")
    if name is None and wanted in BACKBONES and not at:
        raise UsageError(f"{wanted!r} is a backbone. Write a metric with it, as in fd@{wanted}.")
    if name is None:
        raise unknown_name("metric", wanted, sorted({*METRICS.names(), *owners, *known}))
    metric = METRICS.get(name)
    if isinstance(metric, PixelMetric):
        if at:
            raise UsageError(f"{name} is a metric of pixels and takes no backbone; got {asked!r}. Write {name!r}.")
        return PairedRequest(name, metric, None, (metric.output.name,), asked)
    if isinstance(metric, ImageMetric):
        if at:
            raise UsageError(f"{name} is a metric of single images and takes no backbone; got {asked!r}.")
        return ImageRequest(name, metric, (metric.output.name,), asked)
    if isinstance(metric, PyramidMetric | OwnPairsMetric):
        chosen = backbone if at else metric.backbones[0]
        if chosen not in metric.backbones:
            raise UsageError(f"{name} is defined on {', '.join(metric.backbones)}; got {asked!r}.")
        if isinstance(metric, PyramidMetric):
            return PairedRequest(name, metric, chosen, (metric.output.name,), asked)
        outputs = tuple(o.name for o in metric.outputs) if wanted == name else (wanted,)
        return OwnPairsRequest(name, metric, chosen, outputs, asked)
    chosen = backbone if at else DEFAULT_BACKBONE
    info = BACKBONES.get(chosen)
    if info.dim is None:
        raise UsageError(f"Backbone {chosen} has no feature vector for {name}; it serves paired metrics only.")
    if "logits" in metric.needs and info.classes is None:
        raise UsageError(f"{name} needs a classifier, and backbone {chosen} has none. Use inception or efflite0.")
    outputs = tuple(o.name for o in metric.outputs) if wanted == name else (wanted,)
    return SetRequest(name, metric, chosen, outputs, asked)


def as_call(name: str) -> str:
    """How a metric is computed in Python, for who looks for a function of its name; "" for other names."""
    try:
        place = "paired=originals" if parse_key(name).paired else "reference=real"
    except UsageError:
        return ""
    return f'; write ganeval.score(images, {place}, metrics="{name}")'


def training_names() -> list[str]:
    """Metrics that a training set is of use to."""
    return [name for name, metric in declarations() if isinstance(metric, SetMetric) and metric.training is not None]


def masked_names() -> list[str]:
    """Metrics that have a value over a mask."""
    return [name for name, metric in declarations() if isinstance(metric, PairedMetric) and metric.masked is not None]


def set_names(having: Callable[[SetMetric], bool]) -> str:
    """Set metrics with a property that a plain score runs, in its order, for messages ("fd, kd or mind")."""
    known = (
        (min(metric.plain.values()), name)
        for name, metric in declarations()
        if isinstance(metric, SetMetric) and metric.plain and having(metric)
    )
    *some, last = (name for _, name in sorted(known))
    return f"{', '.join(some)} or {last}" if some else last


def parse_keys(text: str) -> list[Request]:
    """Reads a comma-separated list of keys; a key given twice counts once.

    Raises:
        UsageError: as `parse_key`, or the list is empty.
    """
    keys = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not keys:
        raise UsageError("--metrics is empty. Give keys, as in --metrics fid,kd@efflite0; see `ganeval list metrics`.")
    return [parse_key(key) for key in keys]


def printed_key(output: str, backbone_key: str | None) -> str:
    """The key of a row: the field's own name where the pairing is canonical, else "output@backbone".

    Args:
        output: Output name, maybe with a class ("fd", "fd_per_class:Shirt").
        backbone_key: "inception" with pinned weights, "inception#1a2b3c4d" with others, None for pixels.
    """
    if backbone_key is None:
        return output
    key = f"{output}@{backbone_key}"
    return next((alias for alias, canonical in aliases().items() if canonical == key), key)
