"""Joins statistics of parts of one set that were computed on machines that never met."""

from collections.abc import Sequence

import numpy as np

from ganeval.errors import ProtocolMismatchError, ReferenceStatisticsError
from ganeval.reference import ReferenceStatistics
from ganeval.sources.base import content_hash
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments


def merge(parts: Sequence[ReferenceStatistics], names: Sequence[str]) -> ReferenceStatistics:
    """The statistics of the whole set.

    Content hash, count and order of the rows are those of the set computed in one go, and so is every number up to the
    rounding of the moments' sums (1e-12).

    Args:
        parts: All parts of one set, in any order.
        names: What messages call each.

    Raises:
        ReferenceStatisticsError: a file is no part, is given twice, or one is missing.
        ProtocolMismatchError: parts were made by different protocols.
    """
    ordered = _in_order(parts, names)
    first = ordered[0]
    order = np.argsort(np.concatenate([np.asarray(p.indices, dtype=np.int64) for p in ordered]), kind="stable")
    joined = [digest for part in ordered for digest in part.digests]
    digests = tuple(joined[i] for i in order)
    sets = {name: _merge_sets([part.sets[name] for part in ordered], order, digests) for name in first.sets}
    return ReferenceStatistics(
        first.name, content_hash(digests), len(digests), first.decode, sets, dict(first.facts), digests=digests
    )


def _in_order(parts: Sequence[ReferenceStatistics], names: Sequence[str]) -> list[ReferenceStatistics]:
    """The parts by their numbers, after all checks."""
    by_number: dict[int, tuple[ReferenceStatistics, str]] = {}
    counts: set[int] = set()
    for part, name in zip(parts, names, strict=True):
        if part.part is None:
            raise ReferenceStatisticsError(
                f"{name} holds a whole set, not a part of one. Build parts with `ganeval reference build REF -o FILE "
                "--part 1/4`, and so on."
            )
        number, count = part.part
        counts.add(count)
        if number in by_number:
            raise ReferenceStatisticsError(f"{by_number[number][1]} and {name} are both part {number}. Give each once.")
        by_number[number] = part, name
    count = max(counts)
    missing = [number for number in range(1, count + 1) if number not in by_number]
    if len(counts) > 1 or missing:
        found = ", ".join(f"{number}/{part.part[1]}" for number, (part, _) in by_number.items() if part.part)
        raise ReferenceStatisticsError(
            f"These {len(by_number)} parts are no whole set: got {found}"
            + (f", without part {missing[0]} of {count}." if missing else ".")
            + " Give every part of one division."
        )
    ordered = [by_number[number] for number in sorted(by_number)]
    (first, said), rest = ordered[0], ordered[1:]
    for part, name in rest:
        if (part.facts, part.decode, part.name) != (first.facts, first.decode, first.name):
            raise ProtocolMismatchError(
                f"{said} and {name} are parts of different sets or protocols: {first.name}, {first.facts} against "
                f"{part.name}, {part.facts}. Build both in the same way."
            )
    indices = np.sort(np.concatenate([np.asarray(part.indices, dtype=np.int64) for part, _ in ordered]))
    if len(np.unique(indices)) != len(indices):
        raise ReferenceStatisticsError("Two parts hold the same image of the set. Build them all from one set.")
    return [part for part, _ in ordered]


def _merge_sets(sets: Sequence[SetSummary], order: np.ndarray, digests: tuple[bytes, ...]) -> SetSummary:
    moments = Moments.empty(sets[0].moments.dim)
    for one in sets:
        moments = moments.merge(one.moments)
    banks = [one.bank for one in sets]
    rows = [bank.rows() for bank in banks if bank is not None]
    bank = FeatureBank.of(np.concatenate(rows)[order]) if len(rows) == len(sets) else None
    labels = [one.labels for one in sets]
    joined = [label for own in labels if own is not None for label in own]
    known = tuple(joined[i] for i in order) if bank is not None and None not in labels else None
    return SetSummary(moments, bank, None, known, digests=digests)
