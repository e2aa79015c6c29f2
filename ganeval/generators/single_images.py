"""One image, or one batch, as Python code holds it: PIL images, tensors, arrays, and what loaders give."""

from __future__ import annotations  # an array is told from a tensor without torch

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ganeval.errors import DataError
from ganeval.generators.torch_kinds import is_tensor
from ganeval.sources.arrays import ArraySource, ValueRange
from ganeval.sources.base import Item, Raw

if TYPE_CHECKING:
    from torch import Tensor

IMAGE_KEYS: Final = ("image", "images", "pixel_values", "img", "sample")  # of items that are dicts
CHANNELS = (1, 3, 4)


def array_of(images: Tensor | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(N, H, W, C) numpy: tensors are (N, C, H, W) as torch has them, arrays are as they should be already.

    Raises:
        DataError: a tensor that is not dense, or of another shape.
    """
    if not is_tensor(images):
        return images
    import torch

    if images.layout != torch.strided or images.is_meta or images.is_quantized:
        kind = "meta" if images.is_meta else "quantized" if images.is_quantized else str(images.layout)
        raise DataError(f"A tensor of images must be dense; got a {kind} tensor {tuple(images.shape)}.")
    if images.dim() != 4:
        raise DataError(f"A tensor of images is (N, C, H, W); got {tuple(images.shape)}. Add the missing dimension.")
    if images.shape[1] not in CHANNELS:
        last = images.shape[3] in CHANNELS
        advice = "It has channels last: give images.permute(0, 3, 1, 2)." if last else "Channels are 1, 3 or 4."
        raise DataError(f"A tensor of images is (N, C, H, W); got {tuple(images.shape)}. {advice}")
    moved = images.detach().cpu()
    if moved.dtype in (torch.float16, torch.bfloat16):
        moved = moved.float()
    return np.ascontiguousarray(moved.permute(0, 2, 3, 1).numpy())


def numbered(count: int, labels: Sequence[str] | None = None) -> list[Item]:
    """Items of images that have no names, with the class of each if there are any."""
    width = max(6, len(str(count - 1)))
    return [Item(f"{index:0{width}d}", None if labels is None else labels[index]) for index in range(count)]


def is_list_of_images(value: object) -> bool:
    """True for a list of PIL images, tensors or arrays, each of one image."""
    return isinstance(value, list | tuple) and all(
        isinstance(one, Image.Image) or ((is_tensor(one) or isinstance(one, np.ndarray)) and one.ndim in (2, 3))
        for one in value
    )


def images_in(item: Any) -> Any:
    """The images of what a loader gives: itself, the first of a pair, or those of a dict."""
    if isinstance(item, Mapping):
        known = next((key for key in IMAGE_KEYS if key in item), None)
        if known is None:
            raise DataError(
                f"A dict with {', '.join(map(repr, item))} has none of {', '.join(IMAGE_KEYS)}. Give the images alone."
            )
        return item[known]
    if isinstance(item, list | tuple) and item and not is_list_of_images(item):
        return item[0]
    return item


def raw_of(image: object, name: str, value_range: ValueRange | None, peak: int | None) -> Raw:
    """One image by the rules of arrays."""
    if isinstance(image, Image.Image):
        image = _pixels_of(image, name)
    if is_tensor(image):
        array = array_of(image[None, None] if image.dim() == 2 else image[None])
    elif isinstance(image, np.ndarray):
        array = image[None, ..., None] if image.ndim == 2 else image[None]
    else:
        raise DataError(
            f"{name} is a {type(image).__name__}; expected a PIL image, a tensor (C, H, W) or an array (H, W, C)."
        )
    return ArraySource(array, name, value_range=value_range, peak=peak).read(0)


def _pixels_of(image: Image.Image, name: str) -> npt.NDArray[Any]:
    """(H, W, C), turned upright as a file of it would be."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("I", "F"):
        raise DataError(
            f"{name} is a PIL image of mode {upright.mode}, whose white is not known. Convert it to RGB or L."
        )
    if not upright.mode.startswith("I;16"):
        alpha = upright.mode in ("LA", "PA", "La", "RGBa") or "transparency" in upright.info
        plain = "RGBA" if alpha else "L" if upright.mode == "1" else "RGB"
        upright = upright if upright.mode in ("L", "RGB", "RGBA") and not alpha else upright.convert(plain)
    pixels = np.asarray(upright)
    return pixels[..., None] if pixels.ndim == 2 else pixels
