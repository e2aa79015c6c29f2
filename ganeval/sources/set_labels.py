"""Classes of a whole set in one file: `metadata.csv` and `.jsonl` of Hugging Face, `dataset.json` of StyleGAN and EDM.

Paths in such a file are relative to the folder that it lies in. Most of these files hold captions and no classes.
"""

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ganeval.escaping import encodable, printable
from ganeval.sources.side_labels import LABELS

MAX_BYTES: Final = 1 << 26
"""Largest file that is read, 64 MiB: two million images of 32 bytes each."""


def set_labels(
    names: Sequence[str],
    images: Collection[str],
    others: Collection[str],
    read: Callable[[str, int], bytes | None],
) -> tuple[list[str | None], tuple[str, ...]]:
    """The class of each image, None without, and what to tell of files whose classes are not used.

    Args:
        names: Of the images that are meant.
        images: Names of all image files.
        others: Names of the other files.
        read: Bytes of one of them by name, None where there are more than so many.
    """
    stated: dict[str, str] = {}
    told: list[str] = []
    for other in sorted(others):
        folder, slash, file = other.rpartition("/")
        parse = _PARSERS.get(file.lower())
        if parse is None:
            continue
        data = read(other, MAX_BYTES)
        why = f"has more than {MAX_BYTES:,} bytes" if data is None else ""
        try:
            values = {} if data is None else dict(parse(data.decode("utf-8-sig")))
        except (ValueError, TypeError, RecursionError, csv.Error):
            why, values = "cannot be read", {}
        found = {
            encodable(f"{folder}{slash}{path}".replace("\\", "/")): encodable(str(value))
            for path, value in values.items()
            if isinstance(value, int | str) and value != ""
        }
        if not found and any(value not in (None, "") for value in values.values()):
            why = "states no single number or name as the label of an image"
        if why:
            told.append(f"{printable(other)} {why}, so no class labels are taken from it")
        if absent := sorted(found.keys() - set(images)):
            told.append(
                f"{len(absent):,} of {len(found):,} images that {printable(other)} names are not there "
                f"(first: {printable(absent[0])})"
            )
        stated |= found
    return [stated.get(name) for name in names], tuple(told)


Stated = Iterator[tuple[str, object]]  # path and label of each image


def _of_csv(text: str) -> Stated:
    return _of_records(csv.DictReader(io.StringIO(text, newline="")))


def _of_jsonl(text: str) -> Stated:
    return _of_records(json.loads(line) for line in text.splitlines() if line.strip())


def _of_records(records: Iterable[Any]) -> Stated:
    for record in records:
        if not isinstance(record, Mapping):
            raise ValueError("a line that is no record")
        path = record.get("file_name")
        if isinstance(path, str):
            yield path, next((record[key] for key in LABELS if key in record), None)


def _of_dataset_json(text: str) -> Stated:
    """{"labels": [["00000/img00000000.png", 6], ...]}, or null for a set without classes."""
    facts = json.loads(text)
    for path, label in (facts.get("labels") if isinstance(facts, dict) else None) or ():
        if not isinstance(path, str):
            raise ValueError("a label without its path")
        yield path, label


_PARSERS: Final[Mapping[str, Callable[[str], Stated]]] = {
    "metadata.csv": _of_csv,
    "metadata.jsonl": _of_jsonl,
    "dataset.json": _of_dataset_json,
}
