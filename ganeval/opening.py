"""Opens what a run reads, before anything runs: a wrong path shows at once, not after an hour."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from ganeval.pair_reading import match_by_stem
from ganeval.paths import cache_home
from ganeval.plan import ScoreOptions
from ganeval.reference import ReferenceStatistics, is_statistics_file, load_reference
from ganeval.sources.base import ImageSource, Subset, seeded_subset
from ganeval.sources.folder import FolderSource
from ganeval.sources.memo import DigestMemo
from ganeval.sources.resolve import open_source

# A subject that is no set of images by itself (a generator), or None where the subject is not of the opener's kind.
SubjectOpener = Callable[[ScoreOptions], ImageSource | None]


def open_subject_source(
    options: ScoreOptions, stack: contextlib.ExitStack, opener: SubjectOpener | None = None
) -> ImageSource:
    """What is to be scored, cut to the seeded subset that was asked for.

    Args:
        options: The subject and how to read it.
        stack: Closes the source.
        opener: Asked first; what it does not know is opened as images.
    """
    opened = None if opener is None else opener(options)
    if opened is None:
        return _open(options.subject, options, stack)
    stack.callback(opened.close)
    return seeded_subset(opened, options.num_samples, options.seed)


def _open(name: str, options: ScoreOptions, stack: contextlib.ExitStack) -> ImageSource:
    whole = open_source(name, data_root=options.data_root, value_range=options.value_range)
    stack.callback(whole.close)
    if options.cache and isinstance(whole, FolderSource) and os.name == "posix":  # elsewhere ctime is another thing
        whole.memo = DigestMemo(cache_home() / "digests", Path(name))
    return seeded_subset(whole, options.num_samples, options.seed)


def open_reference(options: ScoreOptions, stack: contextlib.ExitStack) -> ImageSource | ReferenceStatistics | None:
    """The reference of set metrics: a statistics file whole, images cut to the same number as the subject."""
    if options.reference is None:
        return None
    path = Path(options.reference)
    return load_reference(path) if is_statistics_file(path) else _open(options.reference, options, stack)


def open_originals(options: ScoreOptions, subject: ImageSource, stack: contextlib.ExitStack) -> ImageSource | None:
    """The other side of the pairs; names are matched here, before any image is decoded."""
    if options.paired is None:
        return None
    whole = open_source(options.paired, data_root=options.data_root, value_range=options.value_range)
    stack.callback(whole.close)
    if options.num_samples is not None and len(subject) == options.num_samples:
        wanted = {item.stem for item in subject.items}
        whole = Subset(whole, [i for i, item in enumerate(whole.items) if item.stem in wanted])
    match_by_stem(subject, whole)
    return whole
