"""torch-fidelity's function: `from ganeval.compat.torch_fidelity import calculate_metrics`.

Values: those of torch-fidelity 0.4.0. `fid_statistics_file`, an option of many forks, replaces `input2` for FID.
"""

import contextlib
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from ganeval.compat.shared import TensorDataset, distance, open_network, open_side, refuse, summary_of
from ganeval.errors import UsageError
from ganeval.explain.pipelines import TOOLS, Reading
from ganeval.metrics.inception_score import log_softmax, split_scores
from ganeval.metrics.kernel import classic_subsets
from ganeval.metrics.prdc import neighbourhoods
from ganeval.scoring.loaded_networks import Passes
from ganeval.sources.resolve import open_source
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.reference_file import require_statistics

KEY_METRIC_ISC_MEAN = "inception_score_mean"
KEY_METRIC_ISC_STD = "inception_score_std"
KEY_METRIC_FID = "frechet_inception_distance"
KEY_METRIC_KID_MEAN = "kernel_inception_distance_mean"
KEY_METRIC_KID_STD = "kernel_inception_distance_std"
KEY_METRIC_PRECISION = "precision"
KEY_METRIC_RECALL = "recall"
KEY_METRIC_F_SCORE = "f_score"

_INCEPTION = "inception-v3-compat"


