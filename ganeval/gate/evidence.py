"""What two sides' rows say of a difference: independent samples, the same images, image by image, or training seeds."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganeval.gate.expectation import Spread
from ganeval.gate.ruling import Evidence, Recorded, SeedSpread
from ganeval.metrics.base import SetMetric
from ganeval.metrics.keys import declared
from ganeval.metrics.uncertainty import NEAR_END
from ganeval.results.identical_pairs import OneSided, one_sided
from ganeval.results.result import PER_IMAGE, Result
from ganeval.stats.student_t import sum_degrees
from ganeval.summaries.moments import Float64

if TYPE_CHECKING:
    from ganeval.scoring.compare import Comparison

GIVEN = "stderr_given_reference"  # in a row's provenance: standard error over the generated images alone
SKEWNESS = "skewness_given_reference"  # beside it: how it moves with the value (`ganeval.stats.influence`)
DEGREES = "degrees_given_reference"  # beside it: degrees of freedom behind it, absent where it hardly scatters
CAUTIOUS = "cautious_given_reference"  # beside it, and True, where the error is too large rather than too small
LARGER = "larger_draw"  # in a baseline row's provenance: n, value, standard errors of a larger draw of its generator
KNOWN = (GIVEN, SKEWNESS, DEGREES)
SEED_SHARE = 0.02  # retrained: no margin below 2% of the baseline (gaps under 1.3% are noise: arXiv 2606.20536)
FEWEST_SEEDS = 3
FEWEST_PAIRS = 2
ADDED = "standard errors added as those of independent sets"
REPEATS = 1e-3  # relative; the same images scored twice differ by less, whatever engine or machine


def from_samples(baseline: Result, candidate: Result) -> Evidence:
    """One row a side.

    Standard errors are added as those of independent sets. Where both rows know theirs with the reference held fixed,
    those are taken. Elsewhere the part of the reference, which both sides share, is counted twice; and two checkpoints
    may share their latents. Both are too cautious for models that are alike: the gate then says "inconclusive" where it
    could have known, and does not fail more often than it claims. Metrics of image pairs whose baseline kept its values
    by image are compared image by image. Where a larger draw stands beside the baseline's row, its number and standard
    error take the place of the row's.

    Args:
        baseline: A row of status "ok".
        candidate: A row of status "ok" and of the same protocol.
    """
    images = _sha(baseline)
    # The hash of a set doesn't know which image is compared with which original, or what it is labelled.
    beside = reads_labels(candidate) or (candidate.protocol is not None and candidate.protocol.crop_border is not None)
    if images is not None and images == _sha(candidate) and (not beside or _repeats(baseline, candidate)):
        return _same_images(baseline, candidate)
    by_image, unbounded = _by_image(baseline, candidate), one_sided([baseline], [candidate])
    if sum(None not in pair for pair in by_image) >= FEWEST_PAIRS:
        return _image_by_image(candidate, by_image, unbounded)
    baseline, drawn = larger_draw(baseline)
    b, c = _centre(baseline, candidate), _centre(candidate, baseline)
    sides = baseline, candidate = _near_end_as_other(baseline, candidate), _near_end_as_other(candidate, baseline)
    given = all(isinstance(row.provenance.get(GIVEN), float) for row in sides)
    errors = [error for row in sides if (error := stderr_and_degrees(row, given=given)) is not None]
    if len(errors) < 2:
        without = candidate if candidate.stderr is None else baseline
        why = without.note or "no valid standard error"
        return Evidence(candidate.key, candidate.better, b, c, None, note=why, n=candidate.n_fake, one_sided=unbounded)
    method = f"{ADDED}, given the reference" if given else f"{ADDED}, each with the reference they share: cautious"
    method += f"; the baseline of {drawn:,} images" if drawn else ""
    return Evidence(
        key=candidate.key,
        better=candidate.better,
        baseline=b,
        candidate=c,
        stderr=math.hypot(*(error for error, _ in errors)),
        degrees=sum_degrees(*errors),
        method=method,
        n=candidate.n_fake,
        recorded=recorded_error(baseline, candidate, drawn, given=given),
        one_sided=unbounded,
    )


def reads_labels(row: Result) -> bool:
    """True for a metric that asks what images are labelled: the same images may have another score."""
    known = None if row.protocol is None else declared(row.protocol.metric)
    return known is not None and isinstance(known[0], SetMetric) and "labels" in known[0].needs


def _repeats(baseline: Result, candidate: Result) -> bool:
    b, c = _centre(baseline, candidate), _centre(candidate, baseline)
    return abs(c - b) <= REPEATS * abs(b)


def _near_end_as_other(row: Result, other: Result) -> Result:
    """A row that has no standard error because its share is too near 0 or 1, with the other one's: it is larger.

    Without it four of five unchanged models were inconclusive by a coverage of 0.9, whose baseline just had one.
    """
    if row.stderr is not None or other.stderr is None or NEAR_END not in row.note:
        return row
    return dataclasses.replace(row, stderr=other.stderr, degrees=other.degrees)


def from_seeds(baseline: Sequence[Result], candidate: Sequence[Result]) -> Evidence:
    """Rows of several training seeds a side: Welch's t on their values.

    The spread between seeds holds the sampling error too. The margin is at least 2% of the baseline and at least the
    standard deviation of the baseline's seeds. Where pairs are identical in some rows only, all means are over the
    images that are finite in every row.

    Args:
        baseline: Rows of status "ok", one a training seed, two at least.
        candidate: The same of the candidate.
    """
    sides = seed_values(baseline, candidate)
    means, spreads = [float(side.mean()) for side in sides], [float(side.std(ddof=1)) for side in sides]
    errors = [(spread / math.sqrt(len(side)), len(side) - 1.0) for spread, side in zip(spreads, sides, strict=True)]
    return Evidence(
        key=candidate[0].key,
        better=candidate[0].better,
        baseline=means[0],
        candidate=means[1],
        stderr=math.hypot(errors[0][0], errors[1][0]),
        degrees=sum_degrees(*errors),
        method=f"Welch t, {len(baseline)} and {len(candidate)} training seeds, sd {spreads[0]:.3g}, {spreads[1]:.3g}",
        least_margin=max(SEED_SHARE * abs(means[0]), spreads[0]),
        seeds=SeedSpread(spreads[0], len(baseline), len(candidate)),
        one_sided=one_sided(baseline, candidate),
    )


def seed_values(*sides: Sequence[Result]) -> list[Float64]:
    """The value of each row, debiased where all are; over the images finite in all, where rows leave out others."""
    rows = [row for side in sides for row in side]
    debiased = all(row.debiased is not None for row in rows)
    shared = _finite_in_all(rows) if any(one_sided(rows, rows)) else ()
    values = {
        id(row): math.fsum(values[image] for image in shared) / len(shared)
        for row in rows
        if shared and isinstance(values := row.provenance.get(PER_IMAGE), Mapping)
    }
    plain = [[row.debiased if debiased else row.value for row in side] for side in sides]
    return [
        np.asarray([values.get(id(row), value) for row, value in zip(side, own, strict=True)], dtype=np.float64)
        for side, own in zip(sides, plain, strict=True)
    ]


def _finite_in_all(rows: Sequence[Result]) -> list[str]:
    """Images with a finite value in every row, in the order of the first; [] where a row does not keep its values."""
    kept = [row.provenance.get(PER_IMAGE) for row in rows]
    known = [values for values in kept if isinstance(values, Mapping)]
    if len(known) < len(rows):
        return []
    return [image for image in known[0] if all(_number(values.get(image)) is not None for values in known)]


def from_comparison(comparison: "Comparison") -> Evidence:
    """The paired, seed-locked difference of two subjects that were both scored now.

    Args:
        comparison: The candidate (B, with a value) against the older subject (A).
    """
    row, found = comparison.result, comparison.difference
    unbounded = OneSided(found.unbounded, found.unbounded_wins)
    alike = found.verdict == "no difference detected" or unbounded.second > 0
    same = found.stderr is None and found.delta == 0.0 and alike and not unbounded.first
    now = row.value if row.debiased is None else row.debiased
    then = comparison.value_a if found.stderr is None and not same else now - found.delta if now is not None else None
    if now is None or then is None:
        raise ValueError(f"row {row.key} of {row.subject} or of {comparison.against} has no value")
    return Evidence(
        key=row.key,
        better=row.better,
        baseline=then,
        candidate=now,
        stderr=found.stderr,
        degrees=math.inf if found.degrees is None else found.degrees,
        method=found.method,
        note=found.note,
        n=row.n_fake,
        same=same,
        one_sided=unbounded,
    )


def larger_draw(row: Result) -> tuple[Result, int | None]:
    """The row with the number and standard errors of the larger draw beside it, and its count; as it is without one."""
    match row.provenance.get(LARGER):
        case {"n": int(n), "value": float(value), "stderr": float(stderr), "degrees": degrees, **more} if n > 0:
            debiased = None if row.debiased is None else value
            own = {name: more[name] for name in KNOWN if isinstance(more.get(name), float)}
            provenance = {**row.provenance, **own}
            known = degrees if isinstance(degrees, int | float) else None
            return dataclasses.replace(
                row, value=value, debiased=debiased, stderr=stderr, degrees=known, provenance=provenance
            ), n
    return row, None


def stderr_and_degrees(row: Result, *, given: bool) -> tuple[float, float] | None:
    """Standard error and degrees of freedom; None where the row has none.

    Args:
        row: Of status "ok".
        given: With the reference held fixed, if the row knows that.
    """
    fixed = row.provenance.get(GIVEN)
    if given and isinstance(fixed, float):
        degrees = row.provenance.get(DEGREES)
        return fixed, degrees if isinstance(degrees, float) else math.inf
    return None if row.stderr is None else (row.stderr, math.inf if row.degrees is None else row.degrees)


def recorded_error(baseline: Result, candidate: Result, drawn: int | None, *, given: bool) -> Recorded | None:
    """The standard error of a baseline, and what that of an unchanged candidate is beside it.

    Of independent images it falls as the root of their count; what rows have in common with a reference does not. A row
    from before its skewness was kept has that of the other, carried over to its count.

    Args:
        baseline: Of status "ok", with the larger draw in its place where there is one.
        candidate: Of status "ok", or the baseline's own row.
        drawn: Images of the larger draw, None where there is none.
        given: With the reference held fixed, if the rows know that.

    Returns:
        None if either row lacks a standard error, or has no spread, or none beside the other's.
    """
    theirs, mine = (stderr_and_degrees(row, given=given) for row in (baseline, candidate))
    if theirs is None or mine is None or not theirs[0] or not mine[0]:
        return None
    given = given and all(isinstance(row.provenance.get(GIVEN), float) for row in (baseline, candidate))
    n, m = drawn or baseline.n_fake, candidate.n_fake
    ratio = math.sqrt(n / m) if given and n and m else mine[0] / theirs[0]
    if not 0.0 < ratio < math.inf:
        return None
    skewness = 0.0
    for row, factor in ((candidate, 1.0 / ratio), (baseline, 1.0)):
        if given and isinstance(one := row.provenance.get(SKEWNESS), float):
            skewness = factor * one * (-1.0 if candidate.better == "higher" else 1.0)
    own, other = Spread(1.0, theirs[1], skewness), Spread(ratio, mine[1], skewness * ratio)
    wide = any(row.provenance.get(CAUTIOUS) is True for row in (baseline, candidate))
    return Recorded(theirs[0], own, other, cautious=wide or not given)


def _same_images(baseline: Result, candidate: Result) -> Evidence:
    b, c = _centre(baseline, candidate), _centre(candidate, baseline)
    note = "the same images, byte for byte"
    if not _repeats(baseline, candidate):
        note += f"; they scored {b:.6g} then and {c:.6g} now: compare the versions in both rows' provenance"
    return Evidence(candidate.key, candidate.better, b, c, 0.0, method="same images", note=note, same=True)


def _image_by_image(
    candidate: Result, by_image: Sequence[tuple[float | None, float | None]], unbounded: OneSided
) -> Evidence:
    """Means of the values by image; the spread of their differences is all that is uncertain."""
    pairs: Float64 = np.asarray([pair for pair in by_image if None not in pair], dtype=np.float64)
    differences, n = pairs[:, 1] - pairs[:, 0], len(pairs)
    left_out = (candidate.n_fake or n) - n
    note = f"{left_out} images without a finite value on both sides are left out" if left_out else ""
    return Evidence(
        key=candidate.key,
        better=candidate.better,
        baseline=float(pairs[:, 0].mean()),
        candidate=float(pairs[:, 1].mean()),
        stderr=float(differences.std(ddof=1)) / math.sqrt(n),
        degrees=n - 1.0,
        method="image by image, Student t",
        note=note,
        n=n,
        same=not unbounded.first and not differences.any(),
        one_sided=unbounded,
    )


def _by_image(baseline: Result, candidate: Result) -> list[tuple[float | None, float | None]]:
    """Values of the same images, baseline first, None where infinite; empty if either row did not keep them."""
    then, now = (row.provenance.get(PER_IMAGE) for row in (baseline, candidate))
    if not isinstance(then, Mapping) or not isinstance(now, Mapping) or then.keys() != now.keys():
        return []
    both = [(then[stem], now[stem]) for stem in then]
    return [(_number(first), _number(second)) for first, second in both]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _centre(row: Result, other: Result) -> float:
    """The debiased value where both sides have one, else the value."""
    if row.value is None:
        raise ValueError(f"row {row.key} of {row.subject} has no value")
    return row.value if row.debiased is None or other.debiased is None else row.debiased


def _sha(row: Result) -> str | None:
    found = row.provenance.get("subject_sha256")
    return found if isinstance(found, str) else None
