"""`ganeval.score`, `compare` and `check`: what the command line does, for programs, training loops and notebooks.

Both call the same functions, so a number is the same from Python and from the command line. Nothing global is touched:
no random number generator moves, and a network is left in the mode that it was in. Keywords are the options of the
commands, from one table (`ganeval.options.table`).
"""

from __future__ import annotations  # torch's types are only annotations here, and cached features need no torch

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, Unpack

from ganeval.errors import UsageError
from ganeval.gate.modes import GateOptions
from ganeval.gate.rules import GateRules, Mode, read_rules
from ganeval.gate.run import GateReport, run_gate
from ganeval.gate.scorer import Scorer
from ganeval.generators.in_memory import Images, Subject, batch_of, evaluating, holds_images, labelled, name_of
from ganeval.metrics.keys import parse_keys
from ganeval.notebook import Comparisons, Scores, picture_of, picture_of_ends
from ganeval.notebook.by_image import ends_of
from ganeval.notebook.progress import default_reporter
from ganeval.options import ScoreOptions
from ganeval.options.calls import as_options, documented, python_words
from ganeval.options.keywords import CheckKeywords, CompareKeywords, EvaluatorKeywords, ScoreKeywords
from ganeval.options.kinds import Place
from ganeval.options.table import OPTIONS
from ganeval.processes.shares import open_processes
from ganeval.progress import Reporter
from ganeval.results.result import Result
from ganeval.scoring.compare import compare as compare_subjects
from ganeval.scoring.evaluator import Evaluator as LoadedEvaluator
from ganeval.scoring.open_inputs import check_places, open_subject_source
from ganeval.scoring.running_pairs import IN_BATCHES
from ganeval.scoring.several_subjects import score_several
from ganeval.summaries.reference_file import is_own_statistics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparisons", "Evaluator", "GateReport", "Scores", "check", "compare", "score"]


@documented("score")
def score(
    subject: Subject | Mapping[str, Subject],
    *others: Never,
    reporter: Reporter | None = None,
    **keywords: Unpack[ScoreKeywords],
) -> Scores:
    """Scores images or a generator.

    Args:
        subject: A path, data set name or checkpoint; a tensor (N, C, H, W) or array (N, H, W, C) of images, uint8 or
            floats with `value_range`; a network or function: `ganeval.generators.base` says how each is called, and
            which attributes (`latent_dim`, `value_range`, `classes`, `scale`) are read if a keyword is not given.
            Several subjects are a list of paths, or a dict from names to subjects; they make one table.
        others: None: the images to compare with are named, as `reference=` or `paired=`.
        reporter: Where progress goes; None for a bar in a notebook, silent elsewhere.
        keywords: The options of `ganeval score`.

    Raises:
        GanevalError: the input or an option cannot be used.
        TypeError: a second subject, or a keyword that there is not.

    Example:
        >>> import numpy as np, ganeval
        >>> images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
        >>> ganeval.score(images, paired=images, metrics="ssim")["ssim"].value
        1.0
    """
    if others:
        raise TypeError(
            "score() takes one subject. Name the images to compare with: score(A, reference=B) for two sets, "
            "score(A, paired=B) for pairs; several subjects are a list: score([A, B], reference=REAL)."
        )
    subjects, several = _named(subject)
    reporter = reporter or default_reporter()
    with contextlib.ExitStack() as stack:
        stack.enter_context(python_words("score"))
        options = _options("score", subjects, keywords)
        check_places(options, *_paths(*subjects.values()))
        for one in subjects.values():
            stack.enter_context(evaluating(one))
        if several:
            places = [name if name in options.in_memory else str(one) for name, one in subjects.items()]
            scored = score_several(options, places, tuple(subjects), reporter)
            rows = tuple(row for outcome in scored.outcomes for row in outcome.results)
            return Scores(rows, standings=scored.standings, named=options.metrics is not None)
        if options.devices == 1:
            with LoadedEvaluator(options, reporter) as evaluator:
                outcome = evaluator.score(options.subject, options.name)
            return _shown(outcome.results, options, outcome.blame)
        with open_processes(options.device, options.devices, options.timeout) as processes:
            if processes is None:
                raise TypeError("several devices without processes")
            shared = dataclasses.replace(options, devices=processes.count)
            with LoadedEvaluator(shared, reporter if processes.rank == 0 else None, processes) as evaluator:
                outcome = evaluator.score(shared.subject, shared.name)
            shown = processes.results([result.to_dict() for result in outcome.results])
            return _shown(tuple(map(Result.from_dict, shown)), options, outcome.blame)


