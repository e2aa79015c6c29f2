"""horse2zebra: horses and zebras of ImageNet, two sets without pairs: CycleGAN's own data.

Source: J.-Y. Zhu et al., arXiv:1703.10593.
"""

from typing import Final

from ganeval.sources.datasets.photo_folders import photo_folders
from ganeval.sources.datasets.published import Folder, Published
from ganeval.sources.datasets.table import DatasetInfo

_COUNTS: Final = {"trainA": 1067, "trainB": 1334, "testA": 120, "testB": 140}

HORSE2ZEBRA: Final[DatasetInfo] = photo_folders(
    "horse2zebra",
    "horses and zebras of ImageNet, 256 px, two sets without pairs",
    "that of ImageNet: non-commercial research",
    (
        Published(
            (
                "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets/horse2zebra.zip",
                "https://people.eecs.berkeley.edu/~taesung_park/CycleGAN/datasets/horse2zebra.zip",
            ),
            116_867_962,
            "sha256:a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
            "TensorFlow Datasets",
            tuple(
                Folder(f"horse2zebra/{split}", count, (f"horse2zebra/{split}",), ".jpg")
                for split, count in _COUNTS.items()
            ),
        ),
    ),
    "horse2zebra/trainA, trainB, testA and testB: one image a file",
    tuple(_COUNTS),
)
