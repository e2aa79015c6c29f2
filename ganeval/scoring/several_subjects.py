"""Scores several subjects against one reference, and tests the best of each metric against the second."""

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ganeval.errors import GanevalError, UsageError
from ganeval.metrics.base import Better
from ganeval.metrics.difference import Difference, paired_difference
from ganeval.metrics.keys import ImageRequest, OwnPairsRequest, SetRequest
from ganeval.notebook.headline_rows import request_of, shown_value
from ganeval.notebook.subject_table import Standing
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter, Silent
from ganeval.results.result import Result
from ganeval.scoring.compare import Comparison, compare_summaries, pairing
from ganeval.scoring.evaluator import Evaluator, ScoreOutcome
from ganeval.scoring.image_pass import ImageScores
from ganeval.scoring.open_inputs import open_stored_subject, open_subject_source
from ganeval.scoring.pair_pass import PairScores

ByImage = PairScores | ImageScores | None


@dataclass(frozen=True)
class SeveralScores:
    """The scores of all subjects, and the best of each metric.

    Attributes:
        names: Names of the subjects.
        outcomes: One per subject.
        standings: Best against second, for every metric with values for two subjects.
    """

    names: tuple[str, ...]
    outcomes: tuple[ScoreOutcome, ...]
    standings: tuple[Standing, ...]


def score_several(
    options: ScoreOptions, subjects: Sequence[str], names: Sequence[str] = (), reporter: Reporter | None = None
) -> SeveralScores:
    """Scores each subject as a separate score would; sets are cut to one count.

    Args:
        options: As for one subject; their subject and name are ignored.
        subjects: What to score.
        names: Names in the rows, in the same order; () for the subjects themselves.
        reporter: Where progress and messages go.

    Raises:
        UsageError: two subjects of one name, not as many names as subjects, or options that take one subject.
        GanevalError: an input that cannot be used.
    """
    reporter = Silent() if reporter is None else reporter
    if options.blame or options.until_se is not None or options.until_rel is not None or options.devices > 1:
        raise UsageError("--blame, --until-se, --until-rel and --devices take one subject. Score them one by one.")
    if names and len(names) != len(subjects):
        raise UsageError(
            f"--name was given {len(names)} times for {len(subjects)} subjects. Name each, in their order."
        )
    called = tuple(names or subjects)
    if len(set(called)) < len(called):
        twice = next(name for name in called if called.count(name) > 1)
        raise UsageError(f"Two subjects are called {twice!r}. Tell them apart with --name, once for each subject.")
    each = [dataclasses.replace(options, subject=s, name=n) for s, n in zip(subjects, called, strict=True)]
    each = _at_one_count(each, reporter)
    with Evaluator(each[0], reporter) as evaluator, contextlib.ExitStack() as kept:
        outcomes = tuple(evaluator.score(one.subject, one.name, keep=kept) for one in each)
        return SeveralScores(called, outcomes, tuple(_standings(evaluator, each, called, outcomes)))


def _at_one_count(each: Sequence[ScoreOptions], reporter: Reporter) -> list[ScoreOptions]:
    """Opens each subject, so that a wrong path shows before anything runs, and cuts sets to one count.

    Counts are protocol: larger sets are cut to a seeded subset of the size of the smallest.
    """
    counts = []
    for options in each:
        with contextlib.ExitStack() as stack:
            if open_stored_subject(options) is None:
                counts.append(len(open_subject_source(options, stack)))
    if len(counts) < len(each) or len(set(counts)) == 1 or each[0].paired is not None:
        return list(each)
    reporter.message(f"The sets have {', '.join(map(str, counts))} images; {min(counts)} of each are compared.")
    return [dataclasses.replace(options, num_samples=min(counts)) for options in each]


