"""Wraps a network or function as a generator: reads its stated attributes and finds how to call it.

The contract is that of `ganeval.generators.base`.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

from ganeval.errors import UsageError
from ganeval.generators.base import Declared, Generator
from ganeval.generators.latents import draws_from, latents
from ganeval.generators.output import bounds, called, to_bytes
from ganeval.generators.source import Draw, LatentSpace, image_seed
from ganeval.generators.translated import Translate
from ganeval.sources.arrays import VALUE_RANGES, ValueRange
from ganeval.sources.base import Pixels

CPU = torch.device("cpu")
BY_INDEX = ("indices", "index", "ids", "seed")  # arguments of a function of (indices, seed)


def wrap(made: object, name: str, declared: Declared, *, translates: bool) -> Generator:
    """A generator from what is in memory, a factory returned or a file held.

    Args:
        made: See the contract; a network stays on its device and in its mode.
        name: What the user typed, for messages.
        declared: What the user stated; attributes of `made` fill the rest.
        translates: True where there are images to translate: what has no latent shape is taken to translate then.

    Raises:
        UsageError: nothing that can be called, or a statement is missing or cannot be.
    """
    if not callable(made):
        raise UsageError(
            f"{name} is a {type(made).__name__}; expected a torch.nn.Module, or a function of (indices, seed), of "
            "(count, rng) or of a batch of images."
        )
    latent = declared.latent or shape_of_latent(getattr(made, "latent_dim", None), name)
    value_range = declared.value_range or getattr(made, "value_range", None)
    if value_range is not None and value_range not in VALUE_RANGES:
        raise UsageError(f"{name} states the value range {value_range!r}; expected one of {', '.join(VALUE_RANGES)}.")
    classes, facts = _classes_of(made, name), _facts_of(made)
    if latent is not None:
        space = _latent_space(made, name, latent, value_range, len(classes))
        drawer = _from_latents(space, device_of(made))
        return Generator(name, draw=drawer, classes=classes, value_range=value_range, facts=facts, latents=space)
    if (taken := _keywords(made)) >= {"batch_size", "generator"}:  # a network may be a pipeline, too
        drawer = _from_pipeline(made, name)
        return Generator(name, draw=drawer, classes=classes, value_range=value_range, facts=facts)
    if isinstance(made, nn.Module):
        if translates:
            rule = _network_translator(made, name, value_range)
            return Generator(name, translate=rule, scale=_scale_of(made, name), facts=facts)
        raise UsageError(
            f"{name} is a network, and the shape of its latents is not stated. Give --latent-dim Z (or the attribute "
            "latent_dim), or the images that it translates with --inputs FOLDER."
        )
    if taken >= {"prompt", "generator"}:
        raise UsageError(
            f"{name} is a pipeline that needs prompts. Give a function of (count, rng) that calls it with yours and "
            "returns uint8 (count, 3, height, width)."
        )
    first, *rest = _arguments(made, name)
    if not rest:
        rule = _function_translator(made, name, value_range)
        return Generator(name, translate=rule, scale=_scale_of(made, name), facts=facts)
    by_index = first in BY_INDEX or rest[0] in BY_INDEX
    drawer = (_by_index if by_index else _by_count)(made, name, value_range)
    return Generator(name, draw=drawer, classes=classes, value_range=value_range, facts=facts, by_index=by_index)


def shape_of_latent(stated: object, name: str) -> tuple[int, ...] | None:
    """The shape of one latent from a width or a shape; None for None.

    Raises:
        UsageError: no whole numbers above 0.
    """
    if stated is None:
        return None
    sides = tuple(stated) if isinstance(stated, Sequence) else (stated,)
    if not sides or not all(type(side) is int and side > 0 for side in sides):
        raise UsageError(f"{name} states latent_dim {stated!r}; expected a width such as 100, or a shape.")
    return sides


def device_of(made: object) -> torch.device:
    """Where a network's first tensor is; the CPU for anything else."""
    tensors = (*made.parameters(), *made.buffers()) if isinstance(made, nn.Module) else ()
    return tensors[0].device if tensors else CPU


