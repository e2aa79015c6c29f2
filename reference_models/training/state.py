"""The resumable state of a run: every tensor that training changes, in one safetensors file.

Random states and the position in the data are not stored: both are functions of (seed, step).
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ganeval.errors import DataError, UsageError
from ganeval.files.read_write import open_regular, write_atomically
from ganeval.files.safetensors_bytes import with_sorted_metadata
from reference_models.training.networks import Networks

FORMAT = "ganeval-training-state-2"
FILE = "state.safetensors"
_AVERAGES = ("average", "average1")  # of the generators, in order


@dataclass
class Progress:
    """Progress of a run.

    Attributes:
        step: Steps done.
        best_score: Best periodic score so far; None before the first one.
        best_step: Steps done at the best score.
        last_score: The latest periodic score.
    """

    step: int = 0
    best_score: float | None = None
    best_step: int | None = None
    last_score: float | None = None


def save_state(
    path: Path,
    networks: Networks,
    progress: Progress,
    identity: dict[str, Any],
    replays: Sequence[Mapping[str, Tensor]],
) -> None:
    """Writes the state atomically.

    Args:
        path: The file.
        networks: The networks.
        progress: Progress of the run.
        identity: Recipe, seed and digest of the data, which must agree in a resumed run.
        replays: `replay_tensors` of each device: everything else is equal on all devices.
    """
    metadata = {
        "format": FORMAT,
        "identity": json.dumps(identity),
        "progress": json.dumps(vars(progress)),
        "moments": json.dumps(_moments_held(networks)),
    }
    tensors = _tensors(networks)
    for rank, kept in enumerate(replays):
        tensors |= {f"device{rank}/{name}": tensor for name, tensor in kept.items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, with_sorted_metadata(safetensors.torch.save(tensors, metadata=metadata)))


def load_state(path: Path, networks: Networks, identity: dict[str, Any], rank: int) -> Progress:
    """Loads a state in place and returns its progress.

    Args:
        path: The file.
        networks: Take the tensors.
        identity: As for `save_state`.
        rank: Index of this device, whose replay buffers are loaded.

    Raises:
        DataError: the file is truncated or of another version.
        UsageError: recipe, seed or data differ.
    """
    try:
        open_regular(path, path.parent).close()
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DataError(f"{path} is of format {metadata.get('format')!r}; expected {FORMAT!r}. Start again.")
            _check_identity(path, json.loads(metadata["identity"]), json.loads(json.dumps(identity)))
            progress = _checked_progress(json.loads(metadata["progress"]), networks.recipe.training.steps)
            moments = json.loads(metadata["moments"]) if "moments" in metadata else None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        _check_tensors(networks, tensors, moments, progress.step, rank)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({error}). Remove the run's folder and start again.") from error
    _restore(networks, tensors, rank)
    return progress


def _checked_progress(stored: object, steps: int) -> Progress:
    """The progress in a state file.

    Raises:
        ValueError: values that are impossible for a run of this many steps.
    """
    if not isinstance(stored, dict) or stored.keys() != vars(Progress()).keys():
        raise ValueError("its progress has unexpected entries")
    step, best = stored["step"], stored["best_step"]
    if type(step) is not int or not 0 <= step <= steps:
        raise ValueError(f"its step is {step!r:.40}; expected a whole number up to {steps:,}")
    if best is not None and (type(best) is not int or not 0 <= best <= step):
        raise ValueError(f"its best step is {best!r:.40}; expected a whole number up to {step:,}")
    for name in ("best_score", "last_score"):
        score = stored[name]
        if score is not None and (type(score) not in (int, float) or not abs(score) <= sys.float_info.max):
            raise ValueError(f"its {name} is {score!r:.40}; expected a finite number")
    return Progress(**stored)


def _check_tensors(
    networks: Networks, tensors: Mapping[str, Tensor], moments: Mapping[str, int] | None, step: int, rank: int
) -> None:
    """Checks that a file has exactly the tensors of the networks, with their types and shapes.

    Args:
        networks: The networks.
        tensors: Tensors of the file.
        moments: Optimiser -> parameters that it had updated; None in files of earlier versions.
        step: Steps done.
        rank: Index of this device.

    Raises:
        ValueError: tensors are missing, unknown, or of another type or shape; with counts and the first name.
    """
    wanted = _network_tensors(networks)
    optional = {
        f"{name}/{index}/{field}": value
        for name, optimiser in _optimisers(networks).items()
        for index, parameter in enumerate(_parameters(optimiser))
        for field, value in _fresh_moments(optimiser, parameter).items()
    }
    known = {**wanted, **optional}
    own = [name for name in tensors if not _REPLAY.fullmatch(name)]
    faults = {
        "missing": [name for name in wanted if name not in tensors],
        "unknown": [name for name in own if name not in known],
        "of another type or shape": [
            name
            for name in own
            if name in known and (tensors[name].dtype, tensors[name].shape) != (known[name].dtype, known[name].shape)
        ],
        "not finite": [name for name in own if name in known and not bool(tensors[name].isfinite().all())],
    }
    if any(faults.values()):
        told = ", ".join(f"{len(names):,} {what} ({names[0][:80]})" for what, names in faults.items() if names)
        raise ValueError(f"of its tensors {told}")
    held = {name: _held(name, optimiser, tensors) for name, optimiser in _optimisers(networks).items()}
    if (moments is not None and held != moments) or (moments is None and step and not any(held.values())):
        raise ValueError(f"it holds the moments of {held} parameters after {step:,} steps, and {moments} were written")
    for number in range(len(networks.replays)):
        columns = {name for name in tensors if name.startswith(f"device{rank}/replay{number}/")}
        if columns != {f"device{rank}/replay{number}/{k}" for k in range(len(columns))} or any(
            tensors[name].dim() < 1 for name in columns
        ):
            raise ValueError(f"its replay buffer {number} has unexpected columns")


_REPLAY = re.compile(r"device\d{1,6}/replay\d{1,6}/\d{1,6}")


def _parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """Parameters in the order of the optimiser's state."""
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _fresh_moments(optimiser: torch.optim.Optimizer, parameter: Tensor) -> dict[str, Tensor]:
    """State of the optimiser for an updated parameter, as meta tensors; derived from that of a small parameter."""
    small = torch.zeros(2, requires_grad=True, device="cpu")
    small.grad = torch.zeros(2, device="cpu")
    probe = type(optimiser)([small], lr=0.0)  # type: ignore[call-arg]
    probe.step()
    kept = probe.state[small]
    return {
        field: torch.empty(parameter.shape if value.shape == small.shape else (), dtype=value.dtype, device="meta")
        for field, value in kept.items()
    }


