"""Images of torch's Datasets and DataLoaders, as sources: in one order, as often as they are asked for."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, IterableDataset

from ganeval.errors import DataError
from ganeval.generators.latents import draws_from
from ganeval.generators.single_images import images_in, numbered, raw_of
from ganeval.sources.arrays import ValueRange
from ganeval.sources.base import ImageSource, Raw


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
        self.items = numbered(len(dataset))

    def read(self, index: int) -> Raw:
        """Takes one image out of the data set. What a transform draws from torch's RNG depends on the index alone."""
        with self._lock, draws_from(torch.Generator().manual_seed(index)):
            item = self._dataset[index]
        image = item[0] if isinstance(item, list | tuple) and item else images_in(item)
        return raw_of(image, f"{self.name}[{index}]", self._range, self._peak)


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
        self.items = numbered(count)

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
        return raw_of(image, f"{self.name}[{index}]", self._range, self._peak)

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
                batch = images_in(next(self._batches))
            except StopIteration:
                return None
        if isinstance(batch, list | tuple):
            return list(batch)
        if isinstance(batch, Tensor | np.ndarray) and batch.ndim == 4:
            return list(batch)
        return [batch]

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
