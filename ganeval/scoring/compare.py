"""Compares two subjects against one reference: the passes of a score, and one difference per metric."""

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganeval.errors import DataError, ProtocolMismatchError, UsageError
from ganeval.metrics.base import Better, Estimate
from ganeval.metrics.difference import Difference, Order, paired_difference, set_differences
from ganeval.metrics.keys import ImageRequest, PairedRequest, compared_keys, parse_keys
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter, Silent
from ganeval.results.protocol import differing_fields
from ganeval.results.result import Result
from ganeval.scoring.evaluator import Evaluator
from ganeval.scoring.feature_pass import SourceSummary
from ganeval.scoring.image_metrics import score_single_images
from ganeval.scoring.image_pass import ImageScores
from ganeval.scoring.loaded_networks import OpenedNetworks, Passes, RealSide
from ganeval.scoring.open_inputs import open_masks, open_originals, open_subject_source
from ganeval.scoring.pair_pass import PairScores
from ganeval.scoring.paired_metrics import score_paired
from ganeval.scoring.plan import Plan
from ganeval.scoring.set_metrics import check_counts, estimate_sets, rows_of
from ganeval.sources.base import ImageSource, Item


@dataclass(frozen=True)
class Comparison:
    """One row of a comparison: B's result, A's value and the difference.

    Attributes:
        result: B's row.
        against: Name of A.
        value_a: The metric on A.
        difference: B - A.
    """

    result: Result
    against: str
    value_a: float | None
    difference: Difference

    def to_dict(self) -> dict[str, object]:
        """B's row with the difference's fields beside it; `stderr` and `ci95` are those of the difference."""
        fields = dataclasses.asdict(self.difference)
        fields["ci95"] = None if self.difference.ci95 is None else list(self.difference.ci95)
        return {**self.result.to_dict(), "against": self.against, "value_a": self.value_a, **fields}


def pairing(a: Sequence[str], b: Sequence[str]) -> Order | None:
    """order[i] = index in A of the image with the stem of B's image i; None if the two sets of stems differ."""
    stems_a, stems_b = [Item(name).stem for name in a], [Item(name).stem for name in b]
    where = {stem: i for i, stem in enumerate(stems_a)}
    if len(where) != len(stems_a) or set(where) != set(stems_b) or len(stems_a) != len(stems_b):
        return None
    return np.asarray([where[stem] for stem in stems_b], dtype=np.int64)


def compare(
    options: ScoreOptions, other: str, reporter: Reporter | None = None, opened: OpenedNetworks | None = None
) -> list[Comparison]:
    """Is B better than A?

    Args:
        options: `subject` is A; reference, paired, metrics and the rest as for a score. One of reference and paired.
        other: B.
        reporter: Where progress and messages go.
        opened: Networks that are shared with other evaluators.

    Raises:
        GanevalError: an input that cannot be used.
        ProtocolMismatchError: the two protocols differ, say by counts after bad images.
    """
    reporter = Silent() if reporter is None else reporter
    if (options.reference is None) == (options.paired is None) and not (options.reference is None and _alone(options)):
        raise UsageError(
            "Name what A and B are compared with: either --reference REF (sets) or --paired REF (image by image)."
        )
    with Evaluator(options, reporter, plain=compared_keys, opened=opened) as evaluator:
        return compare_through(evaluator, options.subject, other)


def _alone(options: ScoreOptions) -> bool:
    """Whether all named metrics are of single images, which need no reference."""
    return options.metrics is not None and all(isinstance(r, ImageRequest) for r in parse_keys(options.metrics))


