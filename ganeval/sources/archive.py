"""Images inside a zip or tar file, read in place: nothing is unpacked to disk and no member's name is used as a path.

Both kinds are listed once when they are opened and then read at random, one thread at a time (reading is a copy;
decoding, which costs more, runs in the caller's threads). A `.tar.gz` is read through checkpoints, see `seekable_gzip`.
"""

import bisect
import io
import posixpath
import re
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from tarfile import AREGTYPE, REGTYPE, XHDTYPE
from tarfile import BLOCKSIZE as BLOCK
from typing import BinaryIO, Final, Literal, Protocol, Self, TypeVar

from ganeval.errors import BadImageError, DataError
from ganeval.escaping import encodable
from ganeval.sources.base import Raw
from ganeval.sources.folder import file_raw
from ganeval.sources.limits import MAX_RATIO, is_bomb
from ganeval.sources.listing import (
    ALL,
    HIDDEN,
    LINK_IN_ARCHIVE,
    NO_EXTENSION,
    NOT_REGULAR,
    ListedSource,
    Selection,
    Skipped,
    reason_to_skip,
)
from ganeval.sources.read_once import check_size, require_file
from ganeval.sources.seekable_gzip import SeekableGzip

ARCHIVE_EXTENSIONS: Final = (".zip", ".tar", ".tar.gz", ".tgz")

MAX_HEADER_BYTES: Final = 1 << 20
"""Largest extended header of a tar member, 1 MiB: it holds a name and a few facts."""

Member = TypeVar("Member", zipfile.ZipInfo, tarfile.TarInfo)


