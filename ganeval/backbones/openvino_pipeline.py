"""Images through a network in OpenVINO, without PyTorch: the next ones are resized while earlier calls run."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ganeval.backbones.call_sizes import CALL
from ganeval.backbones.openvino_model import Compiled, Converted, Float32, Rows
from ganeval.devices import is_out_of_memory
from ganeval.errors import DeviceMemoryError

if TYPE_CHECKING:
    from torch import Tensor

    from ganeval.backbones.base import BackboneInfo
    from ganeval.backbones.precision import Precision
    from ganeval.backbones.preparation import Preparation


class OpenVinoModel:
    """A backbone that OpenVINO runs: its preparation, the compiled network, and how far "fast" is off.

    Args:
        info: The declaration.
        preparation: What stands before the network.
        converted: The network.
        precision: As for `Compiled`; "fast" is held against "exact" on its first images.

    Attributes:
        error: Largest relative error of the features of one image, |fast - exact| / |exact|; None under "exact", and
            before the first call.
    """

    def __init__(
        self, info: BackboneInfo, preparation: Preparation, converted: Converted, precision: Precision
    ) -> None:
        self.info = info
        self.preparation = preparation
        self.compiled = Compiled(converted, precision)
        self.error: float | None = None
        self._exact = Compiled(converted, "exact") if precision == "fast" else None

    def behind(self, info: BackboneInfo) -> OpenVinoModel:
        """The same compiled network behind another preparation.

        Args:
            info: Declares the preparation.
        """
        if info.preparation is None:
            raise TypeError(f"{info.name} declares no preparation")
        other = copy.copy(self)
        other.info, other.preparation = info, info.preparation
        return other

    def begin(self, call: Float32, count: int, results: dict[int, Rows], place: int) -> None:
        """As `Compiled.begin`; the first call of "fast" is waited for and held against "exact".

        Args:
            call: As there.
            count: How many of its images are none that fill it up.
            results: As there.
            place: As there.

        Raises:
            UsageError: the features of "fast" are too far off.
        """
        self.compiled.begin(call, results, place)
        if self._exact is None:
            return
        from ganeval.backbones.precision import refuse_inexact

        exact = self._exact.run(call)[0][:count].astype(np.float64)
        self._exact = None
        self.compiled.wait()
        lengths = np.maximum(np.linalg.norm(exact, axis=1), np.finfo(np.float32).tiny)
        self.error = float((np.linalg.norm(results[place][0][:count] - exact, axis=1) / lengths).max())
        refuse_inexact(self.error, self.info.name)


class OpenVinoPipeline:
    """One model with the images on their way through it. Calls are always full, but for the last.

    Args:
        model: What runs.

    Attributes:
        notes: What the user should be told, once.
        immediate: Whether rows are there as soon as `submit` returns.
    """

    immediate = False

    def __init__(self, model: OpenVinoModel) -> None:
        self.notes: list[str] = []
        self._model = model
        self._results: dict[int, Rows] = {}
        self._running: deque[tuple[int, int]] = deque()  # place in `_results`, images
        self._filling: Float32 | None = None
        self._filled = self._place = 0

    def submit(self, images: Sequence[npt.NDArray[np.uint8] | Tensor]) -> None:
        """Queues images of any mix of sizes; waits while all cores are busy with earlier calls.

        Args:
            images: uint8 (3, H, W); a tensor may be on any device.

        Raises:
            DeviceMemoryError: they don't fit into memory.
        """
        try:
            with threadpool_limits(1, "blas"):  # the other cores run the network
                for image in images:
                    self._add(image if isinstance(image, np.ndarray) else image.cpu().numpy())
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            sizes = sorted({(image.shape[2], image.shape[1]) for image in images}, key=lambda size: size[0] * size[1])
            raise DeviceMemoryError(
                f"This machine has too little memory for {self._model.info.name} and images of up to {sizes[-1][0]}x"
                f"{sizes[-1][1]} pixels, which go through it {CALL} at a time. Free memory, or score smaller images."
            ) from error

    def take(self, *, finish: bool) -> tuple[Float32, Float32 | None, int]:
        """Rows of images in their order: features, logits if there are any, and the number of rows.

        Args:
            finish: All of them; else those that are computed so far.
        """
        if finish:
            if self._filled:
                self._begin()
            self._model.compiled.wait()
        taken: list[Rows] = []
        while self._running and self._running[0][0] in self._results:
            place, count = self._running.popleft()
            rows = self._results.pop(place)
            taken.append(tuple(part[:count] for part in rows))
        if not taken:
            return np.empty((0, self._model.info.dim or 0), np.float32), None, 0
        features = np.concatenate([rows[0] for rows in taken])
        logits = None if self._model.info.classes is None else np.concatenate([rows[1] for rows in taken])
        return features, logits, len(features)

    def _add(self, image: npt.NDArray[np.uint8]) -> None:
        if self._filling is None:
            self._filling = np.zeros((CALL, *self._model.preparation.shape), np.float32)
        self._filling[self._filled] = self._model.preparation.array(image)
        self._filled += 1
        if self._filled == CALL:
            self._begin()

    def _begin(self) -> None:
        if self._filling is None:
            raise TypeError("no image is waiting")
        call, count = self._filling, self._filled
        self._filling, self._filled = None, 0
        self._running.append((self._place, count))
        self._model.begin(call, count, self._results, self._place)
        self._place += 1
