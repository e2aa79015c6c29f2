"""DIV2K: 900 photos of about 2,000 pixels, for super-resolution; its validation photos are the test split here.

Source: E. Agustsson, R. Timofte, "NTIRE 2017 Challenge on Single Image Super-Resolution", CVPR workshops 2017.
"""

from typing import Final

from ganeval.sources.datasets.photo_folders import photo_folders
from ganeval.sources.datasets.published import Folder, Published
from ganeval.sources.datasets.table import DatasetInfo

_AT: Final = "https://data.vision.ee.ethz.ch/cvl/DIV2K"
_TFDS: Final = "TensorFlow Datasets"

DIV2K: Final[DatasetInfo] = photo_folders(
    "div2k",
    "900 photos of about 2,000 px; train 800 (DIV2K_train_HR), test 100 (DIV2K_valid_HR)",
    "academic research only, as its page says",
    (
        Published(
            (f"{_AT}/DIV2K_train_HR.zip",),
            3_530_603_713,
            "sha256:9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
            _TFDS,
            (Folder("div2k/train", 800, ("DIV2K_train_HR",), ".png"),),
        ),
        Published(
            (f"{_AT}/DIV2K_valid_HR.zip",),
            448_993_893,
            "sha256:20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
            _TFDS,
            (Folder("div2k/test", 100, ("DIV2K_valid_HR",), ".png"),),
        ),
    ),
    "div2k/train and div2k/test: the high-resolution PNG files (DIV2K_train_HR, DIV2K_valid_HR)",
    ("train", "test"),
)