class Openable(Protocol):
    """What opens as a `Path` does: a local path, or a remote file."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """A seekable stream of its bytes."""
        ...


def open_archive(path: Path | Openable, name: str | None = None, selection: Selection = ALL) -> ListedSource:
    """Opens a zip or tar file by its first bytes.

    Args:
        path: The archive.
        name: What the user typed; the path by default.
        selection: Which of its members are meant.

    Raises:
        DataError: missing, damaged, of another kind, without images, or with two members of one name.
    """
    said = str(path) if name is None else name
    if isinstance(path, Path):
        require_file(path, said)
    try:
        with path.open("rb") as file:
            start = file.read(262)
    except OSError as error:
        raise DataError(f"Cannot open archive {said!r}: {error.strerror or error}. Check the path.") from error
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return ZipSource(path, said, selection)
    if start[:2] == b"\x1f\x8b" or start[257:262] == b"ustar":
        return TarSource(path, said, selection)
    raise DataError(
        f"{said!r} isn't an archive that can be read: it starts with {start[:8]!r}; expected zip, tar or tar.gz "
        "(bzip2, xz and zstd allow no random access). Unpack it and name the folder, or pack it again."
    )


class ZipSource(ListedSource):
    """The images of a zip file (stored or deflated members).

    Links inside the archive are left out and counted; with a selection that follows links, a link to a file of the
    archive is that file.

    Attributes:
        skipped: Reason -> number of members that were left out for it.

    Raises:
        DataError: as `open_archive`.
    """

    def __init__(self, path: Path | Openable, name: str, selection: Selection = ALL) -> None:
        super().__init__(name, "archive", selection)
        self._lock = threading.Lock()
        try:
            self._zip = zipfile.ZipFile(path if isinstance(path, Path) else path.open("rb"))
            entries = self._zip.infolist()
        except Exception as error:
            raise _damaged(name, "zip", error) from error
        # The upper half of external_attr is the Unix mode where a Unix wrote it, else 0.
        infos = [(info, stat.S_ISLNK(info.external_attr >> 16)) for info in entries if not info.filename.endswith("/")]
        try:
            members = [(info.filename, info, LINK_IN_ARCHIVE if link else "") for info, link in infos]
            if selection.follow_links != "no":
                members = _followed(members, lambda name, info: _inside(name, self._start(info, MAX_TARGET)))
            self._members, others = _collect(name, members, self.skipped)
            self._arrange(self._members, list(others), lambda other, count: self._start(others[other], count))
        except DataError:
            self._zip.close()
            raise

    def _start(self, info: zipfile.ZipInfo, count: int) -> bytes:
        """The first bytes of a member; none where it cannot be read."""
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return b""
        try:
            with self._zip.open(info) as file:
                return file.read(count)
        except Exception:  # a reader may raise any exception on hostile bytes
            return b""

    def read(self, index: int) -> Raw:
        """Reads one member; its CRC-32 is checked."""
        name = self.items[index].name
        info = self._members[name]
        check_size(info.file_size, name)
        if info.flag_bits & 1:
            raise BadImageError(
                f"{name!r} in {self.name!r} is encrypted; expected a plain zip. Pack it without a password."
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadImageError(
                f"{name!r} in {self.name!r} is compressed by method {info.compress_type}; expected stored (0) or "
                "deflate (8). Pack it again."
            )
        if is_bomb(info.file_size, info.compress_size):
            raise BadImageError(
                f"{name!r} in {self.name!r} unpacks to {info.file_size:,} bytes from {info.compress_size:,}; at most "
                f"{MAX_RATIO} : 1 is read."
            )
        try:
            with self._lock, self._zip.open(info) as file:
                data = file.read()  # never more than file_size, which was checked
        except Exception as error:
            raise _bad_member(name, self.name, error) from error
        return file_raw(data, name)

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()


class TarSource(ListedSource):
    """The images of a tar file, plain or gzip-compressed.

    Links and devices inside the archive are left out and counted; with a selection that follows links, a link to a file
    of the archive is that file.

    Attributes:
        skipped: Reason -> number of members that were left out for it.

    Raises:
        DataError: as `open_archive`.
    """

    def __init__(self, path: Path | Openable, name: str, selection: Selection = ALL) -> None:
        super().__init__(name, "archive", selection)
        self._lock = threading.Lock()
        file: BinaryIO = path.open("rb")
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if compressed:
            file.close()
            if not isinstance(path, Path):
                raise DataError(
                    f"{name!r} is compressed as a whole and has to be read from its start: copy it here, or pack it as "
                    "plain tar; images are compressed already."
                )
            file = io.BufferedReader(SeekableGzip(path))
        self._file = file
        try:
            self._tar = tarfile.open(fileobj=self._file, mode="r:", tarinfo=_Header)  # noqa: SIM115 - closed by close()
            entries = [(info.name, info, _why_special(info)) for info in _forwards(self._tar) if not info.isdir()]
            if selection.follow_links != "no":
                entries = _followed(entries, _tar_target)
            self._members, others = _collect(name, entries, self.skipped)
            # tarfile takes a cut between two members, or a damaged header behind the first, for the end.
            self._file.seek(self._tar.offset)
            if self._file.read(BLOCK) != bytes(BLOCK):
                raise tarfile.ReadError(f"no end mark after {len(self._members):,} images")
            self._arrange(self._members, list(others), lambda other, count: self._start(others[other], count))
        except DataError:
            self._file.close()
            raise
        except Exception as error:
            self._file.close()
            raise _damaged(name, "tar", error) from error

    def _start(self, info: tarfile.TarInfo, count: int) -> bytes:
        """The first bytes of a member."""
        if info.issparse():
            return b""
        self._file.seek(info.offset_data)
        return self._file.read(min(count, info.size))

    def read(self, index: int) -> Raw:
        """Reads one member."""
        name = self.items[index].name
        info = self._members[name]
        check_size(info.size, name)
        if info.issparse():
            raise BadImageError(
                f"{name!r} in {self.name!r} is stored as a sparse file, holes left out; expected its bytes as they "
                "are. Pack it again without -S."
            )
        try:
            with self._lock:
                file = self._tar.extractfile(info)  # a view of the archive; nothing is written
                data = file.read() if file else b""
        except DataError:
            raise
        except Exception as error:
            raise _bad_member(name, self.name, error) from error
        return file_raw(data, name)

    def close(self) -> None:
        """Closes the file."""
        self._tar.close()
        self._file.close()


class _Header(tarfile.TarInfo):
    """A tar header that cannot lead the reader backwards, or make it read a header of any size into memory."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        """Reads one member.

        Plain files are read by a short way. An extended header that says nothing but times is passed over: Python's
        `tar.add` writes one before every file, and tarfile takes longer over it than over the rest of the member.
        """
        file = tarfile.fileobj
        if file is None or tarfile.pax_headers:
            return super().fromtarfile(tarfile)
        start = file.tell()
        block = file.read(BLOCK)
        if block[156:157] == XHDTYPE and _says_only_times(block, file.read(BLOCK)):
            start += 2 * BLOCK
            block = file.read(BLOCK)
        header = cls._plain_file(block, tarfile.encoding or "utf-8", tarfile.errors or "surrogateescape")
        if header is None:
            file.seek(start)
            return super().fromtarfile(tarfile)
        header.offset, header.offset_data = start, start + BLOCK
        tarfile.offset = header.offset_data + -(-header.size // BLOCK) * BLOCK  # where the next header begins
        return header

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Reads one header block.

        Raises:
            tarfile.ReadError: a negative size (CVE-2025-8194), or an extended header of more than MAX_HEADER_BYTES.
        """
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise tarfile.ReadError(f"a member of {header.size:,} bytes")
        extended = (XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, *_LONG_NAMES)
        if header.type in extended and header.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes; at most {MAX_HEADER_BYTES:,} are read")
        return header

    @classmethod
    def _plain_file(cls, buf: bytes, encoding: str, errors: str) -> Self | None:
        """The header of a plain file, of which only what a reader of images needs: five times as fast as tarfile's.

        None for whatever is not plainly that: other types, sizes that aren't octal digits, a wrong checksum.
        """
        if len(buf) != BLOCK or buf[156:157] not in (REGTYPE, AREGTYPE):
            return None
        size = _checked_size(buf)
        if size is None:
            return None
        name = buf[:100].partition(b"\0")[0].decode(encoding, errors)
        prefix = buf[345:500].partition(b"\0")[0].decode(encoding, errors) if buf[345] else ""
        if not name or name.endswith("/"):
            return None
        header = cls(f"{prefix}/{name}" if prefix else name)
        header.size, header.type = size, buf[156:157]
        return header


