"""The recorded side of a gate: which rows of the file are the baseline of this subject, and what compares with them."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganeval.errors import DataError, ProtocolMismatchError, UsageError
from ganeval.files.read_write import MAX_JSON, read_text
from ganeval.results.protocol import Protocol
from ganeval.results.result import Result, check_schema, read_jsonl

ACCEPTED = "gate"  # in a row's provenance: when and why it was accepted; equal for rows accepted together
ROW_FILES = (".jsonl", ".json")


@dataclass(frozen=True)
class Baseline:
    """The rows of one subject.

    Attributes:
        name: What the gate calls it.
        rows: Its rows of status "ok", oldest first.
        file: Where they are from.
    """

    name: str
    rows: tuple[Result, ...]
    file: str

    def key_of(self, metric: str) -> str:
        """The key of the rows that a rule means.

        Raises:
            ProtocolMismatchError: no row has it, or several have it before their "@".
        """
        keys = list(dict.fromkeys(row.key for row in self.rows))
        if metric in keys:
            return metric
        near = [key for key in keys if key.partition("@")[0] == metric]
        if len(near) == 1:
            return near[0]
        found = f"several: {', '.join(near)}" if near else f"none; it has {', '.join(keys)}"
        raise ProtocolMismatchError(
            f"A rule is for {metric}, and of such rows {self.file} has of {self.name} {found}. Name one of them in the "
            "rule, or record a new baseline with `ganeval gate init`."
        )

    def newest(self, key: str, fingerprint: str | None = None) -> tuple[Result, ...]:
        """The rows that stand for a metric now: those accepted together last, or else the last of each training seed.

        Args:
            key: Of the rows.
            fingerprint: Only rows of this protocol, where there are any; else of the newest row's.
        """
        rows = [row for row in self.rows if row.key == key]
        own = [row for row in rows if row.fingerprint == fingerprint]
        rows = own or [row for row in rows if row.fingerprint == rows[-1].fingerprint]
        together = rows[-1].provenance.get(ACCEPTED) if rows else None
        if together is not None:
            rows = [row for row in rows if row.provenance.get(ACCEPTED) == together]
        return tuple({training_seed(row): row for row in rows}.values())


def origin_of(row: Result) -> Mapping[str, object]:
    """What a row knows of the generator behind its images; {} where nothing."""
    found = row.provenance.get("subject")
    return found if isinstance(found, Mapping) else {}


def training_seed(row: Result) -> int | None:
    """The training seed of the generator, None where unknown."""
    seed = origin_of(row).get("training_seed")
    return seed if isinstance(seed, int) else None


def check_seeds(rows: Sequence[Result]) -> None:
    """Rows of one metric that are taken as training seeds of one model are of different seeds and of different images.

    The same images counted twice would have no spread between them, and a gate would take chance for a change.

    Raises:
        UsageError: a seed or a set of images is there twice.
    """
    seeds = [training_seed(row) for row in rows]
    known = [seed for seed in seeds if seed is not None]
    if len(set(known)) < len(known):
        raise UsageError(f"The subjects have the training seeds {seeds}; each counts once. Name one subject a seed.")
    first: dict[object, Result] = {}
    for row in rows:
        images = row.provenance.get("subject_sha256")
        twin = row if images is None else first.setdefault(images, row)
        if twin is not row:
            raise UsageError(
                f"{twin.subject} and {row.subject} hold the same images, so they are one training seed. Name subjects "
                "of different seeds."
            )


def is_row_file(subject: str) -> bool:
    """True where a subject is a file of rows that were scored before."""
    return subject.lower().endswith(ROW_FILES) and Path(subject).is_file()


def read_row_file(path: Path) -> tuple[list[Result], list[str]]:
    """Rows of a `.jsonl` file or of what `score --json` wrote, and problems in words.

    Raises:
        DataError: unreadable, no rows in it, or rows of a later version.
    """
    if path.suffix.lower() == ".jsonl":
        return read_jsonl(path)
    try:
        document = json.loads(read_text(path, MAX_JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} cannot be read as JSON: {error}. Write it with `ganeval score --json FILE`."
        ) from error
    rows = document.get("rows") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{path} holds no {{"rows": [...]}} of objects. Write it with `ganeval score --json FILE`.')
    check_schema(document, str(path))
    return [Result.from_dict(row) for row in rows], []


def choose_baseline(
    rows: Sequence[Result], file: str, *, name: str | None, subjects: Sequence[str], origin: Mapping[str, object]
) -> Baseline:
    """The rows of the file that a subject is to be held against.

    With a name: the rows of that subject or of that recipe. Without: the only subject of the file, else the one of the
    same name, else the rows of the same recipe and kind of checkpoint.

    Args:
        rows: The file's.
        file: Its name.
        name: As given by the user, or None.
        subjects: What is gated.
        origin: What is known of the generator behind it; {} for images.

    Raises:
        ProtocolMismatchError: no such rows; the message names the subjects that there are.
    """
    scored = [row for row in rows if row.status == "ok"]
    known = list(dict.fromkeys(row.subject for row in scored))
    if name is not None:
        matched = [row for row in scored if row.subject == name] or _of_recipe(scored, name, origin)
        asked = name
    elif len(known) == 1:
        matched, asked = scored, known[0]
    else:
        asked = subjects[0]
        matched = [row for row in scored if row.subject in subjects]
        recipe = origin.get("recipe")
        if not matched and isinstance(recipe, str) and recipe:
            matched, asked = _of_recipe(scored, recipe, origin), recipe
    if not matched:
        there = f"has rows of {', '.join(map(repr, known[:8]))}" if known else "has no scored row"
        more = f" and {len(known) - 8} more" if len(known) > 8 else ""
        raise ProtocolMismatchError(
            f"{file} has no baseline of {asked!r}: it {there}{more}. Say which is meant by --name, or record one by "
            "`ganeval gate accept`."
        )
    return Baseline(asked, tuple(matched), file)


def _of_recipe(rows: Sequence[Result], recipe: str, origin: Mapping[str, object]) -> list[Result]:
    """Rows of a recipe: of the same kind of checkpoint ("last", "best") where there are any, else of the last ones."""
    matched = [row for row in rows if origin_of(row).get("recipe") == recipe]
    kind = origin.get("checkpoint", "last")
    return [row for row in matched if origin_of(row).get("checkpoint") == kind] or matched


def check_protocols(baseline: Result, candidate: Result) -> None:
    """Nothing is compared across fingerprints.

    Raises:
        ProtocolMismatchError: they differ; the message lists the fields, the baseline's value first.
    """
    if baseline.fingerprint == candidate.fingerprint and baseline.protocol is not None:
        return
    raise ProtocolMismatchError(
        f"{candidate.key} of {candidate.subject} was not scored as the baseline of {baseline.subject} was: "
        f"{_differences(baseline.protocol, candidate.protocol)} (baseline, candidate). Score it the same way, or write "
        "a new baseline with `ganeval gate init`."
    )


def _differences(a: Protocol | None, b: Protocol | None) -> str:
    if a is None or b is None:
        return "a row has no protocol"
    left, right = dataclasses.asdict(a), dataclasses.asdict(b)
    return "; ".join(f"{name} {left[name]!r}, {right[name]!r}" for name in left if left[name] != right[name])
