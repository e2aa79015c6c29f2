"""Scores a subject as its baseline was scored, and compares two subjects that way. Networks are loaded once."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganeval.errors import ProtocolMismatchError, UsageError
from ganeval.gate.fixed_reference import with_given_reference
from ganeval.gate.image_differences import Outputs, compare_outputs
from ganeval.gate.larger_baseline import with_larger_draw
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

# Images that a generator draws for a gate where the reference has fewer. Two of ten lost classes of digits failed 37
# times in 60 at 1,198 images, 97 times in 100 at 2,200 (drawn as in tests/gate/test_gate_power.py).
DRAWN = 2500


@dataclass(frozen=True)
class Setting:
    """What rows of one pass share: which subset, from which seed, against what.

    Attributes:
        num_samples: As in the protocol.
        seed: As in the protocol.
        crop_border: None for set metrics.
        paired: True for metrics of image pairs.
        mod_crop: 0 for set metrics.
        reference: True for set metrics that compare with a reference.
        peak: White in 16-bit files, where the row's score was told.
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
        """The setting of one row."""
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
        options: How images are read and networks run, and the reference and originals; the subject, the metrics, the
            subset and its seed are taken from the baseline's rows.
        reporter: Where progress and messages go.
    """

    options: ScoreOptions
    reporter: Reporter
    _opened: OpenedNetworks = field(default_factory=OpenedNetworks)

    def rows(self, subject: str, wanted: Sequence[Result]) -> dict[str, Result]:
        """Key -> row of the subject, scored as the wanted rows were; paired metrics with their values by image.

        Raises:
            ProtocolMismatchError: another number of images than in the baseline, seen before anything runs.
            GanevalError: anything else that cannot be used.
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
        """The same of a new baseline: with a larger draw beside each row that allows one."""
        found = self.rows(subject, wanted)
        for setting, rows in self._groups(wanted).items():
            own = [found[row.key] for row in rows if row.key in found]
            larger = with_larger_draw(own, self._options(subject, setting, rows), self.reporter, self._opened)
            found |= {row.key: row for row in larger}
        return found

    def comparisons(self, against: str, subject: str, wanted: Sequence[Result]) -> dict[str, Comparison]:
        """Key -> the paired comparison of the subject with an older one; metrics without a reference have none.

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
        """How the images themselves differ, on the latents or the subset of the first wanted row."""
        setting, rows = next(iter(self._groups(wanted).items()))
        with contextlib.ExitStack() as stack:
            sources = [open_subject_source(self._options(name, setting, rows), stack) for name in (against, subject)]
            return compare_outputs(*sources)

    def origin(self, subject: str) -> Mapping[str, object]:
        """What is known of the generator behind a subject; {} for images."""
        # Two images are enough to ask a source where they come from.
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
                    f"{rows[0].key} of the baseline compares with something: give the same again with {option}, or "
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
        """Which files the baseline took, unless other ones are asked for; never links out of a folder."""
        if self.options.selected or subject in self.options.in_memory:
            return {}
        recorded = {
            name: row.provenance[name]
            for name in ("match", "tile", "labels", "follow_links", "pair_by")
            if name in row.provenance
        }
        if not setting.paired:  # rows of sets have the rule that paired rows of the same score went by
            recorded.pop("pair_by", None)
        if recorded.get("follow_links") == "anywhere":
            del recorded["follow_links"]
        return recorded

    def _check_counts(self, options: ScoreOptions, row: Result) -> None:
        """Another number of images is another protocol; it shows before an hour of scoring does."""
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
                "candidate). Give as many, or record a new baseline with `ganeval gate init`."
            )


def _asked(protocol: Protocol) -> str:
    """The key that asks for a row's metric again; a class ("fd_per_class:Shirt") is asked for with all others."""
    output = protocol.metric.partition(":")[0]
    return output if protocol.backbone is None else f"{output}@{protocol.backbone}"


def first_count(options: ScoreOptions) -> int | None:
    """How many images a first baseline takes: as many as were asked for, and of a generator no fewer than `DRAWN`."""
    if options.num_samples is not None or options.reference is None:
        return options.num_samples
    source = open_generator(options)
    if source is None:
        return None
    with contextlib.closing(source):
        return DRAWN if isinstance(source, GeneratorSource) and len(source) < DRAWN else None


def first_rows(options: ScoreOptions, reporter: Reporter, *, larger: bool = True) -> list[Result]:
    """Rows for a first baseline: where no metrics are named, those that a gate can stand on and that run here.

    Args:
        options: What to score, and how.
        reporter: Where progress goes.
        larger: Put a larger draw beside each row that allows one; of several training seeds it would say nothing.
    """
    if options.metrics is None:
        asked = first_gate_keys(paired=False) if options.reference is not None else []
        asked += first_gate_keys(paired=True) if options.paired is not None else []
        if not asked:
            raise UsageError("A gate holds a subject against something: give --reference REF or --paired REF.")
        runnable = [r.asked for r in map(parse_key, asked) if missing_weights(r, options.weights) is None]
        options = dataclasses.replace(options, metrics=",".join(runnable))
    options = dataclasses.replace(options, num_samples=first_count(options))
    opened = OpenedNetworks()
    with Evaluator(options, reporter, opened=opened) as evaluator:
        rows = with_given_reference(evaluator.score(options.subject, options.name))
    return with_larger_draw(rows, options, reporter, opened) if larger else rows
