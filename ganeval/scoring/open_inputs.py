"""Opens all inputs before anything runs: a wrong path is reported at once, not after an hour."""

import contextlib
import dataclasses
import os
from pathlib import Path

from ganeval.errors import ReferenceStatisticsError, UsageError
from ganeval.files.disk_cache import cache_home
from ganeval.generators.names import is_factory_name, is_importable
from ganeval.generators.open import open_generator, open_set
from ganeval.generators.shipped import is_shipped, refuse_unshipped
from ganeval.options import ScoreOptions
from ganeval.scoring.masks import Masks
from ganeval.scoring.pair_names import pair_up
from ganeval.sources.base import ImageSource, Subset, seeded_subset
from ganeval.sources.digest_memo import DigestMemo
from ganeval.sources.folder import FolderSource
from ganeval.sources.listing import Place
from ganeval.sources.resolve import refuse_missing, without_labels
from ganeval.sources.tiles import tiled
from ganeval.summaries.reference_file import ReferenceStatistics, is_own_statistics, is_statistics_file, load_reference


def check_places(options: ScoreOptions, *subjects: str) -> None:
    """Refuses a glob without its set and a path that does not exist, before all other checks.

    Args:
        options: Name the reference, originals and inputs.
        subjects: Subjects that are not in memory; a bare word is checked when it is opened.

    Raises:
        GanevalError: the first that is missing.
    """
    options.check_match()
    for subject in subjects:
        if is_shipped(subject):
            continue
        refuse_unshipped(subject)
        if (Path(subject).suffix or "/" in subject) and not is_factory_name(subject):
            refuse_missing(subject)
    reference = options.reference
    generated = reference is not None and (
        is_shipped(reference) or (is_factory_name(reference) and is_importable(reference))
    )
    for given in (None if generated else reference, options.paired, options.mask, options.inputs, options.train):
        if given is not None and given not in options.in_memory:
            refuse_missing(given)


def open_subject_source(options: ScoreOptions, stack: contextlib.ExitStack) -> ImageSource:
    """The subject, cut to the requested seeded subset.

    Args:
        options: The subject and how to read it.
        stack: Closes the source.
    """
    opened = open_generator(options)
    if opened is None:
        return _open("subject", options.subject, options, stack)
    opened = tiled(opened, options.selection("subject").tile)
    _close_later(options.subject, opened, options, stack)
    if options.labels is False:
        opened = without_labels(opened)
    return seeded_subset(opened, options.num_samples, options.seed)


def open_stored_subject(options: ScoreOptions) -> ReferenceStatistics | None:
    """A subject that is one of ganeval's statistics files, merged or whole; None for all other subjects.

    Raises:
        UsageError: an option that needs the images themselves.
        ReferenceStatisticsError: a part of a set, or a file of another tool or of an early version.
    """
    path = Path(options.subject)
    if not is_own_statistics(path):
        return None
    needs_images = {
        "--paired": options.paired is not None,
        "--blame": options.blame,
        "--num-samples": options.num_samples is not None,
        "--until-se": options.until_se is not None,
        "--until-rel": options.until_rel is not None,
        "--inputs": options.inputs is not None,
        "--generator": options.generator is not None,
        "--latent-dim": options.latent_dim is not None,
        "--state-key": options.state_key is not None,
    }
    named = [option for option, given in needs_images.items() if given]
    if named:
        raise UsageError(
            f"{path} holds features of a set and not its images, which {', '.join(named)} needs. Score the images."
        )
    statistics = _whole(load_reference(path), path)
    if statistics.tool or statistics.whole is None or not statistics.digests:
        made = f"imported from {statistics.tool}" if statistics.tool else "written by an early version of ganeval"
        raise ReferenceStatisticsError(
            f"{path} was {made}, and lacks what a subject needs: which images it is of, and their digests. It serves "
            "as --reference; build a subject with `ganeval reference build`."
        )
    return statistics


def _whole(statistics: ReferenceStatistics, path: Path) -> ReferenceStatistics:
    """Refuses a part: its numbers would be those of another set."""
    if statistics.part is not None:
        number, count = statistics.part
        raise ReferenceStatisticsError(
            f"{path} is part {number} of {count} of {statistics.name}, with {statistics.n} images. Join all parts with "
            "`ganeval merge` first."
        )
    return statistics


def _close_later(name: str, source: ImageSource, options: ScoreOptions, stack: contextlib.ExitStack) -> None:
    """Closes a source at the end, unless the caller opened it."""
    if options.in_memory.get(name) is not source:
        stack.callback(source.close)


def _open(place: Place, name: str, options: ScoreOptions, stack: contextlib.ExitStack) -> ImageSource:
    whole = open_set(options, place, name)
    _close_later(name, whole, options, stack)
    if options.cache and isinstance(whole, FolderSource) and os.name == "posix":  # elsewhere ctime is another thing
        whole.memo = DigestMemo(cache_home() / "digests", Path(name))
    return seeded_subset(whole, options.num_samples, options.seed)


def open_reference(options: ScoreOptions, stack: contextlib.ExitStack) -> ImageSource | ReferenceStatistics | None:
    """The reference of set metrics: a statistics file whole, images cut to the same number as the subject."""
    if options.reference is None:
        return None
    path = Path(options.reference)
    if options.reference not in options.in_memory and is_statistics_file(path):
        return _whole(load_reference(path), path)
    return _open("reference", options.reference, options, stack)


def open_training(options: ScoreOptions, stack: contextlib.ExitStack) -> ImageSource | ReferenceStatistics | None:
    """The training set, whole whatever the count of the score: copies of images that were left out would go unseen."""
    if options.train is None:
        return None
    path = Path(options.train)
    if options.train not in options.in_memory and is_statistics_file(path):
        return _whole(load_reference(path), path)
    return _open("train", options.train, dataclasses.replace(options, num_samples=None), stack)


def open_originals(options: ScoreOptions, subject: ImageSource, stack: contextlib.ExitStack) -> ImageSource | None:
    """The originals of the pairs; names are matched here, before any image is decoded."""
    if options.paired is None:
        return None
    whole = open_set(options, "paired", options.paired)
    _close_later(options.paired, whole, options, stack)
    part = options.num_samples is not None and len(subject) == options.num_samples
    pairing = pair_up(subject, whole, options.pair_by, part=part)
    return Subset(whole, [real for _, real in pairing.indices]) if part else whole


def open_masks(options: ScoreOptions, subject: ImageSource, stack: contextlib.ExitStack) -> Masks | None:
    """Which pixels of each pair count; names are matched here, before any image is decoded."""
    if options.mask is None:
        return None
    whole = open_set(options, "mask", options.mask)
    _close_later(options.mask, whole, options, stack)
    return Masks.of(whole, subject, options.pair_by)
