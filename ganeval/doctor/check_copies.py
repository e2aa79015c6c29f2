"""Checks for copies inside the set and of the reference (leakage); those of exact copies also run in every score."""

from collections import Counter
from typing import Final

import numpy as np

from ganeval.doctor.check import Check, image_word, percent
from ganeval.doctor.damage import flat, repeated
from ganeval.doctor.facts import Looks, SetFacts
from ganeval.doctor.finding import Finding, Severity
from ganeval.doctor.thumbnails import ALIKE, NEAR, nearly_same

MANY_COPIES: Final = 0.05
SOME_COPIES: Final = 0.005
COLLAPSED: Final = 0.2
SOME_NEAR: Final = 0.02
LEAKED: Final = 0.02
FEW_LEAKED: Final = 0.001
ONE_PICTURE: Final = 0.8
FLAT_RANGE: Final = 4  # grey levels between the smallest and the largest value


def copies(seen: SetFacts, _reference: SetFacts | None) -> Finding | None:
    """Images that are exact copies of another one in the set."""
    counts = Counter(seen.digests)
    count = seen.n - len(counts)
    if not count:
        return None
    share = count / seen.n
    severity: Severity = "serious" if share >= MANY_COPIES else "warning" if share >= SOME_COPIES else "info"
    again = [i for i, digest in enumerate(seen.digests) if counts[digest] > 1]
    return Finding(
        "copies",
        severity,
        count,
        seen.n,
        f"{count:,} of {seen.n:,} images are exact copies of another one in the set; the largest group has "
        f"{max(counts.values()):,}",
        "Draw each latent once, and look for files that were written twice: copies count as if they were independent.",
        seen.stems(again),
        repeated(share),
    )


def leaked_copies(seen: SetFacts, reference: SetFacts | None) -> Finding | None:
    """Images that are exact copies of reference images."""
    if reference is None:
        return None
    known = set(reference.digests)
    hit = [i for i, digest in enumerate(seen.digests) if digest in known]
    if not hit:
        return None
    said = "all images are images of the reference"
    if len(hit) < seen.n:
        said = f"{image_word(len(hit))} ({percent(len(hit) / seen.n)}) are exact copies of reference images"
    return Finding(
        "leakage",
        "serious" if len(hit) >= max(2, SOME_COPIES * seen.n) else "warning",
        len(hit),
        seen.n,
        f"{said}: a generator draws none, so the sets share files",
        "Score against a set that the generated images were not taken from; look how the folder was filled.",
        seen.stems(hit),
    )


def near_copies(seen: Looks, reference: Looks | None) -> Finding | None:
    """Images that are nearly the same as another one in the set."""
    found = nearly_same(seen.thumbnails, seen.thumbnails, np.arange(seen.n))
    counts = Counter(seen.facts.digests)
    hit = [i for i in np.flatnonzero(found >= 0) if counts[seen.facts.digests[i]] == 1]
    theirs = 0.0 if reference is None else reference.twin_share
    share = len(hit) / seen.n
    if not hit or share <= 1.5 * theirs:
        return None
    excess = share - theirs
    severity: Severity = "serious" if excess >= COLLAPSED else "warning" if excess >= SOME_NEAR else "info"
    rest = "" if reference is None else f"; {percent(theirs)} of the reference's have one"
    return Finding(
        "near-copies",
        severity,
        len(hit),
        seen.n,
        f"{image_word(len(hit))} ({percent(share)}) have a near-copy in the set{rest}",
        "Many are a collapsed generator or one latent drawn again; a few are usual in found photos.",
        seen.facts.stems(np.asarray(hit)),
        repeated(share) if severity != "info" else None,
    )


def leaked_near(seen: Looks, reference: Looks | None) -> Finding | None:
    """Images that are nearly the same as a reference image, beyond what is usual within the reference."""
    if reference is None:
        return None
    found = nearly_same(seen.thumbnails, reference.thumbnails)
    known = set(reference.facts.digests)
    hit = [i for i in np.flatnonzero(found >= 0) if seen.facts.digests[i] not in known]
    own = reference.twin_share
    share = len(hit) / seen.n
    if not hit or share <= 1.5 * own:
        return None
    severity: Severity = "warning" if len(hit) >= 2 and share >= FEW_LEAKED else "info"
    if share - own >= LEAKED and len(hit) >= 2:
        severity = "serious"
    first = int(hit[0])
    pair = f"{seen.facts.stems([first])[0]} and {reference.facts.stems([int(found[first])])[0]} of the reference"
    return Finding(
        "near-leakage",
        severity,
        len(hit),
        seen.n,
        f"{image_word(len(hit))} ({percent(share)}) are nearly a reference image, as {pair}; of the reference's own "
        f"{percent(own)} have such a twin",
        "Look at the pairs: training images that were written out, a memorising generator, or a split that leaks.",
        seen.facts.stems(np.asarray(hit)),
    )


