"""Set5: the five photos that super-resolution has been measured on since 2012, cut to multiples of four.

Source: M. Bevilacqua et al., "Low-Complexity Single-Image Super-Resolution", BMVC 2012; the files are those of J.-B.
Huang's SelfExSR (CVPR 2015).
"""

from typing import Final

from ganeval.sources.datasets.photo_folders import photo_folders
from ganeval.sources.datasets.published import Folder, Published
from ganeval.sources.datasets.table import DatasetInfo

SET5: Final[DatasetInfo] = photo_folders(
    "set5",
    "five photos for super-resolution, high resolution, cut to multiples of 4",
    "none stated by its makers",
    (
        Published(
            ("https://uofi.box.com/shared/static/kfahv87nfe8ax910l85dksyl2q212voc.zip",),
            folders=(Folder("set5", 5, ("Set5/image_SRF_4", "image_SRF_4"), "_HR.png"),),
        ),
    ),
    "set5: the five images img_001_SRF_4_HR.png and so on",
    ("test",),
)
