"""A data set that is made when it is opened."""

import numpy as np

from ganeval.sources.arrays import ArraySource
from ganeval.sources.datasets.table import DatasetInfo


def load(split, data_root):
    levels = np.random.default_rng(len(split)).integers(0, 256, (40, 1, 8, 3), dtype=np.uint8)
    return ArraySource(levels.repeat(8, axis=1), "stripes")


STRIPES = DatasetInfo("stripes", "vertical stripes", ("train", "test"), "test", 3, (8, 8), 0, "CC0", True, load)
