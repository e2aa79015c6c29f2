"""Rows that become a baseline: accepted together, at a time, for a reason. The file is only ever appended to."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from ganeval.errors import DataError
from ganeval.gate.baseline import (
    ACCEPTED,
    Baseline,
    check_protocols,
    check_seeds,
    choose_baseline,
    is_row_file,
    origin_of,
    read_row_file,
)
from ganeval.gate.modes import Scores
from ganeval.progress import Reporter
from ganeval.results.result import Result, append_jsonl, read_jsonl


def accepted_rows(replicates: Sequence[Sequence[Result]], *, name: str | None, why: str) -> list[Result]:
    """The rows as they go into the baseline.

    Args:
        replicates: Rows of each subject; several subjects are training seeds of one model.
        name: What all of them are called from now on; None keeps their own.
        why: Reason, for whoever reads the file.

    Raises:
        DataError: no row has a value.
        UsageError: a training seed or a set of images is there twice.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    together = {"accepted": now, "why": why}
    rows = [
        _accepted(row, name, together, number if len(replicates) > 1 else None)
        for number, rows in enumerate(replicates)
        for row in rows
        if row.status == "ok"
    ]
    if len(replicates) > 1:
        for key in dict.fromkeys(row.key for row in rows):
            check_seeds([row for row in rows if row.key == key])
    if not rows:
        raise DataError("There is no row with a value to record. Score the subject and read why it was skipped.")
    return rows


def _accepted(row: Result, name: str | None, together: Mapping[str, str], number: int | None) -> Result:
    provenance = {**row.provenance, ACCEPTED: dict(together)}
    origin = provenance.get("subject")
    if number is not None and not (isinstance(origin, Mapping) and "training_seed" in origin):
        # Images do not say which training seed they are from; several subjects are told apart by their order.
        provenance["subject"] = {**(origin if isinstance(origin, Mapping) else {}), "training_seed": number}
    return dataclasses.replace(row, subject=row.subject if name is None else name, provenance=provenance)


def rows_in_file(subject: str, reporter: Reporter) -> list[Result]:
    """Rows that were scored before; damaged lines are told and left out."""
    rows, problems = read_row_file(Path(subject))
    for problem in problems:
        reporter.message(problem)
    return rows


def accept(
    subjects: Sequence[str], path: Path, *, name: str | None, why: str, scorer: Scores | None, reporter: Reporter
) -> list[tuple[Result, Result]]:
    """Appends the subjects' rows as the new baseline of their name, under the same protocols.

    Args:
        subjects: What was reviewed; several are training seeds of one model.
        path: The baseline's file.
        name: Subject in the baseline; None chooses as a gate does.
        why: Reason, kept in the rows.
        scorer: Scores subjects that are no files of rows.
        reporter: Where progress and messages go.

    Returns:
        Old and new row of each metric and subject.

    Raises:
        ProtocolMismatchError: no such baseline, or other protocols; nothing has been written then.
        GanevalError: whatever else cannot be used.
    """
    recorded, problems = read_jsonl(path)
    for problem in problems:
        reporter.message(problem)
    first = rows_in_file(subjects[0], reporter) if is_row_file(subjects[0]) else []
    origin = origin_of(first[0]) if first else scorer.origin(subjects[0]) if scorer is not None else {}
    baseline = choose_baseline(recorded, str(path), name=name, subjects=subjects, origin=origin)
    replicates = [_rows_of(subject, baseline, scorer, reporter, alone=len(subjects) == 1) for subject in subjects]
    pairs = []
    for rows in replicates:
        for row in rows:
            newest = baseline.newest(row.key, row.fingerprint)
            if not newest:
                continue
            check_protocols(newest[-1], row)
            pairs.append((newest[-1], row))
    kept = {id(row) for _, row in pairs}
    together = [[row for row in rows if id(row) in kept] for rows in replicates]
    append_jsonl(path, accepted_rows(together, name=baseline.rows[-1].subject, why=why))
    return pairs


def _rows_of(
    subject: str, baseline: Baseline, scorer: Scores | None, reporter: Reporter, *, alone: bool
) -> list[Result]:
    """Rows of a subject that have a value, under the baseline's keys."""
    if is_row_file(subject):
        rows = rows_in_file(subject, reporter)
    elif scorer is not None:
        keys = dict.fromkeys(row.key for row in baseline.rows)
        wanted = [baseline.newest(key)[-1] for key in keys]
        scored = scorer.recorded_rows(subject, wanted) if alone else scorer.rows(subject, wanted)
        rows = list(scored.values())
    else:
        raise TypeError("a subject that is not scored yet needs a scorer")
    return [row for row in rows if row.status == "ok"]
