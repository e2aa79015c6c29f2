"""BSDS500: 500 photos of the Berkeley Segmentation Data Set. Its validation photos are BSD100, and the test split here.

Source: P. Arbelaez et al., "Contour Detection and Hierarchical Image Segmentation", PAMI 2011.
"""

from typing import Final

from ganeval.sources.datasets.photo_folders import photo_folders
from ganeval.sources.datasets.published import Folder, Published
from ganeval.sources.datasets.table import DatasetInfo

_IMAGES: Final = "BSR/BSDS500/data/images"

BSDS500: Final[DatasetInfo] = photo_folders(
    "bsds500",
    "500 photos of 481x321; train is its own train and test (400), test its val, which is BSD100",
    "research and education, as its page says",
    (
        Published(
            ("https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",),
            70_763_455,
            folders=(
                Folder("bsds500/train", 400, (f"{_IMAGES}/train", f"{_IMAGES}/test"), ".jpg"),
                Folder("bsds500/test", 100, (f"{_IMAGES}/val",), ".jpg"),
            ),
        ),
    ),
    "bsds500/train: the 400 photos of BSDS500's own train and test folders; bsds500/test: its val folder",
    ("train", "test"),
)
