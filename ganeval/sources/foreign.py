"""Generators of other projects: what may be given, how it is called, and how what it gives becomes bytes.

The contract of `package.module:factory`. The factory is called without arguments and returns one of

* a `torch.nn.Module` that draws: float32 latents (B, Z), N(0, 1), -> images; with `classes`, int64 labels (B,) are its
  second argument;
* a `torch.nn.Module` that translates (it has no latent width, and inputs are given): float32 images (1, 3, H, W) in its
  own value range -> images;
* a function of two arguments, (indices, seed) -> images, where image i depends on (seed, i) alone;
* a function of one argument, a uint8 tensor (1, 3, H, W) -> images.

Images are a tensor or an array (B, 1 or 3, H, W): uint8, or floats in a declared range. What cannot be seen from
outside is stated by attributes of what the factory returns, or by options, which win:

* `latent_dim`: width Z of a latent, or its shape, as in (100, 1, 1);
* `value_range`: "0..1" or "-1..1", what floats mean;
* `scale`: factor of a super-resolution generator, so that its inputs can be made from the originals;
* `classes`: names of K classes; image i is asked to be of class i mod K.

Modules run in eval mode without gradients. A generator that draws noise from torch's global random number generator
gets the same noise for the same images, and the global one stands afterwards where it stood before.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from ganeval.errors import UsageError
from ganeval.sources.arrays import VALUE_RANGES, ValueRange
from ganeval.sources.base import Pixels
from ganeval.sources.foreign_output import bounds, called, to_bytes
from ganeval.sources.generator import Draw, image_seed
from ganeval.sources.latents import draws_from, latents
from ganeval.sources.translated import Translate


@dataclass(frozen=True)
class Declared:
    """What is stated of a generator; None where nothing is.

    Attributes:
        latent: Shape of one latent.
        value_range: What floats mean.
    """

    latent: tuple[int, ...] | None = None
    value_range: ValueRange | None = None


@dataclass(frozen=True)
class Generator:
    """A generator that is ready to be asked.

    Attributes:
        name: What the user typed.
        draw: Draws images, for a generator that draws; takes the class of all images, or None for classes in turn.
        translate: Translates one image, for a generator that translates.
        scale: Factor of a super-resolution generator.
        classes: Names of the classes, () for none.
        facts: What rows say of it.
    """

    name: str
    draw: Callable[[int | None], Draw] | None = None
    translate: Translate | None = None
    scale: int | None = None
    classes: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


def wrap(made: object, name: str, declared: Declared, device: torch.device, *, translates: bool) -> Generator:
    """A generator from what a factory returned or a file held.

    Args:
        made: See the contract above.
        name: What the user typed, for messages.
        declared: What the user stated; attributes of `made` fill the rest.
        device: Where a module runs.
        translates: True where there are images to translate: a module without latent width is taken to translate then.

    Raises:
        UsageError: nothing that can be called, or a statement is missing or cannot be.
    """
    latent = declared.latent or _latent_of(made, name)
    stated = declared.value_range or getattr(made, "value_range", None)
    if stated is not None and stated not in VALUE_RANGES:
        raise UsageError(f"{name} states the value range {stated!r}; expected one of {', '.join(VALUE_RANGES)}.")
    classes = _classes_of(made)
    if isinstance(made, nn.Module):
        made.to(device).eval()
        facts = {"parameters": sum(parameter.numel() for parameter in made.parameters())}
        if latent is not None:
            drawer = _module_drawer(made, name, latent, stated, len(classes), device)
            return Generator(name, draw=drawer, classes=classes, facts=facts)
        if translates:
            rule = _module_translator(made, name, stated, device)
            return Generator(name, translate=rule, scale=_scale_of(made), facts=facts)
        raise UsageError(
            f"{name} is a network, and nothing says how wide its latents are. Give --latent-dim Z (or the attribute "
            "latent_dim), or the images that it translates with --inputs FOLDER."
        )
    if not callable(made):
        raise UsageError(
            f"{name} gave a {type(made).__name__}; expected a torch.nn.Module, or a function of (indices, seed) or of "
            "a batch of images."
        )
    arguments = _argument_count(made, name)
    if arguments == 2:
        return Generator(name, draw=_function_drawer(made, name, stated), classes=classes)
    return Generator(name, translate=_function_translator(made, name, stated), scale=_scale_of(made))


def _latent_of(made: object, name: str) -> tuple[int, ...] | None:
    stated = getattr(made, "latent_dim", None)
    if stated is None:
        return None
    sides = tuple(stated) if isinstance(stated, Sequence) else (stated,)
    if not sides or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UsageError(f"{name} states latent_dim {stated!r}; expected a width such as 100, or a shape.")
    return sides


def _scale_of(made: object) -> int | None:
    """The factor of a super-resolution generator; what is no whole number means something else."""
    scale = getattr(made, "scale", None)
    return scale if type(scale) is int and scale >= 1 else None


def _classes_of(made: object) -> tuple[str, ...]:
    """Names of the classes; numbers where only their count is stated."""
    classes = getattr(made, "classes", ())
    if type(classes) is int:
        return tuple(map(str, range(classes)))
    return tuple(map(str, classes)) if isinstance(classes, Sequence) else ()


def _argument_count(made: Callable[..., Any], name: str) -> int:
    """How many arguments a function must be called with: 1 or 2."""
    try:
        parameters = inspect.signature(made).parameters.values()
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} has no signature that can be read ({error}). Wrap it in a def.") from error
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = sum(p.kind in positional and p.default is inspect.Parameter.empty for p in parameters)
    if needed not in (1, 2):
        raise UsageError(
            f"{name} takes {needed} arguments; expected two, (indices, seed), to draw images, or one, a batch, to "
            "translate it."
        )
    return needed


def _own_noise(device: torch.device, *place: int) -> torch.Generator:
    """Random numbers for a generator that draws noise of its own: the same for the same images."""
    return torch.Generator(device).manual_seed(image_seed(*place))


def _module_drawer(
    network: nn.Module,
    name: str,
    latent: tuple[int, ...],
    value_range: ValueRange | None,
    classes: int,
    device: torch.device,
) -> Callable[[int | None], Draw]:
    def drawer(only: int | None) -> Draw:
        @torch.no_grad()
        def draw(indices: Sequence[int], seed: int) -> UInt8[Tensor, "B C H W"]:
            count = len(indices)
            inputs = [latents(indices, math.prod(latent), seed).reshape(count, *latent).to(device)]
            if classes:
                wanted = [index % classes if only is None else only for index in indices]
                inputs.append(torch.tensor(wanted, device=device))
            with draws_from(_own_noise(device, seed, indices[0])):
                made = called(name, f"{count} latents of shape {latent}", network, *inputs)
            return to_bytes(made, count, name, value_range)

        return draw

    return drawer


def _module_translator(
    network: nn.Module, name: str, value_range: ValueRange | None, device: torch.device
) -> Translate:
    if value_range is None:
        raise UsageError(
            f"{name} is a network that takes floats, and nothing says what black and white are. Give --value-range "
            f"{' | '.join(VALUE_RANGES)} (or the attribute value_range)."
        )
    low, high = bounds(value_range)

    @torch.no_grad()
    def translate(pixels: Pixels) -> Pixels:
        batch = torch.from_numpy(np.ascontiguousarray(pixels))[None].to(device).float() * ((high - low) / 255.0) + low
        with draws_from(_own_noise(device, 0, 0)):
            made = called(name, f"an image of shape {tuple(pixels.shape)}", network, batch)
        return _three_channels(to_bytes(made, 1, name, value_range))

    return translate


def _function_drawer(
    function: Callable[..., Any], name: str, value_range: ValueRange | None
) -> Callable[[int | None], Draw]:
    def drawer(only: int | None) -> Draw:
        if only is not None:
            raise UsageError(f"{name} draws its classes in turn and cannot be asked for one; drop --class.")

        def draw(indices: Sequence[int], seed: int) -> UInt8[Tensor, "B C H W"]:
            with draws_from(_own_noise(torch.device("cpu"), seed, indices[0])):
                made = called(name, f"indices {indices[0]} to {indices[-1]}", function, list(indices), seed)
            return to_bytes(made, len(indices), name, value_range)

        return draw

    return drawer


def _function_translator(function: Callable[..., Any], name: str, value_range: ValueRange | None) -> Translate:
    def translate(pixels: Pixels) -> Pixels:
        batch = torch.from_numpy(np.array(pixels))[None]
        with draws_from(_own_noise(torch.device("cpu"), 0, 0)):
            made = called(name, f"an image of shape {tuple(pixels.shape)}", function, batch)
        return _three_channels(to_bytes(made, 1, name, value_range))

    return translate


def _three_channels(images: UInt8[Tensor, "1 C H W"]) -> Pixels:
    return np.ascontiguousarray(images.expand(1, 3, -1, -1)[0].numpy())
