"""How many images one call of a network takes: a fixed number, so that an image has the same bits in any company.

It also bounds memory: an Inception call of 32 images holds 1 GB, one of 8 a quarter.
"""

from typing import Final

CALL: Final = 8  # on the CPU larger calls take the same time an image, and more memory
CUDA_CALL: Final = 64
CUDA_CALLS: Final = 4  # gathered for one submission: enough work for the time in which a shard is written
SMALLER: Final = 4  # a call that the device's memory doesn't hold is tried once with this fraction of its images


def call_size(device_type: str) -> int:
    """Images that one call of a network takes on a type of device."""
    return CALL if device_type == "cpu" else CUDA_CALL


def full(device_type: str, batch_size: int) -> int:
    """Images of a submission, at least `batch_size`: a call that is not full costs as much as a full one."""
    size = call_size(device_type)
    least = batch_size if device_type != "cuda" else max(batch_size, CUDA_CALLS * size)
    return -(-least // size) * size
