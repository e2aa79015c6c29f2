"""Pictures inside the page: decoded by the same rules as everywhere, shrunk, and encoded to fit a byte budget."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ganeval.errors import BadImageError, DataError
from ganeval.files.read_write import read_bytes
from ganeval.sources.base import Pixels
from ganeval.sources.decoding.rules import decode
from ganeval.sources.limits import MAX_FILE_BYTES

LOSSLESS_PIXELS = 128 * 128  # every artefact of so small a picture would show
SMALL_SIDE = 320  # pictures up to this are shown enlarged, pixel by pixel
# (longest side in pixels, WebP quality): the first that fits the budget is taken for all pictures.
LEVELS = ((640, 85), (448, 80), (320, 72), (224, 64), (160, 56), (112, 50))
HEADER = "data:image/webp;base64,"


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of the page.

    Attributes:
        image: RGB, at most the largest side of LEVELS times `detail`.
        alt: What it shows, in words.
        detail: How many times the side of others it may have, for sheets with small print.
    """

    image: Image.Image
    alt: str
    detail: int = 1


@dataclass(frozen=True)
class Encoded:
    """A picture as the page holds it.

    Attributes:
        uri: A data URI.
        width: Pixels.
        height: Pixels.
        small: True where it is shown enlarged, pixel by pixel.
    """

    uri: str
    width: int
    height: int
    small: bool


class Album:
    """Every picture of one page, encoded together when all are known."""

    def __init__(self) -> None:
        self._pictures: list[Picture] = []

    def __len__(self) -> int:
        return len(self._pictures)

    def add(self, pixels: Pixels, alt: str, detail: int = 1) -> Picture:
        """Takes one picture in.

        Args:
            pixels: uint8 (3, H, W).
            alt: What it shows.
            detail: How many times the side of others it may have.
        """
        whole = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        picture = Picture(_within(whole, LEVELS[0][0] * detail), alt, detail)
        self._pictures.append(picture)
        return picture

    def encode(self, budget: int) -> dict[Picture, Encoded]:
        """Encodes all pictures at the best level that fits.

        Args:
            budget: Bytes in the page for all of them together.

        Raises:
            DataError: they do not fit even at the lowest level.
        """
        total = 0
        for side, quality in LEVELS:
            encoded = {picture: _encode(picture.image, side * picture.detail, quality) for picture in self._pictures}
            total = sum(len(one.uri) for one in encoded.values())
            if total <= budget:
                return encoded
        raise DataError(
            f"{len(self._pictures):,} pictures take {total:,} bytes at {LEVELS[-1][0]} pixels a side; at most "
            f"{budget:,} go into one page. Name fewer --runs, --pairs or --blame."
        )


def read_picture(path: Path, within: Path | None = None) -> Pixels:
    """Reads one image file, uint8 (3, H, W).

    Args:
        path: The file.
        within: The folder that it belongs to: a link that leads out of it is not followed.

    Raises:
        BadImageError: it cannot be read or decoded.
    """
    try:
        data = read_bytes(path, MAX_FILE_BYTES, within)
    except OSError as error:
        raise BadImageError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    return decode(data, str(path)).pixels


def _within(image: Image.Image, side: int) -> Image.Image:
    """The image, shrunk where its longer side is above `side`."""
    scale = side / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _encode(image: Image.Image, side: int, quality: int) -> Encoded:
    shown = _within(image, side)
    buffer = io.BytesIO()
    if image.width * image.height <= LOSSLESS_PIXELS:
        shown.save(buffer, "WEBP", lossless=True, method=4)
    else:
        shown.save(buffer, "WEBP", quality=quality, method=4)
    uri = HEADER + base64.b64encode(buffer.getvalue()).decode()
    return Encoded(uri, shown.width, shown.height, max(image.size) <= SMALL_SIDE)
