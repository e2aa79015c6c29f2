"""Classes in files beside the images, as WebDataset writes them: `0001.jpg` with `0001.cls` or `0001.json`."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from ganeval.escaping import encodable

LABELS: Final = ("label", "labels", "fine_label", "class", "cls", "target")
"""What a class is called in JSON and in tables, in the order in which it is looked for."""

MAX_CLS: Final = 256  # bytes of a class number or name
MAX_JSON: Final = 1 << 16  # bytes of the facts of one sample
FIRST: Final = 256  # files without a class after which no more are read: captions of a million images, say


def sample_key(name: str) -> str:
    """What the files of one sample share: the path up to the first dot of the file's name ("a/0001.seg.png")."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def side_labels(
    names: Sequence[str], images: Collection[str], others: Collection[str], read: Callable[[str, int], bytes | None]
) -> tuple[list[str | None], list[str]]:
    """The class of each image from the file beside it, None without; from `.cls`, or `.json` where that has more.

    Args:
        names: Of the images that are meant.
        images: Names of all image files.
        others: Names of the other files.
        read: Bytes of one of them by name, None where there are more than so many.

    Returns:
        The classes, and the names of `.cls` files beside which there is no image.
    """
    keys = [sample_key(name) for name in names]
    best: list[str | None] = [None] * len(names)
    lone: list[str] = []
    for ending, size, parse in ((".cls", MAX_CLS, _of_cls), (".json", MAX_JSON, _of_json)):
        beside = {key: name for name in others if name[len(key := sample_key(name)) :].lower() == ending}
        labels: dict[str, str] = {}
        for number, key in enumerate(sorted(beside.keys() & set(keys))):
            data = read(beside[key], size)
            label = None if data is None else parse(data)
            if label is not None:
                labels[key] = encodable(label)
            elif number == FIRST and not labels:
                break
        found = [labels.get(key) for key in keys]
        if found.count(None) < best.count(None):
            best = found
            # A JSON file may be about something else.
            alone = beside.keys() - set(map(sample_key, images)) if ending == ".cls" else ()
            lone = [beside[key] for key in sorted(alone)]
        if None not in best:
            break
    return best, lone


def _of_cls(data: bytes) -> str | None:
    return data.decode("utf-8", "replace").strip() or None


def _of_json(data: bytes) -> str | None:
    """The first of the usual fields that is a number or a text."""
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError):
        return None
    found = [facts[name] for name in LABELS if name in facts] if isinstance(facts, Mapping) else []
    label = found[0] if found else None
    return str(label) if isinstance(label, int | str) and str(label) else None
