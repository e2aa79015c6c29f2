"""Checks of counts, files and sizes that need only listing and decoding: they also run in every score."""

import math
from collections import Counter
from typing import Final

import numpy as np
import numpy.typing as npt

from ganeval.doctor.check import Check, image_word, percent, share_of
from ganeval.doctor.damage import as_grey, as_jpeg, resized
from ganeval.doctor.facts import SetFacts
from ganeval.doctor.finding import Finding, Severity
from ganeval.sources.listing import PICTURE

SMALL_N: Final = 2048  # below this, a Frechet distance is mostly bias on the usual backbones
TINY_N: Final = 50
LOSSY: Final = "jpeg"
LIKE: Final = 0.1  # fractions that differ by less count as equal
OTHER_SIZE: Final = 1.5  # ratio of side lengths from which a size is another resolution
OTHER_ASPECTS: Final = 0.2
ASPECT: Final = 0.05  # relative difference of width / height that the eye sees as squashed


def undecodable(seen: SetFacts, _reference: SetFacts | None) -> Finding | None:
    """Files with an image extension that cannot be decoded."""
    if not seen.bad:
        return None
    count, total = len(seen.bad), len(seen.bad) + seen.n
    return Finding(
        "undecodable",
        "serious",
        count,
        total,
        f"{image_word(count)} of {total:,} cannot be decoded; first: {seen.bad[0]}",
        "Write them again. `score` refuses the set; with --on-bad skip it scores the others, which are a selection.",
        tuple(line.partition(":")[0] for line in seen.bad[:8]),
    )


def left_out(seen: SetFacts, _reference: SetFacts | None) -> Finding | None:
    """Entries of the folder or archive that are no images of the set."""
    count = sum(seen.left_out.values())
    if not count:
        return None
    kinds = ", ".join(f"{number:,} {reason}" for reason, number in sorted(seen.left_out.items()))
    links = any("link" in reason for reason in seen.left_out)
    pictures = any(PICTURE in reason for reason in seen.left_out)
    advice = "Rename or convert the pictures. " if pictures else ""
    advice += "Copy what links lead to (cp -RL), or score with --follow-links-anywhere." if links else ""
    return Finding(
        "left-out",
        "warning" if links or pictures else "info",
        count,
        count + seen.n + len(seen.bad),
        f"{count:,} entries are no images of the set and were left out: {kinds}",
        advice.strip() or "Nothing.",
    )


def versions(seen: SetFacts, _reference: SetFacts | None) -> Finding | None:
    """Several versions of each picture in one set."""
    if seen.mixture is None:
        return None
    return Finding(
        "versions",
        "serious",
        seen.n,
        seen.n,
        f"the set holds {seen.mixture.words()}",
        f"Score one of them: --match '{seen.mixture.example}'. `score` refuses the mixture.",
    )


def too_few(seen: SetFacts, reference: SetFacts | None) -> Finding | None:
    """Counts too small for any set metric."""
    smallest = min(seen.n, reference.n if reference else seen.n)
    if smallest >= SMALL_N:
        return None
    whose = "" if smallest == seen.n else " in the reference"
    return Finding(
        "count",
        "serious" if smallest < TINY_N else "warning",
        smallest,
        smallest,
        f"only {image_word(smallest)}{whose}: fd is biased upward at small n, most for sets of little variety",
        f"Draw at least {SMALL_N:,} images, or read kd and mind, and compare only at equal n.",
    )


