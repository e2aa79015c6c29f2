"""Shared parts of the drop-in functions: reading, preparation and arithmetic of the emulated tool."""

import contextlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganeval.devices import device_name
from ganeval.errors import DataError, ProtocolMismatchError, UsageError
from ganeval.explain.explain import inception_set, no_weights
from ganeval.explain.features import look, open_paths
from ganeval.explain.frechet_parts import parts_of
from ganeval.explain.pipelines import Reading, Tool
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.loaded_networks import Passes
from ganeval.sources.arrays import pixels_digest
from ganeval.sources.base import Decoded, ImageSource, Item, Raw, Subset
from ganeval.sources.resolve import open_source
from ganeval.summaries.base import SetSummary
from ganeval.summaries.reference_file import is_statistics_file, load_reference


class TensorDataset(ImageSource):
    """A torch `Dataset` of uint8 images as a source.

    Args:
        dataset: `len(dataset)` images, each a uint8 tensor (3, H, W).
        name: For messages.
    """

    def __init__(self, dataset: Any, name: str) -> None:
        self.name = name
        self._dataset = dataset
        self._lock = threading.Lock()  # Datasets support worker processes, not threads
        self.items = [Item(f"{index:09d}") for index in range(len(dataset))]

    def read(self, index: int) -> Raw:
        """Reads one image.

        Raises:
            DataError: it isn't a uint8 tensor (3, H, W).
        """
        with self._lock:
            image = self._dataset[index]
        if not isinstance(image, torch.Tensor) or image.dtype != torch.uint8 or image.dim() != 3 or len(image) != 3:
            found = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, torch.Tensor) else type(image).__name__
            raise DataError(f"Image {index} of {self.name} is {found}; expected a uint8 tensor (3, H, W).")
        pixels = np.ascontiguousarray(image.cpu().numpy())
        return Raw(pixels_digest(pixels), lambda: Decoded(pixels), "array")


def open_network(
    stack: contextlib.ExitStack,
    path: str,
    *,
    weights: str | Path | None,
    device: str | torch.device,
    batch_size: int,
    cache: bool,
) -> Passes:
    """Inception behind one preparation.

    Args:
        stack: Removes a temporary store when the call ends.
        path: Key of `PREPARATIONS`.
        weights: File in the canonical layout; None for the canonical one in ganeval's cache.
        device: Device of the network.
        batch_size: Images per call.
        cache: Keep features between calls.

    Raises:
        WeightsError: the weights are missing or cannot be used.
    """
    given = {} if weights is None else {"inception": Path(weights)}
    if (missing := no_weights(given)) is not None:
        raise missing
    options = ScoreOptions(subject="", weights=given, batch_size=batch_size, cache=cache)
    return open_paths([path], options, device_name(str(device)), Silent(), stack)


def summary_of(source: ImageSource, passes: Passes, reading: Reading) -> SetSummary:
    """Features of the images that a tool finds in a source, read as the tool reads them.

    Raises:
        DataError: fewer than two images, or an image that cannot be decoded.
    """
    chosen: ImageSource = source
    if source.is_folder:
        found = [i for i, item in enumerate(source.items) if reading.takes(item.name)]
        if len(found) < 2:
            raise DataError(
                f"{source.name} holds {len(source.items)} images, of which {len(found)} have one of the "
                f"extensions ({' '.join(sorted(reading.extensions or ()))})"
                f"{'' if reading.nested else ' outside subfolders'}; expected at least 2."
            )
        chosen = Subset(source, found)
    side = look(chosen, passes, folder=False)
    if side.pillow.skipped:
        raise DataError(f"{source.name}: {side.pillow.skipped[0]} Convert it, or leave it out.")
    (path,) = passes.backbones
    return side.pillow.sets[path]


def open_side(name: str | Path, passes: Passes, reading: Reading, stack: contextlib.ExitStack) -> SetSummary:
    """Features of a folder or an archive, or the statistics of a file.

    Raises:
        GanevalError: the input cannot be used.
    """
    path = Path(name)
    if is_statistics_file(path):
        reference, (own,) = load_reference(path), passes.backbones
        if reference.tool and own not in reference.sets:
            raise ProtocolMismatchError(
                f"{path} was made by {reference.tool}, whose features are those of {next(iter(reference.sets))}; this "
                f"function's are those of {own}. Use the function of that tool, or `ganeval score --metrics "
                f"fd@{next(iter(reference.sets))}`."
            )
        return inception_set(reference)
    source = open_source(str(name), data_root=None)
    stack.callback(source.close)
    return summary_of(source, passes, reading)


def distance(real: SetSummary, fake: SetSummary, tool: Tool) -> float:
    """The FID by the arithmetic of a tool."""
    return float(parts_of(real, fake).value(tool.mean, tool.ddof))


def refuse(function: str, given: Sequence[tuple[str, bool, str]]) -> None:
    """Refuses unsupported options.

    Args:
        function: Name of the function.
        given: For each option its name, whether its value is unsupported, and the alternative.

    Raises:
        UsageError: names the first unsupported option and the alternative.
    """
    for option, unsupported, instead in given:
        if unsupported:
            raise UsageError(f"{function}: {option} is not supported here. {instead}")


def unsupported(module: str, name: str, instead: Mapping[str, str]) -> Exception:
    """The error for a missing name of a module: with the alternative for a name of the library, else Python's own.

    Args:
        module: Name of the module.
        name: The missing name.
        instead: Unsupported names of the library -> alternative.
    """
    if name in instead:
        return ImportError(f"{module} has no {name}. {instead[name]}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}")
