"""CMP Facades as pix2pix publishes them: photo (left) and labels (right) side by side in one file of 512x256.

Source: R. Tylecek, R. Sara, "Spatial Pattern Templates for Recognition of Objects with Regular Structure", GCPR 2013;
P. Isola et al., arXiv:1611.07004.
"""

from typing import Final

from ganeval.sources.datasets.photo_folders import photo_folders
from ganeval.sources.datasets.published import Folder, Published
from ganeval.sources.datasets.table import DatasetInfo

FACADES: Final[DatasetInfo] = photo_folders(
    "facades",
    "506 facades, photo and labels side by side in one file; train 400, test 106",
    "none stated by its makers",
    (
        Published(
            ("http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",),
            30_168_306,
            folders=(
                Folder("facades/train", 400, ("facades/train",), ".jpg"),
                Folder("facades/test", 106, ("facades/test",), ".jpg"),
            ),
        ),
    ),
    "facades/train and facades/test: files with photo (left) and labels (right) side by side",
    ("train", "test"),
)