_OCTAL: Final = re.compile(rb"[0-7]+")
_TIME: Final = re.compile(rb"(\d+) [amc]time=-?[0-9.]+")
_LONG_NAMES: Final = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def _checked_size(block: bytes) -> int | None:
    """The size that a header states; None if it is not written in octal digits, or the checksum is another."""
    size, stated = block[124:135], block[148:154]
    if not (_OCTAL.fullmatch(size) and _OCTAL.fullmatch(stated)) or block[135] not in b"\0 ":
        return None
    # the sum of all bytes, those of the checksum itself taken for spaces; most are 0 and need not be added
    total = sum(block.translate(None, b"\0")) - sum(block[148:156]) + 8 * ord(" ")
    return int(size, 8) if int(stated, 8) == total else None


def _says_only_times(header: bytes, records: bytes) -> bool:
    """Whether an extended header of one block holds records of times, whole, and nothing else.

    A record is "LENGTH KEY=VALUE" and the end of a line, where LENGTH counts all of it.
    """
    size = _checked_size(header)
    if size is None or not 0 < size <= len(records) or records[size - 1 : size] != b"\n":
        return False
    matches = [(line, _TIME.fullmatch(line)) for line in records[: size - 1].split(b"\n")]
    return all(match is not None and int(match[1]) == len(line) + 1 for line, match in matches)


