"""The effect of each kind of damage on the Fréchet distance, measured by the engine that scores.

The distance of two disjoint sets of clean images is what chance alone gives; then one of them is damaged and the
distance computed again. With a hundred images per set both are far above the values for thousands of images, and the
effects of two faults do not add up: the figures show which fault matters, not how much to subtract from a score.
"""

import dataclasses
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from ganeval.doctor.damaged_images import Damaged
from ganeval.doctor.examine import Examination
from ganeval.doctor.finding import Effect, Finding
from ganeval.errors import GanevalError
from ganeval.metrics.frechet import FD, fd_of_rows
from ganeval.metrics.keys import printed_key
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.scoring.evaluator import Evaluator
from ganeval.scoring.loaded_networks import Passes
from ganeval.sources.base import ImageSource, Subset, seeded_subset
from ganeval.sources.datasets.table import open_dataset
from ganeval.summaries.bank import Rows

BACKBONE: Final = "efflite0"
KEY: Final = f"{FD.name}@{BACKBONE}"
EFFECT_IMAGES: Final = 256  # 128 in each of the two sets
EFFECT_SEED: Final = 0
EFFECT_SECONDS: Final = 60.0  # no further damage is measured after this time
MIN_IMAGES: Final = 8


def measurable(findings: Sequence[Finding]) -> list[Finding]:
    """The findings whose damage can be applied to clean images and that are at least warnings."""
    return [finding for finding in findings if finding.damage is not None and finding.severity != "info"]


def measure(
    found: Examination,
    reference: ImageSource | None,
    options: ScoreOptions,
    device: str,
    reporter: Reporter,
) -> Examination:
    """Measures the effects of an examination on images of the reference, or of the embedded photos without one.

    Args:
        found: The examination.
        reference: Clean images like the user's.
        options: As in `with_effects`.
        device: As in `with_effects`.
        reporter: As in `with_effects`.
    """
    if not measurable(found.findings):
        return found
    clean = open_dataset("photos") if reference is None else reference
    findings = with_effects(found.findings, clean, options, device, reporter)
    return dataclasses.replace(found, findings=findings)


def with_effects(
    findings: Sequence[Finding],
    clean: ImageSource,
    options: ScoreOptions,
    device: str,
    reporter: Reporter,
    seconds: float = EFFECT_SECONDS,
) -> tuple[Finding, ...]:
    """Returns the findings with the effect of their damage on fd.

    Args:
        findings: Those without damage, or of severity "info", are returned as they are.
        clean: Images to damage; a seeded subset of EFFECT_IMAGES is taken.
        options: Batch size, engine and cache.
        device: Name of the device where the network runs.
        reporter: Where progress goes.
        seconds: No further damage is measured after this time.

    Raises:
        GanevalError: the backbone cannot be used.
    """
    wanted = measurable(findings)
    if not wanted:
        return tuple(findings)
    subset = seeded_subset(clean, EFFECT_IMAGES, EFFECT_SEED)
    half = len(subset) // 2
    if half < MIN_IMAGES:
        reporter.message(f"Effects were not measured: {len(subset)} clean images of {clean.name} are too few.")
        return tuple(findings)
    order = np.random.Generator(np.random.PCG64(EFFECT_SEED)).permutation(len(subset)).tolist()
    kept, spoilt = Subset(subset, order[:half]), Subset(subset, order[half : 2 * half])
    started = time.monotonic()
    measured: dict[int, Effect] = {}
    late = 0
    networks = dataclasses.replace(
        options, device=device, metrics=KEY, reference=kept.name, paired=None, in_memory={kept.name: kept}
    )
    with Evaluator(networks, reporter) as evaluator:
        passes = evaluator.networks()
        rows, before = _rows(passes, kept, f"{clean.name} (clean)"), _rows(passes, spoilt, f"{clean.name} (clean)")
        floor = _distance(rows, before)
        key = printed_key(FD.name, passes.backbones[BACKBONE].key)
        for position, finding in enumerate(findings):
            damage = finding.damage
            if damage is None or finding not in wanted:
                continue
            if time.monotonic() - started > seconds:
                late += 1
                continue
            try:
                after = _rows(passes, Damaged(spoilt, damage, EFFECT_SEED), damage.words)
            except GanevalError as error:
                reporter.message(f"The effect of {finding.name} could not be measured: {error}")
                continue
            measured[position] = Effect(
                key, floor, _distance(rows, after), _distance(before, after), half, clean.name, damage.words
            )
    if late:
        reporter.message(f"The effect of {late} findings was not measured: {seconds:.0f} s were over.")
    return tuple(dataclasses.replace(finding, effect=measured.get(i)) for i, finding in enumerate(findings))


def _rows(passes: Passes, source: ImageSource, title: str) -> Rows:
    bank = passes.run(source, title).sets[BACKBONE].bank
    if bank is None:
        raise RuntimeError(f"the pass over {title} left no feature rows")
    return bank.rows()


def _distance(real: Rows, fake: Rows) -> float:
    return fd_of_rows(real, fake, dict(FD.params))[FD.name]
