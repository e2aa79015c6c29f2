"""Latents seeded one by one, and random numbers lent to code that can only draw from torch's global generator."""

import contextlib
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def latents(indices: Sequence[int], width: int, seed: int) -> Float[Tensor, "B Z"]:
    """N(0, 1), float32, on the CPU; row by row from numpy's PCG64 of SeedSequence(seed, spawn_key=(index,)).

    Latent i depends on (seed, i) alone, so any batch size, number of devices or resumed run draws the same images.
    """
    seeds = [np.random.SeedSequence(seed, spawn_key=(index,)) for index in indices]
    rows = [np.random.Generator(np.random.PCG64(one)).standard_normal(width, np.float32) for one in seeds]
    return torch.from_numpy(np.stack(rows))


_LENT = threading.RLock()


@contextlib.contextmanager
def draws_from(generator: torch.Generator) -> Iterator[None]:
    """Lends `generator` to code that can only draw from torch's global RNG: layer construction, dropout.

    Inside, the global RNG of the generator's device continues the generator's stream; afterwards the generator stands
    where that stream ended and the global RNG where it stood before. The global RNG is one for the whole process, so
    threads take turns.
    """
    with _LENT:
        before = _global_state(generator.device)
        _set_global_state(generator.get_state(), generator.device)
        try:
            yield
        finally:
            generator.set_state(_global_state(generator.device))
            _set_global_state(before, generator.device)


def _global_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_global_state(state: Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
