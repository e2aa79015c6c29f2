"""Frames of a video as a set of images: all of them, or every k-th.

The container is known by its first bytes and named to FFmpeg, which then looks for no other: a playlist that calls
itself .mp4 would otherwise make it open what the playlist lists, addresses included. Frames are decoded in order and
the last few are kept, for the threads that read ahead; a place further back begins at the start again.
"""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ganeval.errors import BadImageError, DataError, UsageError
from ganeval.files.read_write import open_regular
from ganeval.sources.arrays import pixels_digest
from ganeval.sources.base import Decoded, ImageSource, Item, Pixels, Raw
from ganeval.sources.limits import MAX_PIXELS

if TYPE_CHECKING:
    import io

VIDEO_EXTENSIONS: Final = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
MAX_FRAMES: Final = 1_000_000
"""Nine hours of 30 frames a second; a stream that never ends is refused after that."""
LOST: Final = "frame that cannot be decoded"
NO_MOTION: Final = "frames are scored as single images: nothing here measures motion, and this is not FVD"
_KEPT: Final = 48  # frames at most, fewer of large ones; readers are a few places apart
_FEWEST: Final = 16
_HEAD: Final = 16


def container_of(head: bytes) -> str | None:
    """FFmpeg's name of a container, by the first bytes of a file; None for what is none of those that are read."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return "mov"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    return "avi" if head[:4] == b"RIFF" and head[8:12] == b"AVI " else None


class VideoSource(ImageSource):
    """Every k-th frame of the first video stream of a file, as RGB.

    A frame is called by its number in the video, so that the same frames of two videos pair.

    Args:
        path: The file.
        name: What the user typed.
        every: k; 1 for all frames.

    Raises:
        UsageError: PyAV is not installed, or k is not a number from 1.
        DataError: no video, or one that cannot be decoded.
    """

    def __init__(self, path: Path, name: str, every: str = "1") -> None:
        if not (every.isascii() and every.isdecimal() and len(every) < 8 and int(every) > 0):
            raise UsageError(
                f"{name!r}: {every!r} is not a number of frames. Write {path.name}:10 for every tenth frame, or "
                f"{path.name} for all."
            )
        self.name = name
        self.notes = (NO_MOTION,)
        self._every = int(every)
        self._lock = threading.Lock()
        self._frames: Generator[Pixels, None, None] | None = None
        self._next = 0
        self._kept: OrderedDict[int, Pixels] = OrderedDict()
        self._stated = 0  # frames of the stream, by its header; 0 where that does not say
        self._patched = 0  # frames that were decoded in spite of damage
        self._streams = 0
        try:
            self._file = open_regular(path)
        except OSError as error:
            raise DataError(f"Cannot open {name!r}: {error.strerror or error}. Check the path.") from error
        try:
            self._container = container_of(self._file.read(_HEAD))
            if self._container is None:
                raise DataError(
                    f"{name!r} begins as no video of {', '.join(VIDEO_EXTENSIONS)}. Convert it, as in `ffmpeg -i in "
                    "out.mp4`, or give a folder of its frames."
                )
            count = self._count()
            self._tell(count)
        except (DataError, UsageError):
            self._file.close()
            raise
        self.items = [Item(f"{number:07d}") for number in range(0, count, self._every)]

    def read(self, index: int) -> Raw:
        """Decodes up to a frame, unless it is among the last few."""
        number = index % len(self.items) * self._every
        name = self.items[index].name
        with self._lock:
            if number not in self._kept:
                self._decode_to(number, name)
            pixels = self._kept[number]
        return Raw(pixels_digest(pixels), lambda: Decoded(pixels), "video")

    def close(self) -> None:
        """Closes the decoder and the file."""
        with self._lock:
            if self._frames is not None:
                self._frames.close()
            self._file.close()

    def _decode_to(self, number: int, name: str) -> None:
        if self._frames is None or number < self._next:
            self._frames, self._next = self._decoded(), 0
        for pixels in self._frames:
            place = self._next
            self._next += 1
            if place % self._every == 0:
                self._kept[place] = pixels
                while len(self._kept) > max(_FEWEST, min(_KEPT, MAX_PIXELS // pixels[0].size)):
                    self._kept.popitem(last=False)
            if place == number:
                return
        raise BadImageError(
            f"Frame {name} of {self.name!r} cannot be decoded any more: the file changed or is damaged."
        )

    def _decoded(self) -> Generator[Pixels, None, None]:
        with contextlib.closing(self._stream()) as frames:
            for frame in frames:
                yield np.ascontiguousarray(frame.to_ndarray(format="rgb24").transpose(2, 0, 1))

    def _count(self) -> int:
        """Frames that can be decoded: what a header says of them is not always so."""
        patched = [bool(frame.is_corrupt) for frame in self._stream()]
        count, self._patched = len(patched), sum(patched)
        if count == 0:
            raise DataError(f"{self.name!r} holds no video frame. Name a video, or a folder of its frames.")
        return count

    def _tell(self, count: int) -> None:
        """Counts frames that are missing, those that FFmpeg patched, and streams that are not read."""
        frames = f"of {max(count, self._stated):,} frames of {self.name!r}"
        if (lost := self._stated - count) > 0:
            self.skipped = {LOST: lost}
            self.notes += (f"{lost:,} {frames} cannot be decoded: its header counts them",)
        if self._patched:
            self.notes += (f"{self._patched:,} {frames} are damaged, and FFmpeg filled in what is missing",)
        if self._streams > 1:
            self.notes += (f"the first of {self._streams} video streams of {self.name!r} is read",)

    def _stream(self) -> Generator[Any, None, None]:
        """The decoded frames in order, from the start.

        Raises:
            DataError: FFmpeg cannot read the file, or a frame is larger than an image may be.
        """
        try:
            import av
        except ImportError:
            raise UsageError(
                f"{self.name!r} is a video, and PyAV, which reads it, is not installed: pip install 'ganeval[video]'. "
                "Or give a folder of its frames."
            ) from None
        self._file.seek(0)
        try:
            with contextlib.closing(_opened(av, self._file, self._container)) as opened:
                if not opened.streams.video:
                    return
                stream = opened.streams.video[0]
                self._stated, self._streams = stream.frames, len(opened.streams.video)
                for number, frame in enumerate(opened.decode(stream)):
                    if frame.width * frame.height > MAX_PIXELS:
                        raise DataError(
                            f"{self.name!r}: frames of {frame.width}x{frame.height} (width x height); at most "
                            f"{MAX_PIXELS:,} pixels are decoded. Make it smaller."
                        )
                    if number >= MAX_FRAMES:
                        raise DataError(f"{self.name!r} has more than {MAX_FRAMES:,} frames. Cut it into parts.")
                    yield frame
        except (av.error.FFmpegError, ValueError, MemoryError) as error:
            raise DataError(
                f"Cannot decode the video {self.name!r}: {error}. It is damaged or cut short: convert it again, or "
                "give a folder of its frames."
            ) from error


def _opened(av: Any, file: "io.BufferedReader", container: str | None) -> Any:
    """A container that opens nothing but the bytes of the file."""
    return av.open(file, mode="r", format=container, options={"protocol_whitelist": "none", "max_streams": "64"})
