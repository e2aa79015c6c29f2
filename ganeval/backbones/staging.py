"""How images get to the device of a network: at once on the CPU, by pinned memory and a stream of their own on CUDA."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Pixels = npt.NDArray[np.uint8]  # (3, H, W), RGB


class Staging(Protocol):
    """What a pipeline needs of a device.

    Attributes:
        in_flight: Submissions that stay on the device while the rows of earlier ones are fetched.
    """

    in_flight: int

    def upload(self, images: Sequence[Pixels]) -> Tensor:
        """Images of one size as (B, 3, H, W), on the device or on the way to it."""

    def used(self) -> None:
        """To be called once the kernels that read the last upload are queued."""

    def mark(self) -> object:
        """A point in the queue of kernels, for `fetch`."""

    def fetch(self, rows: Sequence[Tensor], mark: object) -> npt.NDArray[np.float32]:
        """Rows that were computed before a mark, as one array; later kernels go on meanwhile."""


class HostStaging:
    """The CPU, and devices without streams: everything is done when a call returns."""

    in_flight = 0

    def upload(self, images: Sequence[Pixels]) -> Tensor:
        """The images in one array; a backbone moves it where its network is."""
        return torch.from_numpy(np.stack(images))

    def used(self) -> None:
        """Nothing to wait for."""

    def mark(self) -> None:
        """Nothing to wait for."""

    def fetch(self, rows: Sequence[Tensor], mark: object) -> npt.NDArray[np.float32]:
        """The rows."""
        del mark
        return torch.cat([part.float() for part in rows]).cpu().numpy()


class CudaStaging:
    """Two pinned buffers in turn: one is copied to the device and read there while the other is filled.

    The host waits for a buffer until the kernels have read what was in it, so it runs ahead by two parts at most, and
    what waits on the device is bounded.

    Args:
        device: A CUDA device.
    """

    in_flight = 1

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._copies = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._buffers = [_Buffer(), _Buffer()]
        self._turn = 0

    def upload(self, images: Sequence[Pixels]) -> Tensor:
        """Fills the next buffer and starts its copy, which later kernels of the current stream wait for."""
        self._turn = 1 - self._turn
        buffer = self._buffers[self._turn]
        if buffer.read is not None:
            buffer.read.synchronize()
        staged = buffer.view((len(images), *images[0].shape))
        np.stack(images, out=staged.numpy())
        current = torch.cuda.current_stream(self._device)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        with torch.cuda.stream(self._copies):
            moved = _copy(staged, self._device)
            copied.record(self._copies)
        current.wait_event(copied)
        moved.record_stream(current)  # its memory belongs to the stream of the copies, which must not reuse it yet
        return moved

    def used(self) -> None:
        """Later kernels may overwrite the buffer of the last upload."""
        read = torch.cuda.Event()  # type: ignore[no-untyped-call]
        read.record(torch.cuda.current_stream(self._device))
        self._buffers[self._turn].read = read

    def mark(self) -> torch.cuda.Event:
        """An event behind all kernels that are queued now."""
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event

    def fetch(self, rows: Sequence[Tensor], mark: object) -> npt.NDArray[np.float32]:
        """Rows by the stream of the copies, behind their mark and beside the kernels of later submissions."""
        if not isinstance(mark, torch.cuda.Event):
            raise TypeError(f"expected a mark of this device; got {mark!r}")
        with torch.cuda.stream(self._copies):
            self._copies.wait_event(mark)
            joined = torch.cat([part.float() for part in rows])
            return joined.cpu().numpy()  # waits for this stream alone


class _Buffer:
    """Pinned memory, as large as the largest part so far."""

    def __init__(self) -> None:
        self._memory = torch.empty(0, dtype=torch.uint8, device="cpu")
        self.read: torch.cuda.Event | None = None

    def view(self, shape: tuple[int, ...]) -> Tensor:
        size = int(np.prod(shape))
        if len(self._memory) < size:
            self._memory = pinned(size)
        return self._memory[:size].view(shape)


def pinned(size: int) -> Tensor:
    """Bytes that the device copies by itself; ordinary ones where the system grants no more of them."""
    try:
        return torch.empty(size, dtype=torch.uint8, device="cpu", pin_memory=True)
    except RuntimeError:
        return torch.empty(size, dtype=torch.uint8, device="cpu")


def _copy(staged: Tensor, device: torch.device) -> Tensor:
    return staged.to(device, non_blocking=True)
