"""What image-to-image generators make of one image.

The inputs are given, or made from the true images by the recipe's rule (low resolution, edges, holes), so that
super-resolution can be scored from the originals alone.
"""

from typing import Any

import numpy as np
import torch
from torch import nn

from ganeval.errors import DataError, UsageError
from ganeval.generators.translated import Translate
from ganeval.generators.translated import TranslatedSource as TranslatedSource
from ganeval.sources.base import Pixels
from reference_models.data.transforms import CONDITIONS, low_resolution, padded_to_multiple, to_range, to_uint8
from reference_models.models.base import UNIT, ModelSpec


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
    if from_truth and transform != "crops" and transform not in CONDITIONS:
        raise UsageError(
            f"{spec.name} was trained on inputs that cannot be made from the true images. Name the inputs with "
            "--inputs FOLDER, of the same file stems as the true images."
        )

    @torch.no_grad()
    def translate(pixels: Pixels) -> Pixels:
        height, width = pixels.shape[1:]
        if from_truth and transform in CONDITIONS:
            pixels = CONDITIONS[transform](pixels)
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


def enlarged_from_truth(enlarge: Translate, scale: int) -> Translate:
    """What an enlargement of anyone's makes of true images: low resolution by the recipes' rule, enlarged, cut to size.

    Args:
        enlarge: uint8 (3, h, w) -> uint8 (3, scale · h, scale · w).
        scale: Its factor.
    """

    def translate(pixels: Pixels) -> Pixels:
        batch = torch.from_numpy(np.ascontiguousarray(pixels))[None]
        small = low_resolution(padded_to_multiple(to_range(batch, UNIT), scale), scale)
        made = enlarge(to_uint8(small, UNIT)[0].numpy())
        wanted = (3, *(scale * side for side in small.shape[-2:]))
        if made.shape != wanted:
            raise DataError(
                f"A super-resolution generator of scale {scale} made {made.shape} of an input of "
                f"{tuple(small.shape[1:])} (channels, height, width); expected {wanted}. State the scale that it has."
            )
        return made[:, : pixels.shape[1], : pixels.shape[2]]

    return translate


def _factor(spec: ModelSpec, config: Any) -> int:
    """What an input's sides must be multiples of."""
    return 2**config.halvings if spec.kind == "paired" else 4
