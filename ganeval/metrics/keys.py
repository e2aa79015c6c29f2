"""Metric keys: from what a user types ("fid", "prdc@inception", "psnr") to a metric on a backbone, and back.

The field's own names stand for the canonical pairing and only for it: "fid" is fd on Inception with the pinned weights.
With any other weights file the key printed is "fd@inception#<sha8>".
"""

from dataclasses import dataclass, field

from ganeval.backbones import BACKBONES
from ganeval.errors import UsageError
from ganeval.metrics import METRICS
from ganeval.metrics.base import Metric, PixelMetric, PyramidMetric, SetMetric
from ganeval.registry import unknown_name

DEFAULT_BACKBONE = "efflite0"  # its weights come with the installation

ALIASES = {
    "fid": "fd@inception",
    "kid": "kd@inception",
    "kid_classic": "kd_classic@inception",
    "is": "cs@inception",
    "is_classic": "cs_classic@inception",
    "fd_dinov2": "fd@dinov2-vitl14",
    "cmmd": "cmmd@clip-vitl14-336",
    "lpips": "lpips@vgg16",
    "lpips_alex": "lpips@alexnet",
    "vgg": "vgg@vgg19",
}
CANONICAL = {key: alias for alias, key in ALIASES.items()}

# What a plain `score` runs, where the inputs allow. Canonical ones whose weights are missing become "skipped" rows.
PLAIN_SET = "fd,kd,mind,prdc,cs,vendi,fd_per_class,agreement,fid,kid,is,prdc@inception,fd_dinov2,cmmd"
PLAIN_PAIRED = "psnr,ssim,ms_ssim,pd@efflite0,pd@hedvgg16,lpips,lpips_alex,vgg"


@dataclass(frozen=True)
class Request:
    """One metric on one backbone.

    Attributes:
        name: Registry name of the metric.
        metric: The declaration.
        backbone: Registry name, None for a metric of pixels.
        outputs: Which of the metric's outputs were asked for.
        asked: What the user typed; error messages speak of this.
    """

    name: str
    metric: Metric = field(compare=False)  # the name says which; its params cannot be hashed
    backbone: str | None
    outputs: tuple[str, ...]
    asked: str

    @property
    def paired(self) -> bool:
        """True for a metric of image pairs."""
        return not isinstance(self.metric, SetMetric)


def output_owners() -> dict[str, str]:
    """Output name -> registry name of the metric that prints it ("precision" -> "prdc")."""
    owners: dict[str, str] = {}
    for name in METRICS:
        metric = METRICS.get(name)
        if isinstance(metric, SetMetric):
            owners.update({output.name: name for output in metric.outputs})
        else:
            owners[metric.output.name] = name
    return owners


def parse_key(text: str) -> Request:
    """Reads one key.

    Args:
        text: An alias ("fid"), a metric ("fd": on the embedded backbone), one output of a family ("recall@inception"),
            or metric@backbone.

    Raises:
        UsageError: unknown metric or backbone (with a did-you-mean), or a pairing that is not defined.
    """
    asked = text.strip()
    key = ALIASES.get(asked, asked)
    wanted, at, backbone = key.partition("@")
    owners = output_owners()
    name = wanted if wanted in METRICS else owners.get(wanted)
    if name is None:
        raise unknown_name("metric", wanted, sorted({*METRICS.names(), *owners, *ALIASES}))
    metric = METRICS.get(name)
    if isinstance(metric, PixelMetric):
        if at:
            raise UsageError(f"{name} is a metric of pixels and takes no backbone; got {asked!r}. Write {name!r}.")
        return Request(name, metric, None, (metric.output.name,), asked)
    if isinstance(metric, PyramidMetric):
        chosen = backbone if at else metric.backbones[0]
        if chosen not in metric.backbones:
            raise UsageError(f"{name} is defined on {', '.join(metric.backbones)}; got {asked!r}.")
        return Request(name, metric, chosen, (metric.output.name,), asked)
    chosen = backbone if at else DEFAULT_BACKBONE
    info = BACKBONES.get(chosen)
    if info.dim is None:
        raise UsageError(f"Backbone {chosen} has no feature vector for {name}; it serves paired metrics only.")
    if "logits" in metric.needs and info.classes is None:
        raise UsageError(f"{name} needs a classifier, and backbone {chosen} has none. Use inception or efflite0.")
    outputs = tuple(o.name for o in metric.outputs) if wanted == name else (wanted,)
    return Request(name, metric, chosen, outputs, asked)


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
    return CANONICAL.get(key, key)
