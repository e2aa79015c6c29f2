"""Traces of enlarging: pixels that repeat, and detail that is missing at the finest scale.

A picture that was made larger has no detail beyond the old pixel grid: its spectrum falls off a cliff where that of a
photo at its own resolution goes on. What is missing may also be missing because of blur, so this is a trace, no proof.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

MIN_SIDE: Final = 16
MAX_SIDE: Final = 256
_FINE: Final = (0.40, 0.50)  # cycles per pixel
_MIDDLE: Final = (0.06, 0.125)
_ROUNDING: Final = 1 / 12  # variance of rounding to whole grey levels
_AUDIBLE: Final = 10.0  # the middle band must be this far above the noise of rounding

Float32 = npt.NDArray[np.float32]
_FACTORS: Final = (8, 7, 6, 5, 4, 3, 2)


def repeated_pixels(pixels: npt.NDArray[np.uint8]) -> int:
    """The largest k of 2 to 8 for which every cell of k x k pixels is of one colour; 1 where there is none.

    Args:
        pixels: uint8 (3, H, W).
    """
    _, height, width = pixels.shape
    if (pixels == pixels[:, :1, :1]).all():
        return 1
    for k in _FACTORS:
        if height % k == 0 and width % k == 0:
            cells = pixels.reshape(3, height // k, k, width // k, k)
            if (cells == cells[:, :, :1, :, :1]).all():
                return k
    return 1


def fine_detail(luma: Float32) -> float:
    """Power at the finest scale over power at a middle one, in dB; NaN where the picture is too small or too flat.

    The window (Hann) keeps the picture's borders from looking like detail.

    Args:
        luma: (H, W), 0 to 255.
    """
    height, width = (min(side, MAX_SIDE) for side in luma.shape)
    if min(height, width) < MIN_SIDE:
        return float("nan")
    top, left = (luma.shape[0] - height) // 2, (luma.shape[1] - width) // 2
    crop = luma[top : top + height, left : left + width]
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.rfft2((crop - crop.mean()) * window)) ** 2
    rounding = _ROUNDING * float((window**2).sum())
    radius = np.maximum(np.abs(np.fft.fftfreq(height))[:, None], np.abs(np.fft.rfftfreq(width))[None, :])
    fine, middle = (float(power[(radius >= low) & (radius <= high)].mean()) for low, high in (_FINE, _MIDDLE))
    if middle < _AUDIBLE * rounding:
        return float("nan")
    return float(10 * np.log10(max(fine, rounding) / middle))
