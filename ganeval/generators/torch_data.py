"""Images of torch's Datasets and DataLoaders, as sources: in one order, as often as they are asked for."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

from ganeval.errors import DataError
from ganeval.generators.dataset_labels import class_labels, unread_parts
from ganeval.generators.latents import draws_from
from ganeval.generators.single_images import images_in, is_list_of_images, numbered, raw_of
from ganeval.sources.arrays import ValueRange
from ganeval.sources.base import ImageSource, Raw


class DatasetSource(ImageSource):
    """Images of a map-style torch Dataset; of an item that is a pair (image, label) or a dict, the image.

    Images have the classes that the data set states of all its items, as torchvision's do. `notes` tell of what items
    hold besides.

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
        labels = class_labels(dataset)
        self.items = numbered(len(dataset), labels)
        _tell(self, unread_parts(self._item(0), labelled=labels is not None))

    def _item(self, index: int) -> Any:
        """One item. What a transform draws from torch's RNG depends on the index alone."""
        with self._lock, draws_from(torch.Generator().manual_seed(index)):
            return self._dataset[index]

    def read(self, index: int) -> Raw:
        """Takes one image out of the data set."""
        item = self._item(index)
        image = item[0] if isinstance(item, list | tuple) and item else images_in(item)
        return raw_of(image, f"{self.name}[{index}]", self._range, self._peak)


class LoaderSource(ImageSource):
    """Images of a DataLoader, read batch by batch, always in the order of its first pass.

    Images have the classes that its data set states of its items, unless they are shuffled; `notes` tell of what
    batches hold besides.

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
        first = self._batch()
        if first is not None:
            self._kept = _images_of(first)
        count = _length_of(loader)
        if count is None:
            count = len(self._kept) + sum(len(_images_of(batch)) for batch in iter(self._batch, None))
            self._begin()
        if not count:
            raise DataError(f"{name!r} gives no image. Give a loader of at least one.")
        labels = _labels_of(loader, count)
        self.items = numbered(count, labels)
        if not is_list_of_images(first):
            _tell(self, unread_parts(first, labelled=labels is not None))

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
                batch = self._batch()
                if batch is None:
                    raise DataError(f"{self.name} ended before image {name} of {len(self.items)}.")
                self._kept += _images_of(batch)
                gone = max(0, min(len(self._kept) - self.KEPT, index - self._start))
                self._start += gone
                del self._kept[:gone]
            image = self._kept[index - self._start]
        return raw_of(image, f"{self.name}[{index}]", self._range, self._peak)

    def close(self) -> None:
        """Ends the loader's processes."""
        self._begin()

    def _begin(self) -> None:
        self._batches: Iterator[Any] | None = None
        self._start, self._kept = 0, list[Any]()
        self._states = [generator.get_state() for generator in self._own]
        self._global = torch.Generator().manual_seed(0)

    def _batch(self) -> Any:
        """The next batch, None at the end; no random number generator of the caller's moves."""
        with self._lent():
            if self._batches is None:
                self._batches = iter(self._loader)
            return next(self._batches, None)

    @contextlib.contextmanager
    def _lent(self) -> Iterator[None]:
        """The global RNG and the loader's own go on from where this pass left them, and are put back afterwards."""
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


def _tell(source: ImageSource, unread: str) -> None:
    """Keeps what to tell of parts that are not used, for the user and for the rows."""
    if unread:
        source.notes, source.origin = (f"{source.name}: {unread}",), {"remark": unread}


def _images_of(batch: Any) -> list[Any]:
    """The images of a batch."""
    images = images_in(batch)
    if isinstance(images, list | tuple):
        return list(images)
    if isinstance(images, Tensor | np.ndarray) and images.ndim == 4:
        return list(images)
    return [images]


def _labels_of(loader: "DataLoader[Any]", count: int) -> list[str] | None:
    """The classes of its images, where the data set states them and they come in its order."""
    in_order = type(loader.sampler) is SequentialSampler and type(loader.batch_sampler) is BatchSampler
    labels = class_labels(loader.dataset) if in_order else None
    return None if labels is None else labels[:count]


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
