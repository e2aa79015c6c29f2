"""Rows of set metrics: one pass over each set, the metrics on the summaries, the protocol of each number."""

import dataclasses
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ganeval.errors import DataError, TooFewSamplesError
from ganeval.files.disk_cache import cache_home
from ganeval.metrics.base import Estimate, SetMetric
from ganeval.metrics.keys import Request, printed_key
from ganeval.options import ScoreOptions
from ganeval.results.protocol import Protocol
from ganeval.results.provenance import provenance
from ganeval.results.result import Result
from ganeval.scoring.build_result import Row, Seen
from ganeval.scoring.estimate_store import kept_estimates
from ganeval.scoring.feature_pass import SourceSummary
from ganeval.scoring.loaded_networks import Passes, RealSide
from ganeval.scoring.noise_floor import Floor, at_counts, cached_floor
from ganeval.scoring.plan import Plan
from ganeval.sources.base import ImageSource
from ganeval.sources.decoding_differences import depth_of, set_difference_words
from ganeval.summaries.reference_file import ReferenceStatistics

FEW = 10  # images that are decoded first if there are too few, to report a broken one


def check_counts(
    plan: Plan,
    side: Literal["generated", "reference", "training"],
    source: ImageSource | ReferenceStatistics,
    on_bad: Literal["fail", "skip"],
) -> None:
    """Refuses too few images for any metric, or for a named one, before a network runs.

    Raises:
        TooFewSamplesError: the message names the metric, the set and both counts.
        BadImageError: one of the few images cannot be decoded and `on_bad` is "fail".
    """
    n = len(source) if isinstance(source, ImageSource) else len(source.digests)
    for request in plan.set_requests:
        metric, fewest = request.metric, _fewest(request.metric, side)
        if n < (fewest if plan.explicit else min(fewest, 2)):
            if on_bad == "fail" and isinstance(source, ImageSource):
                for index in range(min(n, FEW)):
                    source.read(index).decode()
            advice = f"Add images, or {metric.too_few}" if metric.too_few else "Add images"
            if isinstance(source, ImageSource) and source.single:
                advice = (
                    "Name a folder of images, or compare one image with another: --paired IMAGE --metrics psnr,ssim"
                )
            told = "; ".join(source.notes) if isinstance(source, ImageSource) else ""
            raise TooFewSamplesError(
                f"{request.asked} needs at least {fewest} {side} images; got {n} from {source.name}"
                f"{f' ({told})' if told else ''}. {advice}."
            )


def _fewest(metric: SetMetric, side: Literal["generated", "reference", "training"]) -> int:
    """Images that a metric needs in a set, 0 where it does not look at it."""
    if side == "training":
        return 0 if metric.training is None else metric.training.min_n
    return 0 if side == "reference" and not metric.reference else metric.min_n


@dataclass(frozen=True)
class Estimated:
    """One set metric on one pair of summaries.

    Attributes:
        request: The request.
        metric: Its declaration, with the training set where it takes one.
        estimates: Output name -> estimate, or the reason for its absence.
        seconds: Time of the computation.
        train: The training set, None where it takes none.
    """

    request: Request
    metric: SetMetric
    estimates: Mapping[str, Estimate | str]
    seconds: float
    train: RealSide | None = None


def estimate_sets(
    plan: Plan, fake: SourceSummary, real: RealSide | None, passes: Passes, train: RealSide | None = None
) -> list[Estimated]:
    """The set metrics of a plan on the summaries of both sets.

    Args:
        plan: What to run.
        fake: The generated images.
        real: The reference.
        passes: The networks of all sets.
        train: What the generator was trained on.

    Raises:
        DataError: a named metric has no value here.
    """
    found: list[Estimated] = []
    folder = cache_home() / "estimates" if passes.options.cache else None
    with passes.reporter.stage("metrics", len(plan.set_requests)) as advance:
        for request in plan.set_requests:
            metric, name = request.metric, passes.backbones[request.backbone or ""].info.name
            trained = None if metric.training is None else train
            if trained is not None:
                metric = metric.trained_on(trained.sets[name], trained.content_sha256, reference=real is not None)
            compared = real if metric.reference else None
            real_set, fake_set = None if compared is None else compared.sets[name], fake.sets[name]
            others = [None if side is None else side.passed for side in (compared, trained)]
            features = passes.identity(name, fake, *others)
            identities = (
                fake.identity,
                *("" if side is None else side.identity for side in (compared, trained)),
                features,
            )
            started = time.perf_counter()
            estimates: dict[str, Estimate | str] = {}
            # A default score leaves out per-class metrics if the sets have no classes.
            if plan.explicit or "labels" not in metric.needs or not metric.lacking(real_set, fake_set):
                kept = kept_estimates(metric, identities, folder)
                try:
                    if (all_outputs := kept.read()) is None:
                        all_outputs = metric.evaluate(real_set, fake_set)
                        kept.write(all_outputs)
                    estimates |= {o: e for o, e in all_outputs.items() if o.partition(":")[0] in request.outputs}
                except DataError as error:
                    if plan.explicit:
                        raise
                    estimates = dict.fromkeys(request.outputs, str(error))
            found.append(Estimated(request, metric, estimates, time.perf_counter() - started, trained))
            advance(1)
    return found


