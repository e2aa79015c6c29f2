"""Scores a subject by the protocols of its baseline, and compares two subjects by them. Networks are loaded once."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganeval.errors import ProtocolMismatchError, UsageError
from ganeval.gate.fixed_reference import with_given_reference
from ganeval.gate.image_differences import Outputs, compare_outputs
from ganeval.gate.larger_baseline import TIMES, with_larger_draw
from ganeval.generators.open import open_generator
from ganeval.generators.source import GeneratorSource
from ganeval.metrics.keys import first_gate_keys, parse_key
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.results.protocol import Protocol
from ganeval.results.result import Result
from ganeval.scoring.compare import Comparison, compare
from ganeval.scoring.evaluator import Evaluator
from ganeval.scoring.loaded_networks import OpenedNetworks
from ganeval.scoring.open_inputs import open_reference, open_subject_source
from ganeval.scoring.plan import missing_weights
from ganeval.sources.base import ImageSource
from ganeval.sources.decoding.rules import stated_peak

# Images that a generator draws for a gate if the reference has fewer. A generator of digits without two of the ten
# classes failed 37 of 60 gates at 1,198 images, and 97 of 100 at 2,200 (tests/gate/test_gate_power.py).
DRAWN = 2500


@dataclass(frozen=True)
class Setting:
    """Settings that the rows of one score share: subset, seed and reference.

    Attributes:
        num_samples: Of the protocol.
        seed: Of the protocol.
        crop_border: Of the protocol; None for set metrics.
        paired: True for metrics of image pairs.
        mod_crop: Of the protocol; 0 for set metrics.
        reference: True for set metrics with a reference.
        peak: White in 16-bit files, if it was given for the row's score.
    """

    num_samples: int | None
    seed: int
    crop_border: int | None
    paired: bool
    mod_crop: int
    reference: bool
    peak: int | None

    @staticmethod
    def of(protocol: Protocol) -> "Setting":
        """The settings of one row."""
        by_image = protocol.crop_border is not None
        paired = by_image and protocol.reference_sha256 is not None
        reference = protocol.reference_sha256 is not None and not paired
        peak = stated_peak(protocol.decode)
        multiple = protocol.params.get("mod_crop")
        mod_crop = multiple if isinstance(multiple, int) else 0
        return Setting(protocol.num_samples, protocol.seed, protocol.crop_border, paired, mod_crop, reference, peak)


@dataclass(frozen=True)
class Scorer:
    """Scores under recorded protocols.

    Attributes:
        options: Reference, originals, and how images are read and networks run; the metrics, the subset and its seed
            come from the baseline's rows.
        reporter: Where progress and messages go.
    """

    options: ScoreOptions
    reporter: Reporter
    _opened: OpenedNetworks = field(default_factory=OpenedNetworks)

    def rows(self, subject: str, wanted: Sequence[Result]) -> dict[str, Result]:
        """Key -> row of the subject, by the protocols of the wanted rows; paired metrics with values by image.

        Raises:
            ProtocolMismatchError: the number of images differs from the baseline's; checked before anything runs.
            GanevalError: an input that cannot be used.
        """
        found: dict[str, Result] = {}
        for setting, rows in self._groups(wanted).items():
            options = self._options(subject, setting, rows)
            self._check_counts(options, rows[0])
            with Evaluator(options, self.reporter, opened=self._opened) as evaluator:
                outcome = evaluator.score(subject, options.name)
                found |= {row.key: row for row in with_given_reference(outcome)}
        return found

    def recorded_rows(self, subject: str, wanted: Sequence[Result]) -> dict[str, Result]:
        """As `rows`, for a new baseline: with the result of a larger draw in each row that allows one."""
        found = self.rows(subject, wanted)
        for setting, rows in self._groups(wanted).items():
            own = [found[row.key] for row in rows if row.key in found]
            larger = with_larger_draw(own, self._options(subject, setting, rows), self.reporter, self._opened)
            found |= {row.key: row for row in larger}
        return found

    def comparisons(self, against: str, subject: str, wanted: Sequence[Result]) -> dict[str, Comparison]:
        """Key -> paired comparison of the subject with an older one, for metrics that have one.

        Raises:
            GanevalError: as `rows`.
        """
        found: dict[str, Comparison] = {}
        for setting, rows in self._groups(wanted).items():
            if setting.reference or setting.crop_border is not None:
                options = self._options(against, setting, rows)
                for name in (against, subject):
                    self._check_counts(dataclasses.replace(options, subject=name), rows[0])
                found |= {c.result.key: c for c in compare(options, subject, self.reporter, self._opened)}
        return found

    def outputs(self, against: str, subject: str, wanted: Sequence[Result]) -> Outputs:
        """Differences of the images themselves, for the latents or the subset of the first wanted row."""
        setting, rows = next(iter(self._groups(wanted).items()))
        with contextlib.ExitStack() as stack:
            sources = [open_subject_source(self._options(name, setting, rows), stack) for name in (against, subject)]
            return compare_outputs(*sources)

    def origin(self, subject: str) -> Mapping[str, object]:
        """Facts of a subject's generator; {} for images."""
        # Two images are enough to open a source and read its origin.
        source = open_generator(dataclasses.replace(self.options, subject=subject, num_samples=2))
        if source is None:
            return {}
        with contextlib.closing(source):
            return dict(source.origin)

    def _groups(self, wanted: Sequence[Result]) -> dict[Setting, list[Result]]:
        groups: dict[Setting, list[Result]] = {}
        for row in wanted:
            if row.protocol is None:
                raise ProtocolMismatchError(
                    f"{row.key} of {row.subject} in the baseline has no protocol, so it cannot be scored again that "
                    "way. Record a new baseline with `ganeval gate init`."
                )
            groups.setdefault(Setting.of(row.protocol), []).append(row)
        return groups

    def _options(self, subject: str, setting: Setting, rows: Sequence[Result]) -> ScoreOptions:
        protocols = [row.protocol for row in rows if row.protocol is not None]
        paired = setting.paired
        for needed, given, option in (
            (setting.reference, self.options.reference, "--reference REF"),
            (paired, self.options.paired, "--paired REF"),
        ):
            if needed and given is None:
                raise UsageError(
                    f"{rows[0].key} of the baseline needs what it was compared with: give it with {option}, or "
                    "under [run] in gates.toml."
                )
        return dataclasses.replace(
            self.options,
            subject=subject,
            reference=self.options.reference if setting.reference else None,
            paired=self.options.paired if paired else None,
            metrics=",".join(dict.fromkeys(map(_asked, protocols))),
            num_samples=setting.num_samples,
            seed=setting.seed,
            channel="y" if any(protocol.channel == "y" for protocol in protocols) else "rgb",
            crop_border=setting.crop_border or 0,
            mod_crop=setting.mod_crop,
            peak=setting.peak,
            **self._selected(subject, setting, rows[0]),
        )

    def _selected(self, subject: str, setting: Setting, row: Result) -> dict[str, Any]:
        """The file selection of the baseline, unless options select files; links out of a folder are never followed."""
        if self.options.selected or subject in self.options.in_memory:
            return {}
        recorded = {
            name: row.provenance[name]
            for name in ("match", "tile", "labels", "follow_links", "pair_by")
            if name in row.provenance
        }
        if not setting.paired:  # set metrics record the pairing rule of the same score, which they do not use
            recorded.pop("pair_by", None)
        if recorded.get("follow_links") == "anywhere":
            del recorded["follow_links"]
        return recorded

    def _check_counts(self, options: ScoreOptions, row: Result) -> None:
        """Refuses another number of images, which is another protocol, before scoring."""
        with contextlib.ExitStack() as stack:
            subject = open_subject_source(options, stack)
            reference = open_reference(options, stack)
            counts = {"n_fake": (row.n_fake, len(subject))}
            if isinstance(reference, ImageSource):
                counts["n_real"] = (row.n_real, len(reference))
        differing = {name: pair for name, pair in counts.items() if pair[0] is not None and pair[0] != pair[1]}
        if differing and options.on_bad == "fail":
            said = "; ".join(f"{name} {a}, {b}" for name, (a, b) in differing.items())
            raise ProtocolMismatchError(
                f"{options.subject} has another number of images than the baseline of {row.subject}: {said} (baseline, "
                "candidate). Give the same number, or record a new baseline with `ganeval gate init`."
            )


