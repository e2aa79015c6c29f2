"""What a generator returned or raised: exceptions become errors, images become bytes; the one place of its checks."""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from ganeval.errors import DataError, GanevalError
from ganeval.sources.arrays import VALUE_RANGES, ValueRange
from ganeval.sources.decoding.quantise_tensor import quantise_tensor

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
    images = _tensor(made, count, name)
    _check_shape(images, count, name)
    if images.dtype == torch.uint8:
        return images.cpu()
    if not images.is_floating_point():
        raise DataError(
            f"{name} gave {images.dtype}; expected uint8 (0 to 255) or floats in a declared range. Convert it with "
            ".to(torch.uint8) or .float()."
        )
    if value_range is None:
        raise DataError(
            f"{name} gave {images.dtype} from {float(images.min()):.3g} to {float(images.max()):.3g}, whose range is "
            f"not stated. Give --value-range {' | '.join(VALUE_RANGES)} (or the attribute value_range)."
        )
    low, high = bounds(value_range)
    unit = ((images if images.dtype == torch.float64 else images.float()) - low) / (high - low)
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


def _tensor(made: object, count: int, name: str) -> Tensor:
    """One dense tensor, detached, where it is one or an array of numbers."""
    if isinstance(made, Tensor) and made.layout == torch.strided and not made.is_meta and not made.is_quantized:
        return made.detach()
    if isinstance(made, np.ndarray) and made.dtype.kind in "biuf":
        native = np.ascontiguousarray(made, dtype=made.dtype.newbyteorder("="))
        if native.dtype.kind == "f" and native.dtype.itemsize > 8:
            native = native.astype(np.float64)
        return torch.from_numpy(native if native.flags.writeable else native.copy())
    raise DataError(
        f"{name} returned {_said(made)}; expected one tensor ({count}, 1 or 3, height, width).{_hint(made)}"
    )


def _said(made: object) -> str:
    """What was returned, with its parts and their shapes."""
    if isinstance(made, Tensor):
        kind = "a meta" if made.is_meta else "a quantized" if made.is_quantized else f"a {made.layout}"
        return f"{kind.replace('torch.', '')} tensor {tuple(made.shape)}"
    if isinstance(made, np.ndarray):
        return f"an array of {made.dtype} {made.shape}"
    if isinstance(made, Mapping):
        parts = ", ".join(f"{key!r}: {_part(value)}" for key, value in list(made.items())[:4])
        return f"a {type(made).__name__} ({parts})" if parts else f"an empty {type(made).__name__}"
    if isinstance(made, list | tuple):
        kinds = {_kind(part) for part in made}
        kind = f"{kinds.pop()}s" if len(kinds) == 1 else "items"
        shapes = [_part(part) for part in made[:3]]
        more = ", ..." if len(made) > len(shapes) else ""
        return f"a {type(made).__name__} of {len(made)} {kind} ({', '.join(shapes)}{more})"
    return "None" if made is None else f"a {_kind(made)}"


def _kind(part: object) -> str:
    if isinstance(part, Tensor):
        return "tensor"
    if isinstance(part, np.ndarray):
        return "array"
    return "PIL image" if isinstance(part, Image.Image) else type(part).__name__


def _part(part: object) -> str:
    if isinstance(part, Tensor | np.ndarray):
        return str(tuple(part.shape))
    return f"{part.width} x {part.height}" if isinstance(part, Image.Image) else _kind(part)


def _hint(made: object) -> str:
    """How to return the images alone, where they seem to be among what was returned."""
    if made is None:
        return " Its function may lack a return."
    if isinstance(made, Image.Image):
        return " Return np.asarray(image) of each, stacked, as (count, 3, height, width)."
    if isinstance(made, Mapping):
        pick = next((key for key, value in made.items() if _is_batch(value)), None)
        return "" if pick is None else f" Return that one: lambda z: net(z)[{pick!r}]."
    if isinstance(made, list | tuple) and made:
        if all(isinstance(part, Image.Image) for part in made):
            return " Return np.stack([np.asarray(image.convert('RGB')).transpose(2, 0, 1) for image in images])."
        if _is_batch(made[0]):
            return " Return the first: lambda z: net(z)[0]."
        if all(isinstance(part, Tensor) for part in made):
            return " Return torch.stack(images)."
        if all(isinstance(part, np.ndarray) for part in made):
            return " Return np.stack(images)."
    pick = next((key for key in ("images", "sample", "samples") if _is_batch(getattr(made, key, None))), None)
    return "" if pick is None else f" Return that part: lambda z: net(z).{pick}."


def _is_batch(value: object) -> bool:
    return isinstance(value, Tensor | np.ndarray) and value.ndim == 4


def _check_shape(images: Tensor, count: int, name: str) -> None:
    shape = tuple(images.shape)
    if len(shape) == 4 and shape[0] == count and shape[1] in (1, 3) and 0 not in shape:
        return
    advice = "Reshape in the generator; channels come first."
    if len(shape) == 4 and 0 in shape:
        advice = "It is empty."
    elif len(shape) == 4 and shape[1] not in (1, 3) and shape[3] in (1, 3):
        advice = "It has channels last: return images.permute(0, 3, 1, 2)."
    elif len(shape) == 4 and shape[1] == 4:
        advice = "Four channels are taken for RGB and alpha: return images[:, :3], or put them on a background first."
    elif len(shape) == 4 and shape[1] == 2:
        advice = "Two channels don't make a picture: return one, or three."
    elif len(shape) == 4 and shape[0] != count:
        advice = "It must return as many images as it is asked for."
    elif len(shape) == 3:
        advice = "Return a batch: images[None] of one image, images[:, None] of grey ones."
    raise DataError(
        f"{name} gave {images.dtype} {shape} for {count} images; expected ({count}, 1 or 3, height, width). {advice}"
    )
