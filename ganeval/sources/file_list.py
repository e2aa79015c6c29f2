"""A text file that lists image files, one path a line, as super-resolution and restoration code keeps its sets.

The list is a stranger's file as images are: it leads to image files of this machine and to nothing else. Paths that
leave its folder do so in plain sight ("../hr/1.png", "/data/1.png"); a link that leads out unseen is not followed.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ganeval.errors import DataError
from ganeval.files.read_write import read_bytes
from ganeval.sources.decoding.formats import IMAGE_EXTENSIONS
from ganeval.sources.folder import FilesSource
from ganeval.sources.listing import ALL, Selection

LIST_EXTENSION: Final = ".txt"
MAX_LIST_BYTES: Final = 1 << 28
"""Largest list, 256 MiB: two million paths of 128 letters."""


class FileList(FilesSource):
    """The image files that a text file names, relative to the folder that it lies in.

    Empty lines are passed over, and lines that begin with "#" unless there is an image file of that name. Images are
    named by their path below the folder that all of them share, as they would be if that folder had been named; so they
    pair and are labelled alike.

    Args:
        path: The list.
        name: What the user typed.
        selection: Which of the images are meant, and which links are followed.

    Raises:
        DataError: the list isn't text, is empty, or has a line that names no image file of this machine, or one that
            another line names too; the message gives the line.
    """

    def __init__(self, path: Path, name: str, selection: Selection = ALL) -> None:
        entries = _entries(path, name)
        if not entries:
            raise DataError(f"{name!r} lists no image: it has no line with a path. Write one path a line.")
        found = _Files(path.resolve().parent, selection)
        for number, entry in entries:
            if fault := found.add(number, entry):
                raise DataError(f"{name!r}, line {number:,}: {entry[:200]!r} {fault}")
        try:
            shared = os.path.commonpath([os.path.dirname(path) for path in found.written])
        except ValueError as error:  # Windows
            raise DataError(f"{name!r} lists files of several drives. Copy them to one.") from error
        super().__init__(name, "list", selection, shared)
        names = [os.path.relpath(written, shared).replace(os.sep, "/") for written in found.written]
        for item, real in zip(names, found.real, strict=True):
            self._keep_path(item, real)
        self._arrange(names, [], lambda other, count: b"")


class _Files:
    """The files found so far.

    Attributes:
        written: Absolute path of each, as the list writes it.
        real: Where it lies once links are followed.
    """

    def __init__(self, folder: Path, selection: Selection) -> None:
        self.written: list[str] = []
        self.real: list[str] = []
        self._folder = folder
        self._anywhere = selection.follow_links == "anywhere"
        self._lines: dict[str, int] = {}
        self._folders: dict[str, str] = {}  # a set has a million files in few folders

    def add(self, number: int, entry: str) -> str:
        """Adds what a line names; why it cannot be added, "" where it was."""
        if "://" in entry or entry.replace("\\", "/").startswith("//"):
            return "is an address. A list may name image files of this machine only: copy the file here."
        if not _is_called_image(entry):
            first = re.split(r"[\s,;]", entry.strip("\"'"), maxsplit=1)[0].strip("\"'")
            if _is_called_image(first):
                return f"holds more than a path. Write the path alone, one a line: {first}"
            return f"is not called an image; extensions looked for: {' '.join(sorted(IMAGE_EXTENSIONS))}."
        written = os.path.normpath(os.path.join(self._folder, entry))
        try:
            real = os.path.realpath(written, strict=True)
            regular = os.path.isfile(real)
        except FileNotFoundError:
            first = re.split(r"[\s,;]", entry.strip("\"'"), maxsplit=1)[0].strip("\"'")
            near = next((one for one in (entry.replace("\\", "/"), first) if (self._folder / one).is_file()), None)
            hint = f" Write {near} alone." if near is not None else ""
            return f"does not exist.{hint} Paths are relative to {str(self._folder)!r}, the folder of the list."
        except (OSError, ValueError) as error:  # ValueError: a zero byte
            return f"cannot be opened: {getattr(error, 'strerror', None) or error}. Correct the line."
        if not regular:
            return "is not a regular file (a pipe, a device or a folder). List the image files themselves."
        if not self._anywhere and not _is_below(real, self._root_of(written)):
            return "is a link that leads outside. Copy the file, or follow links with --follow-links-anywhere."
        if (first := self._lines.setdefault(real, number)) != number:
            return f"is the file of line {first:,} again. List each image once."
        self.written.append(written)
        self.real.append(real)
        return ""

    def _root_of(self, written: str) -> str:
        """The folder that a link may not leave: that of the list; of a path that openly leaves it, its own."""
        if _is_below(written, str(self._folder)):
            return str(self._folder)
        folder = os.path.dirname(written)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return self._folders[folder]


def _is_called_image(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in IMAGE_EXTENSIONS


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _entries(path: Path, name: str) -> Sequence[tuple[int, str]]:
    """Number and text of each line that names a file."""
    try:
        text = read_bytes(path, MAX_LIST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name!r} is not UTF-8 text (byte {error.start:,}); expected a list of image files, one path a line."
        ) from error
    except OSError as error:
        raise DataError(f"Cannot read the list {name!r}: {error.strerror}. Check the path.") from error
    lines = ((number, line.strip()) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1))
    return [(number, line) for number, line in lines if line and not _is_comment(line, path.parent)]


def _is_comment(line: str, folder: Path) -> bool:
    return line.startswith("#") and not (_is_called_image(line) and (folder / line).is_file())