def variety(seen: Looks, reference: Looks | None) -> Finding | None:
    """One image with noise: thumbnails that all have the same direction."""
    ours = _alikeness(seen)
    theirs = None if reference is None else _alikeness(reference)
    if seen.n < 8:
        return None
    if ours >= ONE_PICTURE and (theirs is None or ours - theirs >= 0.1):
        severity: Severity = "serious"
    elif theirs is not None and 1.0 - ours < 0.5 * (1.0 - theirs):
        severity = "warning"
    else:
        return None
    rest = "" if theirs is None else f", {theirs:.2f} in the reference"
    return Finding(
        "variety",
        severity,
        seen.n,
        seen.n,
        f"two images drawn at random correlate by {ours:.2f} on average{rest}: they are nearly one picture",
        "The generator has collapsed, or one latent was used for all; look at a sheet of the images.",
    )


def constant(seen: Looks, reference: Looks | None) -> Finding | None:
    """Images of one constant color."""
    flags = (seen.values.high - seen.values.low) <= FLAT_RANGE
    if not flags.any():
        return None
    share = float(flags.mean())
    theirs = 0.0
    if reference is not None:
        theirs = float(((reference.values.high - reference.values.low) <= FLAT_RANGE).mean())
    hit = np.flatnonzero(flags)
    levels = ", ".join(map(str, sorted({round(float(mean.mean())) for mean in seen.values.mean[hit]})[:4]))
    return Finding(
        "constant",
        "serious" if share >= theirs + 0.01 else "warning",
        len(hit),
        seen.n,
        f"{image_word(len(hit))} ({percent(share)}) are one flat colour (mean {levels})",
        "Look for NaN in the generator's output, an empty batch, or a black frame; leave none out without the reason.",
        seen.facts.stems(hit),
        flat(share) if share >= 0.01 else None,
    )


def _alikeness(looks: Looks) -> float:
    """Mean correlation of two different thumbnails: the squared length of their mean direction, less the own terms."""
    directions = looks.thumbnails.directions.astype(np.float64)
    n = len(directions)
    if n < 2:
        return 0.0
    total = float((directions.sum(axis=0) ** 2).sum())
    return (total - float((directions**2).sum())) / (n * (n - 1))


COPY_FACT_CHECKS: Final[tuple[Check[SetFacts], ...]] = (
    Check(
        "copies",
        "Are images exact copies of others in the set?",
        f"info, from {SOME_COPIES:.1%} warning, from {MANY_COPIES:.0%} serious",
        "found photo sets hold a few in 10,000; a generator with fresh latents holds none",
        copies,
    ),
    Check(
        "leakage",
        "Are images exact copies of reference images?",
        f"one: warning; two and {SOME_COPIES:.1%}: serious",
        "two independent draws never agree in every pixel",
        leaked_copies,
    ),
)

COPY_CHECKS: Final[tuple[Check[Looks], ...]] = (
    Check(
        "near-copies",
        "Are images nearly copies of others in the set?",
        f"16 px thumbnails that correlate by {ALIKE:g} and, contrast fitted, differ by {NEAR:g} grey levels; beyond "
        f"the reference's own share: info, from {SOME_NEAR:.0%} warning, from {COLLAPSED:.0%} serious",
        "different images of digits, BSD100 and 4,000 of Fashion-MNIST and CIFAR-10 are 7.2 grey levels apart or more",
        near_copies,
    ),
    Check(
        "near-leakage",
        "Are images nearly copies of reference images?",
        f"the same distance, beyond 1.5 times the reference's own share: info, two and {FEW_LEAKED:.1%} warning, "
        f"{LEAKED:.0%} serious",
        "survives JPEG, resizing and a change of light; not a shift of one pixel at 32 px, a crop or a mirror",
        leaked_near,
    ),
    Check(
        "variety",
        "Is the set one picture with noise on it?",
        f"mean correlation of thumbnails from {ONE_PICTURE:g}: serious; half of the reference's spread: warning",
        "seen on real sets: 0.0 to 0.5, centred digits and garments included",
        variety,
    ),
    Check(
        "constant",
        "Are images flat?",
        f"all values within {FLAT_RANGE} grey levels: warning, from 1% beyond the reference's share serious",
        "a camera's noise alone spreads more",
        constant,
    ),
)
