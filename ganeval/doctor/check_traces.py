"""Checks of how images were made: JPEG quality, traces of JPEG in lossless files, enlarging, missing fine detail."""

from typing import Final

import numpy as np
import numpy.typing as npt

from ganeval.doctor.check import Check, percent, share_of
from ganeval.doctor.damage import as_jpeg, enlarged
from ganeval.doctor.facts import Looks, SetFacts
from ganeval.doctor.finding import Finding, Severity
from ganeval.doctor.grid import EXCESS, MIN_SIDE

LOW_QUALITY: Final = 75
QUALITY_APART: Final = 5
QUALITY_FAR: Final = 15
MOST: Final = 0.5
SOME: Final = 0.1
ENLARGED: Final = -34.0  # dB
SOFTER: Final = 8.0  # dB
MIN_TRACED: Final = 8  # images whose traces can be read


def jpeg_quality(seen: SetFacts, reference: SetFacts | None) -> Finding | None:
    """JPEG quality that is low, or differs from the reference's."""
    ours = _qualities(seen)
    if len(ours) < MOST * seen.n:
        return None
    quality = int(np.median(ours))
    theirs = _qualities(reference) if reference is not None else None
    hit = [i for i, known in enumerate(seen.qualities) if known is not None and known <= quality]
    if theirs is not None and reference is not None and len(theirs) >= MOST * reference.n:
        other = int(np.median(theirs))
        if abs(quality - other) < QUALITY_APART:
            return None
        return Finding(
            "jpeg-quality",
            "serious" if abs(quality - other) >= QUALITY_FAR else "warning",
            len(ours),
            seen.n,
            f"the images are JPEG of quality {quality}, the reference's {other} (medians, by the quantisation tables)",
            "Write the images lossless, or recompress both sets from lossless originals at one quality.",
            seen.stems(hit),
            as_jpeg(quality),
        )
    if reference is not None or quality >= LOW_QUALITY:
        return None  # against a lossless reference `formats` has said so
    return Finding(
        "jpeg-quality",
        "warning",
        len(ours),
        seen.n,
        f"the images are JPEG of quality {quality} (median, by the quantisation tables)",
        "Write generated images lossless; compression moves fd more than most models differ.",
        seen.stems(hit),
        as_jpeg(quality),
    )


def jpeg_traces(seen: Looks, reference: Looks | None) -> Finding | None:
    """Lossless files whose pixels were a JPEG before."""
    ours = _grids(seen, lossless=True)
    if len(ours) < MIN_TRACED:
        return None
    flags = np.array([excess > EXCESS for _, excess, _ in ours])
    share = float(flags.mean())
    if share < SOME:
        return None
    known = [quality for _, excess, quality in ours if excess > EXCESS and quality is not None]
    quality = int(np.median(known)) if 2 * len(known) >= flags.sum() else None
    said = f"about {quality}" if quality is not None else "90 or more"
    severity: Severity = "warning" if share >= MOST else "info"
    rest = ""
    if reference is not None:
        others = _grids(reference, lossless=False)
        if len(others) >= MIN_TRACED:
            theirs = float(np.mean([excess > EXCESS for _, excess, _ in others]))
            rest = f", {percent(theirs)} of the reference's"
            apart = abs(share - theirs)
            severity = "serious" if apart >= MOST and quality is not None else "warning" if apart >= MOST else "info"
    return Finding(
        "jpeg-traces",
        severity,
        int(flags.sum()),
        len(ours),
        f"{percent(share)} of the lossless images looked at were JPEG before{rest}: their cosine coefficients vanish "
        f"on one 8 × 8 grid (quality {said})",
        "Take the images from before the compression, or give the reference the same.",
        seen.facts.stems(np.asarray([ours[i][0] for i in np.flatnonzero(flags)])),
        as_jpeg(quality if quality is not None else 90),
    )


