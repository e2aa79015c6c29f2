"""Statistics of another tool as a ganeval reference: which path made them, by which weights, of how many images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ganeval.errors import ReferenceStatisticsError, UsageError
from ganeval.files.read_write import sha256_of
from ganeval.files.unpickle import value_at
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from ganeval.summaries.peer_files.contents import read_contents
from ganeval.summaries.peer_files.origins import ORIGINS
from ganeval.summaries.reference_file import BackboneFacts, ReferenceStatistics, checked_moments, spatial_moments

DIM: Final = 2048


@dataclass(frozen=True)
class Found:
    """What a file holds.

    Attributes:
        moments: Mean and covariance.
        bank: Feature rows where there are some.
        n: Images behind it, None where nothing says.
    """

    moments: Moments
    bank: FeatureBank | None
    n: int | None


def import_statistics(
    path: Path, tool: str, *, weights_sha256: str, resize: str, n: int | None = None
) -> ReferenceStatistics:
    """Reads a file of another tool.

    Args:
        path: npz, npy, pkl or pt.
        tool: Key of `ORIGINS`.
        weights_sha256: Of the weights that the tool used.
        resize: Preparation of the tool's path, in the words of its backbone.
        n: Images behind the file, where the user knows and the file does not say.

    Raises:
        UsageError: `n` contradicts the file, or a name in the file's own name contradicts `tool`.
        ReferenceStatisticsError: the file cannot be read, holds more than arrays, or holds no such statistics.
    """
    origin = ORIGINS[tool]
    _check_mode(path, tool)
    if not path.is_file():
        raise ReferenceStatisticsError(f"There is no file {path}. Check the path.")
    tree = read_contents(path)
    found = _found(tree, str(path), n)
    if n is not None and found.n != n:
        raise UsageError(f"--n {n}: {path} says {found.n} itself. Leave --n out.")
    facts = {origin.backbone: BackboneFacts(weights_sha256, resize, "exact")}
    sets = {origin.backbone: SetSummary(found.moments, found.bank, counted=found.n is not None)}
    if origin.spatial and (spatial := spatial_moments(tree, found.n, str(path))) is not None:
        facts[origin.spatial] = facts[origin.backbone]  # the same network, behind the same preparation
        sets[origin.spatial] = SetSummary(spatial, counted=found.n is not None)
    sha256 = sha256_of(path)
    return ReferenceStatistics(path.name, sha256, found.n, f"as {tool} reads files", sets, facts, tool=tool)


def _check_mode(path: Path, tool: str) -> None:
    """clean-fid writes its mode into the name of each file."""
    for mode in ("legacy_pytorch", "legacy_tensorflow"):
        right = f"clean-fid-{mode.replace('_', '-')}"
        if tool.startswith("clean-fid") and mode in path.name and tool != right:
            raise UsageError(f"{path.name} is of clean-fid's mode {mode} by its name. Give --from {right}.")
    if tool.startswith("clean-fid-legacy") and "_clean_" in path.name:
        raise UsageError(f"{path.name} is of clean-fid's mode clean by its name. Give --from clean-fid.")


def _found(tree: object, where: str, n: int | None) -> Found:
    """The first of the layouts that fits."""
    if isinstance(tree, np.ndarray):
        return _of_rows(tree, where)
    rows = value_at(tree, ["feats"])
    if isinstance(rows, np.ndarray):
        return _of_rows(rows, where)
    mean, cov, items = (value_at(tree, [key]) for key in ("raw_mean", "raw_cov", "num_items"))
    if mean is not None and cov is not None:
        return _of_sums(mean, cov, items, where)
    for keys in ([], ["fid"]):
        mu, sigma = value_at(tree, [*keys, "mu"]), value_at(tree, [*keys, "sigma"])
        if isinstance(mu, np.ndarray) and isinstance(sigma, np.ndarray):
            said = _count(value_at(tree, ["num_images"]), where)
            count = n if said is None else said
            wide = [_floats(part, where) for part in (mu, sigma)]
            return Found(checked_moments(wide[0], wide[1], count, where), None, count)
    images = value_at(tree, ["arr_0"])
    if len(getattr(images, "shape", ())) == 4:
        raise ReferenceStatisticsError(
            f"{where} holds images and no statistics: score against it as it is (--reference {where})."
        )
    if isinstance(images, np.ndarray):
        return _of_rows(images, where)
    held = ", ".join(str(key)[:40] for key in list(tree)[:5]) if isinstance(tree, dict) else type(tree).__name__
    raise ReferenceStatisticsError(
        f"{where} holds {held or 'nothing'}; expected mu and sigma, feature rows (n, {DIM}), or sums of StyleGAN's."
    )


def _of_rows(rows: np.ndarray, where: str) -> Found:
    wide = _floats(rows, where)
    if wide.ndim != 2 or wide.shape[1] != DIM or len(wide) < 2:
        raise ReferenceStatisticsError(
            f"{where} holds an array {rows.shape}; expected feature rows (n, {DIM}), n >= 2."
        )
    if not np.isfinite(wide).all():
        raise ReferenceStatisticsError(f"{where}: feature rows with NaN or infinite values.")
    return Found(Moments.of(wide), FeatureBank.of(wide), len(wide))


def _of_sums(mean: object, cov: object, count: object, where: str) -> Found:
    """StyleGAN's cache: sums of x and of x x^T over `num_items` images."""
    n = _count(count, where)
    if n is None or n < 2 or not isinstance(mean, np.ndarray) or not isinstance(cov, np.ndarray):
        raise ReferenceStatisticsError(f"{where}: sums of {count!r:.20} images; expected arrays and at least 2 images.")
    mu, second = _floats(mean, where) / n, _floats(cov, where)
    if mu.ndim != 1 or second.shape != (len(mu), len(mu)):
        raise ReferenceStatisticsError(
            f"{where}: raw_mean {mean.shape} and raw_cov {cov.shape}; expected (D,), (D, D)."
        )
    return Found(checked_moments(mu, (second - n * np.outer(mu, mu)) / (n - 1), n, where), None, n)


def _floats(array: np.ndarray, where: str) -> Any:
    if array.dtype.kind != "f":
        raise ReferenceStatisticsError(f"{where} holds {array.dtype} where floats were expected.")
    return array.astype(np.float64)


def _count(value: object, where: str) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value < 2:
        raise ReferenceStatisticsError(f"{where} says that it is of {value!r:.20} images.")
    return value
