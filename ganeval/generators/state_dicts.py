"""The state dict of one network in a checkpoint of anyone's: which of several, and under which names.

Training code keeps more than one network in a file ({"g": ..., "g_ema": ..., "step": 9}), and wraps networks in others
(`DataParallel`, `torch.compile`, Lightning), which puts a prefix before every name.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import Tensor, nn

from ganeval.backbones.weights import read_checkpoint
from ganeval.errors import UsageError, WeightsError

DEPTH: Final = 4  # dicts in dicts that are looked into
MOST_SHOWN: Final = 12
AVERAGED: Final = "n_averaged"  # what torch.optim.swa_utils.AveragedModel counts beside its network's tensors


@dataclass(frozen=True)
class FoundState:
    """The tensors of a network.

    Attributes:
        state: Name -> tensor, names as the network has them where that can be.
        told: What was picked and taken off, for the user; "" for a plain state dict.
    """

    state: dict[str, Tensor]
    told: str = ""


def state_for(network: nn.Module, path: Path, key: str | None = None) -> FoundState:
    """Reads a checkpoint and finds the tensors of a network in it.

    Args:
        network: Whose names count: a prefix that every name in the file has is taken off where the network lacks it.
        path: safetensors, or a file of torch.save.
        key: As in `--state-key`: where the state dict lies ("g_ema", "models.G"), or the beginning of its names.

    Raises:
        UsageError: the file has no such key.
        WeightsError: no such file, damaged, with Python objects, or several state dicts and no key.
    """
    content = read_checkpoint(path)
    told = []
    if key is not None:
        state = _under(content, key)
        if state is None:
            raise _no_such_key(path, key, content)
    else:
        state, place = _only(content)
        told += [f"the state dict under {place!r} was taken"] * bool(place)
        if state is None:
            raise _ambiguous(path, content)
    own = set(network.state_dict())
    if AVERAGED in state and AVERAGED not in own and len(state) > 1:
        state = {name: tensor for name, tensor in state.items() if name != AVERAGED}
    prefix = _foreign_prefix(list(state), own)
    if prefix:
        told.append(f"{prefix!r} was taken off the names of all {len(state)} tensors")
    return FoundState({name[len(prefix) :]: tensor for name, tensor in state.items()}, "; ".join(told))


def _tensors(value: object) -> dict[str, Tensor] | None:
    """A state dict; None for anything else."""
    if not isinstance(value, Mapping) or not value or not all(isinstance(one, Tensor) for one in value.values()):
        return None
    return {str(name): tensor.detach() for name, tensor in value.items()}


def _only(content: Mapping[str, object]) -> tuple[dict[str, Tensor] | None, str]:
    """The only state dict of a file and where it lies; None where there are several, or there is none."""
    place: list[str] = []
    for _ in range(DEPTH):
        if (state := _tensors(content)) is not None:
            return state, ".".join(place)
        found = [(str(name), value) for name, value in content.items() if isinstance(value, Mapping)]
        plain = [(name, value) for name, value in found if _tensors(value) is not None]
        if len(plain) > 1 or len(plain or found) != 1:
            break
        name, inner = (plain or found)[0]
        place.append(name)
        content = inner
    return None, ""


def _under(content: Mapping[str, object], key: str) -> dict[str, Tensor] | None:
    """The state dict under a key; or the tensors whose names begin with it and a dot, without that."""
    if (state := _tensors(content.get(key))) is not None:
        return state
    inside = {str(name)[len(key) + 1 :]: one for name, one in content.items() if str(name).startswith(f"{key}.")}
    if (state := _tensors(inside)) is not None:
        return state
    for cut in (place for place, letter in enumerate(key) if letter == "."):
        inner = content.get(key[:cut])
        if isinstance(inner, Mapping) and (state := _under(inner, key[cut + 1 :])) is not None:
            return state
    return None


def _foreign_prefix(names: list[str], own: set[str]) -> str:
    """What all names begin with, in whole parts, until some are the network's own; "" where that never happens."""
    prefix = ""
    while not own.intersection(name[len(prefix) :] for name in names):
        heads = {name[len(prefix) :].partition(".") for name in names}
        firsts = {head for head, dot, _ in heads if dot}
        if len(firsts) != 1 or any(not dot for _, dot, _ in heads):
            return ""
        prefix += f"{firsts.pop()}."
    return prefix


def _keys(content: Mapping[str, object], depth: int = 1) -> dict[str, int]:
    """What `--state-key` may be -> count of tensors."""
    found: dict[str, int] = {}
    for name, value in content.items():
        if isinstance(value, Tensor):
            head, dot, _ = str(name).partition(".")
            if dot:
                found[head] = found.get(head, 0) + 1
        elif (state := _tensors(value)) is not None:
            found[str(name)] = len(state)
            if depth == 1:
                found |= {f"{name}.{inner}": n for inner, n in _keys(state, DEPTH).items() if n < len(state)}
        elif isinstance(value, Mapping) and depth < DEPTH:
            found |= {f"{name}.{inner}": count for inner, count in _keys(value, depth + 1).items()}
        if len(found) > 100:
            break
    return found


def _shown(content: Mapping[str, object]) -> str:
    keys = _keys(content)
    told = [f"{key!r} ({count} tensors)" for key, count in list(keys.items())[:MOST_SHOWN]]
    return ", ".join(told) + (", ..." if len(keys) > MOST_SHOWN else "")


def _no_such_key(path: Path, key: str, content: Mapping[str, object]) -> UsageError:
    close = difflib.get_close_matches(key, list(_keys(content)), n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    there = _shown(content) or "tensors without a common beginning, or none"
    return UsageError(f"--state-key {key!r}: {path} has no state dict there.{hint} It has {there}.")


def _ambiguous(path: Path, content: Mapping[str, object]) -> WeightsError:
    if shown := _shown(content):
        first = next(iter(_keys(content)))
        return WeightsError(
            f"{path} holds more than one state dict: {shown}. Name the network's, as in --state-key '{first}'."
        )
    keys = ", ".join(map(repr, list(content)[:3])) or "none"
    return WeightsError(
        f"{path} holds a dict without a state dict (name -> tensor) in it; its keys are {keys}. Save one, for instance "
        "torch.save(model.state_dict(), FILE)."
    )