def enlarging(seen: Looks, reference: Looks | None) -> Finding | None:
    """Enlarged images: repeated pixels, or no detail at the finest scale."""
    repeats = np.array([seen.traces[i].repeats for i in seen.traced])
    if len(repeats) < MIN_TRACED:
        return None
    details = _details(seen)
    repeated = share_of(repeats > 1)
    soft = share_of(details < ENLARGED) if len(details) >= MIN_TRACED else 0.0
    if max(repeated, soft) < MOST:
        return None
    theirs, rest = 0.0, ""
    if reference is not None:
        their_repeats = share_of([reference.traces[i].repeats > 1 for i in reference.traced])
        theirs = max(their_repeats, share_of(_details(reference) < ENLARGED))
        rest = f", {percent(theirs)} of the reference's"
    share = max(repeated, soft)
    severity: Severity = "warning"
    if reference is not None:
        severity = "serious" if share - theirs >= MOST else "info"
    factor = int(np.median(repeats[repeats > 1])) if repeated >= MOST else 2
    said = (
        f"are made of {factor} × {factor} equal pixels"
        if repeated >= MOST
        else f"have next to no detail at the finest scale ({np.median(details):.0f} dB, below {ENLARGED:.0f})"
    )
    hit = [i for i in seen.traced if seen.traces[i].repeats > 1 or seen.traces[i].detail < ENLARGED]
    return Finding(
        "enlarged",
        severity,
        round(share * len(repeats)),
        len(repeats),
        f"{percent(share)} of the images looked at {said}{rest}: they were made larger, or strongly blurred",
        "Score at the size that the generator draws; compare with a reference of that size.",
        seen.facts.stems(np.asarray(hit)),
        enlarged(factor, nearest=repeated >= MOST),
    )


def softness(seen: Looks, reference: Looks | None) -> Finding | None:
    """More or less fine detail than the reference."""
    if reference is None:
        return None
    ours, theirs = _details(seen), _details(reference)
    if min(len(ours), len(theirs)) < MIN_TRACED:
        return None
    apart = float(np.median(ours) - np.median(theirs))
    if abs(apart) < SOFTER:
        return None
    return Finding(
        "sharpness",
        "warning",
        len(ours),
        len(ours),
        f"the images have {abs(apart):.0f} dB {'less' if apart < 0 else 'more'} power at the finest scale than the "
        f"reference's ({np.median(ours):.0f} against {np.median(theirs):.0f} dB, medians)",
        "Less: resizing, blur or a soft generator. More: noise, sharpening, nearest-neighbour resizing, checkerboards.",
        damage=enlarged(2, nearest=False) if apart < 0 else None,
    )


def _qualities(seen: SetFacts) -> list[int]:
    return [quality for quality in seen.qualities if quality is not None]


def _grids(looks: Looks, *, lossless: bool) -> list[tuple[int, float, int | None]]:
    """(image, excess, quality) of the images with a readable grid; `lossless` leaves JPEG files out."""
    found = []
    for index in looks.traced:
        traces = looks.traces[int(index)]
        if np.isfinite(traces.grid) and not (lossless and looks.facts.facts[int(index)].format == "jpeg"):
            found.append((int(index), traces.grid, traces.grid_quality))
    return found


def _details(looks: Looks) -> npt.NDArray[np.float64]:
    details = np.array([looks.traces[int(i)].detail for i in looks.traced], dtype=np.float64)
    return details[np.isfinite(details)]


QUALITY_CHECKS: Final[tuple[Check[SetFacts], ...]] = (
    Check(
        "jpeg-quality",
        "Which JPEG quality, and is it the reference's?",
        f"medians {QUALITY_APART} apart: warning, {QUALITY_FAR}: serious; without a reference below {LOW_QUALITY}: "
        "warning",
        "read from the quantisation tables, as the nearest of libjpeg's 100 tables; 75 is the usual default",
        jpeg_quality,
    ),
)

TRACE_CHECKS: Final[tuple[Check[Looks], ...]] = (
    Check(
        "jpeg-traces",
        "Were lossless files JPEG before?",
        f"coefficients below one grey level: share on the 8 × 8 grid {EXCESS:g} above that of every shifted grid; "
        f"{SOME:.0%} of the images: info, {MOST:.0%}: warning, {MOST:.0%} apart from the reference: serious where a "
        f"quality below 90 is read; images from {MIN_SIDE} px",
        "pictures that were no JPEG stay below 0.048 (32 px) and 0.003 (64 px and more); JPEG of quality 40 to 90 has "
        "0.2 to 0.4 in the median",
        jpeg_traces,
    ),
    Check(
        "enlarged",
        "Were the images made larger?",
        f"half of the images of repeated pixels, or with less than {ENLARGED:.0f} dB at 0.4 to 0.5 cycles a pixel over "
        "0.06 to 0.125: warning; half apart from the reference: serious, like it: info",
        "medians of CIFAR-10, BSD100, Fashion-MNIST: -24, -19, -17 dB; enlarged 2 or 4 times: -40 to -51 dB",
        enlarging,
    ),
    Check(
        "sharpness",
        "Do the images have the reference's fine detail?",
        f"medians of the same measure {SOFTER:g} dB apart: warning",
        "JPEG of quality 40 moves it by 1 to 3 dB",
        softness,
    ),
)