def calculate_metrics(
    *,
    input1: Any = None,
    input2: Any = None,
    cuda: bool = True,
    batch_size: int = 64,
    isc: bool = False,
    fid: bool = False,
    kid: bool = False,
    prc: bool = False,
    ppl: bool = False,
    feature_extractor: str | None = None,
    feature_layer_isc: str | None = None,
    feature_layer_fid: str | None = None,
    feature_layer_kid: str | None = None,
    feature_layer_prc: str | None = None,
    feature_extractor_weights_path: str | Path | None = None,
    feature_extractor_internal_dtype: str | None = None,
    feature_extractor_compile: bool = False,
    isc_splits: int = 10,
    kid_subsets: int = 100,
    kid_subset_size: int = 1000,
    kid_kernel: str = "poly",
    kid_kernel_poly_degree: int = 3,
    kid_kernel_poly_gamma: float | None = None,
    kid_kernel_poly_coef0: float = 1.0,
    kid_kernel_rbf_sigma: float = 10.0,
    ppl_epsilon: float = 1e-4,
    ppl_reduction: str = "mean",
    ppl_sample_similarity: Any = "lpips-vgg16",
    ppl_sample_similarity_resize: int | None = 64,
    ppl_sample_similarity_dtype: str = "uint8",
    ppl_discard_percentile_lower: int | None = 1,
    ppl_discard_percentile_higher: int | None = 99,
    ppl_z_interp_mode: str = "lerp",
    prc_neighborhood: int = 3,
    prc_batch_size: int = 10_000,
    samples_shuffle: bool = True,
    samples_find_deep: bool = False,
    samples_find_ext: str = "png,jpg,jpeg",
    samples_ext_lossy: str = "jpg,jpeg",
    samples_resize_and_crop: int = 0,
    datasets_root: str | Path | None = None,
    datasets_download: bool = True,
    cache_root: str | Path | None = None,
    input1_cache_name: str | None = None,
    input1_model_z_type: str = "normal",
    input1_model_z_size: int | None = None,
    input1_model_num_classes: int = 0,
    input1_model_num_samples: int | None = None,
    input2_cache_name: str | None = None,
    input2_model_z_type: str = "normal",
    input2_model_z_size: int | None = None,
    input2_model_num_classes: int = 0,
    input2_model_num_samples: int | None = None,
    rng_seed: int = 2020,
    cache: bool = False,
    save_cpu_ram: bool = False,
    verbose: bool = False,
    fid_statistics_file: str | Path | None = None,
) -> dict[str, float]:
    """Inception Score, FID, KID, precision and recall, under torch-fidelity's names.

    Args:
        input1: The generated images: a folder, an archive, a torch `Dataset` of uint8 tensors (3, H, W), or a data set
            that both torch-fidelity and ganeval have ("cifar10-train", "cifar10-val").
        input2: The reference, in the same forms.
        cuda: Use CUDA if available.
        batch_size: Images per network call; does not change values.
        isc: Inception Score of `input1`.
        fid: FID of the two.
        kid: KID of the two.
        prc: Precision and recall, with `feature_extractor="inception-v3-compat"`.
        ppl: Not supported.
        feature_extractor: "inception-v3-compat".
        feature_layer_isc: "logits_unbiased".
        feature_layer_fid: "2048".
        feature_layer_kid: "2048".
        feature_layer_prc: "2048".
        feature_extractor_weights_path: File in the canonical layout; None for the canonical one in ganeval's cache.
        feature_extractor_internal_dtype: "float32".
        feature_extractor_compile: Ignored.
        isc_splits: Splits of the Inception Score.
        kid_subsets: Number of random subsets.
        kid_subset_size: Images per subset.
        kid_kernel: "poly".
        kid_kernel_poly_degree: 3.
        kid_kernel_poly_gamma: None, for 1 / 2048.
        kid_kernel_poly_coef0: 1.
        kid_kernel_rbf_sigma: Ignored: it belongs to the RBF kernel.
        ppl_epsilon: Ignored, as all options of `ppl`.
        ppl_reduction: The same.
        ppl_sample_similarity: The same.
        ppl_sample_similarity_resize: The same.
        ppl_sample_similarity_dtype: The same.
        ppl_discard_percentile_lower: The same.
        ppl_discard_percentile_higher: The same.
        ppl_z_interp_mode: The same.
        prc_neighborhood: Index of the neighbour whose distance is the radius.
        prc_batch_size: Ignored.
        samples_shuffle: Shuffle before the Inception Score is split.
        samples_find_deep: Search subfolders.
        samples_find_ext: Extensions of image files, comma-separated.
        samples_ext_lossy: Ignored: extensions of lossy files, on which torch-fidelity warns.
        samples_resize_and_crop: Not supported.
        datasets_root: Folder of data sets, in torchvision's layout.
        datasets_download: Ignored: only `ganeval data fetch` downloads.
        cache_root: Ignored: features are kept in ganeval's cache.
        input1_cache_name: Ignored: the cache identifies features by content.
        input1_model_z_type: Ignored: it belongs to a generator, which is refused.
        input1_model_z_size: The same.
        input1_model_num_classes: The same.
        input1_model_num_samples: The same.
        input2_cache_name: As for `input1`.
        input2_model_z_type: The same.
        input2_model_z_size: The same.
        input2_model_num_classes: The same.
        input2_model_num_samples: The same.
        rng_seed: Seed of the shuffle and of the subsets.
        cache: Keep features between calls, in ganeval's cache, by content.
        save_cpu_ram: Ignored.
        verbose: Ignored: nothing is printed.
        fid_statistics_file: Statistics of the reference (mu and sigma) in place of `input2`, for FID alone.

    Returns:
        Values under torch-fidelity's keys.

    Raises:
        GanevalError: inputs or weights that cannot be used, or an option that is not supported.
    """
    del save_cpu_ram, verbose, feature_extractor_compile, kid_kernel_rbf_sigma, prc_batch_size, samples_ext_lossy
    del ppl_epsilon, ppl_reduction, ppl_sample_similarity, ppl_sample_similarity_resize, ppl_sample_similarity_dtype
    del ppl_discard_percentile_lower, ppl_discard_percentile_higher, ppl_z_interp_mode, datasets_download, cache_root
    del input1_cache_name, input1_model_z_type, input1_model_z_size, input1_model_num_classes, input1_model_num_samples
    del input2_cache_name, input2_model_z_type, input2_model_z_size, input2_model_num_classes, input2_model_num_samples
    layers = {"isc": (feature_layer_isc, "logits_unbiased"), "fid": (feature_layer_fid, "2048")}
    layers |= {"kid": (feature_layer_kid, "2048"), "prc": (feature_layer_prc, "2048")}
    kernel = (kid_kernel, kid_kernel_poly_degree, kid_kernel_poly_gamma, kid_kernel_poly_coef0)
    refuse(
        "calculate_metrics",
        [
            ("ppl", ppl, "Use ganeval.score(generator, metrics='ppl'), or `ganeval score GENERATOR --metrics ppl`."),
            (
                f"feature_extractor={feature_extractor!r}",
                feature_extractor not in (None, _INCEPTION),
                "Use ganeval.score(..., metrics='fd@BACKBONE'); `ganeval list backbones` names them.",
            ),
            (
                "prc without feature_extractor",
                prc and feature_extractor is None,
                f"There it means VGG16. Give feature_extractor={_INCEPTION!r}, or use ganeval.score(metrics='prdc').",
            ),
            *(
                (f"feature_layer_{name}", layer not in (None, usual), f"Use {usual!r}.")
                for name, (layer, usual) in layers.items()
            ),
            (
                "feature_extractor_internal_dtype",
                feature_extractor_internal_dtype not in (None, "float32"),
                "Features are float32, statistics float64.",
            ),
            (
                "this kid_kernel",
                kid and kernel != ("poly", 3, None, 1),
                "Use ganeval.score(..., metrics='cmmd') for RBF.",
            ),
            ("samples_resize_and_crop", samples_resize_and_crop != 0, "Resize the images first."),
        ],
    )
    _check_inputs(input1, input2, isc=isc, fid=fid, binary=kid or prc, statistics=fid_statistics_file)
    if fid_statistics_file is not None:
        require_statistics(Path(fid_statistics_file))
    tool = TOOLS["torch-fidelity"]
    endings = frozenset(part.strip().lower() for part in samples_find_ext.split(",") if part.strip())
    reading = Reading(endings, True, samples_find_deep, None)
    with contextlib.ExitStack() as stack:
        device = "auto" if cuda and torch.cuda.is_available() else "cpu"
        weights = feature_extractor_weights_path
        passes = open_network(stack, tool.path, weights=weights, device=device, batch_size=batch_size, cache=cache)
        root = None if datasets_root is None else Path(datasets_root)
        fake = _side(input1, "input1", passes, reading, root, stack)
        given = input2 if fid_statistics_file is None else fid_statistics_file
        real = (
            None if given is None or not (fid or kid or prc) else _side(given, "input2", passes, reading, root, stack)
        )
        found: dict[str, float] = {}
        if isc:
            found |= _named(_isc(fake, isc_splits, rng_seed if samples_shuffle else None), "inception_score")
        if fid and real is not None:
            found[KEY_METRIC_FID] = distance(real, fake, tool)
        if kid and real is not None:
            subsets = classic_subsets(_bank(real), _bank(fake), kid_subsets, kid_subset_size, rng_seed)
            found |= _named(subsets, "kernel_inception_distance")
        if prc and real is not None:
            found |= _prc(_bank(real), _bank(fake), prc_neighborhood)
    return found


