"""`ganeval.score` and `ganeval.compare`: what the command line does, for programs, training loops and notebooks.

The same functions stand below both, so that a number is the same wherever it is asked for. Nothing global is touched:
no random number generator moves, and a network is left in the mode that it was in.
"""

import contextlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ganeval.errors import UsageError
from ganeval.gate.rules import GateRules, Mode, read_rules
from ganeval.gate.run import GateReport, run_gate
from ganeval.gate.scorer import Scorer
from ganeval.gate.sides import GateOptions
from ganeval.generators.in_memory import Images, Subject, batch_of, evaluating, holds_images, name_of
from ganeval.generators.wrap import shape_of_latent
from ganeval.notebook import Comparisons, Scores, picture_of
from ganeval.options import ScoreOptions
from ganeval.processes.shares import TIMEOUT, open_processes
from ganeval.progress import Reporter, Silent
from ganeval.python_errors import python_words
from ganeval.results.result import Result
from ganeval.scoring.compare import compare as compare_subjects
from ganeval.scoring.evaluator import Evaluator as LoadedEvaluator
from ganeval.scoring.open_inputs import check_places, open_subject_source
from ganeval.scoring.score import score as score_subject
from ganeval.scoring.several_subjects import score_several
from ganeval.sources.arrays import VALUE_RANGES, ValueRange
from ganeval.sources.listing import PLACES, Links, Place

__all__ = ["Comparisons", "Evaluator", "GateReport", "Scores", "check", "compare", "score"]


