"""Rows of paired metrics: the pass over image pairs, the mean over images, the protocol of each number."""

from __future__ import annotations  # metrics of pixels need no torch

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganeval.formatting import counted
from ganeval.metrics.base import OwnPairsMetric, PixelMetric, PyramidMetric, with_copies
from ganeval.metrics.keys import Request, printed_key
from ganeval.metrics.luma import LUMA_RULE, LUMA_VERSION
from ganeval.metrics.pair_mean import NoEstimate, mean_estimate
from ganeval.options import ScoreOptions
from ganeval.options.kinds import BY_ORDER
from ganeval.progress import Reporter
from ganeval.results.protocol import Protocol
from ganeval.results.provenance import provenance
from ganeval.results.result import IDENTICAL, MOST_IMAGES, PER_IMAGE, VALUE_DIGITS, Result
from ganeval.scoring.build_result import Row, Seen
from ganeval.scoring.loaded_networks import OpenedNetworks
from ganeval.scoring.masks import WHITE, Masks
from ganeval.scoring.pair_pass import PairRequest, PairScores, score_pairs
from ganeval.scoring.plan import Plan
from ganeval.sources.base import ImageSource
from ganeval.sources.decoding_differences import decoded_counts, difference_words, luma_words, pair_depth_words

if TYPE_CHECKING:
    from torch import Tensor

    from ganeval.backbones.base import Backbone
    from ganeval.backbones.weights import LoadedWeights


@dataclass(frozen=True)
class PairNetworks:
    """Networks and heads of the paired metrics of a plan.

    Attributes:
        backbones: Name -> network.
        heads: Name -> learned weights of a metric.
        device: Where they run.
    """

    backbones: dict[str, Backbone]
    heads: dict[str, LoadedWeights]
    device: str


def open_pair_networks(plan: Plan, options: ScoreOptions, device: str, opened: OpenedNetworks) -> PairNetworks:
    """Loads the networks and heads, each once.

    Raises:
        WeightsError: weights that cannot be used.
    """
    names = list(dict.fromkeys(r.backbone for r in plan.by_image if r.backbone is not None))
    backbones = {name: opened.load(name, device, options) for name in names}
    return PairNetworks(backbones, _load_heads(plan, options, device), device)


def score_paired(
    plan: Plan,
    options: ScoreOptions,
    subject: ImageSource,
    originals: ImageSource,
    networks: PairNetworks,
    reporter: Reporter,
    masks: Masks | None = None,
) -> tuple[list[Result], PairScores]:
    """Runs the paired metrics of a plan.

    Args:
        plan: What to run.
        options: As given by the user.
        subject: The images to score.
        originals: Their originals, matched by stem.
        networks: Of `open_pair_networks`.
        reporter: Where progress goes.
        masks: Which pixels count; None for all.

    Returns:
        Rows and per-image values.
    """
    with reporter.stage(f"{subject.name} against {originals.name}", len(subject)) as advance:
        pairs = measure_pairs(plan, options, subject, originals, networks, masks, advance)
    rows = rows_of_pairs(plan, options, pairs, networks, reporter)
    sources = [*(() if plan.set_requests else (subject,)), originals, *(() if masks is None else (masks.source,))]
    for source in sources:
        for note in source.notes:
            reporter.message(note)
    if masks is not None and masks.told:
        reporter.message(masks.told)
    return rows, pairs


def measure_pairs(
    plan: Plan,
    options: ScoreOptions,
    subject: ImageSource,
    originals: ImageSource,
    networks: PairNetworks,
    masks: Masks | None = None,
    progress: Callable[[int], None] | None = None,
) -> PairScores:
    """The values of each pair; arguments as `score_paired`."""
    return score_pairs(
        subject,
        originals,
        list(_requests_of(plan).values()),
        channel=options.channel,
        crop_border=options.crop_border,
        pair_by=options.pair_by,
        mod_crop=options.mod_crop,
        masks=masks,
        batch_size=options.batch_size,
        backbones=networks.backbones,
        heads={name: loaded.state for name, loaded in networks.heads.items()},
        on_bad=options.on_bad,
        progress=progress,
    )


def rows_of_pairs(
    plan: Plan, options: ScoreOptions, pairs: PairScores, networks: PairNetworks, reporter: Reporter
) -> list[Result]:
    """The rows of measured pairs; the reporter gets the limits of the values."""
    if pairs.skipped:
        reporter.message(f"{counted(len(pairs.skipped), 'pair')} skipped; first: {pairs.skipped[0]}")
    for warning in pairs.warnings:
        reporter.message(warning)
    if pairs.paired_by:
        reporter.message(pairs.paired_by)
    depth = "" if options.peak is not None else pair_depth_words(pairs.seen)
    if depth:
        reporter.message(f"warning: {depth}")
    differences, advice = difference_words(pairs.seen)
    if differences:
        reporter.message(
            f"warning: fakes and originals were decoded differently: {differences}. The values measure that as well: "
            f"{advice}."
        )
    remarks = [depth, f"decoded differently: {differences}" if differences else "", *_peak_unused(pairs, options)]
    remarks.append(pairs.paired_by)
    if pairs.mask_sha256 is not None:
        remarks.append(f"over {pairs.marked:,} of {pairs.pixels:,} pixels, by the mask")
    return [_row(asked, request, options, pairs, networks, remarks) for asked, request in _requests_of(plan).items()]


