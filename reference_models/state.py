"""The resumable state of a run: every tensor that training changes, in one safetensors file without any code in it.

Nothing is stored of random numbers or of the place in the data: both are functions of (seed, step).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ganeval.errors import DataError, UsageError
from ganeval.files import write_atomically
from ganeval.tensor_bytes import with_sorted_metadata
from reference_models.players import Players

FORMAT = "ganeval-training-state-2"
FILE = "state.safetensors"
_AVERAGES = ("average", "average1")  # of the generators, in their order


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: Steps done.
        best_score: Best periodic score so far, None before the first.
        best_step: Steps done when it was measured.
        last_score: The latest periodic score.
    """

    step: int = 0
    best_score: float | None = None
    best_step: int | None = None
    last_score: float | None = None


def save_state(
    path: Path,
    players: Players,
    progress: Progress,
    identity: dict[str, Any],
    replays: Sequence[Mapping[str, Tensor]],
) -> None:
    """Writes the state, whole or not at all.

    Args:
        path: The file.
        players: What is trained.
        progress: How far.
        identity: The plan, the seed and the digest of the data: what a resumed run must agree in.
        replays: `replay_tensors` of every device: all else is equal on all.
    """
    metadata = {"format": FORMAT, "identity": json.dumps(identity), "progress": json.dumps(vars(progress))}
    tensors = _tensors(players)
    for rank, kept in enumerate(replays):
        tensors |= {f"device{rank}/{name}": tensor for name, tensor in kept.items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, with_sorted_metadata(safetensors.torch.save(tensors, metadata=metadata)))


def load_state(path: Path, players: Players, identity: dict[str, Any], rank: int) -> Progress:
    """Puts a state back, in place, and gives how far it was.

    Args:
        path: The file.
        players: Get their tensors.
        identity: As for `save_state`.
        rank: Number of this device, whose replay buffers are taken.

    Raises:
        DataError: the file is truncated or of another version.
        UsageError: it is the state of another plan, seed or data.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DataError(f"{path} is of format {metadata.get('format')!r}; expected {FORMAT!r}. Start anew.")
            _check_identity(path, json.loads(metadata["identity"]), json.loads(json.dumps(identity)))
            progress = Progress(**json.loads(metadata["progress"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({error}). Remove the run's folder and start anew.") from error
    _restore(players, tensors, rank)
    return progress


def _check_identity(path: Path, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    differing = _differences(stored, wanted)
    if differing:
        raise UsageError(
            f"{path.parent} holds a run that differs: {'; '.join(differing)}. Resume with the same recipe, seed, data "
            "and --set, or name another folder with --out."
        )


def _differences(stored: object, wanted: object, name: str = "") -> list[str]:
    """Which leaves differ, as "plan.training.steps 300 (now 200)"."""
    if not isinstance(stored, dict) or not isinstance(wanted, dict):
        same = stored == wanted
        return [] if same else [f"{name} {json.dumps(stored)} (now {json.dumps(wanted)})"]
    keys = dict.fromkeys([*wanted, *stored])
    return [
        difference
        for key in keys
        for difference in _differences(stored.get(key), wanted.get(key), f"{name}.{key}" if name else str(key))
    ]


def _tensors(players: Players) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, network in players.networks().items():
        tensors |= {f"{name}/{key}": value for key, value in network.state_dict().items()}
    for name, optimiser in _optimisers(players).items():
        for index, values in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}/{index}/{key}": value for key, value in values.items() if isinstance(value, Tensor)}
    for name, average in zip(_AVERAGES, players.averages, strict=False):
        tensors |= {f"{name}/{key}": value for key, value in average.state_dict().items()}
    return tensors


def replay_tensors(players: Players) -> dict[str, Tensor]:
    """What this device alone knows: the past fakes that it keeps."""
    return {
        f"replay{number}/{key}": value.detach().cpu()
        for number, replay in enumerate(players.replays)
        for key, value in replay.state_dict().items()
    }


def _optimisers(players: Players) -> dict[str, torch.optim.Optimizer]:
    optimisers = {"g_optimiser": players.g_optimiser}
    return optimisers if players.d_optimiser is None else optimisers | {"d_optimiser": players.d_optimiser}


def _restore(players: Players, tensors: dict[str, Tensor], rank: int) -> None:
    def part(name: str) -> dict[str, Tensor]:
        return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}

    for name, network in players.networks().items():
        network.load_state_dict(part(name))
    for name, optimiser in _optimisers(players).items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in part(name).items():
            index, _, field = key.partition("/")
            state.setdefault(int(index), {})[field] = value
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        for parameter, values in optimiser.state.items():
            for field, value in values.items():
                # The fused optimisers walk memory in order, so a moment must lie as its parameter does.
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    values[field] = torch.empty_like(parameter, requires_grad=False).copy_(value)
    for name, average in zip(_AVERAGES, players.averages, strict=False):
        average.load_state_dict(part(name))
    for number, replay in enumerate(players.replays):
        replay.load_state_dict(part(f"device{rank}/replay{number}"))
