"""Image-to-image generators applied to one image.

The inputs are given, or made from the true images by the recipe's rule (low resolution, edges, holes), so that
super-resolution can be scored from the originals alone.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganeval.errors import DataError, UsageError
from ganeval.generators.translated import Translate
from ganeval.generators.translated import TranslatedSource as TranslatedSource
from ganeval.sources.base import Pixels
from reference_models.data.transforms import CONDITIONS, low_resolution, padded_to_multiple, to_range, to_uint8
from reference_models.models.base import UNIT, ModelSpec


def translator(network: nn.Module, spec: ModelSpec, config: Any, transform: str, *, from_truth: bool) -> Translate:
    """A function from one image to the output of a generator.

    Args:
        network: In eval mode, on any device.
        spec: Its model.
        config: Its settings.
        transform: The recipe's rule for inputs.
        from_truth: True if the image is the true output, from which the rule makes the input; False if it is the
            input itself.

    Raises:
        UsageError: from_truth, and the rule cannot make an input of a true output.
    """
    translate_one = spec.kind.translate
    if translate_one is None:
        raise TypeError(f"{spec.name} draws images from latents; it translates none")
    device = next(network.parameters()).device
    scale = 1 if from_truth else spec.kind.scale(config)
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
        given = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)[None]
        outputs = translate_one(network, spec, config, given, from_truth=from_truth)
        made = to_uint8(outputs, spec.output_range)[0].cpu().numpy()
        cropped = made[:, : scale * height, : scale * width]
        return cropped if cropped.shape[0] == 3 else np.repeat(cropped, 3, axis=0)

    return translate


def enlarged_from_truth(enlarge: Translate, scale: int) -> Translate:
    """An external enlargement applied to true images: reduced by the recipes' rule, enlarged, cut to size.

    Args:
        enlarge: uint8 (3, h, w) -> uint8 (3, scale · h, scale · w).
        scale: The factor of both sides.
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


def translate_padded(
    network: nn.Module, spec: ModelSpec, pixels: Tensor, channels: int, multiple: int
) -> Float[Tensor, "1 C H W"]:
    """The output of an input that is padded until its sides are multiples of `multiple`.

    Args:
        network: In eval mode.
        spec: Its model.
        pixels: uint8 (1, 1 or 3, H, W), on the network's device.
        channels: What the network takes; 1 takes the first channel, which a grey image repeats three times.
        multiple: Of pixels.

    Raises:
        DataError: an input of another number of channels.
    """
    if pixels.shape[1] != channels and channels != 1:
        raise DataError(f"{spec.name} takes inputs of {channels} channels; got {pixels.shape[1]}.")
    made: Tensor = network(padded_to_multiple(to_range(pixels[:, :channels], spec.output_range), multiple))
    return made
