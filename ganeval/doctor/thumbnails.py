"""Near-duplicates by small grey thumbnails: which pictures are the same one after JPEG, resizing or a change of light.

Two pictures count as nearly the same where their thumbnails correlate by ALIKE, and by so much that what one leaves
unexplained of the other, whatever their brightness and contrast, is at most NEAR grey levels (root mean square).
Nothing is hashed: a threshold on a distance says what it lets through.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

# Different pictures are never nearer than 8.6 grey levels (digits), 7.9 (4,000 of Fashion-MNIST), 7.2 (4,000 of
# CIFAR-10). JPEG of quality 50, halving and enlarging, noise of 5 grey levels or a change of light moves a photo by 0.1
# to 4 and leaves a correlation of 0.99 to 1 (medians); but not of the small, sharp garments of Fashion-MNIST.
SIDE: Final = 16
ALIKE: Final = 0.985  # correlation
NEAR: Final = 6.0  # grey levels
FLAT: Final = 3.0  # grey levels of standard deviation: a thumbnail without a picture in it resembles every other one
CHUNK: Final = 1024

Float32 = npt.NDArray[np.float32]


def thumbnail(luma: Float32) -> Float32:
    """(SIDE, SIDE) mean grey levels of the cells of a picture (H, W)."""
    small = Image.fromarray(luma).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


@dataclass(frozen=True)
class Thumbnails:
    """Thumbnails of a set, ready to compare.

    Attributes:
        directions: (n, SIDE²) float32, mean-free, of length 1; zero for a flat one.
        spread: (n,) float32, standard deviation in grey levels.
    """

    directions: Float32
    spread: Float32

    @staticmethod
    def of(small: Float32) -> "Thumbnails":
        """From (n, SIDE, SIDE)."""
        rows = small.reshape(len(small), -1).astype(np.float32)
        rows = rows - rows.mean(axis=1, keepdims=True)
        length = np.sqrt((rows**2).sum(axis=1))
        spread = length / np.float32(np.sqrt(rows.shape[1]))
        safe = np.where(spread > FLAT, length, np.inf).astype(np.float32)
        return Thumbnails(rows / safe[:, None], spread.astype(np.float32))

    def __len__(self) -> int:
        return len(self.spread)

    def rows(self, chosen: npt.NDArray[np.int64]) -> "Thumbnails":
        """Some of them."""
        return Thumbnails(self.directions[chosen], self.spread[chosen])


def nearly_same(
    images: Thumbnails, searched: Thumbnails, own: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.int64]:
    """For each image the most similar one of `searched` that counts as nearly the same; -1 where there is none.

    Costs a product of (n, 256) with (256, m), 1024 rows at a time.

    Args:
        images: n of them.
        searched: m of them.
        own: (n,) where `images` are rows of `searched`: which ones. An image is not its own copy.
    """
    found = np.full(len(images), -1, dtype=np.int64)
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        correlation = images.directions[part] @ searched.directions.T
        a, b = images.spread[part, None], searched.spread[None, :]
        if own is not None:
            correlation[np.arange(len(correlation)), own[part]] = -1.0
        candidates = correlation >= ALIKE
        rows = np.flatnonzero(candidates.any(axis=1))
        squared = np.maximum(a[rows], b) ** 2 * (1 - correlation[rows] ** 2)
        near = candidates[rows] & (squared <= NEAR**2)
        best = np.where(near, correlation[rows], -1.0).argmax(axis=1)
        found[start + rows] = np.where(near.any(axis=1), best, -1)
    return found
