"""Subjects in memory: tensors, arrays, networks and functions, without a trace left in them."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset

from ganeval.errors import DataError, UsageError
from ganeval.generators.latents import draws_from
from ganeval.sources.arrays import ArraySource, ValueRange
from ganeval.sources.base import ImageSource, Item, Raw
from ganeval.sources.decoding.quantise_tensor import quantise_tensor

Images = str | Path | Image.Image | Tensor | npt.NDArray[Any] | Sequence[Any] | Dataset[Any] | DataLoader[Any]
Subject = Images | Callable[..., Any]
IMAGE_KEYS: Final = ("image", "images", "pixel_values", "img", "sample")  # of items that are dicts

CHANNELS = (1, 3, 4)


def array_of(images: Tensor | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(N, H, W, C) numpy: tensors are (N, C, H, W) as torch has them, arrays are as they should be already.

    Raises:
        DataError: a tensor that is not dense, or of another shape.
    """
    if not isinstance(images, Tensor):
        return images
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


def name_of(subject: Subject) -> str:
    """What rows call a subject that has no name of its own."""
    if isinstance(subject, str | Path):
        return str(subject)
    if isinstance(subject, Tensor | np.ndarray):
        return f"{'tensor' if isinstance(subject, Tensor) else 'array'} {tuple(subject.shape)}"
    if isinstance(subject, Image.Image):
        return f"image {subject.width}x{subject.height}"
    if isinstance(subject, list | tuple):
        return f"list of {len(subject)} images"
    if isinstance(subject, nn.Module | Dataset | DataLoader):
        return type(subject).__name__
    return str(getattr(subject, "__name__", type(subject).__name__ if callable(subject) else "generator"))


@contextlib.contextmanager
def evaluating(subject: object) -> Iterator[None]:
    """A network in eval mode, and afterwards each of its parts in the very mode that it was in.

    Args:
        subject: A network, or a method of one, as in `net.sample`; nothing is done to anything else.
    """
    network = subject if isinstance(subject, nn.Module) else getattr(subject, "__self__", None)
    modes = [(part, part.training) for part in network.modules()] if isinstance(network, nn.Module) else []
    try:
        if isinstance(network, nn.Module):
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
    if isinstance(images, Tensor | np.ndarray):
        return ArraySource(array_of(images), name, value_range=value_range, peak=peak)
    if isinstance(images, list | tuple):
        return ListSource(images, name, value_range, peak)
    if isinstance(images, Image.Image):
        source = ListSource([images], name, value_range, peak)
        source.single = True
        return source
    if isinstance(images, DataLoader):
        return LoaderSource(images, name, value_range, peak)
    return DatasetSource(images, name, value_range, peak) if holds_images(images) else None


def holds_images(subject: object) -> bool:
    """True for images in memory, False for a generator and for what is neither."""
    if isinstance(subject, Tensor | np.ndarray | Image.Image | list | tuple | DataLoader | ImageSource):
        return True
    return isinstance(subject, Dataset) and hasattr(subject, "__len__")


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
    name, found = "the batch", images if _is_list_of_images(images) else _images_in(images)
    if isinstance(found, Tensor) and found.device.type not in ("cpu", "meta") and found.dim() == 4:
        found = _as_bytes(found.detach(), value_range)
        source = source_of(found, name, value_range, peak)
        wide = found.expand(-1, 3, -1, -1) if found.shape[1] == 1 else found
        on_device = wide if wide.dtype == torch.uint8 and wide.shape[1] == 3 else None
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
    names = [str(label.item() if isinstance(label, Tensor | np.generic) else label) for label in labels]
    if len(names) != len(source):
        raise DataError(f"{source.name} has {len(source)} images and {len(names)} labels. Give one for each image.")
    source.items = [dataclasses.replace(item, label=name) for item, name in zip(source.items, names, strict=True)]
    return source


def _as_bytes(images: Tensor, value_range: ValueRange | None) -> Tensor:
    """Floats in their range as bytes, on their device; anything else as it is, for `ArraySource` to judge."""
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
        self.items = _numbered(len(images))

    def read(self, index: int) -> Raw:
        """Takes one image out of the list."""
        return _raw(self._images[index], f"{self.name}[{index}]", self._range, self._peak)


class DatasetSource(ImageSource):
    """Images of a map-style torch Dataset; of an item that is a pair (image, label) or a dict, the image.

    Args:
        dataset: With a length.
        name: What rows and messages call it.
        value_range: What floats mean.
        peak: The value of uint16 that means white.

    Raises:
        DataError: it is empty.
    """

    def __init__(self, dataset: Any, name: str, value_range: ValueRange | None, peak: int | None) -> None:
        if not len(dataset):
            raise DataError(f"{name!r} holds no image. Give at least one.")
        self.name = name
        self._dataset, self._range, self._peak = dataset, value_range, peak
        self._lock = threading.Lock()  # data sets are made for processes, not for threads
        self.items = _numbered(len(dataset))

    def read(self, index: int) -> Raw:
        """Takes one image out of the data set. What a transform draws from torch's RNG depends on the index alone."""
        with self._lock, draws_from(torch.Generator().manual_seed(index)):
            item = self._dataset[index]
        image = item[0] if isinstance(item, list | tuple) and item else _images_in(item)
        return _raw(image, f"{self.name}[{index}]", self._range, self._peak)


