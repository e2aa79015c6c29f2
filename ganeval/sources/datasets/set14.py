"""Set14: fourteen photos and drawings that super-resolution has been measured on since 2010, cut to multiples of four.

Source: R. Zeyde et al., "On Single Image Scale-Up Using Sparse-Representations", 2010; the files are those of J.-B.
Huang's SelfExSR (CVPR 2015).
"""

from typing import Final

from ganeval.sources.datasets.photo_folders import photo_folders
from ganeval.sources.datasets.published import Folder, Published
from ganeval.sources.datasets.table import DatasetInfo

SET14: Final[DatasetInfo] = photo_folders(
    "set14",
    "fourteen pictures for super-resolution, high resolution, cut to multiples of 4",
    "none stated by its makers",
    (
        Published(
            ("https://uofi.box.com/shared/static/igsnfieh4lz68l926l8xbklwsnnk8we9.zip",),
            folders=(Folder("set14", 14, ("Set14/image_SRF_4", "image_SRF_4"), "_HR.png"),),
        ),
    ),
    "set14: the fourteen images img_001_SRF_4_HR.png and so on",
    ("test",),
)