def formats(seen: SetFacts, reference: SetFacts | None) -> Finding | None:
    """Mixed file formats, or lossy ones if the reference's are lossless."""
    counts = Counter(fact.format for fact in seen.facts)
    words = ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
    lossy = share_of([fact.format == LOSSY for fact in seen.facts])
    if reference is not None:
        theirs = share_of([fact.format == LOSSY for fact in reference.facts])
        if lossy - theirs >= 0.5:
            known = [quality for quality in seen.qualities if quality is not None]
            quality = int(np.median(known)) if known else None
            said = f" of quality {quality}" if quality is not None else ""
            return Finding(
                "formats",
                "warning" if quality is not None and quality >= 95 else "serious",
                round(lossy * seen.n),
                seen.n,
                f"{percent(lossy)} of the images are JPEG{said}, {percent(theirs)} of the reference's: the score will "
                "be about compression as well",
                "Write the generated images as PNG. If they come from JPEG training data, give the reference the same.",
                seen.stems([i for i, fact in enumerate(seen.facts) if fact.format == LOSSY]),
                None if quality is None else as_jpeg(quality),
            )
        if theirs - lossy >= 0.5:
            return Finding(
                "formats",
                "info",
                seen.n - round(lossy * seen.n),
                seen.n,
                f"the reference is JPEG ({percent(theirs)}), these images are not ({words}): usual for photos, and "
                "part of what fd sees",
                "Leave the generated images lossless; say it beside the score.",
            )
    if len(counts) == 1:
        return None
    main, most = counts.most_common(1)[0]
    return Finding(
        "formats",
        "warning",
        seen.n - most,
        seen.n,
        f"file formats are mixed: {words}",
        "Write all images in one lossless format, unless the reference is mixed the same way.",
        seen.stems([i for i, fact in enumerate(seen.facts) if fact.format != main]),
    )


def sizes(seen: SetFacts, reference: SetFacts | None) -> Finding | None:
    """Mixed sizes, or a resolution other than the reference's."""
    counts = Counter((fact.width, fact.height) for fact in seen.facts)
    (width, height), most = counts.most_common(1)[0]
    if reference is not None:
        ours, theirs = _side(seen), _side(reference)
        ratio = max(ours, theirs) / min(ours, theirs)
        if ratio > 1.02:
            here, there = (f"{side:.0f} px" for side in (ours, theirs))
            return Finding(
                "sizes",
                "serious" if ratio >= OTHER_SIZE else "warning",
                seen.n,
                seen.n,
                f"the images are {here} a side, the reference's {there} (median root of the area): one of them is "
                "resized more on its way into the network, and fd sees that",
                "Compare at one resolution: resize the larger set once, antialiased, and keep it so.",
                damage=resized(width, height),
            )
        if _same_mix(counts, Counter((fact.width, fact.height) for fact in reference.facts)):
            return None
    if len(counts) == 1:
        return None
    sides = np.sqrt([w * h for w, h in counts.elements()])
    wide = float(sides.max() / sides.min())
    span = f"the root of the area differs up to {wide:.2g} times" if wide > 1.02 else "all of nearly one area"
    return Finding(
        "sizes",
        "warning" if wide >= OTHER_SIZE else "info",
        seen.n - most,
        seen.n,
        f"{len(counts)} different sizes; {most:,} of {seen.n:,} are {width} × {height}, {span}",
        "Nothing, if the reference is mixed the same way; else write one size. Each image is resized by itself.",
        seen.stems([i for i, fact in enumerate(seen.facts) if (fact.width, fact.height) != (width, height)]),
    )


def aspect(seen: SetFacts, reference: SetFacts | None) -> Finding | None:
    """Aspect ratios: every backbone squashes images to squares."""
    ours = np.array([fact.width / fact.height for fact in seen.facts])
    middle = float(np.median(ours))
    if reference is not None:
        theirs = np.array([fact.width / fact.height for fact in reference.facts])
        if _spread_apart(ours, theirs) < max(OTHER_ASPECTS, _chance(seen.n, reference.n)):
            return None
        return Finding(
            "aspect",
            "warning",
            seen.n,
            seen.n,
            f"width / height is {middle:.3g} (median), the reference's {float(np.median(theirs)):.3g}, or spreads "
            "otherwise: every backbone squashes images to squares, so the same thing looks different",
            "Crop both sets to one aspect.",
        )
    off = np.flatnonzero(np.abs(ours / middle - 1.0) > ASPECT)
    if not len(off):
        return None
    return Finding(
        "aspect",
        "info",
        len(off),
        seen.n,
        f"{percent(len(off) / seen.n)} of the images have another aspect than {middle:.3g}: every backbone squashes "
        "them to squares",
        "Nothing, if the reference is mixed the same way; else crop to one aspect.",
        seen.stems(off),
    )


