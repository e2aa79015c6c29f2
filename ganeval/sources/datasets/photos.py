"""The embedded data set `photos`: seven colour photos that scikit-image and scikit-learn ship, cut into 64 x 64 tiles.

Tiles lie on a grid with stride 64 from the top left, without overlap (overlapping ones would count the same pixels
several times and make every error bar too small); what is left at the right and the bottom is dropped. Train and test
never share a photo: 289 tiles of five photos, 114 tiles of two.

Three of the files are JPEG, whose decoded pixels may differ by a grey level between builds of libjpeg; the content
hash in a protocol tells such builds apart.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ganeval.registry import unknown_name
from ganeval.sources.arrays import ArraySource
from ganeval.sources.base import ImageSource, Pixels
from ganeval.sources.datasets.table import DatasetInfo, packaged_file
from ganeval.sources.decoding.rules import decode

TILE: Final = 64


@dataclass(frozen=True)
class Photo:
    """One photo: where it is installed, which split it belongs to, and whose it is."""

    split: str
    package: str
    path: tuple[str, ...]
    licence: str


_TABLE: Final[dict[str, Photo]] = {
    "astronaut": Photo("train", "skimage", ("data", "astronaut.png"), "public domain (NASA)"),
    "chelsea": Photo("train", "skimage", ("data", "chelsea.png"), "CC0 (S. van der Walt)"),
    "china": Photo("train", "sklearn", ("datasets", "images", "china.jpg"), "CC-BY-2.0 (danielbuechele)"),
    "coffee": Photo("test", "skimage", ("data", "coffee.png"), "CC0 (R. Michetti)"),
    "flower": Photo("test", "sklearn", ("datasets", "images", "flower.jpg"), "CC-BY-2.0 (vultilion)"),
    "motorcycle": Photo("train", "skimage", ("data", "motorcycle_left.png"), "Middlebury Stereo 2014, for citation"),
    "rocket": Photo("train", "skimage", ("data", "rocket.jpg"), "public domain (SpaceX)"),
}


def photo_names(split: str = "all") -> tuple[str, ...]:
    """The photos of a split ("all", "train" or "test"), sorted."""
    return tuple(name for name, photo in _TABLE.items() if split in ("all", photo.split))


def photo(name: str) -> Pixels:
    """One whole photo, uint8 (3, H, W), 300 to 512 high and 451 to 741 wide: what training cuts its own crops from.

    Raises:
        UsageError: no photo of that name.
        DataError: the package that ships it does not hold it.
    """
    if name not in _TABLE:
        raise unknown_name("photo", name, list(_TABLE))
    row = _TABLE[name]
    path = packaged_file(row.package, *row.path)
    return decode(path.read_bytes(), path.name).pixels


def load_photos(split: str, data_root: Path | None = None) -> ImageSource:
    """The tiles of one split, named "astronaut/0064_0128" (row and column of the tile's top left pixel)."""
    del data_root  # embedded
    array, names = _tiles(split)
    return ArraySource(array.copy(order="K"), f"photos:{split}", item_names=names)


@functools.cache  # 5 MB of all; a tenth of a second to decode
def _tiles(split: str) -> tuple[Pixels, tuple[str, ...]]:
    """The tiles of a split (N, 64, 64, 3), and their names."""
    tiles: dict[str, Pixels] = {}
    for name in photo_names(split):
        whole = photo(name)
        for row in range(0, whole.shape[1] - TILE + 1, TILE):
            for column in range(0, whole.shape[2] - TILE + 1, TILE):
                tiles[f"{name}/{row:04d}_{column:04d}"] = whole[:, row : row + TILE, column : column + TILE]
    array = np.stack(list(tiles.values())).transpose(0, 2, 3, 1)
    array.flags.writeable = False
    return array, tuple(tiles)


PHOTOS: Final = DatasetInfo(
    name="photos",
    summary="403 tiles of 64 px from seven photos of scikit-image and scikit-learn; no photo is in both splits",
    splits=("all", "train", "test"),
    default_split="all",
    channels=3,
    size=(TILE, TILE),
    classes=0,
    licence="public domain, CC0, CC-BY-2.0; see the table in ganeval/sources/datasets/photos.py",
    embedded=True,
    load=load_photos,
)
