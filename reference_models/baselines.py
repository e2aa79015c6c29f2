"""What super-resolution has to beat: enlargements by interpolation, as generators that boards can have for anchors.

`ganeval score reference_models.baselines:bicubic_x4 --paired HR_FOLDER` makes the low resolution by the recipes' rule
(antialiased bicubic) and enlarges it with Pillow's filter of the name, on bytes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor


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