class LoaderSource(ImageSource):
    """Images of a DataLoader, read batch by batch, always in the order of its first pass.

    Args:
        loader: Each batch is images, a pair (images, labels) or a dict with images.
        name: What rows and messages call it.
        value_range: What floats mean.
        peak: The value of uint16 that means white.

    Raises:
        DataError: it gives none.
    """

    KEPT = 1024  # images behind the last one read; readers are no further apart

    def __init__(self, loader: "DataLoader[Any]", name: str, value_range: ValueRange | None, peak: int | None) -> None:
        self.name = name
        self._loader, self._range, self._peak = loader, value_range, peak
        self._lock = threading.Lock()
        self._own = _generators_of(loader)
        self._begin()
        count = _length_of(loader)
        if count is None:
            count = sum(len(batch) for batch in iter(self._next, None))
            self._begin()
        if not count:
            raise DataError(f"{name!r} gives no image. Give a loader of at least one.")
        self.items = _numbered(count)

    def read(self, index: int) -> Raw:
        """Takes the next batches until the image is there; starts again for one that was let go.

        Raises:
            DataError: the loader ends early.
        """
        name = self.items[index].name
        index %= len(self.items)
        with self._lock:
            if index < self._start:
                self._begin()
            while index >= self._start + len(self._kept):
                batch = self._next()
                if batch is None:
                    raise DataError(f"{self.name} ended before image {name} of {len(self.items)}.")
                self._kept += batch
                gone = max(0, min(len(self._kept) - self.KEPT, index - self._start))
                self._start += gone
                del self._kept[:gone]
            image = self._kept[index - self._start]
        return _raw(image, f"{self.name}[{index}]", self._range, self._peak)

    def close(self) -> None:
        """Ends the loader's processes."""
        self._begin()

    def _begin(self) -> None:
        self._batches: Iterator[Any] | None = None
        self._start, self._kept = 0, list[Any]()
        self._states = [generator.get_state() for generator in self._own]
        self._global = torch.Generator().manual_seed(0)

    def _next(self) -> list[Any] | None:
        """The images of the next batch; no random number generator of the caller's moves."""
        with self._lent():
            if self._batches is None:
                self._batches = iter(self._loader)
            try:
                batch = _images_in(next(self._batches))
            except StopIteration:
                return None
        if isinstance(batch, list | tuple):
            return list(batch)
        if isinstance(batch, Tensor | np.ndarray) and batch.ndim == 4:
            return list(batch)
        return [batch]

    @contextlib.contextmanager
    def _lent(self) -> Iterator[None]:
        """The global RNG and the loader's own go on from where this pass left them, and stand afterwards as before."""
        before = [generator.get_state() for generator in self._own]
        for generator, state in zip(self._own, self._states, strict=True):
            generator.set_state(state)
        try:
            with draws_from(self._global):
                yield
        finally:
            self._states = [generator.get_state() for generator in self._own]
            for generator, state in zip(self._own, before, strict=True):
                generator.set_state(state)


def _generators_of(loader: "DataLoader[Any]") -> list[torch.Generator]:
    found = [getattr(part, "generator", None) for part in (loader, loader.sampler)]
    return list({id(one): one for one in found if isinstance(one, torch.Generator)}.values())


def _length_of(loader: "DataLoader[Any]") -> int | None:
    """How many images it gives; None where only reading tells."""
    batches: object = loader.batch_sampler
    if isinstance(loader.dataset, IterableDataset) or type(batches) is not BatchSampler:
        return None
    try:
        count = len(batches.sampler)  # type: ignore[arg-type]
    except TypeError:
        return None
    return count // batches.batch_size * batches.batch_size if batches.drop_last else count


def _numbered(count: int) -> list[Item]:
    width = max(6, len(str(count - 1)))
    return [Item(f"{index:0{width}d}") for index in range(count)]


def _is_list_of_images(value: object) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(one, Image.Image) or (isinstance(one, Tensor | np.ndarray) and one.ndim in (2, 3)) for one in value
    )


def _images_in(item: Any) -> Any:
    """The images of what a loader gives: itself, the first of a pair, or those of a dict."""
    if isinstance(item, Mapping):
        known = next((key for key in IMAGE_KEYS if key in item), None)
        if known is None:
            raise DataError(
                f"A dict with {', '.join(map(repr, item))} has none of {', '.join(IMAGE_KEYS)}. Give the images alone."
            )
        return item[known]
    if isinstance(item, list | tuple) and item and not _is_list_of_images(item):
        return item[0]
    return item


def _raw(image: object, name: str, value_range: ValueRange | None, peak: int | None) -> Raw:
    """One image by the rules of arrays."""
    if isinstance(image, Image.Image):
        image = _pixels_of(image, name)
    if isinstance(image, Tensor):
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
