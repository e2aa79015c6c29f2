"""pytorch-fid's functions: `from ganeval.compat.pytorch_fid import calculate_fid_given_paths`.

Values: those of pytorch-fid 0.3.0; with batch size 1 for a folder of mixed image sizes.
"""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from ganeval.compat.shared import distance, open_network, open_side, refuse, unsupported
from ganeval.errors import DataError, UsageError
from ganeval.explain.pipelines import TOOLS
from ganeval.files.read_write import write_output
from ganeval.metrics.frechet import frechet_distance
from ganeval.summaries.moments import Moments

_DIMS: Final = "features are those of another layer. Use 2048, which every published FID has."
INSTEAD: Final = {
    "InceptionV3": "The network is `ganeval.score(..., metrics='fd@inception-pytorch')`, which needs no model in hand.",
    "get_activations": "`ganeval reference build IMAGES -o FILE` keeps features.",
    "calculate_activation_statistics": "Use save_fid_stats, or `ganeval reference build IMAGES -o FILE`.",
    "compute_statistics_of_path": "Use save_fid_stats, or `ganeval reference build IMAGES -o FILE`.",
}
"""Unsupported names of the library -> alternative."""


def __getattr__(name: str) -> Any:
    raise unsupported(__name__, name, INSTEAD)


def calculate_fid_given_paths(
    paths: Sequence[str | Path],
    batch_size: int = 50,
    device: str | torch.device = "auto",
    dims: int = 2048,
    num_workers: int = 1,
    *,
    weights: str | Path | None = None,
    cache: bool = False,
) -> float:
    """FID of two folders, or files of statistics (`mu` and `sigma` in an npz).

    Args:
        paths: The two paths.
        batch_size: Images per network call; does not change the value.
        device: As torch names it, or "auto".
        dims: 2048.
        num_workers: Ignored: images are decoded by threads.
        weights: File in the layout of pytorch-fid's; None for the canonical one in ganeval's cache.
        cache: Keep features between calls.

    Raises:
        GanevalError: paths, images or weights that cannot be used, or `dims` that are not supported.
    """
    del num_workers
    refuse(
        "calculate_fid_given_paths",
        [("dims", dims != 2048, f"{dims} {_DIMS}")],
    )
    if len(paths) != 2:
        raise UsageError(f"calculate_fid_given_paths takes two paths; got {len(paths)}.")
    for path in paths:
        if not Path(path).exists():
            raise DataError(f"{path} does not exist. Check the path.")
    tool = TOOLS["pytorch-fid"]
    with contextlib.ExitStack() as stack:
        passes = open_network(stack, tool.path, weights=weights, device=device, batch_size=batch_size, cache=cache)
        fake, real = (open_side(path, passes, tool.reading, stack) for path in paths)
        return distance(real, fake, tool)


def save_fid_stats(
    paths: Sequence[str | Path],
    batch_size: int,
    device: str | torch.device,
    dims: int,
    num_workers: int = 1,
    *,
    weights: str | Path | None = None,
    cache: bool = False,
) -> None:
    """Writes `mu` and `sigma` of a folder to an npz file.

    Args:
        paths: The folder, and the file to write, which must not exist.
        batch_size: Images per network call; does not change the values.
        device: As torch names it, or "auto".
        dims: 2048.
        num_workers: Ignored.
        weights: As in `calculate_fid_given_paths`.
        cache: Keep features between calls.

    Raises:
        GanevalError: as `calculate_fid_given_paths`; nothing is written then.
    """
    del num_workers
    refuse("save_fid_stats", [("dims", dims != 2048, f"{dims} {_DIMS}")])
    if len(paths) != 2:
        raise UsageError(f"save_fid_stats takes a folder and a file to write; got {len(paths)} paths.")
    source, target = map(Path, paths)
    if not source.exists():
        raise DataError(f"{source} does not exist. Check the path.")
    target = target if target.suffix == ".npz" else target.with_name(f"{target.name}.npz")  # as numpy names it
    if target.exists():
        raise UsageError(f"{target} is there already. Name another file, or remove it.")
    tool = TOOLS["pytorch-fid"]
    with contextlib.ExitStack() as stack:
        passes = open_network(stack, tool.path, weights=weights, device=device, batch_size=batch_size, cache=cache)
        moments = open_side(source, passes, tool.reading, stack).moments
    buffer = io.BytesIO()
    np.savez_compressed(buffer, mu=moments.mean, sigma=moments.covariance())
    write_output(target, buffer.getvalue())


def calculate_frechet_distance(
    mu1: npt.ArrayLike, sigma1: npt.ArrayLike, mu2: npt.ArrayLike, sigma2: npt.ArrayLike, eps: float = 1e-6
) -> float:
    """The Frechet distance between two Gaussians.

    Args:
        mu1: Mean of the first.
        sigma1: Its covariance.
        mu2: Mean of the second.
        sigma2: Its covariance.
        eps: Ignored: the matrix root here needs no regularisation.

    Raises:
        UsageError: arrays of inconsistent shapes.
    """
    del eps
    means = [np.atleast_1d(np.asarray(mean, np.float64)) for mean in (mu1, mu2)]
    covariances = [np.atleast_2d(np.asarray(sigma, np.float64)) for sigma in (sigma1, sigma2)]
    shapes = [array.shape for array in (*means, *covariances)]
    width = len(means[0])
    if shapes != [(width,), (width,), (width, width), (width, width)]:
        raise UsageError(f"calculate_frechet_distance got arrays of {shapes}; expected (D,), (D,), (D, D), (D, D).")
    count = 10 * width + 2  # any count from which covariances count as full rank
    first, second = (Moments(count, mean, sigma * (count - 1)) for mean, sigma in zip(means, covariances, strict=True))
    return float(frechet_distance(first, second))
