"""Subjects in memory: tensors, arrays, networks and functions, without a trace left in them."""

from __future__ import annotations  # a path is told from a tensor without torch

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganeval.errors import DataError, UsageError
from ganeval.generators.single_images import array_of, images_in, is_list_of_images, numbered, raw_of
from ganeval.generators.torch_kinds import is_dataset, is_loader, is_module, is_tensor
from ganeval.sources.arrays import ArraySource, ValueRange
from ganeval.sources.base import ImageSource, Raw

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader, Dataset

Images: TypeAlias = (
    "str | Path | Image.Image | Tensor | npt.NDArray[Any] | Sequence[Any] | Dataset[Any] | DataLoader[Any]"
)
Subject: TypeAlias = "Images | Callable[..., Any]"


def name_of(subject: Subject) -> str:
    """What rows call a subject that has no name of its own."""
    if isinstance(subject, str | Path):
        return str(subject)
    if is_tensor(subject) or isinstance(subject, np.ndarray):
        return f"{'tensor' if is_tensor(subject) else 'array'} {tuple(subject.shape)}"
    if isinstance(subject, Image.Image):
        return f"image {subject.width}x{subject.height}"
    if isinstance(subject, list | tuple):
        return f"list of {len(subject)} images"
    if is_module(subject) or is_dataset(subject) or is_loader(subject):
        return type(subject).__name__
    return str(getattr(subject, "__name__", type(subject).__name__ if callable(subject) else "generator"))


@contextlib.contextmanager
def evaluating(subject: object) -> Iterator[None]:
    """A network in eval mode, and afterwards each of its parts in the very mode that it was in.

    Args:
        subject: A network, or a method of one, as in `net.sample`; nothing is done to anything else.
    """
    network = subject if is_module(subject) else getattr(subject, "__self__", None)
    modes = [(part, part.training) for part in network.modules()] if is_module(network) else []
    try:
        if is_module(network):
            network.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training


def source_of(images: object, name: str, value_range: ValueRange | None, peak: int | None) -> ImageSource | None:
    """Images in memory as a source; None for what holds none, as a generator.

    Args:
        images: A tensor (N, C, H, W), an array (N, H, W, C), a PIL image, a list of PIL images, tensors (C, H, W) or
            arrays (H, W, C), a torch Dataset or DataLoader.
        name: What rows and messages call them.
        value_range: What floats mean.
        peak: The value of uint16 that means white.

    Raises:
        DataError: no images, or not of that range.
    """
    if isinstance(images, ImageSource):
        return images
    if is_tensor(images) or isinstance(images, np.ndarray):
        return ArraySource(array_of(images), name, value_range=value_range, peak=peak, marks=name == "mask")
    if isinstance(images, list | tuple):
        return ListSource(images, name, value_range, peak)
    if isinstance(images, Image.Image):
        source = ListSource([images], name, value_range, peak)
        source.single = True
        return source
    if not holds_images(images):
        return None
    from ganeval.generators.torch_data import DatasetSource, LoaderSource

    if is_loader(images):
        return LoaderSource(images, name, value_range, peak)
    return DatasetSource(images, name, value_range, peak)


def holds_images(subject: object) -> bool:
    """True for images in memory, False for a generator and for what is neither."""
    if isinstance(subject, np.ndarray | Image.Image | list | tuple | ImageSource):
        return True
    return is_tensor(subject) or is_loader(subject) or (is_dataset(subject) and hasattr(subject, "__len__"))


def batch_of(
    images: object, value_range: ValueRange | None, peak: int | None
) -> tuple[ImageSource, Sequence[Tensor] | None]:
    """One batch as a source, and its pixels as bytes where they are on a device, so that a network there gets them.

    Args:
        images: As for `source_of`; of a pair or dict that a DataLoader gives, the images.
        value_range: As for `source_of`.
        peak: As for `source_of`.

    Raises:
        UsageError: an object that holds no images.
        DataError: images that cannot be used.
    """
    name, found = "the batch", images if is_list_of_images(images) else images_in(images)
    if is_tensor(found) and found.device.type not in ("cpu", "meta") and found.dim() == 4:
        found = _as_bytes(found.detach(), value_range)
        source = source_of(found, name, value_range, peak)
        wide = found.expand(-1, 3, -1, -1) if found.shape[1] == 1 else found
        on_device = wide if str(wide.dtype) == "torch.uint8" and wide.shape[1] == 3 else None
    else:
        source, on_device = source_of(found, name, value_range, peak), None
    if source is None:
        raise UsageError(f"update takes a batch of images; got a {type(images).__name__}.")
    return source, None if on_device is None else list(on_device)


def labelled(source: ImageSource, labels: Iterable[object]) -> ImageSource:
    """A source of images in memory with the class of each.

    Args:
        source: The images.
        labels: One for each; numbers go by their digits.

    Raises:
        DataError: another number of labels than of images.
    """
    names = [str(label.item() if is_tensor(label) or isinstance(label, np.generic) else label) for label in labels]
    if len(names) != len(source):
        raise DataError(f"{source.name} has {len(source)} images and {len(names)} labels. Give one for each image.")
    source.items = [dataclasses.replace(item, label=name) for item, name in zip(source.items, names, strict=True)]
    return source


def _as_bytes(images: Tensor, value_range: ValueRange | None) -> Tensor:
    """Floats in their range as bytes, on their device; anything else as it is, for `ArraySource` to judge."""
    import torch

    from ganeval.sources.decoding.quantise_tensor import quantise_tensor

    if not images.is_floating_point() or value_range is None or not images.numel():
        return images
    low = 0.0 if value_range == "0..1" else -1.0
    if not bool(((images >= low) & (images <= 1.0)).all()):
        return images
    wide = images if images.dtype == torch.float64 else images.float()
    return quantise_tensor((wide + 1) / 2 if value_range == "-1..1" else wide)


class ListSource(ImageSource):
    """Images of a list, of any sizes.

    Args:
        images: PIL images, tensors (C, H, W) or arrays (H, W, C).
        name: What rows and messages call them.
        value_range: What floats mean.
        peak: The value of uint16 that means white.

    Raises:
        DataError: there are none.
    """

    def __init__(self, images: Sequence[Any], name: str, value_range: ValueRange | None, peak: int | None) -> None:
        if not images:
            raise DataError(f"{name!r} holds no image. Give at least one.")
        self.name = name
        self._images, self._range, self._peak = images, value_range, peak
        self.items = numbered(len(images))

    def read(self, index: int) -> Raw:
        """Takes one image out of the list."""
        return raw_of(self._images[index], f"{self.name}[{index}]", self._range, self._peak)