@documented("diff")
def compare(
    a: Subject, b: Subject, *, reporter: Reporter | None = None, **keywords: Unpack[CompareKeywords]
) -> Comparisons:
    """Is B better than A? Image by image if both have the same names, latents or order, as sets otherwise.

    Args:
        a: As `subject` of `score`.
        b: The same kinds.
        reporter: Where progress goes; None for a bar in a notebook, silent elsewhere.
        keywords: The options of `ganeval diff`; one of reference and paired.

    Raises:
        GanevalError: the input or an option cannot be used.
    """
    reporter = reporter or default_reporter()
    names = name_of(a), name_of(b)
    if names[0] == names[1] and not isinstance(a, str | Path):
        names = f"{names[0]} (A)", f"{names[1]} (B)"
    with contextlib.ExitStack() as stack:
        stack.enter_context(python_words("diff"))
        options = _options("diff", dict(zip(names, (a, b), strict=True)), keywords)
        check_places(options, *_paths(a, b))
        for subject in (a, b):
            stack.enter_context(evaluating(subject))
        rows = compare_subjects(options, names[1], reporter)
        pictures = [_picture(dataclasses.replace(options, subject=name)) for name in names]
        return Comparisons(tuple(rows), (pictures[0], pictures[1]))


@documented("gate")
def check(
    subject: Subject,
    *,
    baseline: str | Path,
    rules: str | Path | GateRules | None = None,
    against: Subject | None = None,
    mode: Mode = "auto",
    name: str | None = None,
    n: int | None = None,
    reporter: Reporter | None = None,
    **keywords: Unpack[CheckKeywords],
) -> GateReport:
    """Holds images or a generator against a recorded baseline, as `ganeval gate` does.

    Args:
        subject: As in `score`; also a file of rows.
        baseline: File of rows.
        rules: `gates.toml` or rules; None derives margins from the baseline's own standard errors.
        against: The older subject itself, for a paired comparison.
        mode: How the two are compared.
        name: Subject or recipe in the baseline, if it has several.
        n: Images that a generator draws, if the baseline was scored on a whole set of so many.
        reporter: Where progress goes; None for a bar in a notebook, silent elsewhere.
        keywords: The other options of `ganeval gate`; the rules may hold reference and paired.

    Raises:
        ProtocolMismatchError: the baseline has no such subject, or was scored another way.
        GanevalError: anything else that cannot be used.
    """
    read = read_rules(Path(rules)) if isinstance(rules, str | Path) else rules
    run = {} if read is None else read.run
    called = name_of(subject)
    older = None if against is None else name_of(against)
    if older == called and not isinstance(against, str | Path):
        older = f"{older} (older)"
    known: dict[str, Subject] = {called: subject}
    if against is not None and older is not None:
        known[older] = against
    ruled = {place: run[place] for place in ("reference", "paired") if place in run and keywords.get(place) is None}
    with contextlib.ExitStack() as stack:
        stack.enter_context(python_words("gate"))
        options = _options("gate", known, {**keywords, **ruled})
        options = dataclasses.replace(options, drawn=n)
        for each in known.values():
            stack.enter_context(evaluating(each))
        check_places(options, *_paths(subject))
        reporter = reporter or default_reporter()
        scorer = Scorer(options, reporter)
        gate = GateOptions((called,), Path(baseline), read, mode, name, older)
        return run_gate(gate, scorer, reporter)


