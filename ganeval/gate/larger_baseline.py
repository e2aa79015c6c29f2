"""A baseline is scored with more images than its candidates: its error is the same in every gate that it is used in.

A baseline that came out low by chance fails candidates by that much for as long as it stays; with as many images as a
candidate has, a model exactly at its margin failed in 0 to 20 of 100 gates, depending on the baseline's draw. Another
number of images is another protocol, so the row keeps the candidate's count, and the larger draw stands beside it. Only
for metrics whose expectation does not depend on the count.
"""

import dataclasses
import math
from collections.abc import Sequence

from ganeval.gate.evidence import KNOWN, LARGER
from ganeval.gate.fixed_reference import with_given_reference
from ganeval.generators.open import open_generator
from ganeval.generators.source import GeneratorSource
from ganeval.metrics.keys import declared
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.results.result import Result
from ganeval.scoring.evaluator import Evaluator
from ganeval.scoring.loaded_networks import OpenedNetworks

TIMES = 4  # images of a candidate


def with_larger_draw(
    rows: Sequence[Result], options: ScoreOptions, reporter: Reporter, opened: OpenedNetworks
) -> list[Result]:
    """The rows, those whose count does not matter with what four times as many images of the same generator give.

    Args:
        rows: As scored.
        options: What they were scored with.
        reporter: Where progress goes.
        opened: The networks that scored them.
    """
    chosen = {row.key: row for row in rows if row.value is not None and row.stderr is not None and _unbiased(row)}
    if not chosen:
        return list(rows)
    count = TIMES * max(row.n_fake or 0 for row in chosen.values())
    larger = dataclasses.replace(options, num_samples=count)
    source = open_generator(larger)
    if source is None:
        return list(rows)
    drawn = isinstance(source, GeneratorSource) and len(source) == count
    source.close()
    if not drawn:
        return list(rows)
    seconds = max(sum(row.timing.values()) for row in rows) * TIMES
    reporter.message(
        f"Now the baseline is drawn once more with {count:,} images, so that its own error weighs less: about "
        f"{f'{seconds / 60:.0f} minutes' if seconds >= 90 else f'{math.ceil(seconds)} s'}."
    )
    asked = dict.fromkeys(_asked(row) for row in chosen.values())
    with Evaluator(dataclasses.replace(larger, metrics=",".join(asked)), reporter, opened=opened) as evaluator:
        found = with_given_reference(evaluator.score(larger.subject, larger.name))
    more = {row.key: row for row in found if row.key in chosen and _same_reference(row, chosen[row.key])}
    return [_beside(row, more[row.key]) if row.key in more else row for row in rows]


def _unbiased(row: Result) -> bool:
    known = None if row.protocol is None else declared(row.protocol.metric)
    return known is not None and known[1].unbiased


def _asked(row: Result) -> str:
    if row.protocol is None or row.protocol.backbone is None:
        raise ValueError(f"row {row.key} of {row.subject} is of no set metric")
    return f"{row.protocol.metric}@{row.protocol.backbone}"


def _same_reference(row: Result, other: Result) -> bool:
    """A reference of images is cut to the subject's count, so that a larger subject may meet more of it."""
    sides = [one.protocol and (one.protocol.reference_sha256, one.protocol.n_real) for one in (row, other)]
    return row.value is not None and row.stderr is not None and sides[0] == sides[1]


def _beside(row: Result, more: Result) -> Result:
    kept = {
        "n": more.n_fake,
        "value": more.value if more.debiased is None else more.debiased,
        "stderr": more.stderr,
        "degrees": more.degrees,
        **{name: more.provenance[name] for name in KNOWN if name in more.provenance},
    }
    return dataclasses.replace(row, provenance={**row.provenance, LARGER: kept})
