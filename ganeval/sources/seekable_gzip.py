"""Random access into a gzip file without unpacking it to disk: the decompressor's state is kept at checkpoints.

`gzip.open` starts over at every step backwards, which makes reading n members in any order but their own cost O(n^2).
A zlib state is a 32 KiB window and can be copied; one copy every MiB bounds a jump to that distance.
"""

import io
import zlib
from pathlib import Path
from typing import Any, Final

from ganeval.errors import DataError
from ganeval.sources.limits import MAX_RATIO, is_bomb

_READ: Final = 1 << 14  # compressed bytes a step; a checkpoint keeps up to this many that are not yet used
_BLOCK: Final = 1 << 20  # uncompressed bytes a step at most
_SPACING: Final = 1 << 20  # 1 MiB between checkpoints: a few ms of inflating for a jump to anywhere
_MAX_POINTS: Final = 1024  # of about 64 KiB; beyond 1 GiB of content every second one goes and the spacing doubles
_GZIP: Final = 31  # zlib's window bits for a gzip header and its CRC-32


class SeekableGzip(io.RawIOBase):
    """The uncompressed content of a gzip file (one or more members). Wrap it in io.BufferedReader. One thread only.

    Args:
        path: The gzip file.
        spacing: Uncompressed bytes between checkpoints.

    Raises:
        DataError: on reading, when the content grows beyond MAX_RATIO times the file.
        EOFError: on reading, when the file ends inside a member.
        zlib.error: on reading damaged data (gzip's CRC-32 is checked at the end of each member).
    """

    def __init__(self, path: Path, spacing: int = _SPACING) -> None:
        super().__init__()
        self._path = path
        self._compressed_size = path.stat().st_size
        self._file = path.open("rb")
        self._spacing = spacing
        self._inflate = zlib.decompressobj(_GZIP)
        self._start, self._block = 0, b""  # offset of the current block in the content, and the block
        self._position = 0
        # (offset of the next block, position in the file, state)
        self._points = [(0, 0, self._inflate.copy())]

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always, from the start or from here; the end is unknown."""
        return True

    def tell(self) -> int:
        """Offset in the uncompressed content."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves; nothing is inflated until the next read."""
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the uncompressed size of a gzip file is not known")
        self._position = max(0, offset + (self._position if whence == io.SEEK_CUR else 0))
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Copies what the block at the position holds into a writable buffer; 0 at the end."""
        best = next(point for point in reversed(self._points) if point[0] <= self._position)
        if self._position < self._start or best[0] > self._start + len(self._block):
            self._start, self._block = best[0], b""
            self._file.seek(best[1])
            self._inflate = best[2].copy()
        while self._position >= self._start + len(self._block):
            if not self._next_block():
                return 0
        view = memoryview(buffer).cast("B")
        at = self._position - self._start
        piece = self._block[at : at + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        """Closes the file."""
        if not self.closed:
            self._file.close()
        super().close()

    def _next_block(self) -> bool:
        """Inflates the next block (possibly an empty one); False at the end of the file."""
        self._start += len(self._block)
        self._block = b""
        if self._start >= self._points[-1][0] + self._spacing:
            self._points.append((self._start, self._file.tell(), self._inflate.copy()))
            if len(self._points) > _MAX_POINTS:
                self._points = self._points[::2]
                self._spacing *= 2
        if self._inflate.eof:
            # The next member, behind optional zero padding.
            data = self._inflate.unused_data.lstrip(b"\0") or self._file.read(_READ).lstrip(b"\0")
            if not data:
                return False
            self._inflate = zlib.decompressobj(_GZIP)
        else:
            data = self._inflate.unconsumed_tail or self._file.read(_READ)
            if not data:  # output cannot be pending either: the checksum behind it would still be unread
                raise EOFError("the gzip file ends inside its data")
        self._block = self._inflate.decompress(data, _BLOCK)
        grown = self._start + len(self._block)
        if is_bomb(grown, self._compressed_size):
            raise DataError(
                f"{str(self._path)!r} unpacks to more than {grown:,} bytes from {self._compressed_size:,}; at most "
                f"{MAX_RATIO} : 1 is read. Unpack it yourself if you trust it, and name the folder."
            )
        return True