def _standings(
    evaluator: Evaluator, each: Sequence[ScoreOptions], names: Sequence[str], outcomes: Sequence[ScoreOutcome]
) -> list[Standing]:
    rows = [{row.key: row for row in outcome.results if row.status == "ok"} for outcome in outcomes]
    compared: dict[tuple[int, int], dict[str, Comparison] | str] = {}
    standings = []
    for key in dict.fromkeys(key for found in rows for key in found if ":" not in key.partition("@")[0]):
        ranked = _ranked([found.get(key) for found in rows])
        if len(ranked) < 2:
            continue
        first, second = ranked[:2]
        row = rows[first][key]
        request = request_of(row)
        if request.paired:
            difference = _by_image(row, outcomes[first].pairs, outcomes[second].pairs)
        elif isinstance(request, ImageRequest):
            difference = _by_image(row, outcomes[first].images, outcomes[second].images)
        elif isinstance(request, OwnPairsRequest):
            difference = "each number is of one set by itself"
        else:
            if (first, second) not in compared:
                pair = [each[second], each[first]], [outcomes[second], outcomes[first]]
                compared[first, second] = _of_sets(evaluator, *pair, rows[first])
            found = compared[first, second]
            difference = found if isinstance(found, str) else _difference(found, key)
        standings.append(_standing(key, (names[first], names[second]), first, difference))
    return standings


def _ranked(rows: Sequence[Result | None]) -> list[int]:
    """Positions of the subjects that have a value, best first; [] if no direction is better."""
    known = {
        place: shown for place, row in enumerate(rows) if row is not None and (shown := shown_value(row)) is not None
    }
    better = next((row.better for row in rows if row is not None), "neither")
    return [] if better == "neither" else sorted(known, key=lambda place: known[place], reverse=better == "higher")


def _by_image(row: Result, best: ByImage, second: ByImage) -> Difference | str:
    """The mean of the differences image by image."""
    if best is None or second is None:
        return "no values by image"
    order = pairing(second.stems, best.stems)
    if order is None:
        return f"they were scored on different images ({len(best.stems)}, {len(second.stems)})"
    repeated = next((scores.repeated for scores in (best, second) if not scores.independent), "")
    if repeated:
        return repeated
    request = request_of(row)
    key = request.outputs[0] if request.backbone is None else f"{request.outputs[0]}@{request.backbone}"
    better: Better = "lower" if row.better == "lower" else "higher"
    return paired_difference(second.values[key][order], best.values[key], better)


def _tested(requests: Sequence[SetRequest], rows: dict[str, Result]) -> tuple[SetRequest, ...]:
    """Set metrics that `diff` compares: with a reference, with a standard error of their own, and with a value here."""
    computed = {(request.name, request.backbone) for request in map(request_of, rows.values())}
    return tuple(
        request
        for request in requests
        if request.metric.reference and request.metric.has_stderr and (request.name, request.backbone) in computed
    )


def _of_sets(
    evaluator: Evaluator, each: Sequence[ScoreOptions], outcomes: Sequence[ScoreOutcome], rows: dict[str, Result]
) -> dict[str, Comparison] | str:
    """The differences that `diff` gives, second against best, by key; of what was read and computed for the rows."""
    requests = _tested(evaluator.plan.set_requests, rows)
    a, b = (outcome.summary for outcome in outcomes)
    real = outcomes[0].real
    if not requests or real is None or a is None or b is None:
        return "without a reference"
    if any(open_stored_subject(options) is not None for options in each):
        return "a statistics file is not compared; give the images"
    plan = dataclasses.replace(evaluator.plan, set_requests=requests, explicit=True)
    try:
        comparisons = compare_summaries(evaluator, plan, each, (a, b), real, evaluator.networks())
    except GanevalError as error:  # the scores stay; only the test is missing
        return str(error)
    return {comparison.result.key: comparison for comparison in comparisons}


def _difference(found: dict[str, Comparison], key: str) -> Difference | str:
    return found[key].difference if key in found else "`diff` has no standard error of this difference"


def _standing(key: str, names: tuple[str, str], first: int, found: Difference | str) -> Standing:
    """A mark with its explanation."""
    pair = f"{names[0]} against {names[1]}"
    if isinstance(found, str):
        return Standing(key, None, "", found)
    size = f"{found.delta:+.3g}"
    interval = "" if found.ci95 is None else f" [{found.ci95[0]:.3g}, {found.ci95[1]:.3g}]"
    if found.verdict == "better":
        return Standing(key, first, f"{pair} {size}{interval}")
    if found.verdict == "cannot tell":
        return Standing(key, None, f"{pair} {size}", _reason(found.note))
    return Standing(key, None, f"{pair} {size}{interval}: no difference detected")


def _reason(note: str) -> str:
    """The part of a note that says why there is no interval."""
    parts = note.split("; ")
    return next((part for part in parts if part.startswith("no interval: ")), note).removeprefix("no interval: ")
