"""Joins statistics of parts of one set that were computed on machines that never met."""

from collections.abc import Sequence

import numpy as np

from ganeval.errors import ProtocolMismatchError, ReferenceStatisticsError
from ganeval.sources.base import content_hash
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from ganeval.summaries.reference_file import ReferenceStatistics


def merge(parts: Sequence[ReferenceStatistics], names: Sequence[str]) -> ReferenceStatistics:
    """The statistics of the whole set.

    Content hash, count and order of the rows are those of the set computed in one go, and so is every number up to the
    rounding of the moments' sums (1e-12).

    Args:
        parts: All parts of one set, in any order.
        names: What messages call each.

    Raises:
        ReferenceStatisticsError: a file isn't a part, one is missing or given twice, or two overlap.
        ProtocolMismatchError: parts are of different sets, subsets, versions or protocols.
    """
    ordered = _in_order(parts, names)
    first = ordered[0]
    order = np.argsort(np.concatenate([np.asarray(p.indices, dtype=np.int64) for p in ordered]), kind="stable")
    joined = [digest for part in ordered for digest in part.digests]
    digests = tuple(joined[i] for i in order)
    sets = {name: _merge_sets([part.sets[name] for part in ordered], order, digests) for name in first.sets}
    return ReferenceStatistics(
        first.name,
        content_hash(digests),
        len(digests),
        first.decode,
        sets,
        dict(first.facts),
        digests=digests,
        whole=first.whole,
        skipped=sum(part.skipped for part in ordered),
    )


def _in_order(parts: Sequence[ReferenceStatistics], names: Sequence[str]) -> list[ReferenceStatistics]:
    """The parts by their numbers, after all checks."""
    by_number: dict[int, tuple[ReferenceStatistics, str]] = {}
    for part, name in zip(parts, names, strict=True):
        if part.part is None:
            raise ReferenceStatisticsError(
                f"{name} holds a whole set, not a part of one. Build parts with `ganeval reference build REF -o FILE "
                "--part 1/4`, and so on."
            )
        if part.whole is None:
            raise ReferenceStatisticsError(
                f"{name} is a part that an early version of ganeval wrote: it does not say which set it is of. Build "
                "it again."
            )
    first, called = parts[0], names[0]
    for part, name in zip(parts[1:], names[1:], strict=True):
        _require_same_whole(first, called, part, name)
    for part, name in zip(parts, names, strict=True):
        number, _ = part.part or (1, 1)
        if number in by_number:
            raise ReferenceStatisticsError(
                f"{by_number[number][1]} and {name} are both part {number}, of {len(part.digests)} images. Give each "
                "part once."
            )
        by_number[number] = part, name
    count = first.part[1] if first.part is not None else 1
    missing = [str(number) for number in range(1, count + 1) if number not in by_number]
    images = 0 if first.whole is None else first.whole.images
    if missing:
        held = sum(len(part.indices) for part in parts)
        raise ReferenceStatisticsError(
            f"{len(parts)} of {count} parts don't make up the set: they hold {held} of {images} images of "
            f"{first.name}, without part {', '.join(missing)} of {count}. Give every part of one division."
        )
    ordered = [by_number[number] for number in sorted(by_number)]
    owner: dict[int, str] = {}
    for part, name in ordered:
        shared = [index for index in part.indices if index in owner]
        if shared:
            raise ReferenceStatisticsError(
                f"{owner[shared[0]]} and {name} overlap: both hold image {shared[0]} of {images}, and {len(shared)} of "
                "this part's images are in others too. Build all parts from one set."
            )
        owner |= dict.fromkeys(part.indices, name)
    lost = images - len(owner) - sum(part.skipped for part, _ in ordered)
    if lost or max(owner, default=0) >= images:
        raise ReferenceStatisticsError(
            f"The {count} parts hold {len(owner)} of {images} images of {first.name}, and {abs(lost)} are "
            f"{'missing' if lost > 0 else 'too many'}. Build all parts from one set."
        )
    return [part for part, _ in ordered]


def _require_same_whole(a: ReferenceStatistics, name_a: str, b: ReferenceStatistics, name_b: str) -> None:
    """Refuses parts of two sets, divisions or protocols, and says in what they differ.

    Raises:
        ReferenceStatisticsError: two divisions of a set.
        ProtocolMismatchError: two sets, subsets, versions or protocols.
    """
    of_a, of_b = _facts_of_whole(a), _facts_of_whole(b)
    differing = [f"{what} {of_a.get(what, 'none')} against {of_b.get(what, 'none')}" for what in {**of_a, **of_b}
                 if of_a.get(what) != of_b.get(what)]  # fmt: skip
    if differing:
        raise ProtocolMismatchError(
            f"{name_a} (part {_number(a)} of {a.name}) and {name_b} (part {_number(b)} of {b.name}) are parts of "
            f"different sets or protocols: {'; '.join(differing)}. Build both in the same way."
        )
    if a.part is not None and b.part is not None and a.part[1] != b.part[1]:
        raise ReferenceStatisticsError(
            f"{name_a} is part {_number(a)} and {name_b} part {_number(b)}: parts of two divisions don't make up a "
            "set. Give every part of one division."
        )


def _number(part: ReferenceStatistics) -> str:
    return "whole" if part.part is None else f"{part.part[0]}/{part.part[1]}"


def _facts_of_whole(part: ReferenceStatistics) -> dict[str, str]:
    """What parts of one set have in common, in words."""
    whole = part.whole
    facts = {"decode rule": part.decode}
    if whole is not None:
        facts |= {
            "images": str(whole.images),
            "names": whole.names_sha256[:8],
            "content": whole.bytes_sha256[:8],
            "--num-samples": str(whole.num_samples),
            "--seed": str(whole.seed),
            "ganeval": whole.version,
        }
    for name, one in part.facts.items():
        facts[f"{name}'s weights"] = one.weights_sha256[:8]
        facts[f"{name}'s resize"] = one.resize
        facts[f"{name}'s precision"] = one.precision
        rows = part.sets[name].bank is not None
        facts[f"{name}'s rows"] = "moments and feature rows" if rows else "moments only"
    return facts


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
