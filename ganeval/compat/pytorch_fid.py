"""pytorch-fid's function: `from ganeval.compat.pytorch_fid import calculate_fid_given_paths`.

Values: those of pytorch-fid 0.3.0 with batch size 1 where a folder mixes image sizes, and in every other case with any.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import torch

from ganeval.compat.shared import distance, open_network, open_side, refuse
from ganeval.errors import DataError, UsageError
from ganeval.explain.pipelines import TOOLS


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
        paths: The two.
        batch_size: Images a network call; does not move the value.
        device: As torch names it, or "auto".
        dims: 2048.
        num_workers: Taken and not used: images are decoded by threads.
        weights: File in the layout of pytorch-fid's; None for the canonical one in ganeval's cache.
        cache: Keep features between calls.

    Raises:
        GanevalError: paths, images or weights that cannot be used, or `dims` that are not supported.
    """
    del num_workers
    refuse(
        "calculate_fid_given_paths",
        [
            (
                "dims",
                dims != 2048,
                f"{dims} features are those of another layer. Use 2048, which every published FID has.",
            )
        ],
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
