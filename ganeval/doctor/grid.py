"""Traces of JPEG in pixels that were stored losslessly afterwards: coefficients that vanish on one 8 x 8 grid only.

A JPEG decoder gives blocks whose cosine coefficients are multiples of the quantisation steps, many of them zero. On the
grid of the file they stay zero up to rounding; on any of the 63 shifted grids they do not. A picture that never was a
JPEG has no grid. (Fan & de Queiroz, IEEE TIP 12(2), 2003, look for the same grid in the differences across its borders,
which a set of centred objects shows as well.)
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ganeval.doctor.jpeg_quality import table_of

MIN_SIDE: Final = 32  # 16 whole blocks; with fewer, the 64 shares of a clean picture scatter too much
MAX_SIDE: Final = 128  # the top left corner is enough: 256 blocks
ZERO: Final = 1.0  # grey levels: rounding to bytes moves a coefficient by 0.29 (one standard deviation)
EXCESS: Final = 0.05  # share of coefficients by which the grid must be ahead of the best shifted one
_LOW: Final = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1))  # frequencies that survive quantisation
_QUALITIES: Final = range(10, 95, 5)

Float32 = npt.NDArray[np.float32]


def _cosines() -> Float32:
    """(8, 8) rows of the orthonormal DCT-II."""
    k, x = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    rows = np.cos(np.pi * (2 * x + 1) * k / 16) * np.sqrt(np.where(k == 0, 1, 2) / 8)
    return rows.astype(np.float32)


_COSINES: Final = _cosines()


@dataclass(frozen=True)
class Grid:
    """What the cosine coefficients of one picture say.

    Attributes:
        excess: Share of vanishing coefficients on the grid at the top left corner, less the largest share on any
            shifted grid; about zero or below for a picture that was no JPEG.
        quality: The quality that explains the coefficients best, where `excess` is above EXCESS; else None.
    """

    excess: float
    quality: int | None


def coefficients(luma: Float32) -> Float32:
    """(H - 7, W - 7, 8, 8) cosine coefficients of the block at every place of a picture (H, W)."""
    rows = np.lib.stride_tricks.sliding_window_view(luma, 8, axis=1) @ _COSINES.T  # (H, W - 7, 8)
    windows = np.lib.stride_tricks.sliding_window_view(rows, 8, axis=0)  # (H - 7, W - 7, 8, 8), the last one vertical
    return np.asarray(windows @ _COSINES.T)


def find_grid(luma: Float32) -> Grid | None:
    """Looks for a JPEG's grid that starts at the top left corner.

    Args:
        luma: (H, W), 0 to 255.

    Returns:
        None where the picture is too small or too flat to tell.
    """
    if min(luma.shape) < MIN_SIDE:
        return None
    height, width = (min(side, MAX_SIDE) for side in luma.shape)
    found = coefficients(luma[:height, :width])
    vanish = (np.abs(found) < ZERO).reshape(*found.shape[:2], 64)[..., 1:].mean(axis=2)
    shares = np.array([[vanish[y::8, x::8].mean() for x in range(8)] for y in range(8)])
    if shares.min() > 0.98:  # a nearly flat picture vanishes on every grid
        return None
    shifted = shares.reshape(-1)[1:].max()
    excess = float(shares[0, 0] - shifted)
    return Grid(excess, _quality(found[::8, ::8]) if excess > EXCESS else None)


def _quality(blocks: Float32) -> int | None:
    """The quality whose steps the low coefficients are multiples of, beyond chance."""
    best, found = 0.2, None
    for quality in _QUALITIES:
        table = table_of(quality)
        hits, count = 0.0, 0
        for k in _LOW:
            step = float(table[k])
            values = blocks[..., k[1], k[0]]  # the last axis is vertical
            values = values[np.abs(values) > step / 2]
            off = np.abs(values - step * np.rint(values / step))
            hits += float((off < ZERO).sum()) - min(1.0, 2 * ZERO / step) * len(values)
            count += len(values)
        if count and hits / count > best:
            best, found = hits / count, quality
    return found
