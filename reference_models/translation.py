"""Image-to-image generators as image sources: each image of another source, put through the generator.

The inputs are given, or made from the true images by the recipe's rule (low resolution, edges), so that
super-resolution can be scored from the originals alone.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ganeval.errors import DataError, UsageError
from ganeval.sources.arrays import pixels_digest
from ganeval.sources.base import Decoded, ImageSource, Pixels, Raw
from reference_models.models.base import UNIT, ModelSpec
from reference_models.transforms import edges, low_resolution, padded_to_multiple, to_range, to_uint8

Translate = Callable[[Pixels], Pixels]


class TranslatedSource(ImageSource):
    """Every image of a source, translated when it is read; names, labels and order are the source's.

    Args:
        source: The inputs.
        translate: uint8 (3, H, W) -> uint8 (3, H', W'); called by one thread at a time.
        name: What the user typed.
    """

    def __init__(self, source: ImageSource, translate: Translate, name: str) -> None:
        self.name = name
        self.items = source.items
        self._source = source
        self._translate = translate
        self._lock = threading.Lock()

    def read(self, index: int) -> Raw:
        """Translates item `index`."""
        decoded = self._source.read(index).decode()
        with self._lock:
            pixels = self._translate(decoded.pixels)
        translated = Decoded(np.ascontiguousarray(pixels), decoded.notes)
        return Raw(pixels_digest(translated.pixels), lambda: translated, "generated")

    def close(self) -> None:
        """Closes the inputs."""
        self._source.close()


def needs_inputs(spec: ModelSpec) -> bool:
    """True for models that translate images instead of drawing them."""
    return spec.kind in ("paired", "unpaired", "super-resolution")


def translator(network: nn.Module, spec: ModelSpec, config: Any, transform: str, *, from_truth: bool) -> Translate:
    """What a generator makes of one image.

    Args:
        network: In eval mode, on any device.
        spec: Its model.
        config: Its settings.
        transform: The recipe's rule for inputs.
        from_truth: True where the image is the true output, of which the input is made by the rule; False where it is
            the input itself.

    Raises:
        UsageError: from_truth, and the rule cannot make an input of a true output.
    """
    device = next(network.parameters()).device
    if from_truth and transform not in ("crops", "edges"):
        raise UsageError(
            f"{spec.name} was trained on inputs that cannot be made from the true images. Translate a folder of inputs "
            "with `ganeval sample CHECKPOINT --inputs FOLDER -o DIR`, and score DIR."
        )

    @torch.no_grad()
    def translate(pixels: Pixels) -> Pixels:
        height, width = pixels.shape[1:]
        if transform == "edges" and from_truth:
            pixels = edges(pixels)
        batch = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)[None]
        scale = 1
        if spec.kind == "super-resolution":
            scale = config.scale
            inputs = to_range(batch, UNIT)
            if from_truth:
                inputs = low_resolution(padded_to_multiple(inputs, scale), scale)
        else:
            wanted = getattr(config, "condition_channels", config.channels)
            if batch.shape[1] != wanted and wanted != 1:
                raise DataError(f"{spec.name} takes inputs of {wanted} channels; got {batch.shape[1]}.")
            # One channel is what a grey image repeats three times.
            inputs = padded_to_multiple(to_range(batch[:, :wanted], spec.output_range), _factor(spec, config))
        made = to_uint8(network(inputs), spec.output_range)[0].cpu().numpy()
        if spec.kind == "super-resolution" and not from_truth:
            height, width = scale * height, scale * width
        cropped = made[:, :height, :width]
        return cropped if cropped.shape[0] == 3 else np.repeat(cropped, 3, axis=0)

    return translate


def _factor(spec: ModelSpec, config: Any) -> int:
    """What an input's sides must be multiples of."""
    return 2**config.halvings if spec.kind == "paired" else 4