def score(
    subject: Subject | Mapping[str, Subject],
    *,
    reference: Images | None = None,
    paired: Images | None = None,
    metrics: str | Sequence[str] | None = None,
    n: int | None = None,
    seed: int = 0,
    inputs: Images | None = None,
    generator: str | None = None,
    latent_dim: int | Sequence[int] | None = None,
    direction: Literal["a2b", "b2a"] | None = None,
    value_range: ValueRange | None = None,
    peak: int | None = None,
    channel: Literal["rgb", "y"] = "rgb",
    crop_border: int = 0,
    batch_size: int = 32,
    device: str = "auto",
    engine: Literal["auto", "torch", "openvino"] = "auto",
    on_bad: Literal["fail", "skip"] = "fail",
    weights: Mapping[str, Path] | None = None,
    data_root: Path | None = None,
    match: str | Mapping[str, str] | None = None,
    labels: bool | None = None,
    follow_links: bool | Literal["anywhere"] = False,
    cache: bool = True,
    name: str | None = None,
    devices: int = 1,
    timeout: float = TIMEOUT,
    reporter: Reporter | None = None,
) -> Scores:
    """Scores images or a generator.

    Args:
        subject: A path, data set name or checkpoint; a tensor (N, C, H, W) or array (N, H, W, C) of images, uint8 or
            floats with `value_range`; a network or function: `ganeval.generators.base` says how each is called, and
            which attributes (`latent_dim`, `value_range`, `classes`, `scale`) are read where a keyword is not given.
            Several subjects are a list of paths, or a dict from names to subjects; they make one table.
        reference: What set metrics compare with: a path, data set name, tensor or array.
        paired: What paired metrics compare with, image by image: the same kinds.
        metrics: Keys, as in "fid,kd@efflite0" or a list of them; None runs all that the inputs allow.
        n: Images that a generator draws, as many as the reference has by default; of a set, the size of a seeded
            subset.
        seed: Of latents and subsets.
        inputs: What a generator that translates images is to translate: the same kinds as `reference`.
        generator: "package.module:Class" of the network that a bare state dict (`subject`) belongs to.
        latent_dim: Width or shape of one latent; they are drawn from N(0, 1). The attribute of that name otherwise.
        direction: Which generator of a cyclegan checkpoint; None for its recipe's own.
        value_range: What floats mean; never guessed. A generator's overshoot is clamped, an array's is refused.
        peak: The value of 16-bit files and uint16 arrays that means white, as in 4095 for 12-bit data; 65,535 in files.
        channel: "rgb" or "y", for psnr, ssim and ms_ssim.
        crop_border: Pixels cut off each side before paired metrics.
        batch_size: Images a call of the scoring network.
        device: Of the scoring network: "auto", "cpu", "cuda", "cuda:1".
        engine: What runs it on a CPU.
        on_bad: What to do with a file that cannot be decoded.
        weights: Backbone name -> weights file to use in place of the pinned one.
        data_root: Folder of data sets.
        match: Glob that picks files of the subject, as in "*_fake_B.png"; or globs by set, as in
            {"subject": "*_fake_B.png", "paired": "*_real_B.png"}; also of "reference".
        labels: Whether folders are classes; None takes those that do not merely count.
        follow_links: Whether links that stay inside a folder or archive are followed; "anywhere" follows others too.
        cache: Keep features between calls; turn it off for images that will not be scored again.
        name: What the rows call the subject.
        devices: With 1, this process scores alone, also under torchrun. With N, the N processes that torchrun or srun
            started share the images: all of them must make this call, and all of them get the rows.
        timeout: Of several processes: seconds without progress after which one ends the call in all.
        reporter: Where progress goes; silent when None.

    Raises:
        GanevalError: whatever of the caller's cannot be used.

    Example:
        >>> import numpy as np, ganeval
        >>> images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
        >>> ganeval.score(images, paired=images, metrics="ssim")["ssim"].value
        1.0
    """
    subjects, several = _named(subject)
    called, *_ = subjects
    with contextlib.ExitStack() as stack:
        stack.enter_context(python_words(KEYWORDS))
        _check_keywords(value_range)
        held = _in_memory(subjects)
        options = ScoreOptions(
            subject=called,
            reference=_set(reference, "reference", held),
            paired=_set(paired, "paired", held),
            metrics=_keys(metrics),
            num_samples=n,
            seed=seed,
            batch_size=batch_size,
            device=device,
            engine=engine,
            on_bad=on_bad,
            channel=channel,
            crop_border=crop_border,
            weights={} if weights is None else weights,
            data_root=data_root,
            value_range=value_range,
            match=_globs(match),
            labels=labels,
            follow_links=_links(follow_links),
            peak=peak,
            inputs=_set(inputs, "inputs", held),
            generator=generator,
            latent_dim=shape_of_latent(latent_dim, "the call"),
            direction=direction,
            cache=cache,
            name=name,
            in_memory=held,
        )
        check_places(options, *_paths(*subjects.values()))
        for one in subjects.values():
            stack.enter_context(evaluating(one))
        if several:
            places = [name if name in held else str(one) for name, one in subjects.items()]
            scored = score_several(replace(options, devices=devices), places, tuple(subjects), reporter)
            rows = tuple(row for outcome in scored.outcomes for row in outcome.results)
            return Scores(rows, standings=scored.standings, named=metrics is not None)
        if devices == 1:
            outcome = score_subject(options, reporter)
            return Scores(outcome.results, _picture(options))
        with open_processes(device, devices, timeout) as processes:
            if processes is None:
                raise TypeError("several devices without processes")
            shared = replace(options, devices=processes.count)
            outcome = score_subject(shared, reporter if processes.rank == 0 else None, processes)
            shown = processes.results([result.to_dict() for result in outcome.results])
            return Scores(tuple(map(Result.from_dict, shown)), _picture(options))


