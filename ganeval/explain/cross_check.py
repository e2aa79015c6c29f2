"""A second opinion on fid, kid and is: torch-fidelity computes them from the same images and the same weights file.

Unlike `ganeval.explain.pipelines`, which emulates what other tools do with files, this runs the other library's own
network and arithmetic on the pixels that ganeval decoded.
"""

import contextlib
import dataclasses
import importlib.metadata
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils.data import Dataset

from ganeval.backbones.weights import load_state_dict
from ganeval.devices import resolve_device
from ganeval.errors import BadImageError, UsageError
from ganeval.explain.explain import no_weights
from ganeval.metrics.base import SetMetric, TorchFidelity
from ganeval.metrics.keys import declared
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.results.result import Result
from ganeval.scoring.evaluator import ScoreOutcome
from ganeval.scoring.open_inputs import open_reference, open_subject_source
from ganeval.sources.base import ImageSource
from ganeval.summaries.reference_file import ReferenceStatistics, is_own_statistics, is_statistics_file

BACKBONE: Final = "inception"
PROVENANCE: Final = "torch_fidelity"
"""In the provenance of a row that was checked: version, value, difference and note."""

WHOLE: Final = 5_000  # images up to which its KID takes all of both sets at once: three matrices of 200 MB


@dataclass(frozen=True)
class Checked:
    """One number as both libraries compute it.

    Attributes:
        key: Key of ganeval's row.
        ours: Its value.
        theirs: torch-fidelity's.
        note: How the two definitions differ, "" if they do not.
    """

    key: str
    ours: float
    theirs: float
    note: str = ""

    @property
    def difference(self) -> float:
        """|theirs - ours| as a fraction of the larger one."""
        return abs(self.theirs - self.ours) / max(abs(self.theirs), abs(self.ours), 1e-300)

    def to_dict(self, version: str) -> dict[str, object]:
        """As the provenance of the row holds it."""
        return {"version": version, "value": self.theirs, "difference": self.difference, "note": self.note}

    def __str__(self) -> str:
        told = (
            f"{self.key}: torch-fidelity {self.theirs:.6g}, ganeval {self.ours:.6g}, difference {self.difference:.1e}"
        )
        return f"{told} ({self.note})" if self.note else told


def check_possible(options: ScoreOptions) -> None:
    """Refuses a score that cannot be checked, before anything runs.

    Raises:
        UsageError: the images are not available, or their number is not fixed.
        WeightsError: the Inception weights are missing.
    """
    if options.until_se is not None or options.until_rel is not None:
        raise UsageError("--cross-check needs a fixed number of images. Leave --until-se and --until-rel out.")
    if options.devices > 1:
        raise UsageError("--cross-check runs in one process. Leave --devices out.")
    for name, place, stored in (
        ("SUBJECT", options.subject, is_own_statistics(Path(options.subject))),
        (
            "--reference",
            options.reference,
            options.reference is not None and is_statistics_file(Path(options.reference)),
        ),
    ):
        if stored:
            raise UsageError(f"--cross-check scores the images once more, and {name} {place} holds statistics of them.")
    if (missing := no_weights(options.weights)) is not None:
        raise missing


def cross_check(options: ScoreOptions, results: Sequence[Result], reporter: Reporter) -> tuple[Checked, ...]:
    """Computes the numbers of ganeval's rows by torch-fidelity.

    Args:
        options: As for the score that gave the rows.
        results: Its rows; those of fid, kid and is are checked.
        reporter: Where progress goes.

    Raises:
        UsageError: none of these rows has a value.
        GanevalError: images or weights that cannot be read again.
    """
    rows = [
        (row, theirs)
        for row in results
        if row.value is not None
        and row.protocol is not None
        and row.protocol.backbone == BACKBONE
        and (theirs := _theirs_of(row.protocol.metric)) is not None
    ]
    if not rows:
        raise UsageError(
            "--cross-check is for fid, kid and is, and no row of them has a value. Add --metrics fid,kid,is."
        )
    with contextlib.ExitStack() as stack:
        subject = _Images(open_subject_source(options, stack), options.on_bad, reporter)
        opened = open_reference(options, stack)
        if isinstance(opened, ReferenceStatistics):
            raise UsageError(f"--cross-check needs the images of {options.reference}, which holds statistics of them.")
        reference = None if opened is None else _Images(opened, options.on_bad, reporter)
        settings, note = _settings([theirs for _, theirs in rows], subject, reference)
        weights = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ganeval-")), "inception.pth")
        # torch-fidelity leaves it to the installed torch whether a file may run code on being loaded. This one may not.
        torch.save(dict(load_state_dict(BACKBONE, options.weights.get(BACKBONE)).state), weights)
        with reporter.stage("torch-fidelity", 1) as advance:
            found = _computed(subject, reference, weights, settings, options)
            advance(1)
    return tuple(
        Checked(row.key, float(row.value or 0.0), float(found[theirs.answer]), note if theirs.of_subsets else "")
        for row, theirs in rows
    )