def _requests_of(plan: Plan) -> dict[Request, PairRequest]:
    return {
        request: PairRequest(request.metric, request.backbone, dict(request.metric.params), required=plan.explicit)
        for request in plan.paired_requests
    }


def _load_heads(plan: Plan, options: ScoreOptions, device: str) -> dict[str, LoadedWeights]:
    from ganeval.backbones.weights import LoadedWeights, load_state_dict

    heads: dict[str, LoadedWeights] = {}
    for request in plan.by_image:
        metric, name = request.metric, None
        if isinstance(metric, PyramidMetric | OwnPairsMetric):
            name = metric.heads.get(request.backbone or "")
        if name is not None:
            loaded = load_state_dict(name, options.weights.get(name))
            moved: dict[str, Tensor] = {key: tensor.to(device) for key, tensor in loaded.state.items()}
            heads[name] = LoadedWeights(moved, loaded.sha256, loaded.pinned)
    return heads


def _row(
    asked: Request,
    request: PairRequest,
    options: ScoreOptions,
    pairs: PairScores,
    networks: PairNetworks,
    remarks: Sequence[str],
) -> Result:
    metric, backbones, heads = request.metric, networks.backbones, networks.heads
    backbone = None if request.backbone is None else backbones[request.backbone]
    head = heads.get(metric.heads.get(request.backbone or "", "")) if isinstance(metric, PyramidMetric) else None
    pinned = (backbone is None or backbone.pinned) and (head is None or head.pinned)
    key = printed_key(metric.output.name, None if backbone is None else backbone.key)
    if head is not None and not head.pinned and backbone is not None:
        key = f"{metric.output.name}@{backbone.key}#{head.sha256[:8]}"
    n = len(pairs.stems)
    row = Row(options, key, metric.output.better, Seen(n, n, pairs.fake_sha256, len(pairs.skipped), pairs.left_out))
    if request.key in pairs.too_small:
        return row.without_value(pairs.too_small[request.key])
    estimate = mean_estimate(pairs.values[request.key])
    if isinstance(estimate, NoEstimate):
        return row.without_value(estimate.reason, "failed")
    if pairs.repeated:
        estimate = with_copies(estimate, pairs.repeated, not pairs.independent)
    pixel = isinstance(metric, PixelMetric)
    luma = pixel and options.channel == "y"
    own_luma = luma and any(real.one_channel for _, real in pairs.seen)
    protocol = Protocol(
        metric=metric.output.name,
        version=max(metric.version, LUMA_VERSION) if own_luma else metric.version,
        params={
            **pairs.params[request.key],
            **({"luma": LUMA_RULE} if own_luma else {}),
            **({"mod_crop": options.mod_crop} if options.mod_crop > 1 else {}),
            **({"mask": f"{pairs.mask_sha256[:16]}: {WHITE} or more"} if pairs.mask_sha256 is not None else {}),
            **({"pairs": "by order"} if options.pair_by == BY_ORDER else {}),
        },
        backbone=None if backbone is None else backbone.info.name,
        weights_sha256=None if backbone is None else backbone.weights_sha256,
        heads_sha256=None if head is None else head.sha256,
        resize=None if pixel else "native size",
        channel=options.channel if pixel else "rgb",
        crop_border=options.crop_border,
        reference_sha256=pairs.real_sha256,
    )
    return row.of(
        estimate,
        protocol,
        notes=[luma_words(pairs.seen) if luma else "", *remarks],
        comparable_to_published=pinned and (pixel or (backbone is not None and backbone.info.canonical)),
        origin=provenance(networks.device),
        more={
            "decoded": {
                "fake": decoded_counts(fake for fake, _ in pairs.seen),
                "real": decoded_counts(real for _, real in pairs.seen),
            },
            **_by_image(pairs, request.key),
            **({IDENTICAL: infinite} if (infinite := int(np.isinf(pairs.values[request.key]).sum())) else {}),
            **({"mask_pixels": pairs.marked} if pairs.mask_sha256 is not None else {}),
        },
        seconds=pairs.seconds,
    )


def _by_image(pairs: PairScores, key: str) -> dict[str, object]:
    """The values by image, which boards and gates use for paired comparisons.

    Left out if there are too many for a row, or if many images are copies: a comparison would be overconfident.
    """
    if len(pairs.stems) > MOST_IMAGES or not pairs.independent:
        return {}
    values = [float(f"{value:.{VALUE_DIGITS}g}") if np.isfinite(value) else None for value in pairs.values[key]]
    return {PER_IMAGE: dict(zip(pairs.stems, values, strict=True))}


def _peak_unused(pairs: PairScores, options: ScoreOptions) -> list[str]:
    """A remark if --peak had no effect, because no image has 16 bits."""
    deep = any("16-bit" in image.facts.notes for pair in pairs.seen for image in pair)
    return [] if options.peak is None or deep else [f"--peak {options.peak} had no effect: there is no 16-bit image"]
