"""clean-fid's functions: `from ganeval.compat.cleanfid import compute_fid, compute_kid`.

Values: those of clean-fid 0.1.35; of KID with the same seed of NumPy's random numbers.
"""

import contextlib
from pathlib import Path
from typing import Any, Final, Literal

import torch

from ganeval.compat.shared import distance, open_network, open_side, refuse, unsupported
from ganeval.errors import UsageError
from ganeval.explain.pipelines import TOOLS
from ganeval.metrics.kernel import classic_subsets

_IMPORT: Final = "`ganeval reference build IMAGES -o FILE` keeps statistics; give FILE as fdir2."
INSTEAD: Final = {
    "make_custom_stats": _IMPORT,
    "remove_custom_stats": "Statistics are files of yours: remove the file.",
    "test_stats_exists": "Statistics are files of yours: look for the file.",
    "get_folder_features": "`ganeval reference build IMAGES -o FILE` keeps features.",
    "get_reference_statistics": "clean-fid downloads its statistics; give its file as fdir2.",
    "frechet_distance": "Use ganeval.compat.pytorch_fid.calculate_frechet_distance.",
    "kernel_distance": "Use compute_kid.",
}
"""Unsupported names of the library -> alternative."""


def __getattr__(name: str) -> Any:
    raise unsupported(__name__, name, INSTEAD)


_TOOLS = {
    "clean": "clean-fid",
    "legacy_pytorch": "clean-fid-legacy-pytorch",
    "legacy_tensorflow": "clean-fid-legacy-tensorflow",
}


def compute_fid(
    fdir1: str | Path | None = None,
    fdir2: str | Path | None = None,
    gen: object = None,
    mode: Literal["clean", "legacy_pytorch", "legacy_tensorflow"] = "clean",
    model_name: str = "inception_v3",
    num_workers: int = 12,
    batch_size: int = 32,
    device: str | torch.device = "auto",
    dataset_name: str | None = None,
    dataset_res: int | str | None = None,
    dataset_split: str | None = None,
    num_gen: int | None = None,
    z_dim: int | None = None,
    custom_feat_extractor: Any = None,
    verbose: bool = True,
    custom_image_tranform: Any = None,
    custom_fn_resize: Any = None,
    use_dataparallel: bool = True,
    *,
    weights: str | Path | None = None,
    cache: bool = False,
) -> float:
    """FID of two folders (or zips) of images; `fdir2` may also be a file of statistics of the same mode.

    Args:
        fdir1: The generated images.
        fdir2: The reference.
        gen: Not supported.
        mode: Preparation of clean-fid.
        model_name: "inception_v3".
        num_workers: Ignored: images are decoded by threads.
        batch_size: Images per network call; does not change the value.
        device: As torch names it, or "auto".
        dataset_name: Not supported: clean-fid downloads its statistics.
        dataset_res: Part of `dataset_name`.
        dataset_split: Part of `dataset_name`.
        num_gen: Part of `gen`.
        z_dim: Part of `gen`.
        custom_feat_extractor: Not supported.
        verbose: Ignored: nothing is printed.
        custom_image_tranform: Not supported (the name is clean-fid's).
        custom_fn_resize: Not supported.
        use_dataparallel: Ignored.
        weights: File in the layout of torch-fidelity's; None for the canonical one in ganeval's cache.
        cache: Keep features between calls.

    Raises:
        GanevalError: images or weights that cannot be used, or an option that is not supported.
    """
    del num_workers, verbose, use_dataparallel
    named = any(value is not None for value in (dataset_name, dataset_res, dataset_split))
    refuse(
        "compute_fid",
        [
            ("mode", mode not in _TOOLS, f"Use one of {', '.join(_TOOLS)}."),
            ("gen", any(v is not None for v in (gen, num_gen, z_dim)), "Use ganeval.score(generator, reference=...)."),
            ("model_name", model_name != "inception_v3", "Use ganeval.score(..., metrics='fd@clip-vitb32')."),
            ("dataset_name", named, "Give its statistics file as fdir2, or import it: ganeval reference import."),
            ("custom_feat_extractor", custom_feat_extractor is not None, "Use a backbone of ganeval's."),
            ("custom_image_tranform", custom_image_tranform is not None, "Transform the images first."),
            ("custom_fn_resize", custom_fn_resize is not None, "Resize the images first."),
        ],
    )
    if fdir1 is None or fdir2 is None:
        raise UsageError("compute_fid needs fdir1 and fdir2: two folders, or a folder and a file of statistics.")
    tool = TOOLS[_TOOLS[mode]]
    with contextlib.ExitStack() as stack:
        passes = open_network(stack, tool.path, weights=weights, device=device, batch_size=batch_size, cache=cache)
        fake, real = (open_side(path, passes, tool.reading, stack) for path in (fdir1, fdir2))
        return distance(real, fake, tool)


