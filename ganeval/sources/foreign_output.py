"""What code of other projects raises and gives: exceptions become errors, images become bytes, checked."""

import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from ganeval.errors import DataError, GanevalError
from ganeval.sources.arrays import VALUE_RANGES, ValueRange
from ganeval.sources.tensors import quantise_tensor

# A linear output overshoots a little; this share of values farther out than a quarter of the range is another range.
OVERSHOOT, OVERSHOOT_SHARE = 0.25, 1e-3


def called(name: str, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls foreign code; what it raises becomes an error that says where.

    Raises:
        DataError: the code raised something.
    """
    try:
        return function(*arguments)
    except GanevalError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        last = next((f for f in reversed(frames) if "site-packages" not in f.filename), frames[-1])
        text = str(error).strip().splitlines()
        where = f" (at {last.filename}:{last.lineno})" if last.filename != __file__ else ""
        raise DataError(
            f"{name} failed on {what}: {type(error).__name__}: {text[-1] if text else ''}{where}. Try the generator by "
            "itself."
        ) from error


def to_bytes(made: object, count: int, name: str, value_range: ValueRange | None) -> UInt8[Tensor, "B C H W"]:
    """A generator's images as bytes on the CPU, by the project's rule.

    Args:
        made: A tensor or an array.
        count: How many images it must hold.
        name: Of the generator, for messages.
        value_range: What floats mean.

    Raises:
        DataError: another type or shape, floats of no declared range or of another one, NaN or infinity.
    """
    if not isinstance(made, Tensor | np.ndarray):
        raise DataError(f"{name} gave a {type(made).__name__}; expected one tensor or array of images.")
    images = torch.as_tensor(made).detach()
    if images.ndim != 4 or images.shape[0] != count or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise DataError(
            f"{name} gave {images.dtype} {tuple(images.shape)} for {count} images; expected ({count}, 1 or 3, height, "
            "width). Reshape in the generator; channels come first."
        )
    if images.dtype == torch.uint8:
        return images.cpu()
    if not images.is_floating_point():
        raise DataError(f"{name} gave {images.dtype}; expected uint8 (0 to 255) or floats in a declared range.")
    if value_range is None:
        raise DataError(
            f"{name} gave {images.dtype}, whose range nothing says. Give --value-range {' | '.join(VALUE_RANGES)} (or "
            "the attribute value_range)."
        )
    low, high = bounds(value_range)
    unit = (images.float() - low) / (high - low)
    bad = int((~unit.isfinite()).sum())
    if bad:
        raise DataError(
            f"{name} gave {bad:,} values of {unit.numel():,} that are NaN or infinite. A generator that does has "
            "diverged: use an earlier checkpoint."
        )
    outside = float(((unit < -OVERSHOOT) | (unit > 1 + OVERSHOOT)).float().mean())
    if outside > OVERSHOOT_SHARE:
        raise DataError(
            f"{name} gave values from {float(images.min()):.3g} to {float(images.max()):.3g}, {outside:.1%} of them "
            f"far outside of the declared range {value_range}. Give the other --value-range, or scale in the generator."
        )
    return quantise_tensor(unit).cpu()


def bounds(value_range: ValueRange) -> tuple[float, float]:
    """What black and white are."""
    return (0.0, 1.0) if value_range == "0..1" else (-1.0, 1.0)