def compare(
    a: Subject,
    b: Subject,
    *,
    reference: Images | None = None,
    paired: Images | None = None,
    metrics: str | Sequence[str] | None = None,
    n: int | None = None,
    seed: int = 0,
    inputs: Images | None = None,
    generator: str | None = None,
    latent_dim: int | Sequence[int] | None = None,
    direction: Literal["a2b", "b2a"] | None = None,
    value_range: ValueRange | None = None,
    peak: int | None = None,
    channel: Literal["rgb", "y"] = "rgb",
    crop_border: int = 0,
    batch_size: int = 32,
    device: str = "auto",
    engine: Literal["auto", "torch", "openvino"] = "auto",
    on_bad: Literal["fail", "skip"] = "fail",
    weights: Mapping[str, Path] | None = None,
    data_root: Path | None = None,
    match: str | Mapping[str, str] | None = None,
    labels: bool | None = None,
    follow_links: bool | Literal["anywhere"] = False,
    cache: bool = True,
    reporter: Reporter | None = None,
) -> Comparisons:
    """Is B better than A? Image by image where both have the same names, latents or order, as sets otherwise.

    Args:
        a: As `subject` of `score`.
        b: The same kinds.
        reference: What set metrics compare with. One of reference and paired.
        paired: What paired metrics compare with.
        metrics: As in `score`; those that have a standard error of the difference by default.
        n: As in `score`, of each side.
        seed: Of latents and subsets, the same on both sides.
        inputs: As in `score`.
        generator: As in `score`.
        latent_dim: As in `score`.
        direction: As in `score`.
        value_range: As in `score`.
        peak: As in `score`.
        channel: As in `score`.
        crop_border: As in `score`.
        batch_size: As in `score`.
        device: As in `score`.
        engine: As in `score`.
        on_bad: As in `score`.
        weights: As in `score`.
        data_root: As in `score`.
        match: As in `score`.
        labels: As in `score`.
        follow_links: As in `score`.
        cache: As in `score`.
        reporter: As in `score`.

    Raises:
        GanevalError: whatever of the caller's cannot be used.
    """
    names = name_of(a), name_of(b)
    if names[0] == names[1] and not isinstance(a, str | Path):
        names = f"{names[0]} (A)", f"{names[1]} (B)"
    with contextlib.ExitStack() as stack:
        stack.enter_context(python_words(KEYWORDS))
        _check_keywords(value_range)
        held = _in_memory(dict(zip(names, (a, b), strict=True)))
        options = ScoreOptions(
            subject=names[0],
            reference=_set(reference, "reference", held),
            paired=_set(paired, "paired", held),
            metrics=_keys(metrics),
            num_samples=n,
            seed=seed,
            batch_size=batch_size,
            device=device,
            engine=engine,
            on_bad=on_bad,
            channel=channel,
            crop_border=crop_border,
            weights={} if weights is None else weights,
            data_root=data_root,
            value_range=value_range,
            match=_globs(match),
            labels=labels,
            follow_links=_links(follow_links),
            peak=peak,
            inputs=_set(inputs, "inputs", held),
            generator=generator,
            latent_dim=shape_of_latent(latent_dim, "the call"),
            direction=direction,
            cache=cache,
            in_memory=held,
        )
        check_places(options, *_paths(a, b))
        for subject in (a, b):
            stack.enter_context(evaluating(subject))
        rows = compare_subjects(options, names[1], reporter)
        pictures = [_picture(replace(options, subject=name)) for name in names]
        return Comparisons(tuple(rows), (pictures[0], pictures[1]))


