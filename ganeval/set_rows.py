"""Rows of set metrics: one pass over each side, the metrics on the summaries, the protocol of each number."""

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ganeval.backbones.base import Backbone
from ganeval.backbones.engines import use_engine
from ganeval.backbones.loading import load_backbone
from ganeval.cache import FeatureStore
from ganeval.engine import SourceSummary, summarise
from ganeval.errors import DataError, ProtocolMismatchError, ReferenceStatisticsError, TooFewSamplesError
from ganeval.keys import Request, printed_key
from ganeval.metrics.base import Estimate, SetMetric
from ganeval.paths import cache_home
from ganeval.plan import Plan, ScoreOptions
from ganeval.protocol import Protocol
from ganeval.provenance import provenance
from ganeval.reference import BackboneFacts, ReferenceStatistics
from ganeval.reporting import Reporter
from ganeval.results import Result
from ganeval.sources.base import ImageSource
from ganeval.sources.decode import DECODE_POLICY
from ganeval.summaries.base import SetSummary

PRECISION = "exact"


def store_protocol(backbone: Backbone) -> str:
    """What must agree before cached features may be used again."""
    parts = (backbone.info.name, backbone.weights_sha256, backbone.info.resize, PRECISION, DECODE_POLICY)
    return "|".join(parts)


def open_store(backbone: Backbone, root: Path) -> FeatureStore:
    """The feature shards of one backbone protocol under `root`."""
    protocol = store_protocol(backbone)
    folder = root / f"{backbone.info.name}-{hashlib.sha256(protocol.encode()).hexdigest()[:16]}"
    return FeatureStore(folder, protocol)


@dataclass(frozen=True)
class _Side:
    """One side of a set comparison, from images or from a statistics file."""

    sets: Mapping[str, SetSummary]
    content_sha256: str
    n: int | None
    note: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)


def score_sets(
    plan: Plan,
    options: ScoreOptions,
    subject: ImageSource,
    reference: ImageSource | ReferenceStatistics | None,
    device: torch.device,
    reporter: Reporter,
    stack: contextlib.ExitStack,
) -> tuple[list[Result], SourceSummary]:
    """Runs the set metrics of a plan.

    Args:
        plan: What to run.
        options: As given by the user.
        subject: The images to score.
        reference: What to compare with.
        device: Where the networks run.
        reporter: Where progress goes.
        stack: Closes what is opened here.

    Returns:
        Rows, and what the pass over the subject saw.
    """
    _check_counts(plan, "generated", subject.name, len(subject))
    if isinstance(reference, ImageSource):
        _check_counts(plan, "reference", reference.name, len(reference))
    names = list(dict.fromkeys(r.backbone for r in plan.set_requests if r.backbone is not None))
    backbones = [load_backbone(n, device=device, weights_file=options.weights.get(n)) for n in names]
    if isinstance(reference, ReferenceStatistics):
        _check_statistics(reference, backbones, options)
    engines = {b.info.name: use_engine(b, options.engine) for b in backbones}
    root = store_root(options, stack)
    stores = {backbone.info.name: open_store(backbone, root) for backbone in backbones}

    def run(source: ImageSource, title: str) -> SourceSummary:
        with reporter.stage(title, len(source)) as advance:
            return summarise(
                source, backbones, stores, batch_size=options.batch_size, on_bad=options.on_bad, progress=advance
            )

    fake = run(subject, f"{subject.name}")
    real: _Side | None = None
    if isinstance(reference, ImageSource):
        passed = run(reference, f"{reference.name} (reference)")
        report_pass(passed, reporter)
        real = _Side(passed.sets, passed.content_sha256, passed.n, seconds=passed.seconds)
    elif reference is not None:
        note = "reference statistics of another tool: its resize and weights were not checked" if reference.peer else ""
        real = _Side(reference.sets, reference.content_sha256, reference.n, note)
    report_pass(fake, reporter)
    results = _compute_sets(plan, options, fake, real, {b.info.name: b for b in backbones}, engines, device, reporter)
    return results, fake


def report_pass(summary: SourceSummary, reporter: Reporter) -> None:
    """Tells the user what a pass left out or could not keep."""
    for warning in summary.warnings:
        reporter.message(warning)
    if summary.skipped:
        reporter.message(f"{len(summary.skipped)} images of {summary.name} were skipped; first: {summary.skipped[0]}")


def _check_counts(plan: Plan, side: str, name: str, n: int) -> None:
    """Too few images for anything, or for a metric that was named, before any network runs."""
    for request in plan.set_requests:
        metric = request.metric
        if not isinstance(metric, SetMetric) or (side == "reference" and not metric.reference):
            continue
        if n < (metric.min_n if plan.explicit else 2):
            raise TooFewSamplesError(
                f"{request.asked} needs at least {metric.min_n} {side} images; got {n} from {name}. Add images"
                + (", or use kd (any n from 2)." if request.name == "kd_classic" else ".")
            )


