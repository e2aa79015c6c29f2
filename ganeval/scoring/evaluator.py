"""The one object that drives a score: networks with their feature stores, the reference, a device, loaded once.

It scores any number of subjects with the results of separate scores, and also takes images batch by batch.
"""

from __future__ import annotations  # annotations name types of torch, which a score of cached features does not import

import contextlib
import dataclasses
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ganeval._version import __version__
from ganeval.backbones.scene_models import SceneModel
from ganeval.devices import device_name
from ganeval.errors import TooFewSamplesError, UsageError
from ganeval.metrics.keys import Request, plain_keys, printed_key
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter, Silent
from ganeval.results.result import Result
from ganeval.scoring.build_result import missing_result
from ganeval.scoring.feature_pass import SourceSummary
from ganeval.scoring.image_influence import blame
from ganeval.scoring.image_metrics import load_models, score_single_images
from ganeval.scoring.image_pass import ImageScores
from ganeval.scoring.loaded_networks import OpenedNetworks, Passes, RealSide, open_passes
from ganeval.scoring.masks import Masks
from ganeval.scoring.open_inputs import (
    open_masks,
    open_originals,
    open_reference,
    open_stored_subject,
    open_subject_source,
    open_training,
)
from ganeval.scoring.own_pairs import score_own_pairs
from ganeval.scoring.pair_pass import PairScores
from ganeval.scoring.paired_metrics import PairNetworks, open_pair_networks, rows_of_pairs, score_paired
from ganeval.scoring.plan import Plain, Plan, make_plan
from ganeval.scoring.running_pairs import IN_BATCHES, RunningPairs
from ganeval.scoring.set_metrics import check_counts, estimate_sets, rows_of
from ganeval.scoring.until import score_until
from ganeval.sources.base import ImageSource
from ganeval.summaries.reference_file import ReferenceStatistics

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from ganeval.processes.shares import Processes
    from ganeval.scoring.running_set import RunningSet

TRAINING_LEFT_OUT: Final = "one training seed: the interval leaves out how seeds of the recipe differ"


@dataclass(frozen=True)
class ScoreOutcome:
    """Rows, with per-image values and summaries.

    Attributes:
        results: One row per output, in the order of the plan.
        pairs: Per-image values of paired metrics, None without `paired`.
        images: Per-image values of metrics of single images, None without any.
        summary: Summary of the subject, None for a paired-only score.
        blame: Influence of each image, worst first, if requested.
        real: The reference of set metrics, None without one.
    """

    results: tuple[Result, ...]
    pairs: PairScores | None = None
    images: ImageScores | None = None
    summary: SourceSummary | None = None
    blame: pd.DataFrame | None = None
    real: RealSide | None = None


@dataclass(frozen=True)
class _Inputs:
    """The opened inputs of a score.

    Attributes:
        options: Those of the score, with the subset of a statistics file.
        subject: Images, or features of a statistics file.
        originals: Originals of the pairs, None without paired metrics.
        masks: Masks of the pairs, None without.
    """

    options: ScoreOptions
    subject: ImageSource | ReferenceStatistics
    originals: ImageSource | None = None
    masks: Masks | None = None


@dataclass
class _Reference:
    """The reference cut to one number of images, or the training set: its source, once read also its summary."""

    source: ImageSource | ReferenceStatistics | None
    real: RealSide | None = None
    read: bool = False


