"""Images through a backbone: resized by size, run in calls of one size, their rows fetched many at a time.

On CUDA the next images are copied while the network runs, and nothing waits for a batch: rows stay on the device until
a shard of them is complete.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganeval.backbones.base import Backbone, Output
from ganeval.backbones.call_sizes import SMALLER
from ganeval.backbones.calls import shrink
from ganeval.backbones.float32 import true_float32
from ganeval.backbones.staging import CudaStaging, HostStaging, Pixels, Staging
from ganeval.devices import is_out_of_memory
from ganeval.errors import DeviceMemoryError

STACKED_PIXELS = 2**24  # resized at a time: 201 MB as float32; an image that is larger goes alone


@dataclass(frozen=True)
class _Submitted:
    """What is on the device, or done.

    Attributes:
        places: Of each image in its submission, in the order in which they were run.
        outputs: Rows in that order.
        mark: Behind the kernels that compute them.
    """

    places: list[int]
    outputs: Output
    mark: object


class Pipeline:
    """One backbone with the images on their way through it.

    Args:
        backbone: The network.
        staging: How images get to its device; by default what the device allows.

    Attributes:
        notes: What the user should be told, once.
    """

    def __init__(self, backbone: Backbone, staging: Staging | None = None) -> None:
        self.notes: list[str] = []
        self._backbone = backbone
        on_cuda = backbone.device.type == "cuda"
        self._staging: Staging = staging or (CudaStaging(backbone.device) if on_cuda else HostStaging())
        self._stacked = STACKED_PIXELS
        self._running: deque[_Submitted] = deque()

    def submit(self, images: Sequence[Pixels | Tensor]) -> None:
        """Queues images of any mix of sizes.

        Args:
            images: uint8 (3, H, W); a tensor on the network's device stays there.

        Raises:
            DeviceMemoryError: they don't fit into the device's memory, in smaller calls neither.
        """
        submitted, reason = self._try(images)
        if submitted is None and self._stacked == STACKED_PIXELS:
            self._stacked //= SMALLER
            shrink(self._backbone.network)
            self.notes.append(
                f"{self._where} ran out of memory; calls of {self._backbone.info.name} are smaller from here on."
            )
            submitted, reason = self._try(images)
        if submitted is None:
            sizes = sorted({(image.shape[2], image.shape[1]) for image in images}, key=lambda size: size[0] * size[1])
            raise DeviceMemoryError(
                f"{self._where} has too little memory for {self._backbone.info.name} and images of up to "
                f"{sizes[-1][0]}x{sizes[-1][1]} pixels; smaller calls were tried as well: {reason}. Free memory there, "
                "score smaller images, or use another --device."
            )
        self._running.append(submitted)

    def take(self, *, finish: bool) -> tuple[np.ndarray, np.ndarray | None, int]:
        """Rows of submissions in their order: features, logits if there are any, and the number of rows.

        Args:
            finish: All of them; else those that may still run are left.
        """
        count = len(self._running) - (0 if finish else self._staging.in_flight)
        taken = [self._running.popleft() for _ in range(count)]
        if not taken:
            return np.empty((0, self._backbone.info.dim or 0), np.float32), None, 0
        order = _order([one.places for one in taken])
        mark = taken[-1].mark
        features = self._staging.fetch([one.outputs.features for one in taken], mark)[order]
        logits = [one.outputs.logits for one in taken if one.outputs.logits is not None]
        return features, self._staging.fetch(logits, mark)[order] if logits else None, len(features)

    @property
    def immediate(self) -> bool:
        """Whether rows are there as soon as `submit` returns."""
        return self._staging.in_flight == 0

    @property
    def _where(self) -> str:
        device = self._backbone.device
        if device.type == "cuda":
            return f"{device} ({torch.cuda.get_device_name(device)})"
        return "This machine" if device.type == "cpu" else str(device)

    def _try(self, images: Sequence[Pixels | Tensor]) -> tuple[_Submitted | None, str]:
        """The images on their way, or why the memory does not hold them."""
        try:
            return self._run(images), ""
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).strip().partition("\n")[0][:200].rstrip(".")
        # Here the frames of the failed call, and the tensors in them, are gone.
        if self._backbone.device.type == "cuda":
            torch.cuda.empty_cache()
        return None, reason or "no more memory"

    def _run(self, images: Sequence[Pixels | Tensor]) -> _Submitted:
        by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, pixels in enumerate(images):
            by_size[tuple(pixels.shape)].append(place)
        places: list[int] = []
        prepared: list[Tensor] = []
        with torch.inference_mode(), true_float32(self._backbone.device):
            for (_, height, width), group in by_size.items():
                size = max(1, self._stacked // (height * width))
                for part in (group[start : start + size] for start in range(0, len(group), size)):
                    prepared.append(self._prepare([images[place] for place in part]))
                    places += part
            outputs = self._backbone.forward(prepared[0] if len(prepared) == 1 else torch.cat(prepared))
            return _Submitted(places, outputs, self._staging.mark())

    def _prepare(self, images: Sequence[Pixels | Tensor]) -> Tensor:
        """Images of one size, resized on the device."""
        arrays = [image for image in images if not isinstance(image, Tensor)]
        if len(arrays) == len(images):
            prepared = self._backbone.prepare(self._staging.upload(arrays))
            self._staging.used()
            return prepared
        return self._backbone.prepare(
            torch.stack([torch.as_tensor(image).to(self._backbone.device) for image in images])
        )


def _order(places: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
    """Where each image's row is, image by image: within a submission, rows stand in the order in which they ran."""
    found, start = [], 0
    for one in places:
        found.append(start + np.argsort(np.asarray(one, dtype=np.int64)))
        start += len(one)
    return np.concatenate(found)
