"""A folder of image files, at any depth, as an image source."""

import hashlib
import os
from collections import Counter
from pathlib import Path

from ganeval.errors import BadImageError, DataError
from ganeval.sources.base import Decoded, ImageSource, Raw
from ganeval.sources.decode import decode
from ganeval.sources.formats import sniff
from ganeval.sources.listing import Skipped, labelled, no_images, reason_to_skip
from ganeval.sources.memo import DigestMemo
from ganeval.sources.steady import read_whole
from ganeval.text import encodable


def file_raw(data: bytes, name: str) -> Raw:
    """One image file in memory: hashed now, decoded when asked."""
    known = sniff(data)
    return Raw(hashlib.sha256(data).digest(), lambda: decode(data, name), known.name if known else "unknown", data)


class FolderSource(ImageSource):
    """Every image file below a folder, sorted by its name relative to the folder.

    Links: a link to a file inside the folder counts as a file; a link that leads out of the folder, a link to a folder
    (whose files are found where they are) and a broken link are left out and counted, so no loop can arise. Devices,
    pipes and sockets are never opened.

    Args:
        path: The folder.
        name: What the user typed; the path by default.

    Attributes:
        skipped: Reason -> number of entries that were left out for it.
        memo: Digests of files that did not change since an earlier run, where the caller keeps some.

    Raises:
        DataError: the folder is missing, is not a folder, cannot be listed, holds no image, or two names that are
            written alike.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.name = str(path) if name is None else name
        if not path.is_dir():
            kind = "is a file, not a folder" if path.exists() else "does not exist"
            raise DataError(f"{self.name!r} {kind}; expected a folder of images. Check the path.")
        self.skipped: Skipped = Counter()
        self.memo: DigestMemo | None = None
        self._paths: dict[str, str] = {}  # item name -> real path
        root = path.resolve()
        folders = [(str(root), "")]
        while folders:
            folders += self._list(*folders.pop(), root)
        if not self._paths:
            raise no_images(f"folder {self.name!r}", self.skipped)
        self.items = labelled(self._paths)

    def _list(self, folder: str, prefix: str, root: Path) -> list[tuple[str, str]]:
        """Adds the images of `folder` (a real one below `root`), whose names begin with `prefix`; gives its folders."""
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise DataError(f"Cannot list folder {folder!r}: {error.strerror}. Check its permissions.") from error
        inner = []
        for entry in entries:
            name = prefix + encodable(entry.name)
            if entry.is_dir(follow_symlinks=False):
                if reason_to_skip(name + "/x.png") is None:
                    inner.append((entry.path, name + "/"))
                else:
                    self.skipped["hidden folder"] += 1
                continue
            found = reason_to_skip(name) or _real_file(entry, root)
            if isinstance(found, str):
                self.skipped[found] += 1
            elif name in self._paths:
                raise DataError(
                    f"{self.name!r} holds two files whose names are both written {name!r}: bytes that are no UTF-8 are "
                    "shown as \\x. Rename one of them."
                )
            else:
                self._paths[name] = entry.path if found is None else str(found)
        return inner

    def read(self, index: int) -> Raw:
        """Reads one file; where the memo knows it, only if its pixels are asked for."""
        name = self.items[index].name
        try:
            known = None if self.memo is None else self.memo.find(name, os.stat(self._paths[name]))
            if known is not None:
                return Raw(known.digest, lambda: self._decode(name, known.digest), known.format)
            data, stat = read_whole(self._paths[name], name)
        except OSError as error:
            raise _unreadable(name, self.name, error) from error
        raw = file_raw(data, name)
        if self.memo is not None:
            self.memo.keep(name, stat, raw.digest, raw.format)
        return raw

    def _decode(self, name: str, digest: bytes) -> Decoded:
        """Pixels of a file whose digest was remembered; it must still be that very file."""
        try:
            raw = file_raw(read_whole(self._paths[name], name)[0], name)
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


def _unreadable(name: str, source: str, error: OSError) -> BadImageError:
    return BadImageError(
        f"{name!r} in {source!r} was listed but cannot be read: {error.strerror}. Check that nothing moves or protects "
        "the files during the run."
    )


def _real_file(entry: os.DirEntry[str], root: Path) -> Path | str | None:
    """Where a link with an image's name leads, None for a plain file, or why it is no image all the same."""
    if not entry.is_symlink():
        return None if entry.is_file() else "not a regular file"
    try:
        target = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a loop, before Python 3.13
        return "broken link"
    if not target.is_relative_to(root):
        return "link that leads outside"
    if target.is_dir():
        return "link to a folder"
    return target if target.is_file() else "not a regular file"