class Evaluator:
    """Scores subjects against one reference. Loads and reads nothing twice.

    Args:
        options: Reference, metrics, and how images are read and networks run; the subject is given to `score`.
        reporter: Where progress and messages go; silent when None.
        processes: Processes that share the images of each subject; all of them make the same calls.
        plain: The metrics that run if none are named.
        opened: Networks shared with other evaluators.

    Attributes:
        options: As given.
        plan: The metrics that run.
        device: Name of the device where networks run.
        reporter: As given.

    Raises:
        UsageError: options that conflict.
        WeightsError: the weights of a named metric are missing.
    """

    def __init__(
        self,
        options: ScoreOptions,
        reporter: Reporter | None = None,
        processes: Processes | None = None,
        *,
        plain: Plain = plain_keys,
        opened: OpenedNetworks | None = None,
    ) -> None:
        self.options = options
        self.reporter: Reporter = Silent() if reporter is None else reporter
        self.plan = make_plan(options, plain)
        self.device = device_name(options.device) if processes is None else str(processes.device)
        self._processes = processes
        self._stack = contextlib.ExitStack()
        self._finalizer = weakref.finalize(self, self._stack.close)  # if it is never closed
        self._opened = OpenedNetworks() if opened is None else opened
        self._passes: Passes | None = None
        self._used = False
        self._pair_networks: PairNetworks | None = None
        self._models: dict[str, SceneModel] | None = None
        self._references: dict[tuple[int | None, int], _Reference] = {}
        self._training: _Reference | None = None
        self._running: RunningSet | None = None
        self._pairs: RunningPairs | None = None
        if processes is not None:
            processes.compare(
                _same_everywhere(self.plan, options), "Use one version, one ganeval.toml and the same weights."
            )

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes files and removes temporary ones. Summaries of earlier scores lose features stored there."""
        self.reset()
        self._finalizer()

    def score(
        self,
        subject: str,
        name: str | None = None,
        in_memory: Mapping[str, object] | None = None,
        keep: contextlib.ExitStack | None = None,
    ) -> ScoreOutcome:
        """Scores one subject.

        Args:
            subject: A path, data set or generator, or the name of a subject in memory.
            name: Name in the rows.
            in_memory: Replaces that of the options, for a subject in memory.
            keep: Removes the subject's features; None removes them at the end of this call.

        Raises:
            GanevalError: an input cannot be used; nothing has been written.
        """
        held = self.options.in_memory if in_memory is None else in_memory
        options = dataclasses.replace(self.options, subject=subject, name=name, in_memory=held)
        plan, processes = self.plan, self._processes
        if plan.paired_requests and options.paired == IN_BATCHES:
            asked = ", ".join(request.asked for request in plan.paired_requests)
            raise UsageError(f"An original for each image is needed for {asked}. Add --paired REF, or use update().")
        results: list[Result] = []
        pairs: PairScores | None = None
        summary: SourceSummary | None = None
        real: RealSide | None = None
        blamed: pd.DataFrame | None = None
        single: ImageScores | None = None
        inputs: _Inputs | None = None
        opened: ImageSource | ReferenceStatistics
        with contextlib.ExitStack() as stack:
            stored = open_stored_subject(options)
            if options.until_se is not None or options.until_rel is not None:
                results, summary, real, opened = score_until(
                    plan, options, self.device, self.reporter, stack, lambda fixed: self.networks(fixed, stack)
                )
            else:
                inputs = self._open(options, stored, stack)
                options, opened = inputs.options, inputs.subject
            if plan.set_requests and summary is None:
                reference, training = self._reference(options), self._training_set()
                self._check_sets(opened, options)
                passes = self.networks(reference.source, stack if keep is None else keep)
                if processes is not None and processes.rank > 0:
                    for source in (opened, *(None if one.read else one.source for one in (reference, training))):
                        if isinstance(source, ImageSource):
                            passes.contribute(source)
                    reference.read = training.read = True
                    return ScoreOutcome(())
                if isinstance(opened, ImageSource):
                    summary = passes.run(opened, opened.name)
                else:
                    summary = passes.stored(opened, options.subject)
                real = self.read_reference(options)
                found = estimate_sets(plan, summary, real, passes, self.read_training())
                results = rows_of(found, options, summary, real, passes, self.device)
            if options.blame and summary is not None and real is not None:
                blamed = blame(summary, real.sets, plan.set_requests)
            originals = None if inputs is None else inputs.originals
            if plan.image_requests and isinstance(opened, ImageSource):
                rows, single = score_single_images(plan, options, opened, self.image_models(), self.reporter, originals)
                results += rows
            if isinstance(opened, ImageSource):
                for request in plan.own_requests:
                    results += score_own_pairs(request, options, opened, self.pair_networks(), self.reporter)
            if inputs is not None and originals is not None and isinstance(opened, ImageSource):
                networks = self.pair_networks()
                rows, pairs = score_paired(plan, options, opened, originals, networks, self.reporter, inputs.masks)
                results += rows
            if isinstance(opened, ImageSource):
                results = [with_origin(result, opened.origin) for result in results]
                for note in () if plan.set_requests or plan.paired_requests else opened.notes:
                    self.reporter.message(note)
        return self._outcome(options, results, pairs, single, summary, blamed, real)

    def _open(self, options: ScoreOptions, stored: ReferenceStatistics | None, stack: contextlib.ExitStack) -> _Inputs:
        """Opens everything before anything runs: a wrong path is reported at once, not after an hour."""
        plan = self.plan
        if stored is not None and stored.whole is not None:
            if plan.by_image:
                asked = ", ".join(request.asked for request in plan.by_image)
                raise UsageError(
                    f"{asked} need the images, and {options.subject} holds features of a set. Score the images."
                )
            # Rows state how the images were chosen when the file was built.
            chosen = dataclasses.replace(options, num_samples=stored.whole.num_samples, seed=stored.whole.seed)
            return _Inputs(chosen, stored)
        subject = open_subject_source(options, stack)
        if plan.set_requests:
            self._reference(options)
            self._training_set()
        if not plan.paired_requests:
            return _Inputs(options, subject)
        originals = open_originals(options, subject, stack)
        return _Inputs(options, subject, originals, open_masks(options, subject, stack))

    def _check_sets(self, subject: ImageSource | ReferenceStatistics, options: ScoreOptions) -> None:
        """Refuses sets that are too small for a metric, or that differ between processes, before a network runs."""
        reference, training = self._reference(options), self._training_set()
        check_counts(self.plan, "generated", subject, options.on_bad)
        if isinstance(reference.source, ImageSource) and not reference.read:
            check_counts(self.plan, "reference", reference.source, options.on_bad)
        if training.source is not None and not training.read:
            check_counts(self.plan, "training", training.source, options.on_bad)
        if self._processes is not None:
            self._processes.compare_sources(
                {
                    "images of the subject": subject,
                    "images of the reference": reference.source,
                    "images of the training set": training.source,
                }
            )

    def update(
        self,
        batch: ImageSource,
        originals: ImageSource | None = None,
        on_device: Sequence[torch.Tensor] | None = None,
    ) -> None:
        """Adds a batch to the running set, whose images go through the networks now and are not kept.

        Args:
            batch: The images.
            originals: The original of each image, for metrics of image pairs.
            on_device: Their pixels, uint8 (3, H, W), if they are on a device already.

        Raises:
            UsageError: metrics of single images, options that choose a subset, or missing originals.
            DataError: images that cannot be used.
        """
        running, pairs = self._running_set(), self._running_pairs()
        if pairs is not None and originals is None:
            asked = ", ".join(request.asked for request in self.plan.paired_requests)
            raise UsageError(f"{asked} compare each image with its original. Call update(images, originals).")
        if pairs is None and originals is not None:
            raise UsageError("update() got originals, and no metric of image pairs was named. Add psnr or ssim, say.")
        if running is not None:
            running.add(batch, on_device)
        if pairs is not None and originals is not None:
            pairs.add(batch, originals)

    def compute(self, name: str | None = None, *, alone: bool = False) -> ScoreOutcome:
        """Scores all images added so far, over all processes of torch.distributed, as one score of them would.

        Args:
            name: Name of the set in the rows.
            alone: Score only the images of this process.

        Raises:
            GanevalError: no images, too few for a metric, or a reference that cannot be used.
        """
        from ganeval.scoring.torch_group import torch_group

        options = dataclasses.replace(self.options, subject="batches", name=name)
        running, together, group = self._running_set(), self._running_pairs(), None if alone else torch_group()
        fake = None if running is None else running.summary(group)
        pairs = None if together is None else together.scores(group)
        if group is None:
            return self._of_batches(options, fake, pairs)
        outcome: ScoreOutcome | None = None

        def compute() -> list[dict[str, object]]:
            nonlocal outcome
            outcome = self._of_batches(options, fake, pairs)
            return [result.to_dict() for result in outcome.results]

        rows = group.from_first(compute)
        return ScoreOutcome(tuple(map(Result.from_dict, rows))) if outcome is None else outcome

    def reset(self) -> None:
        """Empties the running set; networks and reference stay."""
        if self._running is not None:
            self._running.close()
        self._running = self._pairs = None

    def image_models(self) -> dict[str, SceneModel]:
        """The fitted parameters of metrics of single images."""
        if self._models is None:
            self._models = load_models(self.plan, self.options)
        return self._models

    def pair_networks(self) -> PairNetworks:
        """The networks of paired metrics."""
        if self._pair_networks is None:
            self._pair_networks = open_pair_networks(self.plan, self.options, self.device, self._opened)
        return self._pair_networks

    def networks(
        self,
        reference: ImageSource | ReferenceStatistics | None = None,
        stack: contextlib.ExitStack | None = None,
    ) -> Passes:
        """The networks of set metrics with their feature stores.

        With a stack they are those of one subject: from the second subject on, the stack removes its features, to bound
        memory. The first one shares the stores with the reference: an image in both goes through a network once.

        Args:
            reference: A statistics file is checked against the loaded weights.
            stack: Removes the features that the subject adds; None for no subject.

        Raises:
            GanevalError: weights that cannot be used, or a reference of another protocol.
        """
        if self._passes is None:
            names = [request.backbone for request in self.plan.set_requests]
            backbones = self._opened.open_all(names, self.device, self.options)
            self._passes = open_passes(backbones, self.options, self.reporter, self._stack, reference, self._processes)
        passes = self._passes
        if stack is None or not self._used:
            self._used = self._used or stack is not None
            return passes
        folder = None
        if not self.options.cache:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ganeval-")))
            if self._processes is not None:
                self._processes.lines.temporary.append(folder)
        stores = {name: store.branch(folder and folder / name) for name, store in passes.stores.items()}
        return dataclasses.replace(passes, stores=stores)

    def open_reference(self, options: ScoreOptions) -> ImageSource | ReferenceStatistics | None:
        """The reference as these options cut it, not yet read."""
        return self._reference(options).source

    def read_reference(self, options: ScoreOptions) -> RealSide | None:
        """The reference's summary; its images are read the first time."""
        return self._read(self._reference(options), "reference")

    def read_training(self) -> RealSide | None:
        """The summary of the training set, None without one; its images are read the first time."""
        training = self._training_set()
        if isinstance(training.source, ReferenceStatistics) and not training.read:
            self.networks().check_statistics(training.source, self.options.train or "")
        return self._read(training, "training set")

    def _read(self, reference: _Reference, role: str) -> RealSide | None:
        if not reference.read:
            passes = self.networks()
            for store in passes.stores.values():
                store.refresh()  # features that subjects added
            reference.real = passes.run_reference(reference.source, role)
            reference.read = True
        return reference.real

    def _training_set(self) -> _Reference:
        if self._training is None:
            self._training = _Reference(open_training(self.options, self._stack))
        return self._training

    def _reference(self, options: ScoreOptions) -> _Reference:
        key = (options.num_samples, options.seed)
        if key not in self._references:
            self._references[key] = _Reference(open_reference(options, self._stack))
        return self._references[key]

    def _running_set(self) -> RunningSet | None:
        """Images that come batch by batch; None without set metrics."""
        from ganeval.scoring.running_set import RunningSet

        options = self.options
        if alone := [request.asked for request in self.plan.by_image if not request.paired]:
            raise UsageError(f"{', '.join(alone)} go image by image, and update() keeps none. Use score() for those.")
        for option, given in (
            ("--num-samples", options.num_samples),
            ("--until-se", options.until_se),
            ("--until-rel", options.until_rel),
        ):
            if given is not None:
                raise UsageError(f"update() takes every image, and {option} picks how many. Drop it.")
        if self._running is None and self.plan.set_requests:
            self._running = RunningSet(self.networks(self.open_reference(options)), "the batches")
        return self._running

    def _running_pairs(self) -> RunningPairs | None:
        """Pairs that come batch by batch; None without paired metrics."""
        if self._pairs is None and self.plan.paired_requests:
            self._pairs = RunningPairs(self.plan, self.options, self.pair_networks())
        return self._pairs

    def _of_batches(self, options: ScoreOptions, fake: SourceSummary | None, pairs: PairScores | None) -> ScoreOutcome:
        results: list[Result] = []
        blamed, real = None, None
        if fake is not None and self._running is not None:
            for request in self.plan.set_requests:
                metric = request.metric
                if fake.n < (metric.min_n if self.plan.explicit else 2):
                    raise TooFewSamplesError(
                        f"{request.asked} needs at least {metric.min_n} generated images; got {fake.n}. Call update "
                        "with more."
                    )
            real, passes = self.read_reference(options), self._running.passes
            found = estimate_sets(self.plan, fake, real, passes, self.read_training())
            results = rows_of(found, options, fake, real, passes, self.device)
            if options.blame and real is not None:
                blamed = blame(fake, real.sets, self.plan.set_requests)
        if pairs is not None:
            results += rows_of_pairs(self.plan, options, pairs, self.pair_networks(), self.reporter)
        return self._outcome(options, results, pairs, None, fake, blamed, real)

    def _outcome(
        self,
        options: ScoreOptions,
        results: list[Result],
        pairs: PairScores | None,
        images: ImageScores | None,
        summary: SourceSummary | None,
        blamed: pd.DataFrame | None,
        real: RealSide | None,
    ) -> ScoreOutcome:
        if self._processes is not None and self._processes.rank > 0:
            return ScoreOutcome(())
        missing = [_skipped(options, request, why) for request, why in self.plan.missing]
        return ScoreOutcome((*results, *missing), pairs, images, summary, blamed, real)


