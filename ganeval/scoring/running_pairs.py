"""Image pairs that come batch by batch, as in a validation loop: only the values of each pair stay."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ganeval.errors import DataError, UsageError
from ganeval.options import ScoreOptions
from ganeval.scoring.pair_pass import PairScores
from ganeval.scoring.paired_metrics import PairNetworks, measure_pairs
from ganeval.scoring.plan import Plan
from ganeval.sources.base import ImageSource, content_hash
from ganeval.sources.decoding_differences import Both, Seen
from ganeval.sources.image_facts import ImageFacts

if TYPE_CHECKING:
    from ganeval.scoring.torch_group import Group

IN_BATCHES: Final = "<originals of update>"
"""In place of the originals in the options of an evaluator whose pairs all come by `update`."""


class RunningPairs:
    """Pairs added so far.

    Args:
        plan: The paired metrics.
        options: How pixels are compared.
        networks: Those of the metrics.

    Raises:
        UsageError: a mask, which belongs to one set of originals.
    """

    def __init__(self, plan: Plan, options: ScoreOptions, networks: PairNetworks) -> None:
        if options.mask is not None:
            raise UsageError("--mask marks the images of one set, and update() takes batches. Drop it, or use score().")
        self._plan, self._options, self._networks = plan, options, networks
        self._parts: list[PairScores] = []

    def add(self, batch: ImageSource, originals: ImageSource) -> None:
        """Runs the metrics on a batch of pairs, in the order in which both hold them.

        Raises:
            DataError: other counts or sizes of the two, or images that cannot be used.
        """
        if len(batch) != len(originals):
            raise DataError(f"{len(batch)} images and {len(originals)} originals make no pairs. Give one for each.")
        self._parts.append(measure_pairs(self._plan, self._options, batch, originals, self._networks))

    def scores(self, group: Group | None) -> PairScores | None:
        """The values of all pairs, as one pass over them would leave them; more may be added afterwards.

        Args:
            group: The processes that each added a part, None for this one alone.

        Returns:
            The values; None in all processes but the first.

        Raises:
            DataError: there are no pairs.
        """
        parts = list(self._parts)
        if group is not None:
            if group.rank > 0:
                group.send(0, json.dumps([_to_json(part) for part in parts]).encode())
                return None
            for rank in range(1, group.count):
                parts += [_from_json(part) for part in json.loads(group.receive(rank))]
        if not parts:
            raise DataError("The batches hold no pairs yet. Call update(images, originals) before compute().")
        return joined(parts)


def joined(parts: Sequence[PairScores]) -> PairScores:
    """The scores of several batches as those of one pass; pairs are numbered anew.

    A metric that an image of one batch was too small for has no value.
    """
    seconds: dict[str, float] = defaultdict(float)
    for part in parts:
        for stage, taken in part.seconds.items():
            seconds[stage] += taken
    too_small = {key: reason for part in reversed(parts) for key, reason in part.too_small.items()}
    keys = [key for key in parts[0].values if key not in too_small]
    digests = tuple(pair for part in parts for pair in part.digests)
    width = max(6, len(str(len(digests) - 1)))
    return PairScores(
        stems=[f"{index:0{width}d}" for index in range(len(digests))],
        values={key: np.concatenate([part.values[key] for part in parts]) for key in keys},
        params={key: parts[0].params[key] for key in keys},
        too_small=too_small,
        skipped=[reason for part in parts for reason in part.skipped],
        seen=[both for part in parts for both in part.seen],
        fake_sha256=content_hash([fake for fake, _ in digests]),
        real_sha256=content_hash([real for _, real in digests]),
        seconds=dict(seconds),
        left_out=dict(sum((Counter(part.left_out) for part in parts), Counter())),
        copies=len(digests) - len(set(digests)),
        warnings=tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
        digests=digests,
    )


def _to_json(part: PairScores) -> dict[str, Any]:
    """A batch as JSON; PSNR of identical images is infinite, which Python writes and reads."""
    values = {key: one.tolist() for key, one in part.values.items()}
    digests = [(fake.hex(), real.hex()) for fake, real in part.digests]
    seen = [[dataclasses.asdict(image) for image in both] for both in part.seen]
    return {**vars(part), "values": values, "digests": digests, "seen": seen}


def _from_json(row: Mapping[str, Any]) -> PairScores:
    values = {key: np.asarray(one, dtype=np.float64) for key, one in row["values"].items()}
    digests = tuple((bytes.fromhex(fake), bytes.fromhex(real)) for fake, real in row["digests"])
    seen: list[Both] = [(_seen(fake), _seen(real)) for fake, real in row["seen"]]
    return PairScores(**{**row, "values": values, "digests": digests, "seen": seen, "warnings": tuple(row["warnings"])})


def _seen(row: Mapping[str, Any]) -> Seen:
    facts = ImageFacts(**{**row["facts"], "notes": tuple(row["facts"]["notes"])})
    return Seen(**{**row, "facts": facts})