def checked_outcome(outcome: ScoreOutcome, options: ScoreOptions, reporter: Reporter) -> ScoreOutcome:
    """Reports the differences, and writes torch-fidelity's values into the provenance of the rows.

    Args:
        outcome: What `score` returned.
        options: Those of that score.
        reporter: Gets a line for each number.

    Raises:
        GanevalError: as `cross_check`.
    """
    checked = {found.key: found for found in cross_check(options, outcome.results, reporter)}
    for found in checked.values():
        reporter.message(str(found))
    version = importlib.metadata.version("torch-fidelity")
    results = [
        dataclasses.replace(row, provenance={**row.provenance, PROVENANCE: checked[row.key].to_dict(version)})
        if row.key in checked
        else row
        for row in outcome.results
    ]
    return dataclasses.replace(outcome, results=tuple(results))


def _theirs_of(output: str) -> TorchFidelity | None:
    known = declared(output)
    return known[0].torch_fidelity if known is not None and isinstance(known[0], SetMetric) else None


def _settings(
    asked: Sequence[TorchFidelity], subject: "_Images", reference: "_Images | None"
) -> tuple[dict[str, Any], str]:
    """Arguments under which torch-fidelity's numbers mean what ganeval's do, and a note where subsets cannot."""
    settings: dict[str, Any] = {theirs.argument: True for theirs in asked} | {"isc_splits": 1}
    note = ""
    if reference is not None:
        fewer = min(len(subject), len(reference))
        if len(subject) == len(reference) <= WHOLE:
            settings |= {"kid_subsets": 1, "kid_subset_size": fewer}
        else:
            settings |= {"kid_subsets": 100, "kid_subset_size": min(1_000, fewer)}
            note = f"its mean over 100 random subsets of {settings['kid_subset_size']:,}, ours of all pairs"
    return settings, note


def _computed(
    subject: "_Images", reference: "_Images | None", weights: Path, settings: Mapping[str, Any], options: ScoreOptions
) -> Mapping[str, float]:
    from torch_fidelity import calculate_metrics  # two seconds

    device = resolve_device(options.device)
    same_size = len({*subject.sizes, *(reference.sizes if reference is not None else ())}) == 1
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):  # it builds its network with the global random number generator
        found: Mapping[str, float] = calculate_metrics(
            input1=subject,
            input2=reference,
            cuda=device.type == "cuda",
            batch_size=options.batch_size if same_size else 1,  # it stacks images of one size alone
            feature_extractor="inception-v3-compat",
            feature_extractor_weights_path=str(weights),
            cache=False,
            save_cpu_ram=True,  # without worker processes, to which an open archive cannot be sent
            verbose=False,
            **settings,
        )
    return found


class _Images(Dataset[torch.Tensor]):
    """The images of a source that can be decoded, as uint8 tensors (3, H, W).

    Attributes:
        sizes: (height, width) of each.
    """

    def __init__(self, source: ImageSource, on_bad: str, reporter: Reporter) -> None:
        self._source = source
        self._good: list[int] = []
        self.sizes: list[tuple[int, int]] = []
        with reporter.stage(f"sizes of {source.name}", len(source)) as advance:
            for index in range(len(source)):
                try:
                    height, width = source.read(index).decode().pixels.shape[1:]
                except BadImageError:
                    if on_bad == "fail":
                        raise
                else:
                    self._good.append(index)
                    self.sizes.append((height, width))
                advance(1)

    def __len__(self) -> int:
        return len(self._good)

    def __getitem__(self, place: int) -> torch.Tensor:
        return torch.from_numpy(self._source.read(self._good[place]).decode().pixels.copy())
