"""Image files of this machine as an image source: all of a folder at any depth, or one that was named."""

import hashlib
import os
from pathlib import Path

from ganeval.errors import BadImageError, DataError
from ganeval.escaping import encodable
from ganeval.sources.base import Decoded, Raw
from ganeval.sources.decoding.formats import sniff
from ganeval.sources.decoding.rules import decode
from ganeval.sources.digest_memo import DigestMemo
from ganeval.sources.listing import (
    ALL,
    BROKEN_LINK,
    FOLDER_INSIDE,
    FOLDER_OUTSIDE,
    HIDDEN,
    HIDDEN_FOLDER,
    LINK_OUTSIDE,
    NO_EXTENSION,
    NOT_REGULAR,
    ListedSource,
    Selection,
    reason_to_skip,
)
from ganeval.sources.read_once import read_start, read_whole


def file_raw(data: bytes, name: str) -> Raw:
    """One image file in memory: hashed now, decoded when asked."""
    known = sniff(data)
    return Raw(hashlib.sha256(data).digest(), lambda: decode(data, name), known.name if known else "unknown", data)


class FilesSource(ListedSource):
    """Image files by their paths; which ones, a subclass decides.

    Args:
        name: What the user typed.
        kind: "folder", "file" or "list", for messages.
        selection: Which of the files are meant.
        root: The folder that item names are relative to.

    Attributes:
        memo: Digests of files that did not change since an earlier run, where the caller keeps some.
    """

    def __init__(self, name: str, kind: str, selection: Selection, root: str) -> None:
        super().__init__(name, kind, selection)
        self.memo: DigestMemo | None = None
        self._root = root
        self._above = os.path.join(root, "")  # and a name make the path of an item
        self._elsewhere: dict[str, str] = {}  # item name -> path; a set has millions, and most lie where names say

    def _keep_path(self, name: str, path: str) -> None:
        """Remembers where an item lies, if its name does not tell."""
        if path != self._above + name:
            self._elsewhere[name] = path

    def _path(self, name: str) -> str:
        return self._elsewhere.get(name) or self._above + name

    def read(self, index: int) -> Raw:
        """Reads one file; where the memo knows it, only if its pixels are asked for."""
        name = self.items[index].name
        try:
            known = None if self.memo is None else self.memo.find(name, os.stat(self._path(name)))
            if known is not None:
                return Raw(known.digest, lambda: self._decode(name, known.digest), known.format)
            data, stat = read_whole(self._path(name), name)
        except OSError as error:
            raise _unreadable(name, self.name, error) from error
        raw = file_raw(data, name)
        if self.memo is not None:
            self.memo.keep(name, stat, raw.digest, raw.format)
        return raw

    def _decode(self, name: str, digest: bytes) -> Decoded:
        """Pixels of a file whose digest was remembered; it must still be that very file."""
        try:
            raw = file_raw(read_whole(self._path(name), name)[0], name)
        except OSError as error:
            raise _unreadable(name, self.name, error) from error
        if raw.digest != digest:
            raise BadImageError(
                f"{name!r} in {self.name!r} changed during the run. Run again when nothing writes there."
            )
        return raw.decode()

    def keep(self) -> None:
        """Writes the memo down and reads what other processes wrote."""
        if self.memo is not None:
            self.memo.save()
            self.memo.reload()

    def close(self) -> None:
        """Keeps what was learnt of the files."""
        if self.memo is not None:
            self.memo.save()


class SingleImage(FilesSource):
    """One image file that was named by itself; a link is followed, because a person named it.

    Raises:
        DataError: the selection does not take it.
    """

    single = True

    def __init__(self, path: Path, name: str, selection: Selection = ALL) -> None:
        real = path.resolve()
        super().__init__(name, "file", selection, str(real.parent))
        item = encodable(path.name)
        self._keep_path(item, str(real))
        self._arrange([item], [], lambda other, count: b"")