def _held(name: str, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> int:
    """Parameters whose moments are in the file.

    Raises:
        ValueError: the moments of a parameter are incomplete.
    """
    fields = _fresh_moments(optimiser, torch.zeros(2, device="meta"))
    count = 0
    for index in range(len(_parameters(optimiser))):
        there = [f"{name}/{index}/{field}" in tensors for field in fields]
        if any(there) and not all(there):
            raise ValueError(f"the moments of {name}/{index} are incomplete")
        count += all(there)
    return count


def _moments_held(networks: Networks) -> dict[str, int]:
    return {name: len(optimiser.state) for name, optimiser in _optimisers(networks).items()}


def _check_identity(path: Path, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    differing = _differences(stored, wanted)
    if differing:
        raise UsageError(
            f"{path.parent} holds a run that differs: {'; '.join(differing)}. Resume with the same recipe, seed, data "
            "and --set, or name another folder with --out."
        )


def _differences(stored: object, wanted: object, name: str = "") -> list[str]:
    """Values that differ, as "plan.training.steps 300 (now 200)"."""
    if not isinstance(stored, dict) or not isinstance(wanted, dict):
        same = stored == wanted
        return [] if same else [f"{name} {json.dumps(stored)[:200]} (now {json.dumps(wanted)[:200]})"]
    keys = dict.fromkeys([*wanted, *stored])
    return [
        difference
        for key in keys
        for difference in _differences(stored.get(key), wanted.get(key), f"{name}.{key}" if name else str(key))
    ]


def _network_tensors(networks: Networks) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, network in networks.by_name().items():
        tensors |= {f"{name}/{key}": value for key, value in network.state_dict().items()}
    for name, average in zip(_AVERAGES, networks.averages, strict=False):
        tensors |= {f"{name}/{key}": value for key, value in average.state_dict().items()}
    return tensors


def _tensors(networks: Networks) -> dict[str, Tensor]:
    tensors = _network_tensors(networks)
    for name, optimiser in _optimisers(networks).items():
        for index, values in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}/{index}/{key}": value for key, value in values.items() if isinstance(value, Tensor)}
    return tensors


def replay_tensors(networks: Networks) -> dict[str, Tensor]:
    """The state of this device alone: its replay buffers."""
    return {
        f"replay{number}/{key}": value.detach().cpu()
        for number, replay in enumerate(networks.replays)
        for key, value in replay.state_dict().items()
    }


def _optimisers(networks: Networks) -> dict[str, torch.optim.Optimizer]:
    optimisers = {"g_optimiser": networks.g_optimiser}
    return optimisers if networks.d_optimiser is None else optimisers | {"d_optimiser": networks.d_optimiser}


def _restore(networks: Networks, tensors: dict[str, Tensor], rank: int) -> None:
    def part(name: str) -> dict[str, Tensor]:
        return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}

    for name, network in networks.by_name().items():
        network.load_state_dict(part(name))
    for name, optimiser in _optimisers(networks).items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in part(name).items():
            index, _, field = key.partition("/")
            state.setdefault(int(index), {})[field] = value
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        for parameter, values in optimiser.state.items():
            for field, value in values.items():
                # Fused optimisers need moments in the memory layout of their parameters.
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    values[field] = torch.empty_like(parameter, requires_grad=False).copy_(value)
    for name, average in zip(_AVERAGES, networks.averages, strict=False):
        average.load_state_dict(part(name))
    for number, replay in enumerate(networks.replays):
        replay.load_state_dict(part(f"device{rank}/replay{number}"))