def _check_statistics(reference: ReferenceStatistics, backbones: Sequence[Backbone], options: ScoreOptions) -> None:
    """A statistics file must have been made by the very backbones that will see the subject."""
    for backbone in backbones:
        facts = reference.facts.get(backbone.info.name)
        if facts is None:
            raise ReferenceStatisticsError(
                f"{options.reference} has statistics for {', '.join(reference.facts)}, not for {backbone.info.name}. "
                f"Ask for metrics on those (--metrics fd@{next(iter(reference.facts))}), or build the file again."
            )
        if reference.peer:
            continue
        expected = BackboneFacts(backbone.weights_sha256, backbone.info.resize, PRECISION)
        if facts != expected or reference.decode != DECODE_POLICY:
            raise ProtocolMismatchError(
                f"{options.reference} was built by another protocol of {backbone.info.name}: {facts}, decode "
                f"{reference.decode!r}; this run has {expected}, decode {DECODE_POLICY!r}. Build the file again."
            )


def store_root(options: ScoreOptions, stack: contextlib.ExitStack) -> Path:
    """The cache folder, or with cache off a temporary one that `stack` removes."""
    if options.cache:
        return cache_home() / "features"
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ganeval-")))


def _compute_sets(
    plan: Plan,
    options: ScoreOptions,
    fake: SourceSummary,
    real: _Side | None,
    backbones: Mapping[str, Backbone],
    engines: Mapping[str, str],
    device: torch.device,
    reporter: Reporter,
) -> list[Result]:
    results: list[Result] = []
    with reporter.stage("metrics", len(plan.set_requests)) as advance:
        for request in plan.set_requests:
            metric, backbone = request.metric, backbones[request.backbone or ""]
            if not isinstance(metric, SetMetric):
                raise TypeError(f"{request.name} is no set metric")
            real_set = None if real is None or not metric.reference else real.sets[backbone.info.name]
            started = time.perf_counter()
            estimates = _estimates(request, metric, real_set, fake.sets[backbone.info.name], plan.explicit)
            timing = {**fake.seconds, "solve": time.perf_counter() - started}
            compared = real if metric.reference else None
            origin = {**provenance(str(device)), "engine": engines[backbone.info.name]}
            for output, estimate in estimates.items():
                results.append(
                    _set_row(request, metric, output, estimate, options, fake, compared, backbone, origin, timing)
                )
            advance(1)
    return results


def _estimates(
    request: Request, metric: SetMetric, real: SetSummary | None, fake: SetSummary, explicit: bool
) -> dict[str, Estimate | str]:
    """Output name -> estimate, or why there is none. What was named and cannot be had is an error."""
    if not explicit and "labels" in metric.needs and metric.lacking(real, fake):
        return {}  # a plain score says nothing about per-class metrics of sets without classes
    try:
        estimates = metric.evaluate(real, fake)
    except DataError as error:
        if explicit:
            raise
        return dict.fromkeys(request.outputs, str(error))
    return {name: e for name, e in estimates.items() if name.partition(":")[0] in request.outputs}


def _set_row(
    request: Request,
    metric: SetMetric,
    output: str,
    estimate: Estimate | str,
    options: ScoreOptions,
    fake: SourceSummary,
    real: _Side | None,
    backbone: Backbone,
    origin: Mapping[str, object],
    timing: Mapping[str, float],
) -> Result:
    declared = next(o for o in metric.outputs if o.name == output.partition(":")[0])
    key, subject = printed_key(output, backbone.key), options.name or options.subject
    n_real = None if real is None else real.n
    if isinstance(estimate, str):
        return Result(subject, key, None, declared.better, n_real, fake.n, status="skipped", note=estimate)
    protocol = Protocol(
        metric=output,
        version=metric.version,
        params=dict(metric.params),
        backbone=backbone.info.name,
        weights_sha256=backbone.weights_sha256,
        resize=backbone.info.resize,
        decode=DECODE_POLICY,
        precision=PRECISION,
        reference_sha256=None if real is None else real.content_sha256,
        n_real=n_real,
        n_fake=fake.n,
        num_samples=options.num_samples,
        seed=options.seed,
    )
    return Result(
        subject=subject,
        key=key,
        value=estimate.value,
        better=declared.better,
        n_real=n_real,
        n_fake=fake.n,
        note="; ".join(filter(None, [estimate.note, real.note if real else ""])),
        protocol=protocol,
        stderr=estimate.stderr,
        ci95=estimate.ci95,
        debiased=estimate.debiased,
        method=estimate.method,
        comparable_to_published=backbone.info.canonical and backbone.pinned and not (real and real.note),
        provenance={
            **origin,
            "config_file": options.config_file,
            "subject_sha256": fake.content_sha256,
            "skipped": len(fake.skipped),
        },
        timing={stage: round(seconds, 4) for stage, seconds in timing.items()},
    )
