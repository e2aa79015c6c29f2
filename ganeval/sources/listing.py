"""What a list of file names becomes: which of them are images, in which order, with which class labels.

Folders, archives and remote folders share these rules, so that a folder and its zip give the same items; so does what
is told of files that are left out.
"""

import fnmatch
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from ganeval.errors import DataError
from ganeval.formatting import counted
from ganeval.sources.all_labels import Labelled, label_all
from ganeval.sources.base import ImageSource, Item
from ganeval.sources.class_folders import why_no_classes
from ganeval.sources.decoding.formats import HEAD, IMAGE_EXTENSIONS, picture_name, sniff
from ganeval.sources.groups import find_mixture
from ganeval.sources.set_labels import set_labels
from ganeval.sources.side_labels import side_labels
from ganeval.sources.video import VIDEO_EXTENSIONS

Skipped = Counter[str]  # reason -> how many entries were left out for it

Links = Literal["no", "inside", "anywhere"]
Place = Literal["subject", "reference", "paired", "mask", "inputs", "train"]
PLACES: Final[tuple[Place, ...]] = get_args(Place)


@dataclass(frozen=True)
class Tile:
    """How a strip or sheet is cut into images.

    Attributes:
        rows: Of tiles, from the top.
        columns: Of tiles, from the left.
        which: The tile that is meant, counted from 1, row by row; None for all.
    """

    rows: int
    columns: int
    which: int | None = None


@dataclass(frozen=True)
class Selection:
    """Which files of a folder or archive are images of the set, and whether folders name their classes.

    Attributes:
        match: Glob; only images that it matches are taken. None takes all, "*" says that all are meant.
        labels: True takes folders as classes, False takes none; None takes them where they seem to be classes.
        follow_links: Links that are followed: none, those that stay inside the folder, or all.
        place: Which of the sets of a run it is for, so that messages say what to type.
        tile: How images are cut; None for not at all.
    """

    match: str | None = None
    labels: bool | None = None
    follow_links: Links = "no"
    place: Place = "subject"
    tile: Tile | None = None

    def with_match(self, glob: str) -> str:
        """The option that gives this set another glob."""
        return f"--match '{'' if self.place == 'subject' else f'{self.place}='}{glob}'"

    def takes(self, name: str) -> bool:
        """Whether the glob matches: the whole name where it has a "/", the file's own name otherwise.

        "*" also matches "/".
        """
        if self.match is None:
            return True
        return fnmatch.fnmatchcase(name if "/" in self.match else name.rpartition("/")[2], self.match)


ALL: Final = Selection()


class ListedSource(ImageSource):
    """Images that have file names: those of a folder, an archive or a list, or one by itself.

    Args:
        name: What the user typed.
        kind: "folder", "archive", "list" or "file", for messages.
        selection: Which of the files are meant.
    """

    def __init__(self, name: str, kind: str, selection: Selection) -> None:
        self.name = name
        self.skipped: Skipped = Counter()
        self._where = f"{kind} {name!r}"
        self._selection = selection

    def _arrange(self, names: Collection[str], others: Sequence[str], start: Callable[[str, int], bytes]) -> None:
        """Makes items of the images that are meant.

        Classes come from files beside all of the images, from a file that lists them, else from folders.

        Args:
            names: Files that are called images.
            others: Files that are not, hidden ones left aside; pictures among them are counted.
            start: First bytes of one of them, at most so many.

        Raises:
            DataError: there are no images, none matches, or folders are to be classes and some image is in none.
        """
        for reason, count in _pictures_among(list(filter(self._selection.takes, others)), start).items():
            self.skipped[reason] += count
            self.skipped[NO_EXTENSION] -= count
        self.skipped = +self.skipped  # without what is zero now
        if not names:
            raise no_images(self._where, self.skipped)
        chosen = list(filter(self._selection.takes, names))
        if not chosen:
            raise _no_match(self._where, names, self._selection)
        if len(chosen) < len(names):
            self.skipped[NOT_MATCHED] += len(names) - len(chosen)
        told = _left_out(self._where, len(chosen), self.skipped)
        beside = Labelled([])
        if self._selection.labels is not False and others:
            beside = self._labels_beside(sorted(chosen), names, others, start)
            self.skipped += beside.skipped
        if beside.items and beside.items[0].label is not None:
            self.items, self.notes = beside.items, (*told, *beside.notes)
        else:
            self.items, notes = labelled(chosen, self._selection.labels, repr(self.name))
            self.notes = (*told, *beside.notes, *notes)
        if self._selection.match is None:
            self.mixture = find_mixture([item.name for item in self.items])

    def _labels_beside(
        self,
        names: Sequence[str],
        images: Collection[str],
        others: Sequence[str],
        start: Callable[[str, int], bytes],
    ) -> Labelled:
        """The images with the classes from the files beside them."""

        def read(other: str, most: int) -> bytes | None:
            data = start(other, most + 1)
            return data if len(data) <= most else None

        labels, lone = side_labels(names, images, others, read)
        told: tuple[str, ...] = ()
        if lone:
            told = (f"{counted(len(lone), 'class file')} of {self._where} without an image (first: {lone[0]!r})",)
        if None in labels:
            listed, more = set_labels(names, images, others, read)
            told += more
            labels = min(labels, listed, key=lambda each: each.count(None))
        found = label_all(names, labels, repr(self.name))
        return replace(found, notes=(*found.notes, *told))


