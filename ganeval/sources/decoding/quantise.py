"""The one float-to-uint8 rule of the project, for numpy arrays: round(clamp(x, 0, 1) · 255).

Rounding is to nearest, ties to even, in float32 (float64 where the input is float64), as in `tensors.quantise_tensor`,
which gives the same bytes. Truncating instead darkens every image by half a grey level on average, which Frechet
distances see, so nothing else in the project may turn floats into bytes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError


def quantise(x: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """Turns floats in [0, 1] into bytes.

    Args:
        x: Any shape. Values outside [0, 1] are clamped: a generator's overshoot is not an error.

    Returns:
        uint8, same shape.

    Raises:
        DataError: a value is NaN.
    """
    missing = int(np.isnan(x).sum())
    if missing:
        raise nan_error(missing, x.size)
    wide = x if x.dtype == np.float64 else x.astype(np.float32)
    return np.rint(np.clip(wide, 0, 1) * 255).astype(np.uint8)


def nan_error(missing: int, total: int) -> DataError:
    """The refusal that both versions of the rule share."""
    return DataError(
        f"{missing:,} of {total:,} pixel values are NaN; expected numbers from 0 to 1. "
        "A generator that gives NaN has diverged: use an earlier checkpoint."
    )
