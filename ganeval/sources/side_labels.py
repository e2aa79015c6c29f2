"""Classes in files beside the images, as WebDataset writes them: `0001.jpg` with `0001.cls` or `0001.json`."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from ganeval.escaping import encodable
from ganeval.sources.base import Item

LABELS: Final = ("label", "labels", "fine_label", "class", "cls", "target")
"""What a class is called in JSON and in tables, in the order in which it is looked for."""

MAX_CLS: Final = 256  # bytes of a class number or name
MAX_JSON: Final = 1 << 16  # bytes of the facts of one sample


def sample_key(name: str) -> str:
    """What the files of one sample share: the path up to the first dot of the file's name ("a/0001.seg.png")."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def side_labels(items: Sequence[Item], others: Collection[str], read: Callable[[str, int], bytes | None]) -> list[Item]:
    """The items with the classes from the files beside them; [] if one item has none.

    Args:
        items: The images of an archive.
        others: Names of its other files.
        read: Bytes of one of them by name, None where there are more than so many.
    """
    labels: dict[str, str] = {}
    for ending, size, parse in ((".cls", MAX_CLS, _of_cls), (".json", MAX_JSON, _of_json)):
        keys = {sample_key(item.name) for item in items}
        beside = {key: name for name in others if name[len(key := sample_key(name)) :].lower() == ending}
        if not keys <= beside.keys():
            continue
        for key in keys:
            data = read(beside[key], size)
            label = None if data is None else parse(data)
            if label is None:
                break
            labels[key] = encodable(label)
        else:
            return [Item(item.name, labels[sample_key(item.name)]) for item in items]
    return []


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
    return str(label) if isinstance(label, int | str) and not isinstance(label, bool) and str(label) else None
