"""Float32 networks computed in float32, even if the process allows TF32 for its own training.

On CUDA, torch rounds the factors of convolutions to TF32 (10 bits of mantissa) unless it is told not to. A process can
allow the same for matrix products, on the CPU as well (bfloat16), and can run a loop under autocast.
"""

import contextlib
import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch

# Each kind of product has a setting of its own (torch 2.9 and later). "ieee" is float32.
_PRODUCTS = ("cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv", "mkldnn.rnn")


@contextlib.contextmanager
def true_float32(device: torch.device) -> Iterator[None]:
    """Neither TF32, nor bfloat16, nor autocast in here. Afterwards all settings are as they were.

    cuDNN also takes the algorithm that its rules name, not the one that won a race in this run.

    Args:
        device: Where the network runs.
    """
    cudnn = torch.backends.cudnn
    owners: list[Any] = [operator.attrgetter(name)(torch.backends) for name in _PRODUCTS] if _by_product() else []
    before = [owner.fp32_precision for owner in owners]
    # Each old setting changes new ones as well, and can't be read once a new one differs from it.
    products, convolutions = _readable(torch.get_float32_matmul_precision), _readable(lambda: cudnn.allow_tf32)
    choice = cudnn.enabled, cudnn.benchmark
    try:
        _set_old("highest" if products else None, None if convolutions is None else False)
        for owner in owners:
            owner.fp32_precision = "ieee"
        cudnn.enabled, cudnn.benchmark = True, False
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        cudnn.enabled, cudnn.benchmark = choice
        _set_old(products, convolutions)
        for owner, precision in zip(owners, before, strict=True):
            owner.fp32_precision = precision


def _by_product() -> bool:
    return hasattr(torch.backends.cuda.matmul, "fp32_precision")


def _readable(read: Callable[[], Any]) -> Any:
    """What an old setting says; None in a process that uses the new ones, where torch refuses the old."""
    try:
        return read()
    except RuntimeError:
        return None


def _set_old(products: str | None, convolutions: bool | None) -> None:
    if products is not None:
        torch.set_float32_matmul_precision(products)
    if convolutions is not None:
        torch.backends.cudnn.allow_tf32 = convolutions
