"""Subjects in memory: tensors, arrays, networks and functions, without a trace left in them."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ganeval.errors import DataError, UsageError
from ganeval.sources.arrays import ArraySource, ValueRange

Images = str | Path | Tensor | npt.NDArray[Any]
Subject = Images | Callable[..., Any]

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
    return type(subject).__name__ if isinstance(subject, nn.Module) else getattr(subject, "__name__", "generator")


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


@contextlib.contextmanager
def path_of(
    images: Images | None, name: str, value_range: ValueRange | None, peak: int | None = None
) -> Iterator[str | None]:
    """A path or data set name as it is; images in memory as a temporary `.npy` file, which readers map.

    Args:
        images: What is compared with.
        name: What messages call it.
        value_range: Of floats; checked here.
        peak: Of uint16; checked here.

    Raises:
        UsageError: something else.
        DataError: no images, or not of that range.
    """
    if images is None or isinstance(images, str | Path):
        yield str(images) if isinstance(images, Path) else images
        return
    if not isinstance(images, Tensor | np.ndarray):
        raise UsageError(f"{name}= is a {type(images).__name__}; expected a path, a data set, a tensor or an array.")
    array = array_of(images)
    # What a temporary file's name would obscure is refused here.
    ArraySource(array, name, value_range=value_range, peak=peak)
    with tempfile.TemporaryDirectory(prefix="ganeval-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"{name}.npy"
        np.save(path, array)
        yield str(path)