def _facts_of(made: object) -> dict[str, object]:
    if not isinstance(made, nn.Module):
        return {}
    return {"parameters": sum(parameter.numel() for parameter in made.parameters())}


def _scale_of(made: object, name: str) -> int | None:
    """The factor of a super-resolution generator; what is not a number (a method of the network) means other things."""
    scale = getattr(made, "scale", None)
    if isinstance(scale, float) and scale.is_integer():
        scale = int(scale)
    if isinstance(scale, bool | float) or (isinstance(scale, int) and scale < 1):
        raise UsageError(f"{name} states the scale {scale!r}; expected a whole number from 1, as in 4.")
    return scale if isinstance(scale, int) else None


def _classes_of(made: object, name: str) -> tuple[str, ...]:
    """Names of the classes; numbers where only their count is stated."""
    classes = getattr(made, "classes", ())
    if isinstance(classes, bool) or (isinstance(classes, int) and classes < 1) or isinstance(classes, str):
        raise UsageError(f"{name} states classes {classes!r}; expected their names, or how many there are.")
    if isinstance(classes, int):
        return tuple(map(str, range(classes)))
    names = tuple(map(str, classes)) if isinstance(classes, Sequence) else ()
    if len(set(names)) < len(names):
        raise UsageError(f"{name} states {len(names)} classes of {len(set(names))} names; each name counts once.")
    return names


def _keywords(made: Callable[..., Any]) -> set[str]:
    """Names of all arguments; none for what has no signature that can be read."""
    try:
        return set(inspect.signature(made).parameters)
    except (TypeError, ValueError):
        return set()


def _arguments(made: Callable[..., Any], name: str) -> list[str]:
    """The arguments that a function must be called with: 1 or 2."""
    try:
        parameters = inspect.signature(made).parameters.values()
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} has no signature that can be read ({error}). Wrap it in a def.") from error
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p.name for p in parameters if p.kind in positional and p.default is inspect.Parameter.empty]
    if len(needed) not in (1, 2):
        raise UsageError(
            f"{name} takes {len(needed)} arguments; expected two, (indices, seed) or (count, rng), to draw images, or "
            "one, a batch, to translate it."
        )
    return needed


def _own_noise(device: torch.device, *place: int) -> torch.Generator:
    """Random numbers for a generator that draws noise of its own: the same for the same images."""
    return torch.Generator(device).manual_seed(image_seed(*place))


def _latent_space(
    made: Callable[..., Any], name: str, latent: tuple[int, ...], value_range: ValueRange | None, classes: int
) -> LatentSpace:
    device = device_of(made)

    @torch.no_grad()
    def images(drawn: Float[Tensor, "B Z"], wanted: Sequence[int]) -> UInt8[Tensor, "B C H W"]:
        count = len(drawn)
        inputs = [drawn.reshape(count, *latent).to(device)]
        if classes:
            inputs.append(torch.tensor(wanted, device=device))
        return to_bytes(called(name, f"{count} latents of shape {latent}", made, *inputs), count, name, value_range)

    return LatentSpace(math.prod(latent), classes, images)


def _from_latents(space: LatentSpace, device: torch.device) -> Callable[[int | None], Draw]:
    def drawer(only: int | None) -> Draw:
        def draw(indices: Sequence[int], seed: int) -> UInt8[Tensor, "B C H W"]:
            drawn = latents(indices, space.width, seed)
            wanted = [index % space.classes if only is None else only for index in indices] if space.classes else []
            with draws_from(_own_noise(device, seed, indices[0])):
                images: Tensor = space.images(drawn, wanted)
            return images

        return draw

    return drawer


def _in_turn(name: str, only: int | None) -> None:
    if only is not None:
        raise UsageError(f"{name} draws its classes in turn and cannot be asked for one; drop --class.")