def _asked(protocol: Protocol) -> str:
    """The metric key of a row; for a class ("fd_per_class:Shirt") that of all classes."""
    output = protocol.metric.partition(":")[0]
    return output if protocol.backbone is None else f"{output}@{protocol.backbone}"


def first_count(options: ScoreOptions) -> int | None:
    """Number of images of a first baseline: as in the options; for a generator at least `DRAWN`."""
    if options.num_samples is not None or options.reference is None:
        return options.num_samples
    source = open_generator(options)
    if source is None:
        return None
    with contextlib.closing(source):
        return DRAWN if isinstance(source, GeneratorSource) and len(source) < DRAWN else None


def first_rows(options: ScoreOptions, reporter: Reporter, *, larger: bool = True) -> list[Result]:
    """Rows of a first baseline; if no metrics are named, those of `first_gate` that run here.

    Args:
        options: Options of the score.
        reporter: Where progress goes.
        larger: Add the result of a larger draw to each row that allows one; not useful for several training seeds.
    """
    if options.metrics is None:
        asked = first_gate_keys(paired=False) if options.reference is not None else []
        asked += first_gate_keys(paired=True) if options.paired is not None else []
        if not asked:
            raise UsageError("A gate compares a subject: give --reference REF or --paired REF.")
        runnable = [r.asked for r in map(parse_key, asked) if missing_weights(r, options.weights) is None]
        options = dataclasses.replace(options, metrics=",".join(runnable))
    count = first_count(options)
    if count is not None and options.num_samples is None:
        again = f", then {TIMES * count:,} more for the baseline alone" if larger else ""
        reporter.message(
            f"{options.subject} draws {count:,} images{again}: some minutes on a CPU. --num-samples N takes fewer."
        )
    options = dataclasses.replace(options, num_samples=count)
    opened = OpenedNetworks()
    with Evaluator(options, reporter, opened=opened) as evaluator:
        rows = with_given_reference(evaluator.score(options.subject, options.name))
    return with_larger_draw(rows, options, reporter, opened) if larger else rows
