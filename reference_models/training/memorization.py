"""Copies and repetitions among samples, compared with those among real images.

A sample is *copied* if its distance to a training image is below the 1% quantile of distances between training images
and their nearest neighbours. It is *repeated* if its distance to another sample is below that quantile of as many real
images. New images of the true distribution would give about 1% of each.
"""

from dataclasses import dataclass

import numpy as np

from ganeval.metrics.nearest_images import Neighbours, nearest, nearest_others, rare_distance
from ganeval.summaries.bank import FeatureBank

SUBSET_SEED = 0


@dataclass(frozen=True)
class Lookalikes:
    """Nearest neighbours in one feature space of n samples and N training images.

    Attributes:
        training: The nearest training images of each sample.
        copy_limit: Largest distance to a training image of a copied sample.
        others: The nearest other sample of each of the first min(n, N) samples.
        repeat_limit: Largest distance to another sample of a repeated one.
    """

    training: Neighbours
    copy_limit: float
    others: Neighbours
    repeat_limit: float

    @property
    def copied(self) -> np.ndarray:
        """(n,) bool."""
        return np.asarray(self.training.distances[:, 0] <= self.copy_limit)

    @property
    def repeated(self) -> np.ndarray:
        """(min(n, N),) bool."""
        return np.asarray(self.others.distances[:, 0] <= self.repeat_limit)

    def closest_pairs(self, most: int) -> list[tuple[int, int, float]]:
        """Pairs of nearest samples, (i, j, distance), nearest first, each once."""
        found: dict[tuple[int, int], float] = {}
        for i in np.argsort(self.others.distances[:, 0], kind="stable"):
            j = int(self.others.indices[i, 0])
            found.setdefault((min(int(i), j), max(int(i), j)), float(self.others.distances[i, 0]))
            if len(found) == most:
                break
        return [(i, j, distance) for (i, j), distance in found.items()]


def lookalikes(samples: FeatureBank, training: FeatureBank, k: int) -> Lookalikes:
    """Finds copied and repeated samples in one feature space.

    Args:
        samples: Features of the samples, indices 0 to n - 1, n >= 2.
        training: Features of the training images, N >= k + 1.
        k: Number of training images for each sample.
    """
    equal = min(len(samples), len(training))
    few = FeatureBank.of(samples.rows()[:equal])
    return Lookalikes(
        nearest(samples, training, k),
        rare_distance(training),
        nearest_others(few, 1),
        rare_distance(random_part(training, equal)),
    )


def random_part(bank: FeatureBank, count: int) -> FeatureBank:
    """`count` rows of a bank, drawn with a fixed seed."""
    order = np.random.Generator(np.random.PCG64(SUBSET_SEED)).permutation(len(bank))
    return FeatureBank.of(bank.rows()[np.sort(order[:count])])
