"""What image-to-image models have to beat, as generators that boards can have for anchors.

Super-resolution: enlargements by interpolation. `ganeval score reference_models.baselines:bicubic_x4 --paired HR` makes
the low resolution by the recipes' rule (antialiased bicubic) and enlarges it with the filter of the name, on bytes.

Restyled photos: what the colours of two sets give without training. `ganeval score
reference_models.baselines:histogram_matching --inputs photos:test --paired photos-evening:test` applies one map to each
colour channel, taken from the training photos and the restyled ones: no test picture is used, and no pair.

Photos from their edges, grey versions or parts: one colour, and what the generator is given, as it is. `ganeval score
reference_models.baselines:grey_input --inputs photos:test --paired photos:test`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from ganeval.sources.base import Pixels
from ganeval.sources.datasets.photos import photo, photo_names
from ganeval.sources.datasets.photos_evening import restyle
from reference_models.data.transforms import CONDITIONS


@dataclass(frozen=True)
class Enlargement:
    """Enlarges images by interpolation.

    Attributes:
        resample: Pillow's filter. Bicubic is a = -0.5 (Keys 1981), Lanczos has three lobes.
        scale: The factor.
    """

    resample: Image.Resampling
    scale: int

    def __call__(self, images: UInt8[Tensor, "B 3 h w"]) -> UInt8[Tensor, "B 3 H W"]:
        """Every image, `scale` times larger."""
        return torch.stack([self._one(image) for image in images])

    def _one(self, image: UInt8[Tensor, "3 h w"]) -> UInt8[Tensor, "3 H W"]:
        _, height, width = image.shape
        picture = Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
        large = picture.resize((self.scale * width, self.scale * height), self.resample)
        return torch.from_numpy(np.array(large)).permute(2, 0, 1)


def nearest_x4() -> Enlargement:
    """Every pixel four by four times."""
    return Enlargement(Image.Resampling.NEAREST, 4)


def bicubic_x4() -> Enlargement:
    """The anchor of every super-resolution table: 28.42 dB on Set5 (luma, 4 pixels cropped)."""
    return Enlargement(Image.Resampling.BICUBIC, 4)


def lanczos_x4() -> Enlargement:
    """Lanczos, three lobes."""
    return Enlargement(Image.Resampling.LANCZOS, 4)


@dataclass(frozen=True)
class ColourMap:
    """Maps the levels of each colour channel, wherever in the picture they are.

    Attributes:
        levels: uint8 (3, 256): what becomes of each level.
    """

    levels: UInt8[Tensor, "3 256"]

    def __call__(self, images: UInt8[Tensor, "B 3 H W"]) -> UInt8[Tensor, "B 3 H W"]:
        """Every pixel by its channel's map."""
        return torch.stack([self.levels[channel][images[:, channel].long()] for channel in range(3)], dim=1)


def histogram_matching() -> ColourMap:
    """Level of a photo -> level of the same rank among restyled ones: exact for a restyling that keeps the ranks."""
    photos, restyled = _levels()
    ranks = np.array([np.cumsum(np.bincount(channel, minlength=256)) for channel in photos]) / photos.shape[1]
    matched = [np.quantile(channel, rank, method="inverted_cdf") for channel, rank in zip(restyled, ranks, strict=True)]
    return ColourMap(torch.from_numpy(np.array(matched, dtype=np.uint8)))


def mean_and_deviation() -> ColourMap:
    """Mean and standard deviation of each channel (Reinhard et al. 2001, "Color transfer between images"), in RGB."""
    photos, restyled = (channels.astype(np.float64) for channels in _levels())
    gain = restyled.std(axis=1) / photos.std(axis=1)
    lift = restyled.mean(axis=1) - gain * photos.mean(axis=1)
    lines = gain[:, None] * np.arange(256) + lift[:, None]
    return ColourMap(torch.from_numpy(np.rint(lines.clip(0, 255)).astype(np.uint8)))


def mean_colour() -> ColourMap:
    """The mean colour of the restyled photos, all over: what a constant reaches."""
    _, restyled = _levels()
    constant = np.rint(restyled.mean(axis=1, keepdims=True)).astype(np.uint8)
    return ColourMap(torch.from_numpy(np.repeat(constant, 256, axis=1)))


@dataclass(frozen=True)
class Given:
    """What a paired translator is given, as its output.

    Attributes:
        condition: Makes it of a true image.
    """

    condition: Callable[[Pixels], Pixels]

    def __call__(self, images: UInt8[Tensor, "B 3 H W"]) -> UInt8[Tensor, "B 3 H W"]:
        """The input of every true image, in three channels."""
        made = [torch.from_numpy(np.ascontiguousarray(self.condition(image.numpy()))) for image in images]
        return torch.stack([one.expand(3, -1, -1) for one in made])


def grey_input() -> Given:
    """Photos without their colours: what colouring has to beat."""
    return Given(CONDITIONS["grey"])


def masked_input() -> Given:
    """Photos with grey holes: what filling them has to beat."""
    return Given(CONDITIONS["masked"])


def photo_colour() -> ColourMap:
    """The mean colour of the training photos, all over: what a constant reaches."""
    photos = np.concatenate([photo(name).reshape(3, -1) for name in photo_names("train")], axis=1)
    constant = np.rint(photos.mean(axis=1, keepdims=True)).astype(np.uint8)
    return ColourMap(torch.from_numpy(np.repeat(constant, 256, axis=1)))


def _levels() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Every pixel of the training photos, and of the same restyled: uint8 (3, N) each, channel by channel."""
    photos = [photo(name) for name in photo_names("train")]
    sets = (photos, [restyle(pixels) for pixels in photos])
    first, second = (np.concatenate([pixels.reshape(3, -1) for pixels in one], axis=1) for one in sets)
    return first, second