def _by_index(function: Callable[..., Any], name: str, value_range: ValueRange | None) -> Callable[[int | None], Draw]:
    def drawer(only: int | None) -> Draw:
        _in_turn(name, only)

        @torch.no_grad()
        def draw(indices: Sequence[int], seed: int) -> UInt8[Tensor, "B C H W"]:
            with draws_from(_own_noise(CPU, seed, indices[0])):
                images = called(name, f"indices {indices[0]} to {indices[-1]}", function, list(indices), seed)
            return to_bytes(images, len(indices), name, value_range)

        return draw

    return drawer


def _by_count(function: Callable[..., Any], name: str, value_range: ValueRange | None) -> Callable[[int | None], Draw]:
    def drawer(only: int | None) -> Draw:
        _in_turn(name, only)

        @torch.no_grad()
        def draw(indices: Sequence[int], seed: int) -> UInt8[Tensor, "B C H W"]:
            count, rng = len(indices), _own_noise(CPU, seed, indices[0])
            with draws_from(_own_noise(CPU, seed, indices[0])):
                images = called(name, f"a count of {count} and a torch.Generator", function, count, rng)
            return to_bytes(images, count, name, value_range)

        return draw

    return drawer


def _from_pipeline(pipeline: Callable[..., Any], name: str) -> Callable[[int | None], Draw]:
    """A pipeline as diffusers has them: called with `batch_size` and `generator`, it gives an object with `images`."""

    def drawer(only: int | None) -> Draw:
        _in_turn(name, only)

        @torch.no_grad()
        def draw(indices: Sequence[int], seed: int) -> UInt8[Tensor, "B C H W"]:
            count, rng = len(indices), _own_noise(CPU, seed, indices[0])

            def images(batch_size: int, generator: torch.Generator) -> Any:
                made = pipeline(batch_size=batch_size, generator=generator)
                return made[0] if isinstance(made, tuple) else getattr(made, "images", made)

            with draws_from(_own_noise(CPU, seed, indices[0])):
                made = called(name, f"a batch of {count} and a torch.Generator", images, count, rng)
            return to_bytes(_channels_first(made), count, name, "0..1")

        return draw

    return drawer


def _channels_first(made: Any) -> Any:
    """(B, C, H, W) of the PIL images or the array (B, H, W, C) that a pipeline gives; a tensor is that already."""
    if isinstance(made, list | tuple) and made and all(isinstance(one, Image.Image) for one in made):
        made = np.stack([np.asarray(image.convert("RGB")) for image in made])
    if isinstance(made, np.ndarray) and made.ndim == 4 and made.shape[3] in (1, 3):
        return np.ascontiguousarray(made.transpose(0, 3, 1, 2))
    return made


def _network_translator(network: nn.Module, name: str, value_range: ValueRange | None) -> Translate:
    if value_range is None:
        raise UsageError(
            f"{name} is a network that takes floats, and what black and white are is not stated. Give --value-range "
            f"{' | '.join(VALUE_RANGES)} (or the attribute value_range)."
        )
    low, high = bounds(value_range)
    device = device_of(network)

    @torch.no_grad()
    def translate(pixels: Pixels) -> Pixels:
        batch = torch.from_numpy(np.ascontiguousarray(pixels))[None].to(device).float() * ((high - low) / 255.0) + low
        with draws_from(_own_noise(device, 0, 0)):
            made = called(name, f"an image of shape {tuple(pixels.shape)}", network, batch)
        return _three_channels(to_bytes(made, 1, name, value_range))

    return translate


def _function_translator(function: Callable[..., Any], name: str, value_range: ValueRange | None) -> Translate:
    @torch.no_grad()
    def translate(pixels: Pixels) -> Pixels:
        batch = torch.from_numpy(np.array(pixels))[None]
        with draws_from(_own_noise(CPU, 0, 0)):
            made = called(name, f"an image of shape {tuple(pixels.shape)}", function, batch)
        return _three_channels(to_bytes(made, 1, name, value_range))

    return translate


def _three_channels(images: UInt8[Tensor, "1 C H W"]) -> Pixels:
    return np.ascontiguousarray(images.expand(1, 3, -1, -1)[0].numpy())
