"""Adds rows to a file of rows: validated, without what is there already, and never touching a line that is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganeval.errors import DataError
from ganeval.files.read_write import MAX_JSON, read_bytes
from ganeval.leaderboard.pytest_benchmark import benchmark_timings, is_pytest_benchmark
from ganeval.leaderboard.reading import Row, flat_rows, read_rows
from ganeval.leaderboard.timings import TimingRow, append_timings, read_timings, timings_among
from ganeval.results.result import Result, append_to_board, check_schema, iter_jsonl, parse_json

TIMINGS = "timings.jsonl"


@dataclass(frozen=True)
class Added:
    """What became of a file.

    Attributes:
        added: File -> rows appended to it.
        skipped: Why -> rows left out.
        problems: Damaged lines, in words.
    """

    added: Mapping[Path, int]
    skipped: Mapping[str, int]
    problems: tuple[str, ...]


def add(source: Path, folder: Path, name: str) -> Added:
    """Appends the rows of `source` to `folder/name.jsonl`, and its timings to `folder/timings.jsonl`.

    A row is there already when a row of the folder has the same subject, facts of the checkpoint, key, fingerprint and
    value; a timing, when one has the same name, stage, unit, machine and run.

    Args:
        source: A .jsonl file of rows or timings, the JSON of `ganeval score --json` or of pytest --benchmark-json.
        folder: Of row files; made where it is not there.
        name: Stem of the file that rows go to: that of the board.

    Raises:
        DataError: the source cannot be read, holds no row at all, or is of a future schema; or the target cannot be
            written.
    """
    results, timings, problems = read_source(source)
    if not results and not timings:
        told = f" {problems[0]}" if problems else ""
        raise DataError(f"{source} holds no row: expected rows of `ganeval score --append` or `--json`.{told}")
    skipped: Counter[str] = Counter()
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    chosen = _new_results(results, files, skipped)
    measured = _new_timings(timings, files, skipped)
    added: dict[Path, int] = {}
    if chosen:
        append_to_board(folder / f"{name}.jsonl", chosen)
        added[folder / f"{name}.jsonl"] = len(chosen)
    if measured:
        append_timings(folder / TIMINGS, measured)
        added[folder / TIMINGS] = len(measured)
    return Added(added, dict(skipped), tuple(problems))


def read_source(source: Path) -> tuple[list[Result], list[TimingRow], list[str]]:
    """Results, timings and problems of any of the kinds of file that `add` takes.

    Raises:
        DataError: it cannot be opened or is of a future schema.
    """
    if source.suffix == ".jsonl":
        return _read_lines(source)
    try:
        content = parse_json(read_bytes(source, MAX_JSON))
    except OSError as error:
        raise DataError(f"Cannot read {source}: {error.strerror}. Check the path.") from error
    except ValueError as error:
        raise DataError(f"{source} is not JSON ({error}). Files of one row a line must be called .jsonl.") from error
    if is_pytest_benchmark(content):
        return [], benchmark_timings(content, str(source)), []
    if not isinstance(content, dict) or not isinstance(content.get("rows"), list):
        raise DataError(
            f'{source} has no "rows": expected the file of `ganeval score --json` or pytest --benchmark-json.'
        )
    check_schema(content, str(source))
    results, problems = [], []
    for place, row in enumerate(content["rows"]):
        try:
            results.append(Result.from_dict(row if isinstance(row, dict) else {}))
        except DataError as error:
            problems.append(f"{source}, row {place}: {error} Row skipped")
    return results, [], problems


def _read_lines(source: Path) -> tuple[list[Result], list[TimingRow], list[str]]:
    results: list[Result] = []
    others: list[tuple[str, Mapping[str, object]]] = []
    problems: list[str] = []
    for number, found in iter_jsonl(source):
        if isinstance(found, Result):
            results.append(found)
        elif isinstance(found, str):
            problems.append(found)
        else:
            others.append((f"{source}:{number}", found))
    timings, more = timings_among(others)
    return results, timings, problems + more


def _new_results(results: Sequence[Result], files: Sequence[Path], skipped: Counter[str]) -> list[Result]:
    there = {_identity(row) for row in read_rows(files)[0]} if results else set()
    chosen = []
    for result, row in zip(results, flat_rows(results), strict=True):
        if row.status != "ok":
            skipped["without a value"] += 1
        elif row.fingerprint is None:
            skipped["without a protocol, so comparable with nothing"] += 1
        elif _identity(row) in there:
            skipped["already there"] += 1
        else:
            there.add(_identity(row))
            chosen.append(result)
    return chosen


def _identity(row: Row) -> tuple[object, ...]:
    facts = (row.model, row.recipe, row.training_seed, row.checkpoint, row.step, row.parameters)
    return (row.subject, row.key, row.fingerprint, row.value, *facts)


def _new_timings(timings: Sequence[TimingRow], files: Sequence[Path], skipped: Counter[str]) -> list[TimingRow]:
    old, _ = read_timings([file for file in files if file.name.startswith("timings")])
    there = {(row.name, row.stage, row.unit, row.machine, row.run) for row in old}
    chosen = []
    for row in timings:
        identity = (row.name, row.stage, row.unit, row.machine, row.run)
        if identity in there:
            skipped["already there"] += 1
        else:
            there.add(identity)
            chosen.append(row)
    return chosen
