"""Where generators of other projects come from: a factory's name, TorchScript, ONNX, or a bare state dict.

What may run whose code: naming `package.module:factory` imports and runs that module, as Python would. A TorchScript
file holds code too; PyTorch's interpreter runs it, which knows no Python and no pickle but may read and write files:
score only files of people you trust. ONNX files and state dicts are read as data; a pickle with anything but tensors in
it is refused, and nothing of it is run.
"""

import contextlib
import importlib
import importlib.util
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganeval.backbones.engines import import_openvino, openvino_version
from ganeval.backbones.weights import is_torchscript, load_into
from ganeval.errors import DataError, UsageError, WeightsError
from ganeval.generators.latents import draws_from
from ganeval.generators.names import is_factory_name
from ganeval.generators.output import called
from ganeval.generators.state_dicts import state_for
from ganeval.registry import near_names, unknown_name
from ganeval.sources.datasets.table import DATASETS


def call_factory(text: str) -> object:
    """Imports "package.module:factory", from the current folder too, and calls it without arguments.

    Weights that it draws are drawn from a seed, so that a factory gives the same network each time.

    Raises:
        UsageError: no such module or attribute, or it cannot be called.
        DataError: the module or the factory raised something.
    """
    if not is_factory_name(text):
        raise UsageError(f"{text!r} is not of the form package.module:factory.")
    module_name, _, attribute = text.partition(":")
    with _folder_of_work(), draws_from(torch.Generator().manual_seed(0)):
        if not _module_exists(module_name):
            near = near_names(module_name, DATASETS.names(), cutoff=0.6, most=1)
            hint = f" Did you mean the data set {near[0]!r}?" if near else ""
            raise UsageError(
                f"There is no module {module_name!r} for the generator {text!r}, neither installed nor in the current "
                f"folder.{hint} Check the name, or install it."
            )
        found: Any = called(text, "being imported", importlib.import_module, module_name)
        for name in attribute.split("."):
            if not hasattr(found, name):
                public = [known for known in vars(found) if not known.startswith("_")]
                raise unknown_name(f"attribute of {module_name}", name, public)
            found = getattr(found, name)
        if not callable(found):
            raise UsageError(
                f"{text} is a {type(found).__name__}, which cannot be called; expected a function or class that gives "
                "a generator."
            )
        return called(text, "being called without arguments", found)


def load_torchscript(path: Path, device: torch.device) -> nn.Module:
    """A TorchScript archive's module, on `device`.

    Raises:
        UsageError: the file isn't TorchScript; a state dict needs its class.
        WeightsError: it is cut off or damaged.
    """
    with path.open("rb") as stream:
        head = stream.read(4)
    if not is_torchscript(path):
        if head == b"PK\x03\x04" and not zipfile.is_zipfile(path):
            raise WeightsError(f"{path} is an archive that is cut off or damaged. Copy or export it again.")
        raise UsageError(
            f"{path} isn't a TorchScript archive; it was not opened. If it is a state dict, name the network with "
            "--generator package.module:Class; else export it with torch.jit.script(model).save(FILE)."
        )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".*torch\.jit\..* is deprecated")
            script: nn.Module = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    except MemoryError:
        raise
    except Exception as error:  # a reader may raise any exception on hostile bytes
        raise WeightsError(f"{path} cannot be read as TorchScript: {_first_line(error)}. Export it again.") from error
    return script


def load_into_class(path: Path, generator: str, key: str | None = None) -> tuple[nn.Module, str]:
    """The network that `generator` names, with the tensors of a state dict; and what was taken off or picked for that.

    Args:
        path: The file.
        generator: "package.module:Class".
        key: As in `--state-key`.

    Raises:
        UsageError: `generator` gives no module.
        WeightsError: the file is damaged, holds code, or does not fit; the first tensors at fault are named.
    """
    network = call_factory(generator)
    if not isinstance(network, nn.Module):
        raise UsageError(f"--generator {generator} gave a {type(network).__name__}; expected a torch.nn.Module.")
    found = state_for(network, path, key)
    load_into(network, found.state, generator)
    return network, found.told


class OnnxNetwork(nn.Module):
    """An ONNX model run by OpenVINO on the CPU, in fp32, called like any module.

    Args:
        path: The file.

    Attributes:
        latent_dim: Shape of one latent where the file states it and it cannot be an image, else None.

    Raises:
        UsageError: OpenVINO is not installed, or the model has several inputs or outputs.
        WeightsError: the file cannot be read as ONNX.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        if openvino_version() is None:
            raise UsageError(f"{path} is an ONNX model, which OpenVINO runs: pip install 'ganeval[cpu]'.")
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        try:
            core = import_openvino().Core()
            self._compiled: Any = core.compile_model(core.read_model(path), "CPU", settings)
        except RuntimeError as error:
            raise WeightsError(f"{path} cannot be run as ONNX: {_first_line(error)}. Export it again.") from error
        counts = (len(self._compiled.inputs), len(self._compiled.outputs))
        if counts != (1, 1):
            raise UsageError(f"{path} has {counts[0]} inputs and {counts[1]} outputs; expected one of each.")
        shape = self._compiled.inputs[0].get_partial_shape()
        sides = [side.get_length() if side.is_static else None for side in shape]
        self._batch: int | None = sides[0]
        latent = tuple(side for side in sides[1:] if side is not None)
        whole = len(latent) == len(sides) - 1 >= 1
        self.latent_dim = latent if whole and all(side == 1 for side in latent[1:]) else None

    def forward(self, batch: Tensor) -> Tensor:
        """Runs a batch; one of another size than the file allows in parts of that size, the last one filled up."""
        size = self._batch or len(batch)
        parts = []
        for part in torch.split(batch, size):
            filled = torch.cat([part, part[-1:].expand(size - len(part), *part.shape[1:])])
            parts.append(torch.from_numpy(self._compiled(filled.contiguous().numpy())[0].copy())[: len(part)])
        return torch.cat(parts)


@contextlib.contextmanager
def _folder_of_work() -> Iterator[None]:
    """Lets modules in the current folder be found, after all installed ones."""
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _module_exists(name: str) -> bool:
    """True where a module can be found; its parents are imported for that."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
    except Exception as error:
        raise DataError(f"{name} cannot be imported: {type(error).__name__}: {error}.") from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