def reason_to_skip(name: str) -> str | None:
    """Why the file called `name` ("/" between folders) isn't an image of the set, or None when it is one.

    Hidden means that a part begins with a dot, or is a folder of the system's own (`_SYSTEM`).
    """
    # One search and one look-up for most of the names: a set has millions of them.
    if _HIDDEN_PART.search(name):
        return HIDDEN
    if name[name.rfind(".") :].lower() in IMAGE_EXTENSIONS:
        return None
    ending = os.path.splitext(name)[1].lower()
    if ending in VIDEO_EXTENSIONS:
        return VIDEO
    file = name.rpartition("/")[2].lower()
    return next((CONTAINERS[one] for one in CONTAINERS if file.endswith(one) and file not in _NO_SETS), NO_EXTENSION)


_SYSTEM: Final = (
    "__MACOSX",
    "@eaDir",
    "#recycle",
    "@Recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
)
"""Resource forks of macOS, thumbnails and deleted files of Synology, QNAP and Windows, what fsck found on Linux."""
_HIDDEN_PART: Final = re.compile(rf"(?:^|/)(?:\.(?!\.?(?:/|\Z))|(?:{'|'.join(map(re.escape, _SYSTEM))})(?:/|\Z))")
"""A part that begins with a dot, but for "." and "..", or that is a folder of the system."""
HIDDEN: Final = "hidden"
HIDDEN_FOLDER: Final = "hidden folder"
NO_EXTENSION: Final = "no image extension"
VIDEO: Final = "video"
PARQUET: Final = "parquet file"
CONTAINERS: Final = {
    **dict.fromkeys((".zip", ".tar", ".tar.gz", ".tgz"), "archive"),
    **dict.fromkeys((".npz", ".npy"), "array file"),
    **dict.fromkeys((".mdb", ".lmdb"), "LMDB"),
    ".parquet": PARQUET,
}
"""Endings of files that may be sets of images themselves; each is such a set only when it is named."""
_NO_SETS: Final = frozenset({"lock.mdb", "metadata.parquet"})
NOT_MATCHED: Final = "not matched"
LINK_OUTSIDE: Final = "link that leads outside"
FOLDER_OUTSIDE: Final = "link to a folder that leads outside"
FOLDER_INSIDE: Final = "link to a folder"
BROKEN_LINK: Final = "broken link"
NOT_REGULAR: Final = "not a regular file"
LINK_IN_ARCHIVE: Final = "link inside an archive"
_EXPECTED: Final = frozenset({HIDDEN, HIDDEN_FOLDER, NO_EXTENSION, NOT_MATCHED})


_IMAGES: Final = frozenset({LINK_OUTSIDE, BROKEN_LINK, NOT_REGULAR, LINK_IN_ARCHIVE})
PICTURE: Final = " picture"  # in the reason for a file that is a picture by its first bytes

