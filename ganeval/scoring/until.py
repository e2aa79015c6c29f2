"""Scores a subject at growing counts, planned beforehand, until its standard error is small enough.

Each look is the score that `--num-samples n` gives, number for number and with the same fingerprint: a generator draws
its first n images, a set gives its seeded subset of n, and a reference of images is cut in the same way. Images of
earlier looks are neither drawn, decoded nor put through a network again.
"""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ganeval.errors import TooFewSamplesError, UsageError
from ganeval.generators.open import open_generator, open_set
from ganeval.metrics.base import Estimate
from ganeval.metrics.keys import printed_key
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.results.result import Result
from ganeval.scoring.feature_pass import SourceSummary
from ganeval.scoring.loaded_networks import Passes, RealSide
from ganeval.scoring.plan import Plan
from ganeval.scoring.set_metrics import Estimated, check_counts, estimate_sets, rows_of
from ganeval.sources.base import ImageSource, Subset, seeded_subset
from ganeval.sources.listing import Place
from ganeval.sources.remembered import Remembered
from ganeval.sources.resolve import without_labels
from ganeval.stats.sequential import critical_values, planned_looks
from ganeval.summaries.reference_file import ReferenceStatistics, is_statistics_file, load_reference

FIRST_LOOK = 500
MAXIMUM = 50_000  # images of a generator without --num-samples; the count of most published tables
ALPHA = 0.05

Cut = Callable[[int], ImageSource]
"""n -> the n images of a look; those of a smaller look are among them."""


def score_until(
    plan: Plan,
    options: ScoreOptions,
    device: str,
    reporter: Reporter,
    stack: contextlib.ExitStack,
    networks: Callable[[ReferenceStatistics | None], Passes],
) -> tuple[list[Result], SourceSummary, RealSide | None, ImageSource]:
    """Set metrics at the first planned count at which all of them have the requested standard error.

    Args:
        plan: What to run.
        options: `until_se` or `until_rel`; `num_samples` is the largest count.
        device: Where the networks run.
        reporter: Where progress goes.
        stack: Closes what is opened here.
        networks: Loads the networks; takes a reference that is a statistics file, else None.

    Returns:
        Rows, the summaries of subject and reference, and the subject's images, all of the last look.

    Raises:
        TooFewSamplesError: there are not more images than the first look takes.
    """
    subject_at, most = _open_subject(options, stack)
    looks = _plan_looks(options, most)
    reference_at = _open_reference(options, stack)
    check_counts(plan, "generated", subject_at(looks[0]), options.on_bad)
    passes = networks(reference_at if isinstance(reference_at, ReferenceStatistics) else None)
    target = _target(options)
    seconds: Counter[str] = Counter()
    computed: Counter[str] = Counter()
    for number, n in enumerate(looks, start=1):
        title = f"look {number} of at most {len(looks)}, n = {n}"
        subject = subject_at(n)
        fake = passes.run(subject, f"{subject.name}, {title}")
        real = passes.run_reference(reference_at(n) if callable(reference_at) else reference_at)
        found = estimate_sets(plan, fake, real, passes)
        seconds.update(fake.seconds)
        computed.update(fake.computed)
        errors = dict(_relative_errors(found, options))
        reporter.message(f"{title}: {_told(errors, options)}; asked for: {target}")
        reached = all(error is not None and error <= _goal(options) for error in errors.values())
        if reached or n == looks[-1]:
            break
    fake = dataclasses.replace(fake, seconds=dict(seconds), computed=dict(computed))
    rows = rows_of(found, dataclasses.replace(options, num_samples=n), fake, real, passes, device)
    facts = {
        "target": target,
        "reached": reached,
        "looks": number,
        "n": n,
        "planned": list(looks),
        "critical_obrien_fleming": _critical(looks, number),
    }
    ended = "reached" if reached else "not reached"
    note = f"{target} {ended} at look {number} of at most {len(looks)}, n = {n}"
    return [_with_looks(row, facts, note) for row in rows], fake, real, subject


