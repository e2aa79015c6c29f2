"""Rows of set metrics: one pass over each side, the metrics on the summaries, the protocol of each number."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganeval.backbones.loading import AnyBackbone
from ganeval.errors import DataError, TooFewSamplesError
from ganeval.files.disk_cache import cache_home
from ganeval.metrics.base import Estimate, SetMetric
from ganeval.metrics.keys import Request, printed_key
from ganeval.options import ScoreOptions
from ganeval.results.protocol import Protocol
from ganeval.results.provenance import provenance
from ganeval.results.result import Result
from ganeval.scoring.build_result import Row, Seen
from ganeval.scoring.estimate_store import cached_estimates
from ganeval.scoring.feature_pass import SourceSummary
from ganeval.scoring.loaded_networks import Passes, RealSide
from ganeval.scoring.noise_floor import Floor, at_counts, cached_floor
from ganeval.scoring.plan import Plan
from ganeval.sources.base import ImageSource
from ganeval.sources.decoding_differences import depth_of, set_difference_words
from ganeval.summaries.base import SetSummary
from ganeval.summaries.reference_file import ReferenceStatistics

FEW = 10  # so many images are read, where they are too few, to say first which of them is broken


def check_counts(
    plan: Plan, side: str, source: ImageSource | ReferenceStatistics, on_bad: Literal["fail", "skip"]
) -> None:
    """Refuses too few images for anything, or for a metric that was named, before any network runs.

    Raises:
        TooFewSamplesError: the message names the metric, the side and both counts.
        BadImageError: one of the few images cannot be decoded and `on_bad` is "fail"; more images would not help.
    """
    n = len(source) if isinstance(source, ImageSource) else len(source.digests)
    for request in plan.set_requests:
        metric = request.metric
        if not isinstance(metric, SetMetric) or (side == "reference" and not metric.reference):
            continue
        if n < (metric.min_n if plan.explicit else 2):
            if on_bad == "fail" and isinstance(source, ImageSource):
                for index in range(min(n, FEW)):
                    source.read(index).decode()
            advice = f"Add images, or {metric.too_few}" if metric.too_few else "Add images"
            if isinstance(source, ImageSource) and source.single:
                advice = (
                    "Name a folder of images, or compare one image with another: --paired IMAGE --metrics psnr,ssim"
                )
            raise TooFewSamplesError(
                f"{request.asked} needs at least {metric.min_n} {side} images; got {n} from {source.name}. {advice}."
            )


@dataclass(frozen=True)
class Estimated:
    """One set metric on one pair of summaries.

    Attributes:
        request: What was asked for.
        metric: Its declaration.
        estimates: Output name -> estimate, or why there is none.
        seconds: What they took.
    """

    request: Request
    metric: SetMetric
    estimates: Mapping[str, Estimate | str]
    seconds: float


def estimate_sets(plan: Plan, fake: SourceSummary, real: RealSide | None, passes: Passes) -> list[Estimated]:
    """The set metrics of a plan on the summaries of both sides."""
    found: list[Estimated] = []
    with passes.reporter.stage("metrics", len(plan.set_requests)) as advance:
        for request in plan.set_requests:
            metric, name = request.metric, passes.backbones[request.backbone or ""].info.name
            if not isinstance(metric, SetMetric):
                raise TypeError(f"{request.name} is no set metric")
            real_set = real.sets[name] if real is not None and metric.reference else None
            started = time.perf_counter()
            folder = cache_home() / "estimates" if passes.options.cache else None
            features = passes.identity(name, fake, None if real_set is None or real is None else real.passed)
            sides = (fake.identity, "" if real_set is None or real is None else real.identity, features)
            evaluate = functools.partial(_evaluate_or_read, metric, sides, folder)
            estimates = estimates_of(request, metric, real_set, fake.sets[name], plan.explicit, evaluate)
            found.append(Estimated(request, metric, estimates, time.perf_counter() - started))
            advance(1)
    return found


def _evaluate_or_read(
    metric: SetMetric,
    sides: tuple[str | None, ...],
    folder: Path | None,
    real: SetSummary | None,
    fake: SetSummary,
) -> dict[str, Estimate]:
    """A metric's own `evaluate`, or what it gave for the same images before."""
    return cached_estimates(metric, sides, folder, lambda: metric.evaluate(real, fake))


