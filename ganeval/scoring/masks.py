"""Masks: which pixels of each pair of images count."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ganeval.errors import BadImageError, DataError
from ganeval.scoring.pair_names import pair_up
from ganeval.sources.base import ImageSource, Pixels

Mask = npt.NDArray[np.bool_]

WHITE: Final = 128  # least value of a pixel that counts, in any channel


@dataclass(frozen=True)
class Masks:
    """The masks of a set of images.

    Attributes:
        source: The mask images.
        indices: Mask of each image of the set, in its order.
        told: Masks that no image has, for the user; "" without any, or where images were left out on purpose.
    """

    source: ImageSource
    indices: tuple[int, ...]
    told: str = ""

    @staticmethod
    def of(source: ImageSource, images: ImageSource, rule: str | None) -> "Masks":
        """Pairs masks with images as originals are; a single mask is that of every image.

        Args:
            source: The mask images.
            images: The images to score.
            rule: As in `--pair-by`.

        Raises:
            DataError: an image has no mask.
        """
        if source.single:
            return Masks(source, (0,) * len(images))
        indices = tuple(mask for _, mask in pair_up(images, source, rule, part=True).indices)
        unused = sorted(set(range(len(source))) - set(indices)) if len(images) == len(images.whole) else []
        told = ""
        if unused:
            first = source.items[unused[0]].name
            told = (
                f"{len(unused):,} of {len(source):,} masks of {source.name} fit no image (first: {first!r}): not used"
            )
        return Masks(source, indices, told)

    def read(self, image: int) -> tuple[Mask, bytes]:
        """The mask of one image, (H, W), and the digest of its file.

        Raises:
            DataError: the mask cannot be decoded. A pair is never left out for its mask.
        """
        name = self.source.items[self.indices[image]].name
        try:
            raw = self.source.read(self.indices[image])
            decoded = raw.decode()
        except BadImageError as error:
            raise DataError(f"The mask {name} of {self.source.name} cannot be decoded: {error}") from error
        if "alpha" in decoded.notes:  # it is shown on white, so that what is transparent would count
            raise DataError(
                f"The mask {name} of {self.source.name} is transparent in places, and whether those count is not said. "
                "Save it without an alpha channel: white where pixels count, black elsewhere."
            )
        return white(decoded.pixels), raw.digest


def white(pixels: Pixels) -> Mask:
    """Pixels of which a channel is `WHITE` or more."""
    return np.asarray(pixels.max(axis=0) >= WHITE)


def check_mask(mask: Mask, stem: str, size: tuple[int, int], cut: Mask) -> None:
    """Refuses a mask whose size differs from its pair's, and one that marks no pixel.

    Args:
        mask: (H, W), cropped to multiples as the pair is.
        stem: Of the pair.
        size: Height and width of the pair.
        cut: The mask without the cropped border.

    Raises:
        DataError: it is.
    """
    if mask.shape != size:
        raise DataError(
            f"The mask of {stem!r} is {mask.shape[1]}x{mask.shape[0]}, the pair {size[1]}x{size[0]} (width x height). "
            "Give masks of the size of the images."
        )
    if not cut.any():
        inside = " inside the border that is cut off" if mask.any() else ""
        raise DataError(
            f"The mask of {stem!r} marks no pixel{inside}: none of its values is {WHITE} or more. Draw what counts in "
            "white (255, not 1), or move the image aside."
        )
