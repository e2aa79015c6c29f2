"""Decides what a score will run, before any image is read: metrics, missing weights, conflicting options."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ganeval.backbones import BACKBONES
from ganeval.backbones.weights_store import locate
from ganeval.errors import UsageError, WeightsError
from ganeval.metrics.base import ImageMetric, OwnPairsMetric, PyramidMetric
from ganeval.metrics.keys import (
    ImageRequest,
    OwnPairsRequest,
    PairedRequest,
    Request,
    SetRequest,
    masked_names,
    parse_key,
    parse_keys,
    plain_keys,
    set_names,
    training_names,
)
from ganeval.options import ScoreOptions


class Plain(Protocol):
    """Keys of the metrics that run when none are named."""

    def __call__(self, *, paired: bool) -> list[str]:
        """Those of pairs, or those of sets."""
        ...


@dataclass(frozen=True)
class Plan:
    """The metrics that will run.

    Attributes:
        set_requests: Set metrics, each with its backbone.
        paired_requests: Paired metrics.
        image_requests: Metrics of single images.
        own_requests: Metrics of pairs within the subject.
        missing: Requests that cannot run here, each with the reason and the command that helps.
        explicit: True if the user named the metrics: then one that cannot run is an error, not a row.
    """

    set_requests: tuple[SetRequest, ...]
    paired_requests: tuple[PairedRequest, ...]
    image_requests: tuple[ImageRequest, ...]
    own_requests: tuple[OwnPairsRequest, ...]
    missing: tuple[tuple[Request, str], ...]
    explicit: bool

    @property
    def by_image(self) -> tuple[Request, ...]:
        """Those that need the images one by one: they cannot be computed from the features of a set."""
        return (*self.paired_requests, *self.image_requests, *self.own_requests)


def needed_weights(request: Request) -> list[str]:
    """Names in the weights table that a request loads, network first, then heads."""
    if isinstance(request.metric, ImageMetric):
        return [request.metric.model]
    if request.backbone is None:
        return []
    weights = BACKBONES.get(request.backbone).weights
    names = [] if weights is None else [weights.name]
    if isinstance(request.metric, PyramidMetric | OwnPairsMetric) and request.backbone in request.metric.heads:
        names.append(request.metric.heads[request.backbone])
    return names


def missing_weights(request: Request, overrides: Mapping[str, Path]) -> str | None:
    """Why a request cannot run for lack of weights, None if none are missing."""
    absent = [n for n in needed_weights(request) if n not in overrides and locate(n) is None]
    if not absent:
        return None
    return f"weights not on this machine: run `ganeval weights fetch {' '.join(absent)}`"


def make_plan(options: ScoreOptions, plain: Plain = plain_keys) -> Plan:
    """Resolves the metrics and checks every option that can be checked without reading an image.

    Args:
        options: As given by the user.
        plain: What runs when no metrics are named.

    Raises:
        UsageError: unknown names, or options that conflict.
        WeightsError: the weights of a named metric are missing.
    """
    explicit = options.metrics is not None
    requests = _requests(options, plain)
    if options.moments_only:
        requests = _of_moments(requests, options, explicit)
    _check_options(options, requests)
    if explicit:
        _check_sides(requests, options)
    if options.blame and not any(isinstance(r, SetRequest) and r.metric.influences for r in requests):
        raise UsageError(
            "--blame needs a metric that says what each image contributes "
            f"({set_names(lambda metric: metric.influences is not None)}); got {options.metrics}. Add one to --metrics."
        )
    if options.until_se is not None or options.until_rel is not None:
        _check_until(requests, options)
    unused = sorted(set(options.weights) - {name for r in requests for name in needed_weights(r)})
    if unused:
        raise UsageError(f"--weights names {', '.join(unused)}, which no requested metric uses. Ask for one.")
    maskless = [r for r in requests if options.mask and isinstance(r, PairedRequest) and r.metric.masked is None]
    if explicit and maskless:
        raise UsageError(
            f"{', '.join(r.asked for r in maskless)} has no value over a mask; {', '.join(masked_names())} have. Drop "
            "it, or --mask."
        )
    requests = [r for r in requests if r not in maskless]
    missing = [(r, why) for r in requests if (why := missing_weights(r, options.weights)) is not None]
    if explicit and missing:
        request, why = missing[0]
        raise WeightsError(
            f"{request.asked} cannot be computed: {why}, or `ganeval weights import "
            f"{needed_weights(request)[0]} FILE` where there is no internet."
        )
    missing += [(r, "it has no value over a mask") for r in maskless]
    absent = {request.asked for request, _ in missing}
    runnable = [r for r in requests if r.asked not in absent]
    return Plan(
        tuple(r for r in runnable if isinstance(r, SetRequest)),
        tuple(r for r in runnable if isinstance(r, PairedRequest)),
        tuple(r for r in runnable if isinstance(r, ImageRequest)),
        tuple(r for r in runnable if isinstance(r, OwnPairsRequest)),
        tuple(missing),
        explicit,
    )


def lacking_weights(options: ScoreOptions) -> list[str]:
    """Names of the weights that the metrics of a score need and this machine lacks."""
    needed = dict.fromkeys(name for request in _requests(options, plain_keys) for name in needed_weights(request))
    return [name for name in needed if name not in options.weights and locate(name) is None]


def _requests(options: ScoreOptions, plain: Plain) -> list[Request]:
    if options.metrics is not None:
        return parse_keys(options.metrics)
    requests = [r for key in plain(paired=False) if _plain_set_fits(r := parse_key(key), options)]
    if options.train is not None:
        requests += [r for key in training_names() if _lacking_side(r := parse_key(key), options) is None]
    return requests + ([parse_key(key) for key in plain(paired=True)] if options.paired else [])


def _of_moments(requests: list[Request], options: ScoreOptions, explicit: bool) -> list[Request]:
    """The set metrics that moments are enough for, and metrics of pairs and single images, which need none."""
    rows = [r for r in requests if isinstance(r, SetRequest) and r.metric.needs != {"moments"}]
    if explicit and rows:
        raise UsageError(
            f"--moments-only keeps no feature rows, and {', '.join(r.asked for r in rows)} "
            f"{'needs them. Drop it' if len(rows) == 1 else 'need them. Drop them'}, or --moments-only."
        )
    for option, given in (
        ("--blame", options.blame),
        ("--until-se", options.until_se),
        ("--until-rel", options.until_rel),
    ):
        if given:
            raise UsageError(f"{option} needs feature rows, which --moments-only does not keep. Drop one of them.")
    return [r for r in requests if r not in rows]


def _plain_set_fits(request: Request, options: ScoreOptions) -> bool:
    """Whether a set metric runs by default: with a reference if it needs one, and not in a paired-only score."""
    if not isinstance(request, SetRequest) or (options.paired and not options.reference):
        return False
    return options.reference is not None or not request.metric.reference


def _lacking_side(request: Request, options: ScoreOptions) -> str | None:
    """The option that a set metric lacks; None where it has all that it compares with."""
    if not isinstance(request, SetRequest) or not request.metric.reference or options.reference is not None:
        return None
    training = request.metric.training
    return None if training is not None and training.alone and options.train is not None else "--reference REF"


def _check_options(options: ScoreOptions, requests: list[Request]) -> None:
    single = [r.asked for r in requests if isinstance(r, ImageRequest)]
    alone = [r.asked for r in requests if isinstance(r, ImageRequest | OwnPairsRequest)]
    if options.devices > 1 and alone:
        raise UsageError(f"{', '.join(alone)} run in one process; {options.devices} were asked for. Start one.")
    if options.devices > 1 and (options.until_se is not None or options.until_rel is not None or options.paired):
        raise UsageError(
            f"{options.devices} processes (--devices, torchrun or srun) share the images of set metrics; --until-se, "
            "--until-rel and --paired run in one process. Start one, or drop the option."
        )
    if options.blame and not options.reference:
        raise UsageError("--blame says which images raise a distance to the reference. Add --reference REF.")
    cropped = bool(options.crop_border or options.mod_crop) and not single
    if options.mask and not options.paired:
        raise UsageError("--mask says which pixels paired metrics look at. Add --paired REF, or drop it.")
    if not options.paired and (options.channel != "rgb" or cropped or options.pair_by):
        raise UsageError(
            "--channel, --crop-border, --mod-crop and --pair-by belong to paired metrics. Add --paired REF, or drop "
            "them."
        )
    if options.until_se is not None and options.until_rel is not None:
        raise UsageError("--until-se and --until-rel are two rules for one stop. Give one of them.")
    for name, file in options.weights.items():
        if not file.is_file():
            raise WeightsError(f"--weights {name}={file}: there is no such file.")


def _check_until(requests: list[Request], options: ScoreOptions) -> None:
    """Stopping by the standard error needs named set metrics that have one."""
    option = "--until-se" if options.until_se is not None else "--until-rel"
    if options.metrics is None:
        raise UsageError(f"{option} must know which metric is to be that sure: add --metrics fd, say.")
    if options.paired:
        raise UsageError(f"{option} adds images to a set; pairs are given. Drop --paired, or {option}.")
    without = [r.asked for r in requests if not (isinstance(r, SetRequest) and r.metric.has_stderr)]
    if without:
        raise UsageError(
            f"{option}: {', '.join(without)} gives no standard error. Ask for "
            f"{set_names(lambda metric: metric.has_stderr)}."
        )
    outputs = [output for r in requests for output in r.outputs]
    if options.until_se is not None and len(outputs) > 1:
        raise UsageError(
            f"--until-se is in the units of one number; {', '.join(outputs)} are several. Name one, or use --until-rel."
        )


def _check_sides(requests: list[Request], options: ScoreOptions) -> None:
    """Named metrics must have the set that they compare with."""
    paired = [r.asked for r in requests if r.paired]
    if paired and not options.paired:
        raise UsageError(f"An original for each image is needed for {', '.join(paired)}. Add --paired REF.")
    against = [r.asked for r in requests if isinstance(r, SetRequest) and r.metric.reference]
    if lacking := [r.asked for r in requests if _lacking_side(r, options) is not None]:
        raise UsageError(f"A reference set is needed for {', '.join(lacking)}. Add --reference REF.")
    trained = [r.asked for r in requests if isinstance(r, SetRequest) and r.metric.training is not None]
    if options.train and not trained:
        raise UsageError(
            f"--train is given, but none of {', '.join(r.asked for r in requests)} takes a training set. Drop it, or "
            f"ask for {' or '.join(training_names())}."
        )
    if options.paired and not paired:
        raise UsageError(f"--paired is given, but none of {', '.join(r.asked for r in requests)} is a paired metric.")
    if options.reference and not against:
        raise UsageError(
            f"--reference is given, but none of {', '.join(r.asked for r in requests)} compares with one. Drop it, or "
            f"ask for {set_names(lambda metric: metric.reference)}."
        )
