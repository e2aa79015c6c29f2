"""Rows of metrics of single images: the pass over them, the mean, the protocol of each number."""

from collections.abc import Mapping

from ganeval.backbones.scene_models import SceneModel, load_model
from ganeval.formatting import counted
from ganeval.metrics.base import with_copies
from ganeval.metrics.keys import ImageRequest
from ganeval.metrics.pair_mean import NoEstimate, mean_estimate
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.results.protocol import Protocol
from ganeval.results.provenance import provenance
from ganeval.results.result import MOST_IMAGES, PER_IMAGE, Result
from ganeval.scoring.build_result import Row, Seen
from ganeval.scoring.image_pass import ImageScores, score_images
from ganeval.scoring.pair_names import names_of_pairs
from ganeval.scoring.plan import Plan
from ganeval.sources.base import ImageSource
from ganeval.sources.decoding_differences import decoded_counts


def load_models(plan: Plan, options: ScoreOptions) -> dict[str, SceneModel]:
    """The fitted parameters of the metrics of a plan, each loaded once.

    Raises:
        WeightsError: a file that cannot be used.
    """
    layouts = {request.metric.model: request.metric.layout for request in plan.image_requests}
    return {name: load_model(name, layout, options.weights.get(name)) for name, layout in layouts.items()}


def score_single_images(
    plan: Plan,
    options: ScoreOptions,
    subject: ImageSource,
    models: Mapping[str, SceneModel],
    reporter: Reporter,
    originals: ImageSource | None = None,
) -> tuple[list[Result], ImageScores]:
    """Runs the metrics of single images of a plan.

    Args:
        plan: What to run.
        options: As given by the user.
        subject: The images to score.
        models: Of `load_models`.
        reporter: Where progress goes.
        originals: Of the pairs that the images are scored as besides, so that both values stand under one name.

    Returns:
        Rows and per-image values.
    """
    arrays = {name: model.arrays for name, model in models.items()}
    with reporter.stage(subject.name, len(subject)) as advance:
        scores = score_images(
            subject,
            plan.image_requests,
            arrays,
            crop_border=options.crop_border,
            mod_crop=options.mod_crop,
            on_bad=options.on_bad,
            progress=advance,
            names=None if originals is None else names_of_pairs(subject, originals, options.pair_by),
        )
    if scores.skipped:
        reporter.message(f"{counted(len(scores.skipped), 'image')} skipped; first: {scores.skipped[0]}")
    return [_row(request, options, scores, models[request.metric.model]) for request in plan.image_requests], scores


def _row(request: ImageRequest, options: ScoreOptions, scores: ImageScores, model: SceneModel) -> Result:
    metric, name, n = request.metric, request.outputs[0], len(scores.stems)
    key = name if model.pinned else f"{name}#{model.sha256[:8]}"
    seen = Seen(None, n, scores.sha256, len(scores.skipped), scores.left_out)
    row = Row(options, key, metric.output.better, seen)
    estimate = mean_estimate(scores.values[name], "image")
    if isinstance(estimate, NoEstimate):
        return row.without_value(estimate.reason, "failed")
    if scores.repeated:
        estimate = with_copies(estimate, scores.repeated, not scores.independent)
    protocol = Protocol(
        metric=name,
        version=metric.version,
        params={**metric.params, **({"mod_crop": options.mod_crop} if options.mod_crop > 1 else {})},
        weights_sha256=model.sha256,
        resize="native size",
        crop_border=options.crop_border,
    )
    by_image = dict(zip(scores.stems, map(float, scores.values[name]), strict=True))
    kept = n <= MOST_IMAGES and scores.independent
    return row.of(
        estimate,
        protocol,
        notes=[],
        comparable_to_published=model.pinned and metric.comparable,
        origin=provenance("cpu"),
        more={"decoded": {"fake": decoded_counts(scores.seen)}, **({PER_IMAGE: by_image} if kept else {})},
        seconds=scores.seconds,
    )
