"""Explains a FID: what each emulated tool would print for the same images and weights, and why."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ganeval.backbones.inception_variants import PREPARATIONS
from ganeval.backbones.weights_store import locate
from ganeval.devices import device_name
from ganeval.errors import UsageError, WeightsError
from ganeval.explain.features import OTHER_WEIGHTS, Side, look, open_paths
from ganeval.explain.pipelines import TOOLS, Tool
from ganeval.explain.waterfall import Row, Stations, other_weights_row, own_row, tool_row
from ganeval.metrics.frechet import rank_note
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter, Silent
from ganeval.scoring.open_inputs import open_reference, open_subject_source
from ganeval.sources.base import ImageSource
from ganeval.summaries.base import SetSummary
from ganeval.summaries.reference_file import (
    ReferenceStatistics,
    is_own_statistics,
    load_reference,
    require_statistics,
)


@dataclass(frozen=True)
class ExplainOptions:
    """Options of `ganeval explain`.

    Attributes:
        run: Subject, reference, subset, batch size, device, engine, weights and cache, as for `score`.
        tools: The emulated tools.
        terms: Add the intermediate steps that separate two causes; costs up to two more network passes.
        statistics: Reference statistics of another tool, in place of reference images.
        other_weights: A second weights file, to measure the effect of the weights.
    """

    run: ScoreOptions
    tools: tuple[Tool, ...]
    terms: bool = True
    statistics: Path | None = None
    other_weights: Path | None = None


@dataclass(frozen=True)
class Explanation:
    """The result of `explain`.

    Attributes:
        subject: Subject as typed.
        reference: Reference as typed.
        rows: ganeval's own number first.
        weights_sha256: Hash of the weights of all rows except that of the other weights.
        pinned: False if they aren't canonical, so that the numbers compare only with each other.
        other_sha256: Hash of the other weights, "" without any.
        engines: Preparation -> engine of its network.
        device: Device of the networks.
        statistics: True if the reference is a statistics file.
        content_sha256: Content hashes of the scored images and of the reference.
        skipped: Number of scored images that could not be decoded.
        left_out: Reason -> number of entries of the subject's folder or archive that aren't images.
        passes: Preparations that went through the network.
        notes: Limits of the numbers.
    """

    subject: str
    reference: str
    rows: tuple[Row, ...]
    weights_sha256: str
    pinned: bool
    other_sha256: str
    engines: Mapping[str, str]
    device: str
    statistics: bool
    content_sha256: tuple[str, str]
    skipped: int
    left_out: Mapping[str, int]
    passes: tuple[str, ...]
    notes: tuple[str, ...]


def check(options: ExplainOptions) -> None:
    """Checks the options before an image is read.

    Raises:
        UsageError: options that conflict.
        WeightsError: the weights are missing.
    """
    run = options.run
    if (run.reference is None) == (options.statistics is None):
        raise UsageError("Name what to compare with: --reference REF, or --fid-statistics-file FILE; one of the two.")
    unused = sorted(set(run.weights) - {"inception"})
    if unused:
        raise UsageError(f"--weights names {', '.join(unused)}; explain uses inception alone.")
    for option, file in (
        ("--weights inception", run.weights.get("inception")),
        ("--other-weights", options.other_weights),
    ):
        if file is not None and not file.is_file():
            raise WeightsError(f"{option}: there is no file {file}. Check the path.")
    if options.statistics is not None:
        require_statistics(options.statistics)
    if run.subject not in run.in_memory and is_own_statistics(Path(run.subject)):
        raise UsageError(
            f"{run.subject} holds features of a set, and explain resizes the images as each tool does. Name the images."
        )
    if (missing := no_weights(run.weights)) is not None:
        raise missing


def no_weights(given: Mapping[str, Path]) -> WeightsError | None:
    """The error for missing weights; None if they are given or on this machine."""
    if "inception" in given or locate("inception") is not None:
        return None
    return WeightsError(
        "This needs the Inception weights, which are not on this machine: run `ganeval weights fetch inception`, or "
        "`ganeval weights import inception FILE` where there is no internet; or give any file in that layout "
        "(--weights inception=FILE on the command line)."
    )


def needed_paths(tools: Sequence[Tool], *, terms: bool) -> list[str]:
    """Preparations that go through the network, without repetition."""
    names = ["inception"]
    for tool in tools:
        names += [path for _, path in tool.way] if terms else [tool.path]
    return list(dict.fromkeys(names))


def explain(options: ExplainOptions, reporter: Reporter | None = None) -> Explanation:
    """Emulates each tool on the same images and weights.

    Args:
        options: What to explain.
        reporter: Where progress goes; silent when None.

    Raises:
        GanevalError: the input cannot be used.
    """
    reporter = Silent() if reporter is None else reporter
    check(options)
    run, device = options.run, device_name(options.run.device)
    with contextlib.ExitStack() as stack:
        subject = open_subject_source(_with_bytes(run), stack)
        reference = _open_reference(options, stack)
        names = needed_paths(options.tools, terms=options.terms)
        passes = open_paths(names, run, device, reporter, stack, options.other_weights)
        fake = look(subject, passes, folder=subject.is_folder)
        real: Side | SetSummary
        if isinstance(reference, ReferenceStatistics):
            real, real_name, real_hash = inception_set(reference), reference.name, reference.content_sha256
            seen = fake.passes
        else:
            side = look(reference, passes, folder=reference.is_folder)
            real, real_name, real_hash = side, reference.name, side.own.content_sha256
            seen = (*fake.passes, *side.passes)
        stations = Stations(real, fake)
        rows = [own_row(stations)]
        if options.other_weights is not None:
            rows.append(other_weights_row(stations))
        with reporter.stage("distances", len(options.tools)) as advance:
            for tool in options.tools:
                rows.append(tool_row(tool, stations, terms=options.terms))
                advance(1)
    first = passes.backbones["inception"]
    return Explanation(
        subject=run.name or subject.name,
        reference=real_name,
        rows=tuple(rows),
        weights_sha256=first.weights_sha256,
        pinned=first.pinned,
        other_sha256=passes.backbones[OTHER_WEIGHTS].weights_sha256 if options.other_weights else "",
        engines={path: passes.engine_of(path, *seen) for path in passes.backbones},
        device=device,
        statistics=isinstance(reference, ReferenceStatistics),
        content_sha256=(fake.own.content_sha256, real_hash),
        skipped=len(fake.own.skipped),
        left_out=dict(fake.own.left_out),
        passes=tuple(passes.backbones),
        notes=_notes(rows, first.pinned, reference, subject.is_folder),
    )


def _with_bytes(run: ScoreOptions) -> ScoreOptions:
    """Options that open files without cached digests: Pillow's reading needs the bytes of each file."""
    return replace(run, cache=False)


