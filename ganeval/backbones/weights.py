"""From a weights file to the tensors of a network: hash first, then load, then compare the layout.

The only place that calls `torch.load`. Files that can hold code are read with `weights_only=True`; a TorchScript
archive (OpenAI's CLIP files) is opened only when its hash is the pinned one.
"""

from __future__ import annotations

import pickle
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import safetensors

from ganeval.backbones import weights_files
from ganeval.backbones.weights_fetch import fetch, import_file
from ganeval.backbones.weights_file import WeightsFile
from ganeval.backbones.weights_store import (
    NO_WEIGHTS_SHA256,
    Verified,
    cache_dir,
    convert,
    entry,
    find_weights,
    locate,
    verify,
)
from ganeval.errors import WeightsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "NO_WEIGHTS",
    "LoadedWeights",
    "Verified",
    "cache_dir",
    "check_layout",
    "fetch",
    "import_file",
    "is_torchscript",
    "load_into",
    "load_network",
    "load_state_dict",
    "locate",
    "read_checkpoint",
    "read_state_dict",
    "verify",
]

N = TypeVar("N", bound="torch.nn.Module")

_ZIP = b"PK\x03\x04"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PICKLE = b"\x80"


@dataclass(frozen=True)
class LoadedWeights:
    """Tensors and the identity of the file they came from.

    Attributes:
        state: Parameter name -> tensor, on the CPU, in the file's own types.
        sha256: Hash of the publisher's file, 64 hex digits; goes into the protocol.
        pinned: True where that hash is the one in the table of weights (or, for a file without a published hash, the
            one recorded at its first fetch).
    """

    state: dict[str, Tensor]
    sha256: str
    pinned: bool


NO_WEIGHTS = LoadedWeights({}, NO_WEIGHTS_SHA256, True)  # of a backbone that has none


def load_state_dict(name: str, file: Path | None = None) -> LoadedWeights:
    """Loads weights from the cache (or, embedded ones, from their package), or from a file of the user's.

    Args:
        name: Entry in the table.
        file: Any file in the same layout: safetensors, or a state dict written by torch.save. It need not be the pinned
            one; `pinned` says whether it is.

    Raises:
        UsageError: no such name.
        WeightsError: no such file, a cached file of another hash, or a file that is not a plain state dict.
    """
    found, pinned = find_weights(name, file)
    return LoadedWeights(_read(entry(name), found.path, trusted=pinned), found.sha256, pinned)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors of anyone's file, on the CPU; no code in it is run.

    Args:
        path: safetensors, or a state dict written by torch.save.

    Raises:
        WeightsError: no such file, damaged, or more than a plain state dict.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file {path}. Check the path.")
    return _read(None, path, trusted=False)


def read_checkpoint(path: Path) -> dict[str, object]:
    """What anyone's file holds under its keys, tensors and other things, on the CPU; no code in it is run.

    Args:
        path: safetensors, or a dict written by torch.save.

    Raises:
        WeightsError: no such file, damaged, with Python objects, or no dict.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file {path}. Check the path.")
    if _is_torch_file(path) and not is_torchscript(path):
        loaded = _load_torch(path)
        if isinstance(loaded, dict):
            return {str(key): value for key, value in loaded.items()}
        raise WeightsError(
            f"{path} holds a {type(loaded).__name__}, expected a plain state dict (name -> tensor), or a dict with "
            "one in it."
        )
    return dict(_read(None, path, trusted=False))


def check_layout(network: torch.nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Compares names and shapes with the network's own. Counters of BatchNorm (num_batches_tracked) do not matter.

    Raises:
        WeightsError: tensors are missing, unexpected or of another shape; counted, the first three of each named.
    """
    own = {key: tensor for key, tensor in network.state_dict().items() if not _is_counter(key)}
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own and not _is_counter(key)]
    misshapen = [
        f"{key} has {tuple(state[key].shape)}, expected {tuple(tensor.shape)}"
        for key, tensor in own.items()
        if key in state and state[key].shape != tensor.shape
    ]
    faults = [
        f"{len(found)} {what} ({'; '.join(found[:3])}{'; …' if len(found) > 3 else ''})"
        for found, what in ((missing, "missing"), (unexpected, "unexpected"), (misshapen, "of another shape"))
        if found
    ]
    if faults:
        file = weights_files().get(name)
        raise WeightsError(
            f"The weights given for {name!r} do not fit its network of {len(own)} tensors: {', '.join(faults)}. Give a "
            f"state dict in the layout of {name if file is None else file.filename}."
        )