def compare_through(evaluator: Evaluator, a: str, b: str) -> list[Comparison]:
    """`compare` with a loaded evaluator, for several comparisons.

    Args:
        evaluator: Gives the options and the metrics.
        a: A, as in the options.
        b: B.

    Raises:
        GanevalError: as `compare`.
    """
    plan, options, reporter = evaluator.plan, evaluator.options, evaluator.reporter
    if plan.own_requests:
        raise UsageError(
            f"{plan.own_requests[0].asked} is of one set by itself; diff takes metrics that compare. Score both with "
            "`ganeval score A B`, and hold their intervals side by side."
        )
    for request in plan.set_requests:
        if not request.metric.reference:
            raise UsageError(
                f"{request.asked} does not compare with a reference; diff takes metrics that do. Drop it, or score "
                "both sides with `ganeval score`."
            )
    with contextlib.ExitStack() as stack:
        sources = [open_subject_source(dataclasses.replace(options, subject=name), stack) for name in (a, b)]
        smaller = min(len(source) for source in sources)
        if len(sources[0]) != len(sources[1]) and smaller > 1:  # one image is refused below
            # Counts are protocol: the larger set is cut to a seeded subset, so that both numbers mean the same.
            counts = " and ".join(str(len(source)) for source in sources)
            reporter.message(f"The sets have {counts} images; {smaller} of each are compared.")
            options = dataclasses.replace(options, num_samples=smaller)
            sources = [open_subject_source(dataclasses.replace(options, subject=name), stack) for name in (a, b)]
        named = [dataclasses.replace(options, subject=name) for name in (a, b)]
        comparisons = _compare_images(evaluator, named, sources, stack) if plan.image_requests else []
        if options.paired is not None:
            return [*comparisons, *_compare_pairs(evaluator, named, sources, stack)]
        if options.reference is not None:
            return [*comparisons, *_compare_sets(evaluator, named, sources, stack)]
        return comparisons


def _compare_pairs(
    evaluator: Evaluator,
    named: Sequence[ScoreOptions],
    sources: Sequence[ImageSource],
    stack: contextlib.ExitStack,
) -> list[Comparison]:
    plan, networks = evaluator.plan, evaluator.pair_networks
    originals = [open_originals(options, source, stack) for options, source in zip(named, sources, strict=True)]
    sides = [
        score_paired(
            plan, options, source, original, networks(), evaluator.reporter, open_masks(options, source, stack)
        )
        for options, source, original in zip(named, sources, originals, strict=True)
        if original is not None
    ]
    return _by_image(plan.paired_requests, sides, named, sources)


def _compare_images(
    evaluator: Evaluator,
    named: Sequence[ScoreOptions],
    sources: Sequence[ImageSource],
    stack: contextlib.ExitStack,
) -> list[Comparison]:
    plan, models = evaluator.plan, evaluator.image_models()
    sides = [
        score_single_images(plan, options, source, models, evaluator.reporter, open_originals(options, source, stack))
        for options, source in zip(named, sources, strict=True)
    ]
    return _by_image(plan.image_requests, sides, named, sources)


def _by_image(
    requests: Sequence[PairedRequest | ImageRequest],
    sides: Sequence[tuple[list[Result], PairScores | ImageScores]],
    named: Sequence[ScoreOptions],
    sources: Sequence[ImageSource],
) -> list[Comparison]:
    """Differences image by image, matched by stem.

    Args:
        requests: The metrics.
        sides: Rows and values by image of A and of B.
        named: The options of A and of B.
        sources: Their images.
    """
    (rows_a, pairs_a), (rows_b, pairs_b) = sides
    one = all(source.single for source in sources)  # two named images are versions of one, whatever their names
    order = np.zeros(1, dtype=np.int64) if one else pairing(pairs_a.stems, pairs_b.stems)
    if order is None:
        raise DataError(
            f"{named[0].subject} and {named[1].subject} were scored on different images ({len(pairs_a.stems)} and "
            f"{len(pairs_b.stems)}). Mend the images that were skipped, or score a common subset."
        )
    comparisons = []
    for request, a, b in zip(requests, rows_a, rows_b, strict=True):
        _check_protocols(a, b)
        key = request.outputs[0] if request.backbone is None else f"{request.outputs[0]}@{request.backbone}"
        repeated = next((side.repeated for side in (pairs_b, pairs_a) if not side.independent), "")
        if repeated and a.value is not None and b.value is not None:
            note = f"{repeated}: too many for a standard error, which takes images as independent draws"
            difference = Difference(b.value - a.value, "cannot tell", paired=True, note=note)
        elif key in pairs_a.values and key in pairs_b.values:
            difference = paired_difference(pairs_a.values[key][order], pairs_b.values[key], _better(b))
        else:
            difference = Difference(0.0, "cannot tell", note=b.note)
        comparisons.append(Comparison(b, named[0].subject, a.value, difference))
    return comparisons