def _open_reference(options: ExplainOptions, stack: contextlib.ExitStack) -> ImageSource | ReferenceStatistics:
    if options.statistics is not None:
        found: ImageSource | ReferenceStatistics | None = load_reference(options.statistics)
    else:
        found = open_reference(_with_bytes(options.run), stack)
    if found is None:
        raise UsageError("Name what to compare with: --reference REF.")
    if isinstance(found, ReferenceStatistics):
        inception_set(found)
    return found


def inception_set(reference: ReferenceStatistics) -> SetSummary:
    """The Inception statistics of a file by any preparation: tools accept files of others.

    Raises:
        UsageError: the file has no Inception statistics.
    """
    for name in PREPARATIONS:
        if name in reference.sets:
            return replace(reference.sets[name], bank=None, logits=None)  # statistics of tools have no feature rows
    raise UsageError(f"{reference.name} has statistics for {', '.join(reference.sets)}; expected those of inception.")


def _notes(
    rows: Sequence[Row], pinned: bool, reference: ImageSource | ReferenceStatistics, subject_is_folder: bool
) -> tuple[str, ...]:
    notes = []
    if not subject_is_folder or (isinstance(reference, ImageSource) and not reference.is_folder):
        notes.append("a set that isn't a folder counts as if each tool were given all of its images")
    if not pinned:
        notes.append(
            "these weights are not the canonical ones: the rows compare with each other, with nothing published"
        )
    if isinstance(reference, ReferenceStatistics):
        made = f" by {reference.tool}" if reference.tool else ""
        notes.append(f"the reference is a file of statistics: its own resize and files stay as they were made{made}")
    own = rows[0]
    if own.n_fake is not None and own.n_real is not None and (rank := rank_note(own.n_real, own.n_fake, 2048, 2048)):
        notes.append(f"{rank}; below 2049 images the tools' own matrix roots add rounding to that")
    failing = [row.tool for row in rows if row.tool in TOOLS and TOOLS[row.tool].root]
    if failing:
        notes.append(f"{', '.join(failing)} call {TOOLS[failing[0]].root}")
    return tuple(notes)
