"""Class labels of all images of a set or of none: half a labelling gives per-class numbers of nothing.

Labels that are there and are not used are counted and said, whatever kind of file they lie in.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ganeval.sources.base import Item

UNUSED: Final = "class label, which other images lack"
"""The reason in `ImageSource.skipped` for labels that are not used."""


@dataclass(frozen=True)
class Labelled:
    """Images with their labels.

    Attributes:
        items: All with a label, or all without.
        skipped: How many labels are not used, by reason.
        notes: What the user should know of them.
    """

    items: list[Item]
    skipped: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()


def label_all(names: Sequence[str], labels: Sequence[str | None], where: str) -> Labelled:
    """Labels the images if each of them has a label.

    Args:
        names: Of the images.
        labels: One for each, None where it has none.
        where: The set, for messages.
    """
    lacking = [name for name, label in zip(names, labels, strict=True) if label is None]
    if not lacking:
        one: dict[str | None, str | None] = {}  # one string a class, not one an image: a set has millions
        return Labelled([Item(name, one.setdefault(label, label)) for name, label in zip(names, labels, strict=True)])
    items = list(map(Item, names))
    if not (unused := len(names) - len(lacking)):
        return Labelled(items)
    note = (
        f"{len(lacking):,} of {len(names):,} images of {where} have no class label (first: {lacking[0]!r}), so the "
        f"labels of the other {unused:,} are not used"
    )
    return Labelled(items, Counter({UNUSED: unused}), (note,))