class FolderSource(FilesSource):
    """Every image file below a folder, sorted by its name relative to the folder.

    Links: a link to a file inside the folder counts as a file. A link that leads out of the folder, a link to a folder
    (whose files are found where they are) and a broken link are left out and counted, unless the selection follows
    links; each folder is entered by one link at most, so no loop can arise. Devices, pipes and sockets are never
    opened.

    Args:
        path: The folder.
        name: What the user typed; the path by default.
        selection: Which of its files are meant.

    Attributes:
        skipped: Reason -> number of entries that were left out for it.

    Raises:
        DataError: the folder is missing, is not a folder, cannot be listed, holds no image, or two names that are
            written alike.
    """

    is_folder = True

    def __init__(self, path: Path, name: str | None = None, selection: Selection = ALL) -> None:
        root = path.resolve()
        super().__init__(str(path) if name is None else name, "folder", selection, str(root))
        if not path.is_dir():
            kind = "is a file, not a folder" if path.exists() else "does not exist"
            raise DataError(f"{self.name!r} {kind}; expected a folder of images. Check the path.")
        self._others: dict[str, str] = {}  # the same of files that are not called images
        self._entered: set[Path] = set()  # folders that a link led to
        self._names: set[str] = set()
        folders = [(self._root, "")]
        while folders:
            folders += self._list(*folders.pop(), root)
        self._arrange(self._names, list(self._others), lambda other, count: read_start(self._others[other], count))
        self._others.clear()
        self._names.clear()

    def _list(self, folder: str, prefix: str, root: Path) -> list[tuple[str, str]]:
        """Adds the images of `folder` (a real one), whose names begin with `prefix`; gives its folders."""
        links, inner = [], []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = prefix + encodable(entry.name)
                    reason = reason_to_skip(name)
                    if reason == HIDDEN:
                        self.skipped[HIDDEN_FOLDER if entry.is_dir(follow_symlinks=False) else HIDDEN] += 1
                    elif entry.is_symlink():
                        links.append((name, reason, entry))
                    elif entry.is_dir():
                        inner.append((entry.path, name + "/"))
                    else:
                        self._add(name, reason, entry.path, entry.is_file())
        except OSError as error:
            raise DataError(f"Cannot list folder {folder!r}: {error.strerror}. Check its permissions.") from error
        # in order of their names, so that it is the same link each time which leads to a folder first
        for name, reason, entry in sorted(links, key=lambda link: link[0]):
            target = self._led_to(entry, root)
            if isinstance(target, str):
                # what is not called an image may be a link to a text; without an ending, to a folder of images
                other = reason is not None and os.path.splitext(name)[1] != ""
                self.skipped[NO_EXTENSION if other and target in (BROKEN_LINK, LINK_OUTSIDE) else target] += 1
            elif target.is_dir():
                inner.append((str(target), name + "/"))
            else:
                self._add(name, reason, str(target), target.is_file())
        return sorted(inner, key=lambda folder: folder[1])

    def _add(self, name: str, reason: str | None, path: str, regular: bool) -> None:
        """Adds one file, or counts the reason why it is left out."""
        if reason is not None:
            self.skipped[reason] += 1
            if reason == NO_EXTENSION:
                self._others[name] = path
        elif not regular:
            self.skipped[NOT_REGULAR] += 1
        elif name in self._names:
            raise DataError(
                f"{self.name!r} holds two files whose names are both written {name!r}: bytes that aren't UTF-8 are "
                "shown as \\x. Rename one of them."
            )
        else:
            self._names.add(name)
            self._keep_path(name, path)

    def _led_to(self, entry: os.DirEntry[str], root: Path) -> Path | str:
        """Where a link leads, or why it is not followed."""
        try:
            target = Path(entry.path).resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a loop, before Python 3.13
            return BROKEN_LINK
        follow, is_folder = self._selection.follow_links, target.is_dir()
        if not target.is_relative_to(root) and follow != "anywhere":
            return FOLDER_OUTSIDE if is_folder else LINK_OUTSIDE
        if not is_folder:
            return target
        here = Path(entry.path).parent
        if follow == "no" or here.is_relative_to(target) or target in self._entered:
            return FOLDER_INSIDE
        self._entered.add(target)
        return target


def _unreadable(name: str, source: str, error: OSError) -> BadImageError:
    return BadImageError(
        f"{name!r} in {source!r} was listed but cannot be read: {error.strerror}. Check that nothing moves or protects "
        "the files during the run."
    )