def grey(seen: SetFacts, reference: SetFacts | None) -> Finding | None:
    """Grey images among color ones, or a grey set against a color reference."""
    share = share_of(seen.grey)
    theirs = None if reference is None else share_of(reference.grey)
    if theirs is None:
        if share in (0.0, 1.0):
            return None
        severity: Severity = "info" if min(share, 1.0 - share) < LIKE else "warning"
    elif reference is None or abs(share - theirs) < max(LIKE, _chance(seen.n, reference.n)):
        return None
    else:
        severity = "serious" if abs(share - theirs) >= 0.5 else "warning"
    count = sum(seen.grey)
    rest = "" if theirs is None else f", {percent(theirs)} of the reference's"
    return Finding(
        "grey",
        severity,
        count,
        seen.n,
        f"{percent(share)} of the images have no colour (R = G = B){rest}",
        "Check the last layer's channels and how images were saved; compare grey with grey.",
        seen.stems(np.flatnonzero(np.asarray(seen.grey) == (share <= 0.5))),
        as_grey() if severity != "info" and share > 0 else None,
    )


def _spread_apart(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    """Largest difference of two cumulated distributions of aspects, in steps of ASPECT (Kolmogorov and Smirnov)."""
    steps = [np.rint(np.log(aspects) / math.log1p(ASPECT)) for aspects in (ours, theirs)]
    places = np.unique(np.concatenate(steps))
    shares = [np.searchsorted(np.sort(side), places, side="right") / len(side) for side in steps]
    return float(np.abs(shares[0] - shares[1]).max())


def _chance(n: int, m: int) -> float:
    """What shares of n and m independent images differ by in 1% of cases at most (Kolmogorov and Smirnov)."""
    return 1.63 * math.sqrt(1 / n + 1 / m)


def _side(seen: SetFacts) -> float:
    return float(np.median([math.sqrt(fact.width * fact.height) for fact in seen.facts]))


def _same_mix(ours: Counter[tuple[int, int]], theirs: Counter[tuple[int, int]]) -> bool:
    total, other = ours.total(), theirs.total()
    return all(abs(ours[size] / total - theirs[size] / other) < LIKE for size in {*ours, *theirs})


FILE_CHECKS: Final[tuple[Check[SetFacts], ...]] = (
    Check(
        "undecodable",
        "Can every file be decoded?",
        "serious from one on",
        "`score` stops at the first one; leaving them out scores a selection",
        undecodable,
    ),
    Check(
        "count",
        "Are there enough images?",
        f"warning below {SMALL_N:,}, serious below {TINY_N}, of either set",
        "fd carries a bias of about C/n; below a few dozen images no set metric says anything",
        too_few,
    ),
    Check(
        "formats",
        "Are the files of one kind, and of the reference's?",
        "mixed: warning; JPEG (half of the images more than in the reference): serious, of quality 95 or more a "
        "warning; only the reference JPEG: info",
        "block artefacts move deep features; a lossless copy of a JPEG is still that JPEG (see jpeg-traces)",
        formats,
    ),
    Check(
        "sizes",
        "Is there one size, and the reference's?",
        f"median sides apart by 2%: warning, by {OTHER_SIZE:g} times: serious; mixed inside: info, by {OTHER_SIZE:g} "
        "times a warning",
        "what is resized more is blurred or smoothed more before the network sees it",
        sizes,
    ),
    Check(
        "aspect",
        "Is there one aspect, and the reference's?",
        f"{OTHER_ASPECTS:.0%} of the images (more for few: Kolmogorov-Smirnov at 1%) apart by {ASPECT:.0%}: warning; "
        "mixed inside: info",
        "backbones squash to a square; 5% is where people begin to see it",
        aspect,
    ),
    Check(
        "grey",
        "Do the images have colours where the reference has?",
        f"shares {LIKE:.0%} (more for few images) apart: warning, half apart: serious; mixed inside: info, "
        f"from {LIKE:.0%} a warning",
        "coloured photo sets hold up to a few percent of grey photos",
        grey,
    ),
    Check(
        "left-out",
        "What lies in the folder and is not scored?",
        "info; links, and pictures under another ending or of a format that is not decoded: warning",
        "a set that is smaller than it looks",
        left_out,
    ),
    Check(
        "versions",
        "Does it hold several versions of each picture?",
        "names or folders that differ in words such as real and fake, or each picture under the same endings: serious",
        "a number of a mixture is of no model",
        versions,
    ),
)
