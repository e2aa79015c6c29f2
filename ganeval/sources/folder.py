"""A folder of image files, at any depth, as an image source."""

import hashlib
import os
from collections import Counter
from pathlib import Path

from ganeval.errors import BadImageError, DataError
from ganeval.sources.base import Decoded, ImageSource, Raw
from ganeval.sources.decode import decode
from ganeval.sources.formats import sniff
from ganeval.sources.limits import MAX_FILE_BYTES
from ganeval.sources.listing import Skipped, labelled, no_images, reason_to_skip
from ganeval.sources.memo import DigestMemo
from ganeval.text import encodable


def file_raw(data: bytes, name: str) -> Raw:
    """One image file in memory: hashed now, decoded when asked."""
    known = sniff(data)
    return Raw(hashlib.sha256(data).digest(), lambda: decode(data, name), known.name if known else "unknown", data)


def check_size(size: int, name: str) -> None:
    """Refuses a file that is too large to be an image, before a byte of it is read."""
    if size > MAX_FILE_BYTES:
        raise BadImageError(
            f"{name!r}: {size:,} bytes; at most {MAX_FILE_BYTES:,} are read as one image. Leave it out with "
            "--on-bad skip."
        )


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
        DataError: the folder is missing, is not a folder, cannot be listed, or holds no image.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.name = str(path) if name is None else name
        if not path.is_dir():
            kind = "is a file, not a folder" if path.exists() else "does not exist"
            raise DataError(f"{self.name!r} {kind}; expected a folder of images. Check the path.")
        self.skipped: Skipped = Counter()
        self.memo: DigestMemo | None = None
        root = path.resolve()
        self._paths: dict[str, str] = {}  # item name -> real path
        self._list(str(root), "", root)
        if not self._paths:
            raise no_images(f"folder {self.name!r}", self.skipped)
        self.items = labelled(self._paths)

    def _list(self, folder: str, prefix: str, root: Path) -> None:
        """Adds what lies in `folder` (a real folder below `root`), whose item names begin with `prefix`."""
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise DataError(f"Cannot list folder {folder!r}: {error.strerror}. Check its permissions.") from error
        for entry in entries:
            name = prefix + encodable(entry.name)
            if entry.is_dir(follow_symlinks=False):
                if reason_to_skip(name + "/x.png") is None:
                    self._list(entry.path, name + "/", root)
                else:
                    self.skipped["hidden folder"] += 1
                continue
            reason = reason_to_skip(name) or _reason_by_kind(entry, root)
            if reason is None:
                self._paths[name] = entry.path
            else:
                self.skipped[reason] += 1

    def read(self, index: int) -> Raw:
        """Reads one file; where the memo knows it, only if its pixels are asked for."""
        name = self.items[index].name
        try:
            known = None if self.memo is None else self.memo.find(name, os.stat(self._paths[name]))
            if known is not None:
                return Raw(known.digest, lambda: self._decode(name, known.digest), known.format)
            data, stat = self._bytes(name)
        except OSError as error:
            raise _unreadable(name, self.name, error) from error
        raw = file_raw(data, name)
        if self.memo is not None:
            self.memo.keep(name, stat, raw.digest, raw.format)
        return raw

    def _bytes(self, name: str) -> tuple[bytes, os.stat_result]:
        with open(self._paths[name], "rb") as file:
            stat = os.fstat(file.fileno())
            check_size(stat.st_size, name)
            return file.read(), stat

    def _decode(self, name: str, digest: bytes) -> Decoded:
        """Pixels of a file whose digest was remembered; it must still be that very file."""
        try:
            raw = file_raw(self._bytes(name)[0], name)
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


def _reason_by_kind(entry: os.DirEntry[str], root: Path) -> str | None:
    """Why an entry with an image's name is none all the same."""
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
    return None if target.is_file() else "not a regular file"
