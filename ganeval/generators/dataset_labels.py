"""The class of each image of a torch Dataset, where it is known without reading the images.

torchvision's data sets keep class numbers as `targets` or `labels`, in the order of their items, and their names as
`classes`.
"""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from ganeval.generators.single_images import IMAGE_KEYS


def class_labels(dataset: Any) -> list[str] | None:
    """One name or number an item, as text; None where the data set states none.

    Args:
        dataset: With a length.
    """
    if isinstance(dataset, Subset):
        inner = class_labels(dataset.dataset)
        return None if inner is None else [inner[index] for index in dataset.indices]
    if isinstance(dataset, ConcatDataset):
        parts = [class_labels(part) for part in dataset.datasets]
        return None if None in parts else [label for part in parts if part is not None for label in part]
    if isinstance(dataset, TensorDataset):
        stated = dataset.tensors[1] if len(dataset.tensors) == 2 else None
    else:
        stated = next((found for name in ("targets", "labels") if _fits(found := getattr(dataset, name, None))), None)
    numbers = _plain(stated)
    if numbers is None or len(numbers) != len(dataset):
        return None
    names = getattr(dataset, "classes", None)
    if isinstance(names, list | tuple) and all(0 <= one < len(names) for one in numbers):
        return [str(names[one]) for one in numbers]
    return list(map(str, numbers))


def unread_parts(item: Any, *, labelled: bool) -> str:
    """What an item of a data set holds beside its image and is not used, in words; "" where nothing is left.

    Args:
        item: As a data set gives it, or the batch of a loader.
        labelled: Whether its class is known.
    """
    if isinstance(item, Mapping):
        image = next((key for key in IMAGE_KEYS if key in item), None)
        others = [str(key) for key in item if key != image]
        return f"only {image!r} of each item is used, not {', '.join(map(repr, others))}"[:300] if others else ""
    count = len(item) if isinstance(item, list | tuple) else 1
    if count <= (2 if labelled else 1):
        return ""
    return f"only the first of the {count} parts of each item is used{' beside its class' if labelled else ''}"


def _fits(value: object) -> bool:
    return isinstance(value, Sized) and not isinstance(value, str | Mapping)


def _plain(values: Any) -> Sequence[int] | None:
    """Whole numbers; None for anything else: paths of masks, boxes, several classes an image."""
    if isinstance(values, torch.Tensor | np.ndarray):
        values = values.tolist()
    if not isinstance(values, list | tuple):
        return None
    return values if all(isinstance(one, int) for one in values) else None
