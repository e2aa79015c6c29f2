"""Who is timed: how each tool is called on two folders, what it must be given, and how its numbers are read.

Every tool gets the same folders and the same random weights, and runs as its own documentation calls it.
"""

import importlib.metadata
import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ganeval.bench.materials_names import PICKLED
from ganeval.errors import DataError, UsageError
from ganeval.registry import listed, unknown_name

Numbers = Mapping[str, float]
"""Name of a number ("fid", "is") -> value."""


@dataclass(frozen=True)
class Job:
    """What all tools are given.

    Attributes:
        fake: Folder of images.
        real: Folder of images.
        weights: Folder that holds the weights file.
        scratch: Folder for caches of this run; a command may find there what its own earlier calls left.
        batch: Images a batch.
    """

    fake: Path
    real: Path
    weights: Path
    scratch: Path
    batch: int

    @property
    def pickled(self) -> Path:
        """The weights as torch.save writes them, which all tools read."""
        return self.weights / PICKLED


@dataclass(frozen=True)
class Entrant:
    """One tool, or one way of calling it.

    Attributes:
        name: What tables call it.
        distribution: Package that must be installed.
        command: The call.
        numbers: Reads what it printed.
        environment: Variables to set.
        prepare: Puts in place what the call looks for, before the clock starts.
        remark: What a reader must know of the comparison.
    """

    name: str
    distribution: str
    command: Callable[[Job], list[str]]
    numbers: Callable[[str], Numbers]
    environment: Callable[[Job], dict[str, str]] = lambda _: {}
    prepare: Callable[[Job], None] = lambda _: None
    remark: str = ""

    @property
    def version(self) -> str:
        """Of the installed package.

        Raises:
            UsageError: it is not installed; with the line that installs it.
        """
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError as error:
            raise UsageError(
                f"--vs {self.name}: {self.distribution} is not installed. Run: pip install {self.distribution}"
            ) from error


def _ganeval(precision: str, *more: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        keys = ["--metrics", "fid,is_classic", "--weights", f"inception={job.pickled}"]
        options = ["--batch-size", str(job.batch), "--precision", precision, "--json", "-", *more]
        subject = ["score", str(job.fake), "--reference", str(job.real)]
        return [sys.executable, "-m", "ganeval.cli.main", *subject, *keys, *options]

    return command


def _rows(output: str) -> Numbers:
    names = {"fd": "fid", "cs_classic": "is", "fid": "fid", "is_classic": "is"}
    rows = json.loads(output)["rows"]
    numbers = {names[row["key"].partition("@")[0]]: row["value"] for row in rows}
    errors = [row["provenance"].get("fast_relative_error") for row in rows]
    return numbers | ({"feature error": errors[0]} if errors[0] is not None else {})


def _cache(job: Job) -> dict[str, str]:
    return {"GANEVAL_CACHE": str(job.scratch / "ganeval")}


OURS: Final = (
    Entrant("ganeval", "ganeval", _ganeval("exact", "--no-cache"), _rows, _cache),
    Entrant("ganeval fast", "ganeval", _ganeval("fast", "--no-cache"), _rows, _cache),
    Entrant(
        "ganeval again",
        "ganeval",
        _ganeval("exact"),
        _rows,
        _cache,
        remark="a first score with the cache in round 1, the same folder scored again from round 2 on",
    ),
)


def _fidelity(job: Job) -> list[str]:
    sides = ["--input1", str(job.fake), "--input2", str(job.real)]
    weights = ["--feature-extractor-weights-path", str(job.pickled)]
    options = ["--fid", "--isc", "--batch-size", str(job.batch), "--no-cache", "--json", "--silent"]
    return [sys.executable, "-m", "torch_fidelity.fidelity", *sides, *weights, *options]


def _fidelity_numbers(output: str) -> Numbers:
    found = json.loads(output[output.index("{") :])
    return {"fid": found["frechet_inception_distance"], "is": found["inception_score_mean"]}


def _pytorch_fid_numbers(output: str) -> Numbers:
    match = re.search(r"FID:\s+(\S+)", output)
    if match is None:
        raise DataError(f"pytorch-fid printed no FID: {output[-200:]!r}.")
    return {"fid": float(match[1])}


def _place_weights(job: Job) -> None:
    """pytorch-fid takes no path: it looks in torch's own folder of downloads for a file of this name."""
    target = job.scratch / "torch" / "hub" / "checkpoints" / "pt_inception-2015-12-05-6726825d.pth"
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copyfile(job.pickled, target)


PEERS: Final = {
    "torch-fidelity": Entrant("torch-fidelity", "torch-fidelity", _fidelity, _fidelity_numbers),
    "pytorch-fid": Entrant(
        "pytorch-fid",
        "pytorch-fid",
        lambda job: [sys.executable, "-m", "pytorch_fid", str(job.fake), str(job.real), "--batch-size", str(job.batch)],
        _pytorch_fid_numbers,
        lambda job: {"TORCH_HOME": str(job.scratch / "torch")},
        _place_weights,
        remark="FID alone",
    ),
    "torchmetrics": Entrant(
        "torchmetrics",
        "torchmetrics",
        lambda job: [
            *(sys.executable, "-m", "ganeval.bench.torchmetrics_loop", str(job.fake), str(job.real)),
            *(str(job.pickled), str(job.batch)),
        ],
        json.loads,
        remark="antialiased resize: another FID",
    ),
}


def entrants(names: tuple[str, ...]) -> list[Entrant]:
    """The named peers, each checked to be installed, behind ganeval's own.

    Raises:
        UsageError: a name that is in no table, or a package that is not installed.
    """
    chosen = [*OURS]
    for name in dict.fromkeys(listed(name, PEERS) for name in names):
        if name not in PEERS:
            raise unknown_name("peer", name, list(PEERS))
        chosen.append(PEERS[name])
    for entrant in chosen:
        _ = entrant.version
    return chosen
