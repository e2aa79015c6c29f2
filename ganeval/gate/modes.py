"""The two sides of a gate: which rows or images of each are compared, and what their difference says, mode by mode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from ganeval.errors import ProtocolMismatchError, UsageError
from ganeval.formatting import counted
from ganeval.gate.baseline import Baseline, check_protocols, check_seeds, training_seed
from ganeval.gate.evidence import FEWEST_SEEDS, from_comparison, from_samples, from_seeds, reads_labels
from ganeval.gate.rules import GateRules, Mode
from ganeval.gate.ruling import Evidence
from ganeval.generators.shipped import is_shipped
from ganeval.progress import Reporter
from ganeval.results.result import Result
from ganeval.untrusted import RecordedPlace, UntrustedPlaceError

if TYPE_CHECKING:
    from ganeval.gate.image_differences import Outputs
    from ganeval.scoring.compare import Comparison

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

    def recorded_rows(self, subject: str, wanted: Sequence[Result]) -> dict[str, Result]:
        """The same of a new baseline: with a larger draw beside each row that allows one."""
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
class Case:
    """One gate on its way: what is compared with what.

    Attributes:
        options: What to gate.
        baseline: The rows it is held against.
        rules: What must not get worse.
        keys: Key of each rule's rows.
        given: Rows of subjects that were scored before, one mapping a training seed; empty where they are to be scored.
        scorer: Scores subjects that are not scored yet.
        reporter: Where progress and messages go.
    """

    options: GateOptions
    baseline: Baseline
    rules: GateRules
    keys: tuple[str, ...]
    given: tuple[Mapping[str, Result], ...]
    scorer: Scores | None
    reporter: Reporter

    @property
    def wanted(self) -> list[Result]:
        """The newest baseline row of each rule."""
        return [self.baseline.newest(key)[-1] for key in self.keys]


@dataclass(frozen=True)
class Found:
    """What a mode found out.

    Attributes:
        mode: The one that was used in the end.
        how: The same in words, with what it means here.
        evidence: Key -> what the rule is put to.
        rows: The candidate's rows behind it.
    """

    mode: Mode
    how: str
    evidence: Mapping[str, Evidence]
    rows: Sequence[Result]


def recorded_path(case: Case) -> str | None:
    """The older subject itself, where the rules or the baseline say where it is and it is there.

    What is not a path (an address, `package.module:factory`) is taken from the rules as it is: whoever opens it refuses
    it in words.
    """
    subject = case.options.subjects[0]
    newest = case.baseline.newest(case.keys[0])[-1].subject
    recorded = RecordedPlace(newest, case.baseline.file, "subject of a row", "--against")
    for known in (case.rules.run.get("against"), recorded):
        if known and Path(known).exists() and Path(known).resolve() != Path(subject).resolve():
            return known
        if known and known is not recorded and (":" in known or is_shipped(known)):
            return known
    return None


def _candidate(case: Case, rows: Mapping[str, Result], key: str) -> tuple[Result, Result]:
    """The baseline row of a metric and the candidate's, of one protocol.

    Raises:
        ProtocolMismatchError: the candidate has no such row, or one of another protocol.
    """
    row = rows.get(key)
    if row is None:
        raise ProtocolMismatchError(
            f"The candidate has no row of {key}; it has {', '.join(rows) or 'none'}. Score it by "
            f"`ganeval score ... --metrics {key}`."
        )
    theirs = case.baseline.newest(key, row.fingerprint)
    chosen = next((b for b in theirs if training_seed(b) == training_seed(row)), theirs[-1])
    if row.status == "ok":
        check_protocols(chosen, row)
    return chosen, row


def of_samples(case: Case) -> Found:
    """One set a side."""
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
    return Found("samples", how, found, [rows[key] for key in case.keys])


def of_same_weights(case: Case) -> Found:
    """Images first, then the paired test; falls back to samples where the recorded path holds other images by now."""
    options, scorer = case.options, case.scorer
    against = options.against or recorded_path(case)
    if scorer is None or against is None or case.given:
        raise UsageError(
            "Same weights, new code compares two subjects that can both be read now: give the older one with --against "
            "SUBJECT, and no file of rows."
        )
    subject, wanted = options.subjects[0], case.wanted
    try:
        outputs = scorer.outputs(against, subject, wanted)
    except UntrustedPlaceError as error:
        if against == case.rules.run.get("against") or "same-weights" in (options.mode, case.rules.mode):
            raise
        case.reporter.message(f"{error} (its recorded rows are used instead)")
        return of_samples(case)
    scored_then = {row.provenance.get("subject_sha256") for row in wanted}
    if scored_then != {outputs.baseline_sha256}:
        message = f"{against} no longer gives the images that the baseline was scored on"
        case.reporter.message(message + ("." if options.against else "; its recorded rows are used instead."))
        if options.against is None:
            return of_samples(case)
    recorded = against not in (options.against, case.rules.run.get("against"))  # by the baseline's own path, not named
    if recorded and not outputs.related and "same-weights" not in (options.mode, case.rules.mode):
        wins, looked = outputs.nearer
        case.reporter.message(
            f"{subject} and {against} share names, not pictures ({wins} of {looked} are nearer to the one of the same "
            "name than to the next): compared as two sets of samples."
        )
        return of_samples(case)
    like = f", as for {MODE_WORDS['same-weights']}" if outputs.related else " by name"
    how = f"paired with {against}{like}: {outputs.said}"
    if outputs.same and not any(map(reads_labels, wanted)):
        note = "the same images, byte for byte"
        found = {row.key: _unchanged(row, note) for row in wanted}
        return Found("same-weights", how, found, wanted)
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
    return Found("same-weights", how, found, [rows[key] for key in case.keys])


def of_seeds(case: Case) -> Found:
    """Several training seeds a side."""
    replicates = _scored(case)
    found: dict[str, Evidence] = {}
    for key in case.keys:
        mine = [_candidate(case, rows, key)[1] for rows in replicates]
        check_seeds(mine)
        theirs = case.baseline.newest(key, mine[0].fingerprint)
        for row in mine:
            if row.status == "ok":
                check_protocols(theirs[-1], row)
        if len(theirs) < FEWEST_SEEDS:
            raise ProtocolMismatchError(
                f"{case.baseline.file} has {counted(len(theirs), 'training seed')} of {case.baseline.name} whose {key} "
                f"was scored as the candidate's was, and {FEWEST_SEEDS} are needed. Score the candidate as the newest "
                "ones were, or record a new baseline with `ganeval gate init`."
            )
        if any(row.value is None for row in mine):
            found[key] = _without(theirs[-1], next(row for row in mine if row.value is None))
        else:
            found[key] = from_seeds(theirs, mine)
    how = (
        f"{MODE_WORDS['retrained']}: {len(replicates)} training seeds against "
        f"{len(case.baseline.newest(case.keys[0]))}, Welch t on their values"
    )
    return Found("retrained", how, found, [rows[key] for rows in replicates for key in case.keys])


def _scored(case: Case) -> Sequence[Mapping[str, Result]]:
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
