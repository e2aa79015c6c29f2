"""The embedded data set `digits`: scikit-learn's 1,797 handwritten digits, 8 x 8 grey, enlarged to 28 x 28.

Rules, all of them fixed: a stored value v of 0..16 becomes round(255 v / 16); the image is enlarged by Pillow's BICUBIC
on those bytes (integer arithmetic, the same on every machine); every third image (index 2, 5, 8, ...) is test (599),
the others are train (1,198). The digits come in runs of ten from one writer after another, so both splits hold all
classes and, like the source, share writers.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI repository (1998), its test set.
"""

import functools
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from ganeval.errors import DataError
from ganeval.sources.arrays import ArraySource
from ganeval.sources.base import ImageSource, Pixels
from ganeval.sources.datasets.table import DatasetInfo, packaged_file

SIDE: Final = 28


def load_digits(split: str, data_root: Path | None = None) -> ImageSource:
    """The images of one split ("all", "train" or "test"), named by their index in the whole set, with labels."""
    del data_root  # embedded
    images, classes = _enlarged(packaged_file("sklearn", "datasets", "data", "digits.csv.gz"))
    rows = np.arange(len(images))
    rows = {"all": rows, "train": rows[rows % 3 != 2], "test": rows[rows % 3 == 2]}[split]
    return ArraySource(images[rows], f"digits:{split}", [classes[row] for row in rows], [f"{row:06d}" for row in rows])


@functools.cache  # 1.4 MB, which take a tenth of a second to read and enlarge
def _enlarged(path: Path) -> tuple[Pixels, tuple[str, ...]]:
    """All images (N, 28, 28, 1), and their classes."""
    table = np.loadtxt(path, delimiter=",", dtype=np.float64)  # 64 pixels of 0..16, then the class
    if table.ndim != 2 or table.shape[1] != 65:
        raise DataError(f"{path} holds a table of {table.shape}; expected 65 columns. Install scikit-learn again.")
    small = np.rint(table[:, :64] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    large = [np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for image in small]
    images = np.stack(large)[..., None]
    images.flags.writeable = False
    return images, tuple(str(int(label)) for label in table[:, 64])


DIGITS: Final = DatasetInfo(
    name="digits",
    summary="1,797 handwritten digits of scikit-learn, 8 px enlarged to 28 px; every third is test",
    splits=("all", "train", "test"),
    default_split="all",
    channels=1,
    size=(SIDE, SIDE),
    classes=10,
    licence="CC-BY-4.0",
    embedded=True,
    load=load_digits,
)
