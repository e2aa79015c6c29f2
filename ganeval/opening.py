"""Opens what a run reads, before anything runs: a wrong path shows at once, not after an hour."""

import contextlib
import os
from pathlib import Path

from ganeval.generators.load import is_factory_name
from ganeval.generators.open import open_generator
from ganeval.pair_reading import match_by_stem
from ganeval.paths import cache_home
from ganeval.plan import ScoreOptions
from ganeval.reference import ReferenceStatistics, is_statistics_file, load_reference
from ganeval.sources.base import ImageSource, Subset, seeded_subset
from ganeval.sources.folder import FolderSource
from ganeval.sources.listing import Place
from ganeval.sources.memo import DigestMemo
from ganeval.sources.resolve import refuse_missing, without_labels


def check_places(options: ScoreOptions, *subjects: str) -> None:
    """Refuses a path that does not exist, before anything else is said of it.

    Args:
        options: The reference, originals and inputs are looked at.
        subjects: What is to be scored, where it is nothing in memory; a bare word is left to whoever opens it.

    Raises:
        GanevalError: the first that is missing.
    """
    for subject in subjects:
        if (Path(subject).suffix or "/" in subject) and not is_factory_name(subject):
            refuse_missing(subject)
    for given in (options.reference, options.paired, options.inputs):
        if given is not None:
            refuse_missing(given)


def open_subject_source(options: ScoreOptions, stack: contextlib.ExitStack) -> ImageSource:
    """What is to be scored, cut to the seeded subset that was asked for.

    Args:
        options: The subject and how to read it.
        stack: Closes the source.
    """
    opened = open_generator(options)
    if opened is None:
        return _open("subject", options.subject, options, stack)
    stack.callback(opened.close)
    if options.labels is False:
        opened = without_labels(opened)
    return seeded_subset(opened, options.num_samples, options.seed)


def _open(place: Place, name: str, options: ScoreOptions, stack: contextlib.ExitStack) -> ImageSource:
    whole = options.open(place, name)
    stack.callback(whole.close)
    if options.cache and isinstance(whole, FolderSource) and os.name == "posix":  # elsewhere ctime is another thing
        whole.memo = DigestMemo(cache_home() / "digests", Path(name))
    return seeded_subset(whole, options.num_samples, options.seed)


def open_reference(options: ScoreOptions, stack: contextlib.ExitStack) -> ImageSource | ReferenceStatistics | None:
    """The reference of set metrics: a statistics file whole, images cut to the same number as the subject."""
    if options.reference is None:
        return None
    path = Path(options.reference)
    return load_reference(path) if is_statistics_file(path) else _open("reference", options.reference, options, stack)


def open_originals(options: ScoreOptions, subject: ImageSource, stack: contextlib.ExitStack) -> ImageSource | None:
    """The other side of the pairs; names are matched here, before any image is decoded."""
    if options.paired is None:
        return None
    whole = options.open("paired", options.paired)
    stack.callback(whole.close)
    if options.num_samples is not None and len(subject) == options.num_samples:
        wanted = {item.stem for item in subject.items}
        whole = Subset(whole, [i for i, item in enumerate(whole.items) if item.stem in wanted])
    match_by_stem(subject, whole)
    return whole
