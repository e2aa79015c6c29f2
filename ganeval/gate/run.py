"""Runs a gate: finds the baseline, chooses how the sides are compared, scores what is not scored yet, and judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganeval.errors import UsageError
from ganeval.escaping import first_of
from ganeval.gate.baseline import Baseline, choose_baseline, is_row_file, origin_of, read_row_file, training_seed
from ganeval.gate.evidence import FEWEST_SEEDS
from ganeval.gate.modes import Case, GateOptions, Scores, of_same_weights, of_samples, of_seeds, recorded_path
from ganeval.gate.propose import propose
from ganeval.gate.rules import GateRules, Mode
from ganeval.gate.ruling import Ruling, Verdict, judge, overall
from ganeval.metrics.keys import declared
from ganeval.progress import Reporter
from ganeval.results.result import Result, read_jsonl


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
    for problem in first_of([*problems, *more]):
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
    _check_one_rule_each(rules, keys)
    known = [declared(baseline.newest(key)[-1].key) for key in keys]
    alone = [one[1].alone if one is not None else "" for one in known]
    if all(alone):
        notes.extend(dict.fromkeys(alone))
    case = Case(options, baseline, rules, keys, given, scorer, reporter)
    compared = {"retrained": of_seeds, "same-weights": of_same_weights, "samples": of_samples}[_mode(case)](case)
    for rule, key in zip(rules.rules, keys, strict=True):
        if compared.evidence[key].better == "neither":
            raise UsageError(f"The rule for {rule.metric} cannot be judged: it has no better direction. Remove it.")
    cases = [(rule, compared.evidence[key]) for rule, key in zip(rules.rules, keys, strict=True)]
    return GateReport(
        subject=", ".join(options.subjects),
        baseline=baseline.name,
        file=baseline.file,
        mode=compared.mode,
        how=compared.how,
        level=rules.level,
        rulings=judge(cases, rules.level),
        rows=tuple(compared.rows),
        notes=tuple(notes),
    )


def _check_one_rule_each(rules: GateRules, keys: Sequence[str]) -> None:
    """Refuses two rules of one metric, under whichever names: each more makes all of them harder to fail."""
    for key in dict.fromkeys(keys):
        names = [rule.metric for rule, own in zip(rules.rules, keys, strict=True) if own == key]
        if len(names) > 1:
            raise UsageError(f"The rules {' and '.join(names)} are for one metric, {key}. Keep one of them.")


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


def _mode(case: Case) -> Mode:
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
    if asked == "same-weights" or (asked == "auto" and not case.given and recorded_path(case) is not None):
        return "same-weights"
    return "samples"
