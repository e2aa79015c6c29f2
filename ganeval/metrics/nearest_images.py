"""Nearest images between two sets of features: which training images a sample resembles, and which samples each other.

Distances are Euclidean, in float64. Memory stays bounded: one block of the searched set at a time.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganeval.metrics.neighbours import squared_distances
from ganeval.summaries.bank import FeatureBank

CHUNK = 512  # rows against a block: 512 x 1024 x 8 B = 4 MB
RARE = 0.01  # share of real images that have another one as near as the limit of `rare_distance`


@dataclass(frozen=True)
class Neighbours:
    """For each of n images its k nearest ones, nearest first; of equally near ones the lower index first.

    Attributes:
        indices: (n, k) int64, image indices of the searched set.
        distances: (n, k) float64.
    """

    indices: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]


def nearest(images: FeatureBank, searched: FeatureBank, k: int) -> Neighbours:
    """The k nearest of `searched` for every image, in ascending image index.

    Raises:
        ValueError: fewer than k images are searched, or widths differ.
    """
    return _search(images, searched, k, same=False)


def nearest_others(images: FeatureBank, k: int) -> Neighbours:
    """The k nearest other images of the same set, for every image.

    Raises:
        ValueError: fewer than k + 1 images.
    """
    return _search(images, images, k, same=True)


def _search(images: FeatureBank, searched: FeatureBank, k: int, *, same: bool) -> Neighbours:
    if images.dim != searched.dim:
        raise ValueError(f"cannot compare features of {images.dim} and {searched.dim} dimensions")
    if k < 1 or len(searched) - same < k:
        raise ValueError(f"{k} nearest of {len(searched) - same} images")
    rows, own = images.rows(), images.indices()
    indices = np.zeros((len(rows), 0), dtype=np.int64)
    squared = np.zeros((len(rows), 0))
    for block_indices, block in searched.chunks():
        found = np.empty((len(rows), len(block)))
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            found[part] = squared_distances(rows[part], block)
        if same:
            found[own[:, None] == block_indices[None, :]] = np.inf
        squared = np.concatenate([squared, found], axis=1)
        indices = np.concatenate([indices, np.broadcast_to(block_indices, found.shape)], axis=1)
        order = np.lexsort((indices, squared))[:, :k]
        indices, squared = np.take_along_axis(indices, order, 1), np.take_along_axis(squared, order, 1)
    return Neighbours(indices, np.sqrt(squared))


def rare_distance(real: FeatureBank, share: float = RARE) -> float:
    """The distance within which one real image in a hundred has another: what is nearer is suspiciously alike.

    Of fresh images of the same distribution about as many are that near to an image of a set of this size. A generator
    with many more such images has copied its training images, or repeats itself.

    Args:
        real: Two images or more.
        share: Of real images.
    """
    return float(np.quantile(nearest_others(real, 1).distances[:, 0], share))