def load_into(network: torch.nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Puts the tensors into the network after checking the layout, in the network's types and on its device.

    Tensors are made contiguous: a file may keep another memory order (TensorFlow's), and sums would differ with it.
    A network may be built under `torch.device("meta")`: nothing is drawn from the global random number generator then,
    and nothing is initialised to be thrown away. It comes out on the CPU. Tensors that fit as they are get shared with
    `state`, not copied.

    Raises:
        WeightsError: the layout is another one.
    """
    import torch

    check_layout(network, state, name)
    tensors = {}
    for key, own in network.state_dict().items():
        device = torch.device("cpu") if own.is_meta else own.device
        given = torch.zeros((), device=device) if _is_counter(key) else state[key]
        tensors[key] = given.to(device=device, dtype=own.dtype).contiguous()
    network.load_state_dict(tensors, strict=True, assign=True)


def load_network(build: Callable[[], N], state: Mapping[str, Tensor], name: str, device: torch.device) -> N:
    """Builds a network and loads its weights: in eval mode, without gradients, on a device.

    Args:
        build: Makes the network.
        state: Its tensors.
        name: Of the weights, for the message.
        device: Where it is to run.

    Raises:
        WeightsError: the layout is another one.
    """
    import torch

    with torch.device("meta"):  # initialises nothing, draws nothing from the global random number generator
        network = build()
    load_into(network, state, name)
    network.eval().requires_grad_(False).to(device)
    return network


def _is_counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _read(weights: WeightsFile | None, path: Path, *, trusted: bool) -> dict[str, Tensor]:
    """Reads tensors by the file's content, not by its name."""
    head = _head(path)
    if _is_safetensors(path):
        return _read_safetensors(path)
    if _is_torch_file(path):
        return _read_torch(path, trusted=trusted)
    if head.startswith(_HDF5) and weights is not None and weights.convert is not None:
        with tempfile.TemporaryDirectory() as scratch:
            converted = Path(scratch, "converted.safetensors")
            convert(weights, path, converted)
            return _read_safetensors(converted)
    raise WeightsError(
        f"{path} is neither a safetensors file nor one of torch.save (it starts with {head!r}). Expected a plain state "
        f"dict in one of the two."
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(9)


def _is_safetensors(path: Path) -> bool:
    head = _head(path)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size


def _is_torch_file(path: Path) -> bool:
    # A safetensors file starts with the length of its JSON header, whose first byte may well be that of a pickle.
    return not _is_safetensors(path) and _head(path).startswith((_ZIP, _PICKLE))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} cannot be read as a safetensors file; it may be cut off or damaged ({error})."
        ) from error


def _read_torch(path: Path, *, trusted: bool) -> dict[str, Tensor]:
    import torch

    if is_torchscript(path):
        if not trusted:
            raise WeightsError(
                f"{path} is a TorchScript archive, which holds code, and its hash is not the pinned one; it was not "
                f"opened. Expected a state dict: safetensors, or torch.save(model.state_dict())."
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".*torch\.jit\.load.* is deprecated")
            script = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        return {key: tensor.detach() for key, tensor in script.state_dict().items()}
    loaded = _load_torch(path)
    if (
        not isinstance(loaded, dict)
        or not loaded
        or not all(isinstance(value, torch.Tensor) for value in loaded.values())
    ):
        keys = f" with the keys {', '.join(map(repr, list(loaded)[:3]))}" if isinstance(loaded, dict) else ""
        raise WeightsError(
            f"{path} holds a {type(loaded).__name__}{keys}, expected a plain state dict (name -> tensor). Save that "
            f"alone, for instance torch.save(model.state_dict(), FILE)."
        )
    return {str(key): value.detach() for key, value in loaded.items()}


def _load_torch(path: Path) -> object:
    """What torch.save wrote, if it is tensors and plain values."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")  # what follows says enough
            loaded: object = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 - the one place
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds more than tensors (Python objects, which can be code); it was refused and nothing of it was "
            f"run. Expected a state dict: safetensors, or torch.save(model.state_dict())."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # torch.load may raise any exception on hostile bytes
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path} cannot be read as a file of torch.save; it may be cut off ({said}).") from error
    return loaded


def is_torchscript(path: Path) -> bool:
    """TorchScript archives are told by their constants; PyTorch itself uses the same sign.

    Raises:
        WeightsError: an archive whose list of files cannot be read.
    """
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(member.endswith("/constants.pkl") for member in archive.namelist())
    except Exception as error:  # zipfile may raise any exception on hostile bytes
        raise WeightsError(f"{path} is an archive that is damaged ({error}). Copy or export it again.") from error
