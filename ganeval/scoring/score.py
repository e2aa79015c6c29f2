"""Scores a subject, from options to rows: the public entry that the command line and programs call."""

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganeval._version import __version__
from ganeval.backbones import BACKBONES
from ganeval.devices import resolve_device
from ganeval.errors import UsageError
from ganeval.metrics.base import SetMetric
from ganeval.metrics.keys import Request, printed_key
from ganeval.options import ScoreOptions
from ganeval.processes.listing_hash import list_source
from ganeval.processes.shares import Processes
from ganeval.progress import Reporter, Silent
from ganeval.results.result import Result
from ganeval.scoring.feature_pass import SourceSummary, in_memory
from ganeval.scoring.image_influence import blame
from ganeval.scoring.loaded_networks import RealSide, open_passes
from ganeval.scoring.open_inputs import open_originals, open_reference, open_stored_subject, open_subject_source
from ganeval.scoring.pair_pass import PairScores
from ganeval.scoring.paired_metrics import score_paired
from ganeval.scoring.plan import Plan, make_plan
from ganeval.scoring.set_metrics import score_sets
from ganeval.scoring.until import score_until
from ganeval.sources.base import ImageSource, Subset
from ganeval.summaries.reference_file import BackboneFacts, ReferenceStatistics, Whole

if TYPE_CHECKING:
    import pandas as pd

TRAINING_LEFT_OUT = "one training seed: the interval leaves out how seeds of the recipe differ"


@dataclass(frozen=True)
class ScoreOutcome:
    """Rows, and what was seen on the way.

    Attributes:
        results: One row an output, in the order of the plan.
        pairs: Per-image values of paired metrics, None without `paired`.
        summary: What the pass over the subject saw, None for a paired-only score.
        blame: Influence of each image, worst first, where it was asked for.
        real: The reference of set metrics, None without one.
    """

    results: tuple[Result, ...]
    pairs: PairScores | None = None
    summary: SourceSummary | None = None
    blame: "pd.DataFrame | None" = None
    real: RealSide | None = None


def score(options: ScoreOptions, reporter: Reporter | None = None, processes: Processes | None = None) -> ScoreOutcome:
    """Scores one subject.

    Args:
        options: What to score, against what, with which metrics.
        reporter: Where progress and messages go; silent when None.
        processes: Those that share the images, which all call this; the first one gets the rows, the others none.

    Raises:
        GanevalError: whatever of the user's cannot be used; nothing has been written then.
    """
    reporter = Silent() if reporter is None else reporter
    plan = make_plan(options)
    device = resolve_device(options.device) if processes is None else processes.device
    if processes is not None:
        processes.compare(_same_everywhere(plan, options), "Use one version, one ganeval.toml and the same weights.")
    results: list[Result] = []
    pairs: PairScores | None = None
    summary: SourceSummary | None = None
    blamed: pd.DataFrame | None = None
    with contextlib.ExitStack() as stack:
        # Everything is opened before anything runs: a wrong path shows at once, not after an hour.
        real, originals = None, None
        stored = open_stored_subject(options)
        if stored is not None and stored.whole is not None:
            # Rows say how the images were chosen when the file was built.
            options = dataclasses.replace(options, num_samples=stored.whole.num_samples, seed=stored.whole.seed)
            subject: ImageSource | ReferenceStatistics = stored
            reference = open_reference(options, stack)
            results, summary, real = score_sets(plan, options, stored, reference, device, reporter, stack, processes)
        elif options.until_se is not None or options.until_rel is not None:
            results, summary, real, subject = score_until(plan, options, device, reporter, stack)
        else:
            images = subject = open_subject_source(options, stack)
            reference = open_reference(options, stack) if plan.set_requests else None
            originals = open_originals(options, images, stack) if plan.paired_requests else None
            if plan.set_requests:
                results, summary, real = score_sets(
                    plan, options, subject, reference, device, reporter, stack, processes
                )
        if options.blame and summary is not None and real is not None:
            blamed = blame(summary, real.sets, plan.set_requests)
        if originals is not None:
            rows, pairs = score_paired(plan, options, images, originals, device, reporter)
            results += rows
        if isinstance(subject, ImageSource):
            results = [_with_origin(result, subject) for result in results]
    if processes is not None and processes.rank > 0:
        return ScoreOutcome(())
    name = options.name or options.subject
    results += [_skipped(name, request, why) for request, why in plan.missing]
    return ScoreOutcome(tuple(results), pairs, summary, blamed, real)


