"""vangogh2photo: paintings of van Gogh and landscape photos of Flickr, two sets without pairs: CycleGAN's own data.

Source: J.-Y. Zhu et al., arXiv:1703.10593.
"""

from typing import Final

from ganeval.sources.datasets.photo_folders import photo_folders
from ganeval.sources.datasets.published import Folder, Published
from ganeval.sources.datasets.table import DatasetInfo

_COUNTS: Final = {"trainA": 400, "trainB": 6287, "testA": 400, "testB": 751}

VANGOGH2PHOTO: Final[DatasetInfo] = photo_folders(
    "vangogh2photo",
    "paintings of van Gogh and landscape photos of Flickr, 256 px, two sets without pairs",
    "none stated by its makers",
    (
        Published(
            (
                "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets/vangogh2photo.zip",
                "https://people.eecs.berkeley.edu/~taesung_park/CycleGAN/datasets/vangogh2photo.zip",
            ),
            306_590_349,
            "sha256:362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff",
            "TensorFlow Datasets",
            tuple(
                Folder(f"vangogh2photo/{split}", count, (f"vangogh2photo/{split}",), ".jpg")
                for split, count in _COUNTS.items()
            ),
        ),
    ),
    "vangogh2photo/trainA, trainB, testA and testB: one image a file",
    tuple(_COUNTS),
)
