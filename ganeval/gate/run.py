"""Runs a gate: finds the baseline, chooses how the sides are compared, scores what is not scored yet, and judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from ganeval.errors import ProtocolMismatchError, UsageError
from ganeval.gate.baseline import (
    Baseline,
    check_protocols,
    choose_baseline,
    is_row_file,
    origin_of,
    read_row_file,
    training_seed,
)
from ganeval.gate.evidence import FEWEST_SEEDS, from_comparison, from_samples, from_seeds
from ganeval.gate.propose import propose
from ganeval.gate.rules import GateRules, Mode
from ganeval.gate.ruling import Evidence, Ruling, Verdict, judge, overall
from ganeval.reporting import Reporter
from ganeval.results import Result, read_jsonl

if TYPE_CHECKING:
    from ganeval.comparing import Comparison
    from ganeval.gate.outputs import Outputs

MODE_WORDS = {
    "samples": "two sets of samples",
    "same-weights": "same weights, new code",
    "retrained": "retrained",
}


class Scores(Interface):
    """What the gate asks of the side that loads networks; `ganeval.gate.scorer.Scorer` is the one."""

    def rows(self, subject: str, wanted: Sequence[Result]) -> dict[str, Result]:
        """Key -> row, scored as the wanted rows were."""
        ...

    def comparisons(self, against: str, subject: str, wanted: Sequence[Result]) -> "dict[str, Comparison]":
        """Key -> paired comparison with an older subject."""
        ...

    def outputs(self, against: str, subject: str, wanted: Sequence[Result]) -> "Outputs":
        """How the images themselves differ."""
        ...

    def origin(self, subject: str) -> Mapping[str, object]:
        """What is known of the generator behind a subject."""
        ...


@dataclass(frozen=True)
class GateOptions:
    """What to gate.

    Attributes:
        subjects: Images, checkpoints or files of rows; several are training seeds of one model.
        baseline: File of rows.
        rules: What must not get worse; None derives margins from the baseline's own standard errors.
        mode: "auto" takes that of the rules, and else what the inputs allow.
        name: Subject or recipe in the baseline.
        against: The older subject itself, for a paired comparison.
    """

    subjects: tuple[str, ...]
    baseline: Path
    rules: GateRules | None = None
    mode: Mode = "auto"
    name: str | None = None
    against: str | None = None


@dataclass(frozen=True)
class GateReport:
    """What came out.

    Attributes:
        subject: What was gated, as the user named it.
        baseline: What it was held against.
        file: Where that is recorded.
        mode: How the sides were compared.
        how: The same in words, with what the mode means here.
        level: One-sided, over all rules.
        rulings: One a rule, in the order of the rules.
        rows: The candidate's rows that were judged.
        notes: What the reader must know of the run.
    """

    subject: str
    baseline: str
    file: str
    mode: Mode
    how: str
    level: float
    rulings: tuple[Ruling, ...]
    rows: tuple[Result, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        """Fail where any rule fails, pass where all pass, else inconclusive."""
        return overall(self.rulings)

    @property
    def exit_code(self) -> int:
        """0 pass, 4 fail, 5 inconclusive."""
        return {"pass": 0, "fail": 4, "inconclusive": 5}[self.verdict]


@dataclass(frozen=True)
class _Case:
    """One gate on its way: what is compared with what."""

    options: GateOptions
    baseline: Baseline
    rules: GateRules
    keys: tuple[str, ...]
    given: tuple[Mapping[str, Result], ...]  # rows of subjects that were scored before, one mapping a replicate
    scorer: Scores | None
    reporter: Reporter

    @property
    def wanted(self) -> list[Result]:
        """The newest baseline row of each rule."""
        return [self.baseline.newest(key)[-1] for key in self.keys]


def run_gate(options: GateOptions, scorer: Scores | None, reporter: Reporter) -> GateReport:
    """Holds a subject against its baseline.

    Args:
        options: What to gate.
        scorer: Scores subjects that are no files of rows; None where all are.
        reporter: Where progress and messages go.

    Raises:
        ProtocolMismatchError: the baseline has no such subject or metric, or was scored another way.
        GanevalError: whatever else cannot be used.
    """
    notes: list[str] = []
    recorded, problems = read_jsonl(options.baseline)
    given, more = _rows_given(options)
    for problem in (*problems, *more):
        reporter.message(problem)
    origin = origin_of(next(iter(given[0].values()))) if given else {}
    if not given and scorer is None:
        raise TypeError("a subject that is not scored yet needs a scorer")
    if not given and scorer is not None:
        origin = scorer.origin(options.subjects[0])
    name = options.name or (options.rules.run.get("name") if options.rules else None)
    baseline = choose_baseline(
        recorded, str(options.baseline), name=name, subjects=_names(options, given), origin=origin
    )
    rules = options.rules
    if rules is None:
        rules = _derived(baseline, options.mode)
        notes.append("no rules were given: the margins are derived from the baseline's own standard errors")
    keys = tuple(baseline.key_of(rule.metric) for rule in rules.rules)
    if all(baseline.newest(key)[-1].key.partition("@")[0] in ("cs", "is") for key in keys):
        notes.append("the inception score alone cannot tell a worse model: add fd, kd or precision and recall")
    case = _Case(options, baseline, rules, keys, given, scorer, reporter)
    mode = _mode(case, origin)
    if mode == "retrained":
        how, found, rows = _retrained(case)
    elif mode == "same-weights":
        mode, how, found, rows = _same_weights(case)
    else:
        how, found, rows = _samples(case)
    for rule, key in zip(rules.rules, keys, strict=True):
        if found[key].better == "neither":
            raise UsageError(f"The rule for {rule.metric} cannot be judged: it has no better direction. Remove it.")
    rulings = judge([(rule, found[key]) for rule, key in zip(rules.rules, keys, strict=True)], rules.level)
    subject = ", ".join(options.subjects)
    return GateReport(subject, baseline.name, baseline.file, mode, how, rules.level, rulings, tuple(rows), tuple(notes))


def _rows_given(options: GateOptions) -> tuple[tuple[Mapping[str, Result], ...], list[str]]:
    """Rows of subjects that were scored before, one mapping a subject and training seed."""
    files = [is_row_file(subject) for subject in options.subjects]
    if not any(files):
        return (), []
    if not all(files):
        raise UsageError("Give files of rows or subjects to score, not both in one gate.")
    replicates: dict[tuple[str, int | None], dict[str, Result]] = {}
    problems: list[str] = []
    for file in options.subjects:
        rows, more = read_row_file(Path(file))
        problems += more
        if not rows:
            raise UsageError(f"{file} holds no rows. Write them with `ganeval score --json {file}`.")
        for row in rows:
            replicates.setdefault((row.subject, training_seed(row)), {})[row.key] = row
    if options.name is not None and any(subject == options.name for subject, _ in replicates):
        replicates = {which: rows for which, rows in replicates.items() if which[0] == options.name}
    seeds = [seed for _, seed in replicates]
    if len(replicates) > 1 and (None in seeds or len(set(seeds)) < len(seeds)):
        subjects = ", ".join(dict.fromkeys(repr(subject) for subject, _ in replicates))
        raise UsageError(
            f"The rows to gate are of several subjects that are not training seeds of one model: {subjects}. Choose "
            "one with --name."
        )
    return tuple(replicates.values()), problems


def _names(options: GateOptions, given: Sequence[Mapping[str, Result]]) -> list[str]:
    """What the candidate may be called in the baseline."""
    if not given:
        return list(options.subjects)
    return list(dict.fromkeys(row.subject for rows in given for row in rows.values()))


def _derived(baseline: Baseline, mode: Mode) -> GateRules:
    keys = dict.fromkeys(row.key for row in baseline.rows)
    rules, left_out = propose({key: baseline.newest(key) for key in keys}, mode, {})
    if not rules.rules:
        why = "; ".join(f"{key}: {reason}" for key, reason in left_out.items())
        raise UsageError(f"No metric of {baseline.file} can be gated ({why}). Write --rules with margins of your own.")
    return rules


def _mode(case: _Case, origin: Mapping[str, object]) -> Mode:
    """How the sides are compared.

    Raises:
        UsageError: what was asked for does not go with what there is.
    """
    options = case.options
    if options.against is not None:
        return "same-weights"
    asked = options.mode if options.mode != "auto" else case.rules.mode
    seeds = [len({training_seed(row) for row in case.baseline.newest(key)}) for key in case.keys]
    mine = len(case.given) or len(options.subjects)
    enough = min(*seeds, mine) >= FEWEST_SEEDS
    if asked == "retrained" or (asked == "auto" and enough):
        if not enough:
            raise UsageError(
                f"A retrained model is judged by {FEWEST_SEEDS} training seeds a side at least; the baseline has "
                f"{min(seeds)}, the candidate {mine}. Train more seeds, or compare two sets of samples (--mode "
                "samples), which says nothing of the recipe."
            )
        return "retrained"
    if mine > 1:
        raise UsageError(
            f"{mine} subjects are given, which are taken as training seeds of one model; of the baseline there are "
            f"{min(seeds)}, and {FEWEST_SEEDS} a side are needed. Gate one subject."
        )
    if asked == "same-weights" or (asked == "auto" and not case.given and _recorded(case) is not None):
        return "same-weights"
    del origin
    return "samples"


def _recorded(case: _Case) -> str | None:
    """The older subject itself, where the rules or the baseline say where it is and it is there."""
    subject = case.options.subjects[0]
    for known in (case.rules.run.get("against"), case.baseline.newest(case.keys[0])[-1].subject):
        if known and Path(known).exists() and Path(known).resolve() != Path(subject).resolve():
            return known
    return None


def _candidate(case: _Case, rows: Mapping[str, Result], key: str) -> tuple[Result, Result]:
    """The baseline row of a metric and the candidate's, of one protocol.

    Raises:
        ProtocolMismatchError: the candidate has no such row, or one of another protocol.
        UsageError: its row has no value.
    """
    row = rows.get(key)
    if row is None:
        raise ProtocolMismatchError(
            f"The candidate has no row of {key}; it has {', '.join(rows) or 'none'}. Score it with --metrics {key}."
        )
    theirs = case.baseline.newest(key, row.fingerprint)
    chosen = next((b for b in theirs if training_seed(b) == training_seed(row)), theirs[-1])
    if row.status == "ok":
        check_protocols(chosen, row)
    return chosen, row


def _samples(case: _Case) -> tuple[str, dict[str, Evidence], list[Result]]:
    rows = _scored(case)[0]
    found: dict[str, Evidence] = {}
    for key in case.keys:
        baseline, row = _candidate(case, rows, key)
        found[key] = from_samples(baseline, row) if row.value is not None else _without(baseline, row)
    how = "; ".join(
        [MODE_WORDS["samples"], *dict.fromkeys(found[key].method for key in case.keys if found[key].method)]
    )
    if any(found[key].method.startswith("image by image") for key in case.keys):
        how = "the same images; differences image by image"
    seeds = {training_seed(row) for key in case.keys for row in (*case.baseline.newest(key), rows[key])} - {None}
    if len(seeds) > 1:
        how += "; one training seed a side: this judges the checkpoint, not the recipe"
    return how, found, [rows[key] for key in case.keys]


def _same_weights(case: _Case) -> tuple[Mode, str, dict[str, Evidence], list[Result]]:
    """Images first, then the paired test; falls back to samples where the recorded path holds other images by now."""
    options, scorer = case.options, case.scorer
    against = options.against or _recorded(case)
    if scorer is None or against is None or case.given:
        raise UsageError(
            "Same weights, new code compares two subjects that can both be read now: give the older one with --against "
            "SUBJECT, and no file of rows."
        )
    subject, wanted = options.subjects[0], case.wanted
    outputs = scorer.outputs(against, subject, wanted)
    scored_then = {row.provenance.get("subject_sha256") for row in wanted}
    if scored_then != {outputs.baseline_sha256}:
        message = f"{against} no longer gives the images that the baseline was scored on"
        case.reporter.message(message + ("." if options.against else "; its recorded rows are used instead."))
        if options.against is None:
            return "samples", *_samples(case)
    how = f"paired with {against}, as for {MODE_WORDS['same-weights']}: {outputs.said}"
    if outputs.same:
        note = "the same images, byte for byte"
        found = {row.key: _unchanged(row, note) for row in wanted}
        return "same-weights", how, found, wanted
    comparisons = scorer.comparisons(against, subject, wanted)
    rest = [row for row in wanted if row.key not in comparisons]
    rows = {key: comparison.result for key, comparison in comparisons.items()}
    rows |= scorer.rows(subject, rest) if rest else {}
    found = {}
    for key in case.keys:
        baseline, row = _candidate(case, rows, key)
        if row.value is None:
            found[key] = _without(baseline, row)
        else:
            found[key] = from_comparison(comparisons[key]) if key in comparisons else from_samples(baseline, row)
    return "same-weights", how, found, [rows[key] for key in case.keys]


def _retrained(case: _Case) -> tuple[str, dict[str, Evidence], list[Result]]:
    replicates = _scored(case)
    seeds = [training_seed(next(iter(rows.values()))) for rows in replicates]
    if len(set(seeds)) < len(seeds) and None not in seeds:
        raise UsageError(f"The subjects have the training seeds {seeds}; each counts once. Name one subject a seed.")
    found: dict[str, Evidence] = {}
    for key in case.keys:
        mine = [_candidate(case, rows, key)[1] for rows in replicates]
        theirs = case.baseline.newest(key, mine[0].fingerprint)
        if any(row.value is None for row in mine):
            found[key] = _without(theirs[-1], next(row for row in mine if row.value is None))
        else:
            found[key] = from_seeds(theirs, mine)
    how = (
        f"{MODE_WORDS['retrained']}: {len(replicates)} training seeds against "
        f"{len(case.baseline.newest(case.keys[0]))}, Welch t on their values"
    )
    return how, found, [rows[key] for rows in replicates for key in case.keys]


def _scored(case: _Case) -> Sequence[Mapping[str, Result]]:
    """Key -> row, one mapping a subject."""
    if case.given:
        return case.given
    if case.scorer is None:
        raise TypeError("a subject that is not scored yet needs a scorer")
    return [case.scorer.rows(subject, case.wanted) for subject in case.options.subjects]


def _without(baseline: Result, row: Result) -> Evidence:
    """A candidate that has no value: nothing can be judged, and why."""
    value = baseline.value if baseline.value is not None else 0.0
    return Evidence(row.key, row.better, value, value, None, note=f"the candidate has no value: {row.note}")


def _unchanged(row: Result, note: str) -> Evidence:
    value = row.value if row.value is not None else 0.0
    return Evidence(row.key, row.better, value, value, 0.0, note=note, n=row.n_fake, same=True)