def compute_kid(
    fdir1: str | Path | None = None,
    fdir2: str | Path | None = None,
    gen: object = None,
    mode: Literal["clean", "legacy_pytorch", "legacy_tensorflow"] = "clean",
    num_workers: int = 12,
    batch_size: int = 32,
    device: str | torch.device = "auto",
    dataset_name: str | None = None,
    dataset_res: int | str | None = None,
    dataset_split: str | None = None,
    num_gen: int | None = None,
    z_dim: int | None = None,
    verbose: bool = True,
    use_dataparallel: bool = True,
    *,
    weights: str | Path | None = None,
    cache: bool = False,
    seed: int = 0,
) -> float:
    """KID of two folders (or zips) of images: the mean over 100 subsets of at most 1,000 images.

    Args:
        fdir1: The generated images.
        fdir2: The reference.
        gen: Not supported.
        mode: Preparation of clean-fid.
        num_workers: Ignored: images are decoded by threads.
        batch_size: Images per network call; does not change the value.
        device: As torch names it, or "auto".
        dataset_name: Not supported: clean-fid downloads its features.
        dataset_res: Part of `dataset_name`.
        dataset_split: Part of `dataset_name`.
        num_gen: Part of `gen`.
        z_dim: Part of `gen`.
        verbose: Ignored: nothing is printed.
        use_dataparallel: Ignored.
        weights: File in the layout of torch-fidelity's; None for the canonical one in ganeval's cache.
        cache: Keep features between calls.
        seed: Seed of the subsets. clean-fid uses NumPy's global random state: it gives the same value after
            `numpy.random.seed(seed)`.

    Raises:
        GanevalError: images or weights that cannot be used, or an option that is not supported.
    """
    del num_workers, verbose, use_dataparallel
    named = any(value is not None for value in (dataset_name, dataset_res, dataset_split))
    refuse(
        "compute_kid",
        [
            ("mode", mode not in _TOOLS, f"Use one of {', '.join(_TOOLS)}."),
            ("gen", any(v is not None for v in (gen, num_gen, z_dim)), "Use ganeval.score(generator, reference=...)."),
            ("dataset_name", named, "Give its images as fdir2."),
        ],
    )
    if fdir1 is None or fdir2 is None:
        raise UsageError("compute_kid needs fdir1 and fdir2: two folders or zips of images.")
    tool = TOOLS[_TOOLS[mode]]
    with contextlib.ExitStack() as stack:
        passes = open_network(stack, tool.path, weights=weights, device=device, batch_size=batch_size, cache=cache)
        fake, real = (open_side(path, passes, tool.reading, stack).bank for path in (fdir1, fdir2))
        if fake is None or real is None:
            raise UsageError("KID needs the images of both sets; a file of statistics has mu and sigma only.")
        # clean-fid samples the reference first; the kernel distance is symmetric
        return float(classic_subsets(fake, real, 100, min(len(fake), len(real), 1000), seed).mean())