def check(
    subject: Subject,
    *,
    baseline: str | Path,
    rules: str | Path | GateRules | None = None,
    against: Subject | None = None,
    mode: Mode = "auto",
    name: str | None = None,
    reference: Images | None = None,
    paired: Images | None = None,
    n: int | None = None,
    inputs: Images | None = None,
    generator: str | None = None,
    latent_dim: int | Sequence[int] | None = None,
    value_range: ValueRange | None = None,
    batch_size: int = 32,
    device: str = "auto",
    engine: Literal["auto", "torch", "openvino"] = "auto",
    on_bad: Literal["fail", "skip"] = "fail",
    weights: Mapping[str, Path] | None = None,
    data_root: Path | None = None,
    match: str | Mapping[str, str] | None = None,
    labels: bool | None = None,
    follow_links: bool | Literal["anywhere"] = False,
    cache: bool = True,
    reporter: Reporter | None = None,
) -> GateReport:
    """Holds images or a generator against a recorded baseline, as `ganeval gate` does.

    Args:
        subject: As in `score`; also a file of rows.
        baseline: File of rows.
        rules: `gates.toml` or rules; None derives margins from the baseline's own standard errors.
        against: The older subject itself, for a paired comparison.
        mode: How the sides are compared.
        name: Subject or recipe in the baseline, where it has several.
        reference: What the baseline's set metrics were compared with; the rules may say it.
        paired: What its paired metrics were compared with; the rules may say it.
        n: Images that a generator draws, where the baseline was scored on a whole set of so many.
        inputs: As in `score`.
        generator: As in `score`.
        latent_dim: As in `score`.
        value_range: As in `score`.
        batch_size: As in `score`.
        device: As in `score`.
        engine: As in `score`.
        on_bad: As in `score`.
        weights: As in `score`.
        data_root: As in `score`.
        match: As in `score`.
        labels: As in `score`.
        follow_links: As in `score`.
        cache: As in `score`.
        reporter: As in `score`.

    Raises:
        ProtocolMismatchError: the baseline has no such subject, or was scored another way.
        GanevalError: whatever else cannot be used.
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
    with contextlib.ExitStack() as stack:
        stack.enter_context(python_words(KEYWORDS))
        _check_keywords(value_range)
        originals = run.get("paired") if paired is None else paired
        real = run.get("reference") if reference is None else reference
        held = _in_memory(known)
        options = ScoreOptions(
            subject=called,
            reference=_set(real, "reference", held),
            paired=_set(originals, "paired", held),
            batch_size=batch_size,
            device=device,
            engine=engine,
            on_bad=on_bad,
            weights={} if weights is None else weights,
            data_root=data_root,
            value_range=value_range,
            match=_globs(match),
            labels=labels,
            follow_links=_links(follow_links),
            inputs=_set(inputs, "inputs", held),
            generator=generator,
            latent_dim=shape_of_latent(latent_dim, "the call"),
            cache=cache,
            in_memory=held,
            drawn=n,
        )
        for each in known.values():
            stack.enter_context(evaluating(each))
        check_places(options, *_paths(subject))
        reporter = Silent() if reporter is None else reporter
        scorer = Scorer(options, reporter)
        gate = GateOptions((called,), Path(baseline), read, mode, name, older)
        return run_gate(gate, scorer, reporter)


class Evaluator:
    """Scores many subjects against one reference: networks are loaded once, and the reference is read once.

    It also takes images batch by batch: `update(batch)`, `compute()`, `reset()`. Where torch.distributed is
    initialised, each process adds its own batches and `compute()` gives all of them the score of all images.

    Args:
        reference: As in `score`.
        paired: As in `score`.
        metrics: As in `score`.
        n: As in `score`.
        seed: As in `score`.
        inputs: As in `score`.
        generator: As in `score`.
        latent_dim: As in `score`.
        direction: As in `score`.
        value_range: As in `score`; also of batches.
        peak: As in `score`.
        channel: As in `score`.
        crop_border: As in `score`.
        batch_size: As in `score`.
        device: As in `score`.
        engine: As in `score`.
        on_bad: As in `score`.
        weights: As in `score`.
        data_root: As in `score`.
        match: As in `score`.
        labels: As in `score`.
        follow_links: As in `score`.
        cache: As in `score`; images of `update` are never kept.
        reporter: As in `score`.

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

    def __init__(
        self,
        *,
        reference: Images | None = None,
        paired: Images | None = None,
        metrics: str | Sequence[str] | None = None,
        n: int | None = None,
        seed: int = 0,
        inputs: Images | None = None,
        generator: str | None = None,
        latent_dim: int | Sequence[int] | None = None,
        direction: Literal["a2b", "b2a"] | None = None,
        value_range: ValueRange | None = None,
        peak: int | None = None,
        channel: Literal["rgb", "y"] = "rgb",
        crop_border: int = 0,
        batch_size: int = 32,
        device: str = "auto",
        engine: Literal["auto", "torch", "openvino"] = "auto",
        on_bad: Literal["fail", "skip"] = "fail",
        weights: Mapping[str, Path] | None = None,
        data_root: Path | None = None,
        match: str | Mapping[str, str] | None = None,
        labels: bool | None = None,
        follow_links: bool | Literal["anywhere"] = False,
        cache: bool = True,
        reporter: Reporter | None = None,
    ) -> None:
        with python_words(KEYWORDS):
            _check_keywords(value_range)
            held = _in_memory({})
            options = ScoreOptions(
                subject="",
                reference=_set(reference, "reference", held),
                paired=_set(paired, "paired", held),
                metrics=_keys(metrics),
                num_samples=n,
                seed=seed,
                batch_size=batch_size,
                device=device,
                engine=engine,
                on_bad=on_bad,
                channel=channel,
                crop_border=crop_border,
                weights={} if weights is None else weights,
                data_root=data_root,
                value_range=value_range,
                match=_globs(match),
                labels=labels,
                follow_links=_links(follow_links),
                peak=peak,
                inputs=_set(inputs, "inputs", held),
                generator=generator,
                latent_dim=shape_of_latent(latent_dim, "the call"),
                direction=direction,
                cache=cache,
                in_memory=held,
            )
            check_places(options)
            self._loaded = LoadedEvaluator(options, reporter)

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
        with python_words(KEYWORDS), evaluating(subject):
            check_places(options, *_paths(subject))
            outcome = self._loaded.score(called, name, held)
            return Scores(outcome.results, _picture(replace(options, subject=called, in_memory=held)))

    def update(self, images: Images) -> None:
        """Adds a batch: its images go through the networks now, and only their features stay.

        Args:
            images: A tensor (N, C, H, W) on any device, an array (N, H, W, C) or a list of images, uint8 or floats in
                `value_range`; of a pair or dict as a DataLoader gives it, the images.

        Raises:
            GanevalError: images that cannot be used, or metrics of image pairs.
        """
        options = self._loaded.options
        with python_words(KEYWORDS):
            self._loaded.update(*batch_of(images, options.value_range, options.peak))

    def compute(self, name: str | None = None) -> Scores:
        """The scores of all images added since the last reset, equal to those of one `score` of all of them.

        Args:
            name: What the rows call them.

        Raises:
            GanevalError: no images, or too few for a metric that was named.
        """
        with python_words(KEYWORDS):
            return Scores(self._loaded.compute(name).results)

    def reset(self) -> None:
        """Forgets the batches; networks and reference stay."""
        self._loaded.reset()

    def close(self) -> None:
        """Frees what is held, as the end of a `with` block does."""
        self._loaded.close()

    def __enter__(self) -> "Evaluator":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _keys(metrics: str | Sequence[str] | None) -> str | None:
    return metrics if metrics is None or isinstance(metrics, str) else ",".join(metrics)


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


