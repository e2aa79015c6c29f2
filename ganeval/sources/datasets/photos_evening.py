"""The embedded data set `photos-evening`: the tiles of `photos` in evening light, a restyling whose answer is known.

It is what an image-to-image model that learned the restyling is compared with, tile by tile: true outputs that no
translation data set of found images has.
"""

from pathlib import Path
from typing import Final

import numpy as np

from ganeval.sources.arrays import ArraySource
from ganeval.sources.base import ImageSource, Pixels
from ganeval.sources.datasets.photos import TILE, load_photos
from ganeval.sources.datasets.table import DatasetInfo
from ganeval.sources.decoding.quantise import quantise

# Red lifted, blue taken down and fogged. Invertible, so that a cycle can be closed exactly.
GAIN: Final = (1.0, 0.8, 0.6)
LIFT: Final = (0.0, 0.02, 0.1)
GAMMA: Final = (0.75, 1.0, 1.0)


def restyle(pixels: Pixels) -> Pixels:
    """A photo in evening light, uint8 (3, H, W): x -> gain · x^gamma + lift a channel, on [0, 1]."""
    unit = pixels.astype(np.float64) / 255.0
    gain, lift, gamma = (np.reshape(v, (3, 1, 1)) for v in (GAIN, LIFT, GAMMA))
    return quantise(gain * unit**gamma + lift)


def load_evening(split: str, data_root: Path | None = None) -> ImageSource:
    """The tiles of one split of `photos`, restyled, under the same names."""
    tiles = load_photos(split, data_root)
    restyled = [restyle(tiles.read(index).decode().pixels) for index in range(len(tiles))]
    array = np.stack(restyled).transpose(0, 2, 3, 1)
    return ArraySource(array, f"photos-evening:{split}", item_names=[item.name for item in tiles.items])


PHOTOS_EVENING: Final = DatasetInfo(
    name="photos-evening",
    summary="the tiles of photos under a fixed, known restyling: true outputs of cyclegan.photos-cpu",
    splits=("all", "train", "test"),
    default_split="all",
    channels=3,
    size=(TILE, TILE),
    classes=0,
    licence="as photos",
    embedded=True,
    load=load_evening,
)