def _open_subject(options: ScoreOptions, stack: contextlib.ExitStack) -> tuple[Cut, int]:
    """The subject cut to any count, and the largest count."""
    largest = options.num_samples or MAXIMUM
    generated = open_generator(dataclasses.replace(options, num_samples=largest))
    if generated is not None:
        stack.callback(generated.close)
        if options.labels is False:
            generated = without_labels(generated)
        remembered = Remembered(generated)
        return lambda n: Subset(remembered, range(n)), min(largest, len(generated))
    cut, count = _open_set("subject", options.subject, options, stack)
    return cut, min(options.num_samples or count, count)


def _open_set(place: Place, name: str, options: ScoreOptions, stack: contextlib.ExitStack) -> tuple[Cut, int]:
    whole = open_set(options, place, name)
    stack.callback(whole.close)
    remembered = Remembered(whole)
    return lambda n: seeded_subset(remembered, n, options.seed), len(whole)


def _open_reference(options: ScoreOptions, stack: contextlib.ExitStack) -> Cut | ReferenceStatistics | None:
    if options.reference is None:
        return None
    path = Path(options.reference)
    if options.reference not in options.in_memory and is_statistics_file(path):
        return load_reference(path)
    return _open_set("reference", options.reference, options, stack)[0]


def _plan_looks(options: ScoreOptions, most: int) -> tuple[int, ...]:
    if most <= FIRST_LOOK:
        raise TooFewSamplesError(
            f"{_option(options)} looks first at {FIRST_LOOK} images and then at more; {options.subject} has {most} "
            "here. Score a generator or a larger set, raise --num-samples, or drop the option."
        )
    return planned_looks(FIRST_LOOK, most)


def _option(options: ScoreOptions) -> str:
    return "--until-se" if options.until_se is not None else "--until-rel"


def _goal(options: ScoreOptions) -> float:
    goal = options.until_se if options.until_se is not None else options.until_rel
    if goal is None:
        raise UsageError("a sequential score needs --until-se or --until-rel.")
    return goal


def _target(options: ScoreOptions) -> str:
    goal = _goal(options)
    return f"SE <= {goal:g}" if options.until_se is not None else f"SE <= {100 * goal:g}% of the value"


def _relative_errors(found: Sequence[Estimated], options: ScoreOptions) -> list[tuple[str, float | None]]:
    """Key -> standard error in the units of the goal, None where none is valid yet."""
    errors: list[tuple[str, float | None]] = []
    for one in found:
        for output, estimate in one.estimates.items():
            error = None
            if isinstance(estimate, Estimate) and estimate.stderr is not None:
                centre = estimate.value if estimate.debiased is None else estimate.debiased
                error = estimate.stderr
                if options.until_rel is not None:
                    error = estimate.stderr / abs(centre) if centre else None
            errors.append((printed_key(output, one.request.backbone), error))
    return errors


def _told(errors: Mapping[str, float | None], options: ScoreOptions) -> str:
    def words(error: float | None) -> str:
        if error is None:
            return "none yet"
        return f"{error:.3g}" if options.until_se is not None else f"{100 * error:.2g}%"

    return ", ".join(f"SE of {key} {words(error)}" for key, error in errors.items())


def _critical(looks: Sequence[int], number: int) -> float | None:
    """Two-sided 5% critical value of this look, None where nothing could be decided: what a gate that looks needs."""
    critical = float(critical_values([n / looks[-1] for n in looks[:number]], ALPHA)[-1])
    return critical if critical < float("inf") else None


def _with_looks(row: Result, facts: Mapping[str, object], note: str) -> Result:
    if row.status != "ok":
        return row
    told = "; ".join(filter(None, [row.note, note]))
    return dataclasses.replace(row, note=told, provenance={**row.provenance, "sequential": dict(facts)})