def rows_of(
    found: Sequence[Estimated],
    options: ScoreOptions,
    fake: SourceSummary,
    real: RealSide | None,
    passes: Passes,
    device: str,
) -> list[Result]:
    """Rows of what was estimated, each with its noise floor and its protocol."""
    results: list[Result] = []
    with passes.reporter.stage("noise floors", len(found)) as advance:
        for one in found:
            backbone = passes.backbones[one.request.backbone or ""]
            compared, floor = (real if one.metric.reference else None), None
            if compared is not None:
                folder = cache_home() / "floors" if options.cache else None
                features = passes.identity(backbone.info.name, compared.passed)
                identity = None if compared.identity is None else f"{compared.identity}|{features}"
                sets = compared.sets[backbone.info.name], fake.sets[backbone.info.name]
                floor = cached_floor(one.metric, sets[0], fake.distinct, identity, folder)
                if floor is not None:
                    floor = at_counts(floor, one.metric, *sets, _values(one.estimates))
            engine = passes.engine_of(backbone.info.name, fake, None if compared is None else compared.passed)
            origin: dict[str, object] = {**provenance(device), "engine": engine}
            if (error := passes.fast_error(backbone.info.name)) is not None:
                origin["fast_relative_error"] = error
            timing = {**fake.seconds, "solve": one.seconds}
            for output, estimate in one.estimates.items():
                results.append(
                    set_row(
                        one.request,
                        one.metric,
                        output,
                        estimate,
                        options,
                        fake,
                        compared,
                        backbone,
                        origin,
                        timing,
                        floor,
                    )
                )
            advance(1)
    return results


def _values(estimates: Mapping[str, Estimate | str]) -> dict[str, float]:
    return {name: one.value for name, one in estimates.items() if isinstance(one, Estimate)}


def estimates_of(
    request: Request,
    metric: SetMetric,
    real: SetSummary | None,
    fake: SetSummary,
    explicit: bool,
    evaluate: Callable[[SetSummary | None, SetSummary], dict[str, Estimate]],
) -> dict[str, Estimate | str]:
    """Output name -> estimate, or why there is none. What was named and cannot be had is an error.

    Args:
        request: What was asked for.
        metric: Its declaration.
        real: The reference.
        fake: The generated set.
        explicit: True where the metric was named.
        evaluate: Gives the estimates: the metric's own `evaluate`, or one that keeps them.
    """
    if not explicit and "labels" in metric.needs and metric.lacking(real, fake):
        return {}  # a plain score says nothing about per-class metrics of sets without classes
    try:
        estimates = evaluate(real, fake)
    except DataError as error:
        if explicit:
            raise
        return dict.fromkeys(request.outputs, str(error))
    return {name: e for name, e in estimates.items() if name.partition(":")[0] in request.outputs}


def _said_of_images(fake: SourceSummary, real: RealSide | None, *, depth: bool) -> list[str]:
    """What makes a number or its interval mean less than it seems: images that are no independent draws."""
    said = []
    if real is not None and real.content_sha256 == fake.content_sha256:
        said.append("the generated images are the reference images themselves")
    passed = None if real is None else real.passed
    for side, facts in (("generated", fake.facts), ("reference", passed.facts if passed else ())):
        if depth and (found := depth_of(facts)) is not None:
            said.append(f"the largest value of the {side} images {found.words}. {found.advice}")
    if passed is not None and (words := set_difference_words(fake.facts, passed.facts)):
        said.append(f"decoded differently: {words}")
    return said


def set_row(
    request: Request,
    metric: SetMetric,
    output: str,
    estimate: Estimate | str,
    options: ScoreOptions,
    fake: SourceSummary,
    real: RealSide | None,
    backbone: AnyBackbone,
    origin: Mapping[str, object],
    timing: Mapping[str, float],
    floor: Floor | None = None,
) -> Result:
    """One row of one output of a set metric, with its whole protocol."""
    declared = next(o for o in metric.outputs if o.name == output.partition(":")[0])
    n_real = None if real is None else real.n
    seen = Seen(n_real, fake.n, fake.content_sha256, len(fake.skipped), fake.left_out)
    row = Row(options, printed_key(output, backbone.key), declared.better, seen)
    if isinstance(estimate, str):
        return row.without_value(estimate)
    protocol = Protocol(
        metric=output,
        version=metric.version,
        params=dict(metric.params),
        backbone=backbone.info.name,
        weights_sha256=backbone.weights_sha256,
        resize=backbone.info.resize,
        precision=options.precision,
        reference_sha256=None if real is None else real.content_sha256,
    )
    return row.of(
        estimate,
        protocol,
        notes=[real.note if real else "", *_said_of_images(fake, real, depth=options.peak is None)],
        comparable_to_published=backbone.info.canonical and backbone.pinned and not (real and real.note),
        origin=origin,
        more={"reference_left_out": dict(real.passed.left_out)} if real and real.passed else {},
        seconds=timing,
        floor=None if floor is None or output not in floor.values else (floor.values[output], floor.n),
    )