def _same_everywhere(plan: Plan, options: ScoreOptions) -> dict[str, str]:
    """Facts that must agree in all processes, so that their shares make one set."""
    subset = {"num_samples": options.num_samples, "seed": options.seed, "on_bad": options.on_bad}
    subset["moments_only"] = options.moments_only
    return {
        "ganeval versions": __version__,
        "metrics": ",".join(request.asked for request in plan.set_requests),
        "options": str({**subset, "value_range": options.value_range, "precision": options.precision}),
    }


def with_origin(result: Result, origin: Mapping[str, object]) -> Result:
    """A row with the model, recipe, seed and step of its images, and with notes on their limits."""
    if not origin:
        return result
    leaves_out = TRAINING_LEFT_OUT if result.stderr is not None and "training_seed" in origin else ""
    remark = str(origin.get("remark", ""))
    note = "; ".join(filter(None, [result.note, leaves_out, remark]))
    return dataclasses.replace(result, note=note, provenance={**result.provenance, "subject": dict(origin)})


def _skipped(options: ScoreOptions, request: Request, why: str) -> Result:
    metric = request.metric
    better = metric.outputs[0].better
    plain = "@" in request.asked or request.backbone is None
    key = request.asked if plain else printed_key(request.name, request.backbone)
    return missing_result(options, key, better, why)