def _compare_sets(
    evaluator: Evaluator,
    named: Sequence[ScoreOptions],
    sources: Sequence[ImageSource],
    stack: contextlib.ExitStack,
) -> list[Comparison]:
    plan = evaluator.plan
    reference = evaluator.open_reference(named[0])
    for source in sources:
        check_counts(plan, "generated", source, named[0].on_bad)
    passes = evaluator.networks(reference, stack)
    a, b = (passes.run(source, source.name) for source in sources)
    real = evaluator.read_reference(named[0])
    if real is None:
        raise UsageError("diff of sets needs --reference REF.")
    return compare_summaries(evaluator, plan, named, (a, b), real, passes)


def compare_summaries(
    evaluator: Evaluator,
    plan: Plan,
    named: Sequence[ScoreOptions],
    sides: tuple[SourceSummary, SourceSummary],
    real: RealSide,
    passes: Passes,
) -> list[Comparison]:
    """Compares the set metrics of a plan on two subjects whose features are known.

    Args:
        evaluator: Gives device and reporter.
        plan: The metrics.
        named: The options of A and of B.
        sides: Summaries of A and B; paired if their names agree.
        real: The reference.
        passes: The networks.

    Raises:
        ProtocolMismatchError: A and B were scored in different ways.
        DataError: a named metric has no value.
    """
    order = pairing(sides[0].names, sides[1].names)
    found = [estimate_sets(plan, side, real, passes, evaluator.read_training()) for side in sides]
    comparisons = []
    with evaluator.reporter.stage("differences", len(plan.set_requests)) as advance:
        for a, b in zip(*found, strict=True):
            rows_a, rows_b = (
                dict(
                    zip(
                        one.estimates,
                        rows_of([one], options, side, real, passes, evaluator.device, floors=False),
                        strict=True,
                    )
                )
                for one, options, side in zip((a, b), named, sides, strict=True)
            )
            name = passes.backbones[a.request.backbone or ""].info.name
            summaries = real.sets[name], sides[0].sets[name], sides[1].sets[name]
            both = {
                output: (ours, theirs)
                for output in a.request.outputs
                if isinstance(ours := a.estimates.get(output), Estimate)
                and isinstance(theirs := b.estimates.get(output), Estimate)
            }
            differences = set_differences(a.metric, *summaries, both, order)
            for output in a.request.outputs:
                if output not in rows_a or output not in rows_b:
                    continue
                row_a, row_b = rows_a[output], rows_b[output]
                _check_protocols(row_a, row_b)
                cannot_tell = Difference(0.0, "cannot tell", note=row_b.note or row_a.note)
                difference = differences.get(output, cannot_tell)
                comparisons.append(Comparison(row_b, named[0].subject, row_a.value, difference))
            advance(1)
    return comparisons


def _better(result: Result) -> Better:
    return "lower" if result.better == "lower" else "higher" if result.better == "higher" else "neither"


def _check_protocols(a: Result, b: Result) -> None:
    """Nothing is compared across fingerprints."""
    if a.protocol is not None and b.protocol is not None and a.fingerprint != b.fingerprint:
        differing = differing_fields(a.protocol, b.protocol)
        said = "; ".join(f"{name} {ours!r}, {theirs!r}" for name, (ours, theirs) in differing.items())
        raise ProtocolMismatchError(
            f"{a.key} of {a.subject} and of {b.subject} have different protocols: {said} (A's, B's). Nothing is "
            "compared across protocols: mend or remove what differs, and score both sides the same way."
        )
