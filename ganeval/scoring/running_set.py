"""A set of images that comes batch by batch, as in a training loop: each batch goes through the networks once.

What stays of an image is what stays of it in a score: its digest, what decoding said, and its features in shards of a
temporary folder. So the summary at the end is that of one pass over all the images.
"""

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch

from ganeval.errors import DataError
from ganeval.scoring.feature_pass import SourceSummary, Walked
from ganeval.scoring.loaded_networks import Passes
from ganeval.scoring.torch_group import Group, gather_batches
from ganeval.sources.base import ImageSource, Item


class RunningSet:
    """Images added so far.

    Args:
        passes: The networks. Their stores are looked at for features, and not added to.
        name: Of the set, for messages.
    """

    def __init__(self, passes: Passes, name: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ganeval-", ignore_cleanup_errors=True)
        stores = {name: store.branch(Path(self._folder.name) / name) for name, store in passes.stores.items()}
        self._passes = dataclasses.replace(passes, stores=stores)
        self._name = name
        self._walked = Walked.of(list(passes.backbones.values()), stores)
        self._labels: list[str] = []  # of each image, "" for none

    @property
    def passes(self) -> Passes:
        """The networks with the stores that hold this set's features."""
        return self._passes

    def __len__(self) -> int:
        return self._walked.count

    def add(self, batch: ImageSource, on_device: Sequence[torch.Tensor] | None = None) -> None:
        """Puts a batch through the networks.

        Args:
            batch: The images.
            on_device: Their pixels, uint8 (3, H, W), where they are on a device already.

        Raises:
            BadImageError: an image cannot be decoded and the options say to fail.
            DataError: features are not finite, or the disk is full.
        """
        options = self._passes.options
        self._labels += [item.label or "" for item in batch.items]
        self._walked.add(batch, options.batch_size, options.on_bad, on_device=on_device)

    def summary(self, group: Group | None) -> SourceSummary | None:
        """What one pass over all images would leave; more may be added afterwards.

        Args:
            group: The processes that each added a part of the set, None for this one alone.

        Returns:
            The summary; None in all processes but the first.

        Raises:
            DataError: there are no images, or the processes' networks differ.
        """
        self._walked.finish(self._name)
        self._passes.keep_errors()
        walked, labels = self._walked, self._labels
        if group is not None:
            walked, labels = walked.copied(), list(labels)
            gather_batches(group, walked, labels, self._passes.errors)
            if group.rank > 0:
                return None
        if not walked.count:
            raise DataError(f"{self._name} holds no images yet. Call update(images) before compute().")
        return walked.summary(_Gone(self._name, labels))

    def close(self) -> None:
        """Removes the features."""
        self._folder.cleanup()


class _Gone(ImageSource):
    """The names and labels of images that were seen and not kept."""

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self.name = name
        width = max(6, len(str(len(labels) - 1)))
        self.items = [Item(f"{index:0{width}d}", label or None) for index, label in enumerate(labels)]

    def read(self, index: int) -> NoReturn:
        """Refuses.

        Raises:
            DataError: always.
        """
        raise DataError(f"Image {index} of {self.name} went through the networks and was not kept.")
