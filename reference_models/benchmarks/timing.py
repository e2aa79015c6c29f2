"""How fast a model trains and draws, measured in rounds: each side once a round, odd rounds backwards.

Other work on the machine then slows all sides alike; ratios are taken within a round.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ganeval.sources.base import Pixels
from reference_models.benchmarks.tutorial_loop import OurLoop, TutorialLoop, data_loader, plain
from reference_models.checkpoints.sampling import image_drawer, stream
from reference_models.checkpoints.translation import translator
from reference_models.models import MODELS
from reference_models.models.base import ModelSpec
from reference_models.models.build import build_generator
from reference_models.recipes.recipe import Recipe


@dataclass(frozen=True)
class Timed:
    """One side.

    Attributes:
        name: What it is.
        seconds: Of one call, in each round.
        images: That a call works on.
    """

    name: str
    seconds: tuple[float, ...]
    images: int

    @property
    def median(self) -> float:
        """Seconds of one call."""
        return statistics.median(self.seconds)

    def times(self, base: "Timed") -> float:
        """How many times as fast as `base`: the median over rounds of the ratio within one."""
        return statistics.median(b / a for a, b in zip(self.seconds, base.seconds, strict=True))


def in_turn(
    sides: Mapping[str, Callable[[int], object]], images: Mapping[str, int], calls: int, rounds: int
) -> list[Timed]:
    """Times each side in turn, after one call of each that does not count.

    Args:
        sides: Name -> what is called, with the number of the call.
        images: Name -> images that one call works on.
        calls: In a row, of each side.
        rounds: How often.
    """
    done = dict.fromkeys(sides, 0)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for name, side in sides.items():
        side(0)
        done[name] = 1
    for number in range(rounds):
        for name in list(sides) if number % 2 == 0 else list(sides)[::-1]:
            started = time.perf_counter()
            for _ in range(calls):
                sides[name](done[name])
                done[name] += 1
            seconds[name].append((time.perf_counter() - started) / calls)
    return [Timed(name, tuple(seconds[name]), images[name]) for name in sides]


def time_training(
    recipe: Recipe, device: torch.device, steps: int, rounds: int, *, tutorial: bool, bf16: bool
) -> list[Timed]:
    """Seconds of a training step, of this project's loop and of others beside it.

    Args:
        recipe: The plan, on embedded data. With `tutorial` its techniques are left out on both sides.
        device: Of this project's loop; the tutorial's is on the CPU.
        steps: In a row.
        rounds: How often.
        tutorial: Time the tutorial's plain loop too.
        bf16: Time this project's loop in bfloat16 too.

    Raises:
        UsageError: `tutorial`, and a model whose loop is not written out.
    """
    recipe = plain(recipe) if tutorial else recipe
    ours = OurLoop(recipe, device)
    sides: dict[str, Callable[[int], object]] = {"ganeval": lambda k: _waited(ours.step(k), device)}
    if bf16:
        halved = OurLoop(recipe, device, bf16=True)
        sides["ganeval bf16"] = lambda k: _waited(halved.step(k), device)
    if tutorial:
        sides["tutorial"] = TutorialLoop(recipe, data_loader(recipe)).step
    return in_turn(sides, dict.fromkeys(sides, recipe.training.batch_size), steps, rounds)


def _waited(result: object, device: torch.device) -> object:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return result


def time_sampling(
    network: nn.Module,
    spec: ModelSpec,
    config: Any,
    transform: str,
    sizes: Sequence[int],
    rounds: int,
) -> list[Timed]:
    """Seconds of drawing batches, from latents to bytes, as `ganeval sample` does; translators take image by image.

    Args:
        network: In eval mode, on its device.
        spec: Its model.
        config: Its settings.
        transform: Rule of a translator's inputs.
        sizes: Images a batch; a translator's batch is that many images one after another.
        rounds: How often.
    """
    sides = {f"batch {size}": drawer(network, spec, config, transform, size) for size in sizes}
    return in_turn(sides, {f"batch {size}": size for size in sizes}, 1, rounds)


def untrained_drawer(recipe: Recipe, size: int, device: torch.device) -> Callable[[int], object]:
    """What draws batches from the generator of a recipe as it is before training, which takes as long as after."""
    spec = MODELS.get(recipe.model)
    network = untrained_generator(recipe, device)
    return drawer(network, spec, spec.configure(recipe.settings), recipe.data.transform, size)


def untrained_generator(recipe: Recipe, device: torch.device) -> nn.Module:
    """The generator of a recipe before its first step, in eval mode, without gradients."""
    network = build_generator(recipe.model, recipe.settings, stream(0, 0), recipe.training.init).to(device).eval()
    return network.requires_grad_(False)


def operations(draw_one: Callable[[int], object]) -> int:
    """Floating-point operations of one call, as PyTorch counts them: multiplications and additions of products."""
    with FlopCounterMode(display=False) as counter:
        draw_one(0)
    return int(counter.get_total_flops())


def time_steps(
    recipe: Recipe,
    device: torch.device,
    count: int,
    clock: Callable[[], float] = time.perf_counter,
    data_root: Path | None = None,
) -> list[float]:
    """Seconds of single training steps, evenly spread over the plan.

    Steps are not alike: a progressive network grows, super-resolution begins without its adversary. The plan's count
    of steps times their mean is what all steps take, without scores, grids and checkpoints.

    Args:
        recipe: The plan.
        device: Where.
        count: How many are timed; the first and the last are made once before.
        clock: Gives seconds; `time.process_time` for CPU time.
        data_root: Folder of data sets that are not embedded.
    """
    loop, steps = OurLoop(recipe, device, data_root=data_root), recipe.training.steps
    for number in (0, steps - 1):
        _waited(loop.step(number), device)
    seconds = []
    for place in range(count):
        started = clock()
        _waited(loop.step((2 * place + 1) * steps // (2 * count)), device)
        seconds.append(clock() - started)
    return seconds


def drawer(network: nn.Module, spec: ModelSpec, config: Any, transform: str, size: int) -> Callable[[int], object]:
    """What draws a batch: `draw(number)`, with other latents for each number."""
    if spec.kind.translates:
        translate = translator(network, spec, config, transform, from_truth=False)
        side, channels = config.image_size // spec.kind.scale(config), getattr(config, "condition_channels", 3)
        one: Pixels = np.random.default_rng(0).integers(0, 256, (channels, side, side), dtype=np.uint8)
        return lambda number: [translate(one) for _ in range(size)]
    draw = image_drawer(network, spec, config)
    return lambda number: draw(range(number * size, (number + 1) * size), 0)