def _globs(match: str | Mapping[str, str] | None) -> dict[str, str]:
    """Set -> glob.

    Raises:
        UsageError: no such set.
    """
    globs = {"subject": match} if isinstance(match, str) else dict(match or {})
    if unknown := [place for place in globs if place not in PLACES]:
        raise UsageError(f"match= picks files of {', '.join(PLACES)}; got {unknown[0]!r}.")
    return globs


def _links(follow: bool | Literal["anywhere"]) -> Links:
    return follow if isinstance(follow, str) else "inside" if follow else "no"


def _in_memory(subjects: Mapping[str, Subject]) -> dict[str, object]:
    return {name: subject for name, subject in subjects.items() if not isinstance(subject, str | Path)}


def _set(images: Images | None, place: Place, held: dict[str, object]) -> str | None:
    """The path or data set name of what is compared with; images in memory go by a name of their own."""
    if images is None or isinstance(images, str | Path):
        return str(images) if isinstance(images, Path) else images
    if not holds_images(images):
        raise UsageError(
            f"{place}= is a {type(images).__name__}; expected a path, a data set, a tensor or an array, a list of "
            "images, a Dataset with a length or a DataLoader."
        )
    name = f"<{place} in memory>"
    held[name] = images
    return name


def _check_keywords(value_range: object) -> None:
    """What click checks on the command line."""
    if value_range is not None and value_range not in VALUE_RANGES:
        raise UsageError(f"--value-range is one of {', '.join(map(repr, VALUE_RANGES))}; got {value_range!r}.")


def _picture(options: ScoreOptions) -> bytes:
    with contextlib.ExitStack() as stack:
        return picture_of(open_subject_source(options, stack))


KEYWORDS = frozenset(inspect.signature(score).parameters)