def _forwards(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a tar file, as long as each begins behind the one before it."""
    last = -1
    for info in tar:
        if info.size < 0 or info.offset_data <= last:
            raise tarfile.ReadError(f"a member that leads backwards, to byte {info.offset_data:,}")
        last = info.offset_data
        yield info


def _why_special(info: tarfile.TarInfo) -> str:
    """Why a member isn't a file of the set: a link, a device; "" for a file."""
    return "" if info.isreg() else LINK_IN_ARCHIVE if info.issym() or info.islnk() else NOT_REGULAR


MAX_TARGET: Final = 4096
"""Bytes of a path that a link of a zip file holds, as Linux limits them."""


def _inside(name: str, target: str | bytes) -> str:
    """The path in the archive of what a symbolic link called `name` leads to; "" where it leads out."""
    text = target if isinstance(target, str) else target.decode(errors="replace")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), text))
    return "" if path in (".", "..") or path.startswith(("../", "/")) else path


def _tar_target(name: str, info: tarfile.TarInfo) -> str:
    """The same of a link of a tar file; a hard link names its target from the top of the archive."""
    return _inside("" if info.islnk() else name, info.linkname)


def _followed(
    entries: Sequence[tuple[str, Member, str]], target_of: Callable[[str, Member], str]
) -> list[tuple[str, Member, str]]:
    """The same members, and in place of each link the file or the files of the folder in the archive that it leads to.

    Links to links, and those that lead to nothing in the archive, are left as they are: no loop can arise.

    Raises:
        DataError: links that repeat folders out of all proportion.
    """
    files = {posixpath.normpath(name): member for name, member, why in entries if not why}
    names = sorted(files)
    found: list[tuple[str, Member, str]] = []
    for name, member, why in entries:
        target = target_of(name, member) if why == LINK_IN_ARCHIVE else ""
        begin, end = bisect.bisect_left(names, f"{target}/"), bisect.bisect_left(names, f"{target}0")  # "0" follows "/"
        if not target:
            found.append((name, member, why))
        elif target in files:
            found.append((name, files[target], ""))
        elif begin == end:
            found.append((name, member, why))
        else:
            found += [(f"{name}{inner[len(target) :]}", files[inner], "") for inner in names[begin:end]]
        if len(found) > MAX_FOLLOWED:
            raise DataError(f"Links of the archive lead to more than {MAX_FOLLOWED:,} files. Drop --follow-links.")
    return found


MAX_FOLLOWED: Final = 10_000_000
"""Most members that links of an archive may lead to: each link to a folder repeats all of its files."""


def _collect(
    archive: str, entries: Iterable[tuple[str, Member, str]], skipped: Skipped
) -> tuple[dict[str, Member], dict[str, Member]]:
    """Item name -> member, of files that are called images and of others.

    Args:
        archive: What the user typed.
        entries: (stored name, member, why it isn't a file or "") of everything that isn't a folder.
        skipped: Where left-out members are counted.
    """
    members: dict[str, Member] = {}
    others: dict[str, Member] = {}
    for stored, member, special in entries:
        # "./a.png", as `tar c .` writes it, is "a.png"; a name without such parts is as it should be
        plain = stored and "//" not in stored and "./" not in stored and not stored.endswith(("/", "/."))
        name = encodable(stored if plain else str(PurePosixPath(stored)))
        reason = reason_to_skip(name)
        if special and reason != HIDDEN and (reason is None or not PurePosixPath(name).suffix):
            reason = special  # a link without an ending may be one to a folder of images
        if reason is not None:
            skipped[reason] += 1
            if reason == NO_EXTENSION and not special:
                others[name] = member
            continue
        if name in members:
            raise DataError(
                f"{archive!r} holds {name!r} more than once; expected every name once. Pack it again from a folder."
            )
        members[name] = member
    return members, others


# The two below take any exception: a reader may raise every kind on hostile bytes, and each
# means that the archive is damaged. Running out of memory is reported as such.


def _damaged(archive: str, kind: str, error: Exception) -> DataError:
    if isinstance(error, MemoryError):
        raise error
    return DataError(
        f"Cannot list {kind} file {archive!r}: {_said(error)}. It is damaged or cut short: copy or pack it again."
    )


def _bad_member(name: str, archive: str, error: Exception) -> BadImageError:
    if isinstance(error, MemoryError):
        raise error
    return BadImageError(
        f"{name!r} in {archive!r} cannot be read: {_said(error)}. The archive is damaged: copy or pack it again."
    )


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