@documented("evaluator")
class Evaluator:
    """Scores many subjects against one reference: networks are loaded once, and the reference is read once.

    It also takes images batch by batch: `update(batch)`, with originals for metrics of image pairs, `compute()`,
    `reset()`. Where torch.distributed is initialised, each process adds its own batches and `compute()` gives all of
    them the score of all images.

    Args:
        reporter: Where progress goes; None for a bar in a notebook, silent elsewhere.
        keywords: The options of `ganeval score` that hold for many subjects; `value_range` also of batches. Images of
            `update` are never kept in the cache.

    Raises:
        GanevalError: options that do not go together, or weights that are missing.

    Example:
        >>> import numpy as np, ganeval
        >>> images = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype=np.uint8)
        >>> with ganeval.Evaluator(reference=images[:32], metrics="kd@pixels") as evaluator:
        ...     for start in (32, 48):
        ...         evaluator.update(images[start : start + 16])
        ...     scores = evaluator.compute()
        >>> scores["kd"].n_fake
        32
    """

    def __init__(self, *, reporter: Reporter | None = None, **keywords: Unpack[EvaluatorKeywords]) -> None:
        with python_words("evaluator"):
            options = _options("evaluator", {}, keywords)
            if (
                options.paired is None
                and options.metrics is not None
                and any(r.paired for r in parse_keys(options.metrics))
            ):
                options = dataclasses.replace(
                    options, paired=IN_BATCHES, in_memory={**options.in_memory, IN_BATCHES: ()}
                )
            check_places(options)
            self._loaded = LoadedEvaluator(options, reporter or default_reporter())

    def score(self, subject: Subject, name: str | None = None) -> Scores:
        """Scores images or a generator, as `ganeval.score` does.

        Args:
            subject: As there.
            name: What the rows call it.

        Raises:
            GanevalError: an input that cannot be used.
        """
        called = name_of(subject)
        options = self._loaded.options
        held = {**options.in_memory, **_in_memory({called: subject})}
        with python_words("evaluator"), evaluating(subject):
            check_places(options, *_paths(subject))
            outcome = self._loaded.score(called, name, held)
            shown = dataclasses.replace(options, subject=called, in_memory=held)
            return _shown(outcome.results, shown, outcome.blame)

    def update(
        self, images: Images, originals: Images | None = None, *, labels: Iterable[object] | None = None
    ) -> None:
        """Adds a batch: its images go through the networks now, and only their features stay.

        Args:
            images: A tensor (N, C, H, W) on any device, an array (N, H, W, C) or a list of images, uint8 or floats in
                `value_range`; of a pair or dict as a DataLoader gives it, the images.
            originals: What metrics of image pairs compare each image with, in the same order.
            labels: Class of each image, named as in the reference, for metrics by class.

        Raises:
            GanevalError: images or labels that cannot be used, or originals that are missing or not needed.
        """
        options = self._loaded.options
        with python_words("evaluator"):
            batch, on_device = batch_of(images, options.value_range, options.peak)
            if labels is not None:
                batch = labelled(batch, labels)
            truths = None if originals is None else batch_of(originals, options.value_range, options.peak)[0]
            self._loaded.update(batch, truths, on_device)

    def compute(self, name: str | None = None) -> Scores:
        """The scores of all images added since the last reset, equal to those of one `score` of all of them.

        Args:
            name: What the rows call them.

        Raises:
            GanevalError: no images, or too few for a metric that was named.
        """
        with python_words("evaluator"):
            outcome = self._loaded.compute(name)
            return Scores(outcome.results, influences=outcome.blame)

    def reset(self) -> None:
        """Forgets the batches; networks and reference stay."""
        self._loaded.reset()

    def close(self) -> None:
        """Frees what is held, as the end of a `with` block does."""
        self._loaded.close()

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _options(taker: str, subjects: Mapping[str, Subject], keywords: Mapping[str, object]) -> ScoreOptions:
    """The options of a call.

    Args:
        taker: As in the table.
        subjects: By name; the first is scored.
        keywords: As the caller gave them.
    """
    given = as_options(taker, keywords)
    held = _in_memory(subjects)
    names = [name for name in given if isinstance(OPTIONS[name].kind, Place)]
    places: dict[str, Any] = {name: _set(given.pop(name), name, held) for name in names}
    return ScoreOptions(next(iter(subjects), ""), **places, **given, in_memory=held)


def _in_memory(subjects: Mapping[str, Subject]) -> dict[str, object]:
    return {name: subject for name, subject in subjects.items() if not isinstance(subject, str | Path)}


def _set(images: Any, place: str, held: dict[str, object]) -> str | None:
    """The path or data set name of what is compared with; images in memory go by a name of their own."""
    if images is None or isinstance(images, str | Path):
        return str(images) if isinstance(images, Path) else images
    if not holds_images(images) and not (place == "reference" and callable(images)):
        raise UsageError(
            f"{place}= is a {type(images).__name__}; expected a path, a data set, a tensor or an array, a PIL "
            "image or a list of them, a Dataset with a length or a DataLoader"
            f"{', a network or a function that draws images' if place == 'reference' else ''}."
        )
    name = f"<{place} in memory>"
    held[name] = images
    return name


def _named(subject: Subject | Mapping[str, Subject]) -> tuple[dict[str, Subject], bool]:
    """Name -> subject, and whether several were given."""
    if isinstance(subject, Mapping):
        if not subject:
            raise UsageError("The dict of subjects is empty. Give names with their subjects.")
        return dict(subject), True
    if isinstance(subject, list | tuple) and subject and all(isinstance(one, str | Path) for one in subject):
        if len(set(map(str, subject))) < len(subject):
            raise UsageError("A subject is given twice. Give a dict from names to subjects.")
        return {str(one): one for one in subject}, True
    return {name_of(subject): subject}, False


def _paths(*subjects: Subject) -> list[str]:
    return [str(subject) for subject in subjects if isinstance(subject, str | Path)]


def _shown(rows: tuple[Result, ...], options: ScoreOptions, influences: pd.DataFrame | None = None) -> Scores:
    """The scores with what a notebook shows of the images."""
    ends = ends_of(rows)
    if is_own_statistics(Path(options.subject)):  # features of images that are elsewhere
        return Scores(rows, influences=influences)
    with contextlib.ExitStack() as stack:
        source = open_subject_source(options, stack)
        shown = b"" if ends is None else picture_of_ends(source, ends)
        return Scores(rows, picture_of(source), influences=influences, ends=shown)


def _picture(options: ScoreOptions) -> bytes:
    if is_own_statistics(Path(options.subject)):
        return b""
    with contextlib.ExitStack() as stack:
        return picture_of(open_subject_source(options, stack))
