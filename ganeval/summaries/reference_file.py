"""Reference statistics in one verifiable file, and the mu/sigma files of other tools.

A ganeval reference file is a safetensors file with, for each backbone, the moments and (unless left out) every feature
row, and in its metadata the content hash of the images, the weights' hashes and the sha256 of all tensors.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open

from ganeval.errors import DataError, ReferenceStatisticsError
from ganeval.files.read_write import sha256_of, write_atomically
from ganeval.files.safetensors_bytes import tensor_bytes
from ganeval.files.unpickle import value_at
from ganeval.sources.npy import holds_statistics
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import UNKNOWN_N, Float64, Moments
from ganeval.summaries.peer_files.contents import read_contents

FORMAT = "ganeval-reference-1"


@dataclass(frozen=True)
class BackboneFacts:
    """What must agree before a stored summary may replace images.

    Attributes:
        weights_sha256: Hash of the weights that made the features, "" where unknown (a peer's file).
        resize: Preprocessing in words, "" where unknown.
        precision: "exact" or "fast".
    """

    weights_sha256: str
    resize: str
    precision: str


@dataclass(frozen=True)
class Whole:
    """The set that statistics are of, or that they are a part of.

    Attributes:
        images: How many it has, those that could not be decoded included.
        names_sha256: Hash of its names and classes in their order.
        bytes_sha256: Hash of the content of a few of its images.
        num_samples: Size of the seeded subset that it is, None for a whole source.
        seed: Of the subset.
        version: Of ganeval.
    """

    images: int
    names_sha256: str
    bytes_sha256: str
    num_samples: int | None
    seed: int
    version: str


@dataclass(frozen=True)
class ReferenceStatistics:
    """The reference side of set metrics, without the images.

    Attributes:
        name: What it was built from.
        content_sha256: Content hash of the images, or the hash of a peer's file.
        n: Number of images, None where unknown.
        decode: The decode policy the images went through, "" where unknown.
        sets: Backbone name -> summary.
        facts: Backbone name -> what must agree.
        digests: sha256 of each image in the order of the rows; the merger of parts needs them, and the order in which
            random splits are drawn goes by them. Files of early versions have them in parts only.
        indices: Place of each of these images in the whole set, ascending; of parts.
        part: Which part this is, and of how many ((1, 4) for the first of four); None for a whole set.
        peer: True for another tool's mu/sigma file: its resize and weights cannot be checked.
        whole: The set that this is, or that it is a part of; None in files of early versions and of other tools.
        skipped: Images of this set, or part of one, that could not be decoded and were left out.
        tool: The tool that made the statistics of an imported file, whose protocol `facts` then are; "" for ganeval.
        identity: Hash of all tensors and labels of a file of ganeval's, None for other tools' files and before saving.
    """

    name: str
    content_sha256: str
    n: int | None
    decode: str
    sets: Mapping[str, SetSummary]
    facts: Mapping[str, BackboneFacts]
    peer: bool = False
    digests: tuple[bytes, ...] = ()
    indices: tuple[int, ...] = ()
    part: tuple[int, int] | None = None
    tool: str = ""
    identity: str | None = None
    whole: Whole | None = None
    skipped: int = 0


def save_reference(path: Path, statistics: ReferenceStatistics, *, features: bool) -> int:
    """Writes a reference file, whole or not at all.

    Args:
        path: Target; conventionally *.safetensors.
        statistics: What to write.
        features: Also write every feature row (n x D x 4 bytes); without them only `fd` can use the file.

    Returns:
        Bytes written.

    Raises:
        ReferenceStatisticsError: the file cannot be written.
    """
    tensors: dict[str, np.ndarray] = {}
    labels: tuple[str, ...] | None = None
    for backbone, summary in statistics.sets.items():
        tensors[f"{backbone}/mean"], tensors[f"{backbone}/scatter"] = summary.moments.mean, summary.moments.scatter
        if features and summary.bank is not None:
            tensors[f"{backbone}/features"] = summary.bank.rows()
            labels = summary.labels
    if statistics.digests:
        tensors["digests"] = np.frombuffer(b"".join(statistics.digests), dtype=np.uint8).reshape(-1, 32)
    if statistics.part is not None:
        tensors["indices"] = np.asarray(statistics.indices, dtype=np.int64)
    meta = {
        "part": statistics.part,
        "whole": None if statistics.whole is None else vars(statistics.whole),
        "name": statistics.name,
        "content_sha256": statistics.content_sha256,
        "n": statistics.n,
        "tool": statistics.tool,
        "decode": statistics.decode,
        "backbones": {name: vars(facts) for name, facts in statistics.facts.items()},
        "skipped": statistics.skipped,
        "labels": labels,
        "tensors_sha256": _tensors_sha256(tensors),
    }
    data = tensor_bytes(tensors, {"format": FORMAT, "reference": json.dumps(meta, sort_keys=True)})
    try:
        write_atomically(path, data)
    except OSError as error:
        raise ReferenceStatisticsError(f"Cannot write {path}: {error.strerror}. Choose another file.") from error
    return len(data)


def _tensors_sha256(tensors: Mapping[str, np.ndarray]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode())
        total.update(np.ascontiguousarray(tensors[name]).tobytes())
    return total.hexdigest()


def is_own_statistics(path: Path) -> bool:
    """True for a statistics file of ganeval's: other safetensors files are checkpoints."""
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        return False
    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (OSError, SafetensorError):
        return False  # whoever opens it as a checkpoint says what is wrong with it


def is_statistics_file(path: Path) -> bool:
    """True for a ganeval reference file, or a peer's npz or npy with mu and sigma: looks at what is inside."""
    suffix = path.suffix.lower()
    if not path.is_file():
        return False
    if suffix == ".safetensors":
        return True
    if suffix == ".npy":
        return holds_statistics(path)
    if suffix == ".npz":
        try:
            with zipfile.ZipFile(path) as archive:
                return {"mu.npy", "sigma.npy"} <= set(archive.namelist())
        except Exception:
            return False  # whoever opens it as images says what is wrong with it
    return False


def require_statistics(path: Path) -> None:
    """Refuses a file that holds no statistics, before anything is computed.

    Raises:
        ReferenceStatisticsError: no such file, or one of another kind; with the command that brings it in.
    """
    if not path.is_file():
        raise ReferenceStatisticsError(f"There is no file {path}. Check the path.")
    if not is_statistics_file(path):
        raise ReferenceStatisticsError(
            f"{path} isn't a statistics file: expected a reference file of ganeval (*.safetensors), or mu and sigma "
            f"in an npz. Bring in other files with `ganeval reference import {path} --from TOOL -o OUT.safetensors`."
        )


def load_reference(path: Path) -> ReferenceStatistics:
    """Reads a reference file of ganeval's, or another tool's npz or npy of mu and sigma.

    Raises:
        ReferenceStatisticsError: the file is damaged, of another kind, or was altered after it was written.
    """
    return _load_peer(path) if path.suffix.lower() in (".npz", ".npy") else _load_own(path)


def _load_own(path: Path) -> ReferenceStatistics:
    try:
        with safe_open(path, framework="numpy") as file:
            meta = file.metadata() or {}
            if meta.get("format") != FORMAT:
                raise ReferenceStatisticsError(
                    f"{path} is a safetensors file but not reference statistics (format {meta.get('format')!r}, "
                    f"expected {FORMAT!r}). Build one with `ganeval reference build REF -o FILE`."
                )
            record = json.loads(meta["reference"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        if _tensors_sha256(tensors) != record["tensors_sha256"]:
            raise ReferenceStatisticsError(
                f"{path}: the tensors do not have the hash that was recorded when it was built. Build it again."
            )
        facts = {name: BackboneFacts(**fields) for name, fields in record["backbones"].items()}
        labels = None if record["labels"] is None else tuple(record["labels"])
        n = None if record["n"] is None else int(record["n"])
        digests = _own_digests(n, tensors.get("digests"))
        sets = {name: _own_set(name, UNKNOWN_N if n is None else n, tensors, labels) for name in facts}
        sets = {name: replace(one, counted=n is not None, digests=digests or None) for name, one in sets.items()}
        part, indices = _own_part(n, record.get("part"), tensors.get("indices"))
        whole = None if record.get("whole") is None else Whole(**record["whole"])
        return ReferenceStatistics(
            record["name"],
            record["content_sha256"],
            n,
            record["decode"],
            sets,
            facts,
            digests=digests,
            indices=indices,
            part=part,
            whole=whole,
            skipped=int(record.get("skipped", 0)),
            tool=str(record.get("tool", "")),
            identity=hashlib.sha256(repr((record["tensors_sha256"], labels, n)).encode()).hexdigest(),
        )
    except (OSError, SafetensorError, LookupError, TypeError, ValueError, AttributeError, *_TOO_LARGE) as error:
        raise ReferenceStatisticsError(
            f"{path} cannot be read as reference statistics ({type(error).__name__}: {error}). "
            "Build it again with `ganeval reference build REF -o FILE`."
        ) from error


_TOO_LARGE = (OverflowError, RecursionError)  # numbers and nesting that no file of ours has


def _own_digests(n: int | None, stored: np.ndarray | None) -> tuple[bytes, ...]:
    """One digest an image; () where the file has none.

    Raises:
        ValueError: another shape or type.
    """
    if stored is None:
        return ()
    if stored.dtype != np.uint8 or stored.shape != (n, 32):
        raise ValueError(f"digests: expected one sha256 for each of {n} images")
    return tuple(row.tobytes() for row in stored)


def _own_part(
    n: int | None, stored: Sequence[int] | None, indices: np.ndarray | None
) -> tuple[tuple[int, int] | None, tuple[int, ...]]:
    """Which part a file holds, of how many, and the places of its images in the whole set; None and () for a whole.

    Raises:
        ValueError: numbers that no part has.
    """
    if stored is None:
        return None, ()
    number, count = map(int, stored)
    if indices is None or indices.dtype != np.int64 or indices.shape != (n,) or not 1 <= number <= count:
        raise ValueError(f"part {number} of {count}: expected the place of each of {n} images")
    if len(indices) and (indices[0] < 0 or (np.diff(indices) <= 0).any()):
        raise ValueError(f"part {number} of {count}: expected places in ascending order")
    return (number, count), tuple(indices.tolist())


def _own_set(name: str, n: int, tensors: Mapping[str, np.ndarray], labels: tuple[str, ...] | None) -> SetSummary:
    """What a file holds for one backbone; its hash is its own, so what it says of itself is checked as well.

    Raises:
        ValueError: shapes, types or numbers that no summary of n images has.
    """
    mean, scatter, rows = (tensors.get(f"{name}/{kind}") for kind in ("mean", "scatter", "features"))
    if mean is None or scatter is None or mean.ndim != 1 or scatter.shape != (len(mean), len(mean)):
        raise ValueError(f"{name}: expected mean (D,) and scatter (D, D)")
    if not (mean.dtype == scatter.dtype == np.float64 and np.isfinite(mean).all() and np.isfinite(scatter).all()):
        raise ValueError(f"{name}: expected finite moments in float64")
    if n < 1 or (rows is not None and rows.shape != (n, len(mean))) or (labels is not None and len(labels) != n):
        raise ValueError(f"{name}: expected one row and one label for each of {n} images")
    if rows is not None and not np.isfinite(rows).all():
        raise ValueError(f"{name}: expected finite features")
    bank = None if rows is None else FeatureBank.of(rows)
    return SetSummary(Moments(n, mean, scatter), bank, None, labels if bank is not None else None)


def _load_peer(path: Path) -> ReferenceStatistics:
    try:
        tree = read_contents(path)
        mu, sigma = (np.asarray(value_at(tree, [name]), dtype=np.float64) for name in ("mu", "sigma"))
        sets = {"inception": SetSummary(checked_moments(mu, sigma, None, str(path)), counted=False)}
        if (spatial := spatial_moments(tree, None, str(path))) is not None:
            sets["inception-spatial"] = SetSummary(spatial, counted=False)
    except DataError as error:
        raise ReferenceStatisticsError(str(error)) from error
    except MemoryError:
        raise
    except Exception as error:  # a parser may raise any exception on hostile bytes
        raise ReferenceStatisticsError(
            f"{path} cannot be read as mu/sigma statistics ({type(error).__name__}: {error}). Expected "
            "arrays mu (D,) and sigma (D, D)."
        ) from error
    sha256 = sha256_of(path)
    facts = dict.fromkeys(sets, BackboneFacts("", "", "exact"))
    return ReferenceStatistics(path.name, sha256, None, "", sets, facts, peer=True)


SPATIAL_DIM: Final = 17 * 17 * 7


def spatial_moments(tree: object, n: int | None, where: str) -> Moments | None:
    """Mean and covariance of the spatial features, which sFID is computed from; None in a file without them.

    guided-diffusion (`evaluations/evaluator.py`) keeps them as `mu_s` and `sigma_s` in its reference batches, with the
    divisor n - 1, of the map row by row.

    Raises:
        ReferenceStatisticsError: one of the two without the other, or as `checked_moments`.
    """
    mu, sigma = (value_at(tree, [name]) for name in ("mu_s", "sigma_s"))
    if mu is None and sigma is None:
        return None
    if mu is None or sigma is None:
        lacking = "mu_s" if mu is None else "sigma_s"
        raise ReferenceStatisticsError(
            f"{where} holds spatial statistics for sFID without {lacking}. Write both, or none."
        )
    wide = [np.asarray(part, dtype=np.float64) for part in (mu, sigma)]
    return checked_moments(wide[0], wide[1], n, f"{where}, mu_s and sigma_s", SPATIAL_DIM)


def checked_moments(mu: Float64, sigma: Float64, n: int | None, where: str, dim: int = 2048) -> Moments:
    """Mean and covariance of another tool as moments, after everything that can be wrong with them was looked for.

    Args:
        mu: Mean; should be (dim,).
        sigma: Covariance with divisor n - 1; should be (dim, dim).
        n: Images behind them, None if unknown.
        where: The file, for messages.
        dim: Width of the features that it has to be of.

    Raises:
        ReferenceStatisticsError: another shape, NaN, or no covariance.
    """
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
        raise ReferenceStatisticsError(
            f"{where}: mu has shape {mu.shape} and sigma {sigma.shape}; expected (D,), (D, D)."
        )
    if len(mu) != dim:
        raise ReferenceStatisticsError(
            f"{where}: statistics of {len(mu)} dimensions; mu/sigma files of other tools are read for the {dim}-d "
            "Inception features only. Build others with `ganeval reference build`."
        )
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise ReferenceStatisticsError(f"{where}: mu or sigma holds NaN or infinite values.")
    even = (sigma + sigma.T) / 2
    largest = max(float(sigma.max()), -float(sigma.min()), 1e-30)
    if (2 * np.abs(sigma - even) > 1e-6 * largest + 1e-4 * np.abs(even)).any():
        raise ReferenceStatisticsError(f"{where}: sigma is not symmetric, so it isn't a covariance.")
    raised = even.copy()
    raised.flat[:: len(mu) + 1] += 1e-4 * largest  # rounding to float32 moves eigenvalues by less than this
    try:
        np.linalg.cholesky(raised)
    except np.linalg.LinAlgError as error:
        raise ReferenceStatisticsError(f"{where}: sigma has negative eigenvalues, so it isn't a covariance.") from error
    count = UNKNOWN_N if n is None else n
    return Moments(count, mu, even * (count - 1))
