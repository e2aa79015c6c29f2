"""Whether an object is one of torch's, without importing torch: before it is imported there is no object of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.data import DataLoader, Dataset
    from typing_extensions import TypeIs


def is_tensor(value: object) -> TypeIs[Tensor]:
    """True for a torch.Tensor."""
    return _is(value, "torch", "Tensor")


def is_module(value: object) -> TypeIs[nn.Module]:
    """True for a torch.nn.Module."""
    return _is(value, "torch.nn", "Module")


def is_dataset(value: object) -> TypeIs[Dataset[Any]]:
    """True for a torch.utils.data.Dataset."""
    return _is(value, "torch.utils.data", "Dataset")


def is_loader(value: object) -> TypeIs[DataLoader[Any]]:
    """True for a torch.utils.data.DataLoader."""
    return _is(value, "torch.utils.data", "DataLoader")


def _is(value: object, module: str, name: str) -> bool:
    imported = sys.modules.get(module)
    return imported is not None and isinstance(value, getattr(imported, name))