def _same_everywhere(plan: Plan, options: ScoreOptions) -> dict[str, str]:
    """What must be alike in all processes before their shares make one set."""
    subset = {"num_samples": options.num_samples, "seed": options.seed, "on_bad": options.on_bad}
    return {
        "ganeval versions": __version__,
        "metrics": ",".join(request.asked for request in plan.set_requests),
        "options": str({**subset, "value_range": options.value_range, "precision": options.precision}),
    }


def _with_origin(result: Result, subject: ImageSource) -> Result:
    """A row says which model, recipe, seed and step its images came from, and what is to be known of them."""
    if not subject.origin:
        return result
    leaves_out = TRAINING_LEFT_OUT if result.stderr is not None and "training_seed" in subject.origin else ""
    remark = str(subject.origin.get("remark", ""))
    note = "; ".join(filter(None, [result.note, leaves_out, remark]))
    return dataclasses.replace(result, note=note, provenance={**result.provenance, "subject": dict(subject.origin)})


def _skipped(subject: str, request: Request, why: str) -> Result:
    metric = request.metric
    better = metric.outputs[0].better if isinstance(metric, SetMetric) else metric.output.better
    plain = "@" in request.asked or request.backbone is None
    key = request.asked if plain else printed_key(request.name, request.backbone)
    return Result(subject, key, None, better, None, None, status="skipped", note=why)


def part_indices(source: ImageSource, number: int, count: int) -> Sequence[int]:
    """Images of part `number` of `count`: every count-th one, or all of every count-th tar file of a set in several.

    Raises:
        UsageError: more parts than there are images, or tar files.
    """
    shards = sorted({shard for index in range(len(source)) if (shard := source.shard(index)) is not None})
    if count > (len(shards) or len(source)):
        what = f"{len(shards)} tar files with {len(source)} images" if shards else f"{len(source)} images"
        raise UsageError(f"--part {number}/{count}: {source.name} has only {what}. Take fewer parts.")
    if not shards:
        return range(number - 1, len(source), count)
    own = set(shards[number - 1 :: count])
    return [index for index in range(len(source)) if source.shard(index) in own]


def build_reference(
    options: ScoreOptions, names: Sequence[str], reporter: Reporter, part: tuple[int, int] | None = None
) -> ReferenceStatistics:
    """Summarises a source for a statistics file.

    Args:
        options: `subject` is the source; its subset, batch, device and weights options apply.
        names: Backbones.
        reporter: Where progress goes.
        part: (k, n) for every n-th image from the k-th on, k from 1, or every n-th tar file of a set in several: one
            machine's share, for `merge`.

    Raises:
        GanevalError: whatever of the user's cannot be used.
    """
    device = resolve_device(options.device)
    unused = sorted(set(options.weights) - {weights for name in names for weights in BACKBONES.get(name).weights})
    if unused:
        raise UsageError(f"--weights names {', '.join(unused)}; the file is built for {', '.join(names)}.")
    for name in names:
        if BACKBONES.get(name).dim is None:
            raise UsageError(f"Backbone {name} has no feature vector to summarise; it serves paired metrics only.")
    with contextlib.ExitStack() as stack:
        whole = open_subject_source(options, stack)
        indices = part_indices(whole, *(part or (1, 1)))
        source = whole if part is None else Subset(whole, indices)
        passes = open_passes(names, options, device, reporter, stack)
        listing = list_source(whole)
        passed = passes.run(source, source.name)
        facts = {
            name: BackboneFacts(backbone.weights_sha256, backbone.info.resize, options.precision)
            for name, backbone in passes.backbones.items()
        }
        place = dict(zip((item.name for item in source.items), indices, strict=True))
        return ReferenceStatistics(
            source.name,
            passed.content_sha256,
            passed.n,
            options.decode,
            # Without a cache the rows lie in a folder that goes with this call.
            {name: one if options.cache else in_memory(one) for name, one in passed.sets.items()},
            facts,
            digests=passed.digests,
            indices=tuple(place[name] for name in passed.names),
            part=part,
            whole=Whole(
                listing.images,
                listing.names_sha256,
                listing.bytes_sha256,
                options.num_samples,
                options.seed,
                __version__,
            ),
            skipped=len(passed.skipped),
        )