SAMPLED: Final = 256
"""Files of one ending whose first bytes are read, evenly spread; all of them where one of these is a picture."""


def _pictures_among(names: Sequence[str], start: Callable[[str, int], bytes]) -> Counter[str]:
    """Reason -> files that are pictures by their first bytes although they are not called so, or cannot be read."""
    by_ending: dict[str, list[str]] = {}
    for name in names:
        by_ending.setdefault(os.path.splitext(name)[1].lower(), []).append(name)
    found: Counter[str] = Counter()
    for ending, files in by_ending.items():
        some = files[:: max(1, len(files) // SAMPLED)]
        pictures = _reasons(some, ending, start)
        found += _reasons(files, ending, start) if pictures and len(some) < len(files) else pictures
    return found


def _reasons(names: Sequence[str], ending: str, start: Callable[[str, int], bytes]) -> Counter[str]:
    reasons: Counter[str] = Counter()
    for name in names:
        head = start(name, HEAD)
        if (kind := picture_name(head)) is None:
            continue
        if sniff(head) is None:
            reasons[f"{kind}{PICTURE}, a format that is not decoded here"] += 1
        else:
            reasons[f"{kind}{PICTURE} {f'called {ending}' if ending else 'without an ending'}"] += 1
    return reasons


def _left_out(where: str, n: int, skipped: Mapping[str, int]) -> tuple[str, ...]:
    """What to tell of entries that look like images of the set and are left out; nothing where there are none."""
    strange = {reason: count for reason, count in skipped.items() if reason not in _EXPECTED}
    if not strange:
        return ()
    pictures = n + sum(count for reason, count in strange.items() if reason in _IMAGES or PICTURE in reason)
    used = f"{n:,} of {pictures:,} pictures" if pictures > n else counted(n, "picture")
    told = ", ".join(f"{count:,} ({reason})" for reason, count in sorted(strange.items()))
    return (f"{used} of {where} {'is' if n == 1 else 'are'} used; left out: {told}{_advice(strange)}",)


def _advice(skipped: Mapping[str, int]) -> str:
    """Which option follows links."""
    if skipped.get(FOLDER_OUTSIDE) or skipped.get(LINK_OUTSIDE):
        return ". --follow-links-anywhere follows links, out of the folder as well"
    if skipped.get(FOLDER_INSIDE) or skipped.get(LINK_IN_ARCHIVE):
        return ". --follow-links follows links that stay inside"
    if any(reason.startswith("HEIC") and reason.endswith("here") for reason in skipped):
        return ". pip install 'ganeval[heif]' reads HEIC"
    if any(PICTURE in reason for reason in skipped):
        return ". Rename or convert them to score them too"
    return ""


def labelled(names: Iterable[str], labels: bool | None = None, where: str = "") -> tuple[list[Item], tuple[str, ...]]:
    """Sorts names by code point and labels them.

    The label is the folder of the image, when every image lies exactly one folder deep ("cat/1.png") and folders do not
    merely count; otherwise no image has one: half a labelling is worse than none.

    Args:
        names: Of the images.
        labels: As in `Selection`. True takes the folder that an image lies in, at any depth.
        where: For messages.

    Returns:
        The items, and what the user should know of their labels.

    Raises:
        DataError: `labels` is True, and some image lies in no folder.
    """
    ordered = sorted(names)
    if labels:
        above = [name.rpartition("/")[0].rpartition("/")[2] for name in ordered]
        if bare := above.count(""):
            raise DataError(
                f"--labels takes the folder of an image as its class, and {bare:,} of {len(ordered):,} images of "
                f"{where} lie in no folder. Move them into the folders of their classes, or drop --labels."
            )
        return _items(ordered, above), ()
    if labels is False:
        return [Item(name) for name in ordered], ()
    files = _by_folder(ordered) if all(name.count("/") == 1 for name in ordered) else {}
    if not files or {"", ".."} & files.keys():
        return [Item(name) for name in ordered], _most_in_classes(ordered, where)
    if not (why := why_no_classes(files)):
        return _items(ordered, [name.partition("/")[0] for name in ordered]), ()
    first = ", ".join(list(files)[:3]) + (", ..." if len(files) > 3 else "")
    note = (
        f"{len(files):,} folders of {where} ({first}) do not seem to name classes ({why}): all images are one set "
        "without class labels; --labels takes them as classes"
    )
    return [Item(name) for name in ordered], (note,)


def _items(names: Sequence[str], labels: Sequence[str]) -> list[Item]:
    one: dict[str, str] = {}  # one string a class, not one an image: a set has millions
    return [Item(name, one.setdefault(label, label)) for name, label in zip(names, labels, strict=True)]


def _by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    """First folder -> the rest of the names."""
    files: dict[str, list[str]] = {}
    for name in names:
        folder, _, rest = name.partition("/")
        files.setdefault(folder, []).append(rest)
    return files


def _most_in_classes(names: Sequence[str], where: str) -> tuple[str, ...]:
    """What to tell where most images lie in folders that seem to be classes, and some elsewhere."""
    inside = [name for name in names if name.count("/") == 1 and not name.startswith(("/", "../"))]
    files = _by_folder(inside)
    if 2 * len(inside) <= len(names) or len(files) < 2 or why_no_classes(files):
        return ()
    lone = next(name for name in names if name.count("/") != 1 or name.startswith(("/", "../")))
    return (
        f"{len(inside):,} of {len(names):,} images of {where} lie in {len(files):,} folders that may be classes and "
        f"the others do not (first: {lone!r}), so no class labels are taken; move those aside, or leave them out with "
        "--match",
    )


def no_images(where: str, skipped: Mapping[str, int]) -> DataError:
    """The error for a folder or archive without a single image, with what was there instead."""
    total = sum(skipped.values())
    facts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(skipped.items()))
    advice = "Name the folder that holds the images"
    if skipped.get(LINK_OUTSIDE) or skipped.get(FOLDER_OUTSIDE):
        advice = "Copy the files that the links lead to (cp -RL), or follow them with --follow-links-anywhere"
    elif skipped.get(FOLDER_INSIDE) or skipped.get(LINK_IN_ARCHIVE):
        advice = "Follow the links with --follow-links"
    elif skipped.get(VIDEO):
        advice = "Name one video by itself, as in clip.mp4 or clip.mp4:10"
    elif any(map(skipped.get, CONTAINERS.values())):
        advice = "Name the file that holds the images by itself"
    elif any(PICTURE in reason for reason in skipped):
        advice = "Rename or convert the pictures"
    return DataError(
        f"0 images among {counted(total, 'file')} in {where}{f' ({facts})' if facts else ''}; extensions looked for: "
        f"{' '.join(sorted(IMAGE_EXTENSIONS))}. {advice}."
    )


def two_sets(where: str, container: str, images: Sequence[str], advice: str) -> DataError:
    """The error for a folder with images in a container and images beside it: one of the two would be ignored.

    Args:
        where: What the user typed.
        container: "3 parquet files".
        images: Names of the image files.
        advice: How to name one of the two.
    """
    return DataError(
        f"{where!r} holds {container} and {counted(len(images), 'image file')} (first: {images[0]!r}), which may be "
        f"two sets. {advice}."
    )


def _no_match(where: str, names: Collection[str], selection: Selection) -> DataError:
    """The error for a glob that matches none of the images."""
    first = ", ".join(repr(name) for name in sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
    match = selection.match or ""
    near = next((glob for glob in _near(match) if any(map(Selection(glob).takes, names))), None)
    alike = sum(Selection(match.lower()).takes(name.lower()) for name in names)
    advice = f"Did you mean {near!r}?" if near else "A glob covers the whole name of the file, its ending too."
    if alike:
        advice = f"It would match {alike:,} without regard to upper and lower case: write it as the names are."
    return DataError(
        f"{selection.with_match(match)} matches 0 of the {len(names):,} images of {where} ({first}). {advice}"
    )


def _near(match: str) -> list[str]:
    """Globs that people may have meant."""
    return [f"{match}.*", f"*{match}", f"*{match}.*", f"*{match}*"]