def _check_inputs(
    input1: object, input2: object, *, isc: bool, fid: bool, binary: bool, statistics: str | Path | None
) -> None:
    if not (isc or fid or binary):
        raise UsageError("calculate_metrics has no metric to compute: give isc=True, fid=True, kid=True or prc=True.")
    if input1 is None:
        raise UsageError("calculate_metrics needs input1: a folder, an archive or a Dataset of uint8 tensors.")
    if statistics is not None and (input2 is not None or binary):
        raise UsageError(
            "fid_statistics_file replaces input2 for FID alone. Give input2 for KID, precision and recall."
        )
    if (fid or binary) and input2 is None and statistics is None:
        raise UsageError("FID, KID, precision and recall compare input1 with input2. Give it.")


REGISTERED: Final = {"cifar10-train": "cifar10:train", "cifar10-val": "cifar10:test"}
"""Data sets registered by torch-fidelity -> data sets of ganeval."""


def _side(
    given: Any, name: str, passes: Passes, reading: Reading, data_root: Path | None, stack: contextlib.ExitStack
) -> SetSummary:
    if isinstance(given, str) and given in REGISTERED and not Path(given).exists():
        root = data_root or (Path(os.environ["GANEVAL_DATA"]) if "GANEVAL_DATA" in os.environ else None)
        source = open_source(REGISTERED[given], data_root=root)
        stack.callback(source.close)
        return summary_of(source, passes, reading)
    if isinstance(given, str | Path):
        return open_side(given, passes, reading, stack)
    if hasattr(given, "__getitem__") and hasattr(given, "__len__"):
        return summary_of(TensorDataset(given, name), passes, reading)
    raise UsageError(
        f"{name} is a {type(given).__name__}; expected a folder, an archive or a Dataset of uint8 tensors. For a "
        "generator use ganeval.score(generator, reference=...)."
    )


def _bank(side: SetSummary) -> FeatureBank:
    if side.bank is None:
        raise UsageError(
            "KID, precision and recall need the images of both sets; a file of statistics has mu and sigma only."
        )
    return side.bank


def _isc(fake: SetSummary, splits: int, seed: int | None) -> np.ndarray:
    if fake.logits is None:
        raise UsageError("The Inception Score needs the images of input1; got a file of statistics.")
    log_p = log_softmax(fake.logits.rows())
    return split_scores(log_p, splits, seed)


def _named(values: np.ndarray, name: str) -> dict[str, float]:
    return {f"{name}_mean": float(values.mean()), f"{name}_std": float(values.std())}


def _prc(real: FeatureBank, fake: FeatureBank, k: int) -> dict[str, float]:
    found = neighbourhoods(real.rows(), fake.rows(), k, k)
    precision, recall = float(found.fake_inside.mean()), float(found.real_inside.mean())
    f_score = 2 * precision * recall / max(1e-5, precision + recall)
    return {KEY_METRIC_PRECISION: precision, KEY_METRIC_RECALL: recall, KEY_METRIC_F_SCORE: f_score}
