"""What a list of file names becomes: which of them are images, in which order, with which class labels.

Folders and archives share these rules, so that a folder and its zip give the same items.
"""

import os
from collections import Counter
from collections.abc import Collection, Mapping

from ganeval.errors import DataError
from ganeval.sources.base import Item
from ganeval.sources.formats import IMAGE_EXTENSIONS

Skipped = Counter[str]  # reason -> how many entries were left out for it


def reason_to_skip(name: str) -> str | None:
    """Why the file called `name` ("/" between folders) is no image of the set, or None when it is one.

    Hidden means that a part begins with a dot; macOS archives hide their resource forks in `__MACOSX`.
    """
    # Strings, not paths: a set has a million names, and a path takes twenty times as long to make.
    if name.startswith(".") or "/." in name or "__MACOSX" in name:
        parts = name.split("/")
        if any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts):
            return "hidden"
    return None if os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS else "no image extension"


def left_out_words(skipped: Mapping[str, int]) -> str:
    """What to tell of entries that look like images of the set and are none; "" where there are only other files."""
    strange = {reason: count for reason, count in skipped.items() if reason not in _EXPECTED}
    return ", ".join(f"{count:,} ({reason})" for reason, count in sorted(strange.items()))


_EXPECTED = frozenset({"hidden", "hidden folder", "no image extension"})


def labelled(names: Collection[str]) -> list[Item]:
    """Sorts names by code point and labels them.

    The label is the folder of the image, when every image lies exactly one folder deep ("cat/1.png"); otherwise no
    image has one: half a labelling is worse than none.
    """
    ordered = sorted(names)
    classes = [name.partition("/")[0] for name in ordered]
    if all(name.count("/") == 1 for name in ordered) and not {"", ".."} & set(classes):
        return [Item(name, label) for name, label in zip(ordered, classes, strict=True)]
    return [Item(name) for name in ordered]


def no_images(where: str, skipped: Mapping[str, int]) -> DataError:
    """The error for a folder or archive without a single image, with what was there instead."""
    total = sum(skipped.values())
    facts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(skipped.items()))
    advice = "Name the folder that holds the images"
    if skipped.get("link that leads outside"):
        advice = "Copy the files that the links lead to (cp -RL): links out of the folder are never followed"
    return DataError(
        f"0 images among {total:,} files in {where}{f' ({facts})' if facts else ''}; extensions looked for: "
        f"{' '.join(sorted(IMAGE_EXTENSIONS))}. {advice}."
    )