def rows_of(
    found: Sequence[Estimated],
    options: ScoreOptions,
    fake: SourceSummary,
    real: RealSide | None,
    passes: Passes,
    device: str,
    *,
    floors: bool = True,
) -> list[Result]:
    """Rows of the estimates, each with its protocol and noise floor.

    Args:
        found: Of `estimate_sets`.
        options: Give the subject and subset of the rows.
        fake: The generated images.
        real: The reference.
        passes: The networks of both sets.
        device: Where the networks run.
        floors: False to leave out the noise floors, which are computed separately.
    """
    results: list[Result] = []
    with passes.reporter.stage("noise floors", len(found) if floors else 0) as advance:
        for one in found:
            metric, backbone = one.metric, passes.backbones[one.request.backbone or ""]
            compared = real if metric.reference else None
            floor = _floor_of(one, fake, compared, passes) if floors and compared is not None else None
            passed, trained = (None if side is None else side.passed for side in (compared, one.train))
            origin: dict[str, object] = {
                **provenance(device),
                "engine": passes.engine_of(backbone.info.name, fake, passed, trained),
            }
            if (error := passes.fast_error(backbone.info.name)) is not None:
                origin["fast_relative_error"] = error
            n_real = None if compared is None else compared.n
            seen = Seen(n_real, fake.n, fake.content_sha256, len(fake.skipped), fake.left_out)
            for output, estimate in one.estimates.items():
                declared = next(o for o in metric.outputs if o.name == output.partition(":")[0])
                row = Row(options, printed_key(output, backbone.key), declared.better, seen)
                if isinstance(estimate, str):
                    results.append(row.without_value(estimate))
                    continue
                protocol = Protocol(
                    metric=output,
                    version=metric.version,
                    params=dict(metric.params),
                    backbone=backbone.info.name,
                    weights_sha256=backbone.weights_sha256,
                    resize=backbone.info.resize,
                    precision=options.precision,
                    reference_sha256=None if compared is None else compared.content_sha256,
                )
                limits = dict.fromkeys(side.note for side in (compared, one.train) if side is not None and side.note)
                results.append(
                    row.of(
                        estimate,
                        protocol,
                        notes=[*limits, *_remarks_on_images(fake, compared, one.train, depth=options.peak is None)],
                        comparable_to_published=backbone.info.canonical and backbone.pinned and not limits,
                        origin=origin,
                        more={} if passed is None else {"reference_left_out": dict(passed.left_out)},
                        seconds={**fake.seconds, "solve": one.seconds},
                        floor=None if floor is None or output not in floor.values else (floor.values[output], floor.n),
                    )
                )
            if floors:
                advance(1)
    return [*results, *_means_over_networks(found, results, options, fake, real)]


def _means_over_networks(
    found: Sequence[Estimated],
    results: Sequence[Result],
    options: ScoreOptions,
    fake: SourceSummary,
    real: RealSide | None,
) -> list[Result]:
    """A row for each metric that is averaged over the networks it was asked for on; its protocol names them."""
    means = []
    for metric in {one.request.name: one.metric for one in found if one.metric.mean_over_networks}.values():
        for output in metric.outputs:
            rows = [row for row in results if row.protocol is not None and row.protocol.metric == output.name]
            values = [row.value for row in rows if row.value is not None]
            if len(values) < 2:
                continue
            protocols = [row.protocol for row in rows if row.protocol is not None]
            networks = [f"{each.backbone}@{(each.weights_sha256 or '')[:16]}" for each in protocols]
            protocol = dataclasses.replace(
                protocols[0],
                params={**metric.params, "networks": ", ".join(sorted(networks))},
                backbone=None,
                weights_sha256=None,
                resize=None,
            )
            seen = Seen(None if real is None else real.n, fake.n, fake.content_sha256, len(fake.skipped), fake.left_out)
            means.append(
                Row(options, output.name, output.better, seen).of(
                    Estimate(
                        statistics.fmean(values), note=f"mean over {len(values)} networks; no interval: of a mean"
                    ),
                    protocol,
                    notes=[],
                    comparable_to_published=all(row.comparable_to_published for row in rows),
                    origin={
                        key: rows[0].provenance[key]
                        for key in ("time", "device", "versions")
                        if key in rows[0].provenance
                    },
                    more={},
                    seconds={},
                )
            )
    return means


def _floor_of(one: Estimated, fake: SourceSummary, real: RealSide, passes: Passes) -> Floor | None:
    """The noise floor (real vs real) at the counts of the score."""
    name = passes.backbones[one.request.backbone or ""].info.name
    folder = cache_home() / "floors" if passes.options.cache else None
    trained = [] if one.train is None else [one.train.passed]
    identity = None if real.identity is None else f"{real.identity}|{passes.identity(name, real.passed, *trained)}"
    floor = cached_floor(one.metric, real.sets[name], fake.distinct, identity, folder)
    if floor is None:
        return None
    values = {output: each.value for output, each in one.estimates.items() if isinstance(each, Estimate)}
    return at_counts(floor, one.metric, real.sets[name], fake.sets[name], values)


def _remarks_on_images(fake: SourceSummary, real: RealSide | None, train: RealSide | None, *, depth: bool) -> list[str]:
    """Limits of a number and its interval: copies of the reference, and differences in decoding."""
    others = [(name, side) for name, side in (("reference", real), ("training", train)) if side is not None]
    remarks = [
        f"the generated images are the {name} images themselves"
        for name, side in others
        if side.content_sha256 == fake.content_sha256
    ]
    if real is not None and train is not None and real.content_sha256 == train.content_sha256:
        remarks.append("the reference images are the training images themselves")
    passed = [(name, side.passed) for name, side in others if side.passed is not None]
    for name, facts in (("generated", fake.facts), *((name, one.facts) for name, one in passed)):
        if depth and (found := depth_of(facts)) is not None:
            remarks.append(f"the largest value of the {name} images {found.words}. {found.advice}")
    for name, one in passed:
        if words := set_difference_words(fake.facts, one.facts, name):
            remarks.append(f"decoded differently: {words}")
    return remarks
