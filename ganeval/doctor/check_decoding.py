"""Checks of conversions to 8-bit RGB: one row per decoding rule; other tools convert differently, or not at all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from ganeval.doctor.check import Check, percent, share_of
from ganeval.doctor.damage import Damage, as_palette, turned
from ganeval.doctor.facts import SetFacts
from ganeval.doctor.finding import Finding, Severity
from ganeval.sources.decoding_differences import BLACK, FILLED, depth_of

LIKE: Final = 0.1


@dataclass(frozen=True)
class Conversion:
    """The finding for a decoding rule that applied.

    Attributes:
        note: The decoder's note.
        severity: Severity if the reference differs or there is none.
        says: Rest of the sentence after "40% of the images".
        do: What the user should do.
        damage: Fraction of images -> damage for clean images; None if clean images cannot show it.
    """

    note: str
    severity: Severity
    says: str
    do: str
    damage: Callable[[float], Damage] | None = None


CONVERSIONS: Final = (
    Conversion(
        "alpha",
        "warning",
        "are partly transparent: composited on white here, while other tools show whatever lies under the transparency",
        "Save images without an alpha channel, over the background that the reference has.",
    ),
    Conversion(
        "16-bit",
        "warning",
        "have 16 bits a channel: rounded to 8 here, clipped or cut by other tools",
        "Save 8-bit images, rounded once, by the same rule as the reference.",
    ),
    Conversion(
        "cmyk", "warning", "are CMYK: converted without a colour profile", "Convert them to RGB with the right profile."
    ),
    Conversion(
        "exif",
        "warning",
        "carry an EXIF rotation: turned upright here, left lying by tools that ignore it",
        "Turn the pixels and drop the tag.",
        turned,
    ),
    Conversion(
        "palette",
        "warning",
        "have a palette: at most 256 colours, often dithered",
        "Save true-colour images; a palette of greys loses nothing.",
        as_palette,
    ),
    Conversion(
        "animated", "warning", "have several frames: only the first is scored", "Save each frame as its own file."
    ),
    Conversion(
        "icc",
        "info",
        "carry a colour profile: ignored, the numbers are taken as sRGB",
        "Convert to sRGB, if the profile is another one.",
    ),
    Conversion(
        "mislabelled",
        "warning",
        "are of another format than their names say: read by content",
        "Rename them; check what wrote them.",
    ),
    Conversion(
        "gamma",
        "info",
        "carry a PNG gamma other than that of sRGB: ignored, the numbers are taken as sRGB",
        "Convert to sRGB and drop the gAMA chunk.",
    ),
    Conversion("ycbcr", "info", "are stored as YCbCr: converted by JFIF's matrix", "Nothing."),
)


def converted(rule: Conversion, seen: SetFacts, reference: SetFacts | None) -> Finding | None:
    """Images that a rule applied to, here or in the reference; info only if both are the same."""
    flags = np.array([rule.note in fact.notes for fact in seen.facts])
    share = share_of(flags)
    theirs = None if reference is None else share_of([rule.note in fact.notes for fact in reference.facts])
    if share == 0.0 and theirs is not None and theirs >= LIKE:
        return Finding(
            rule.note,
            rule.severity,
            seen.n,
            seen.n,
            f"{percent(theirs)} of the reference's images, and none of these, {rule.says}",
            "Write both sets the same way, or check that what this did to the reference is what the images were made "
            "after.",
        )
    if share == 0.0:
        return None
    like = theirs is not None and theirs > 0.0 and abs(share - theirs) < LIKE
    rest = "" if theirs is None else f" ({percent(theirs)} of the reference's)"
    return Finding(
        rule.note,
        "info" if like else rule.severity,
        int(flags.sum()),
        seen.n,
        f"{percent(share)} of the images{rest} {rule.says}",
        rule.do,
        seen.stems(np.flatnonzero(flags)),
        None if rule.damage is None else rule.damage(share),
    )


def depth(seen: SetFacts, reference: SetFacts | None) -> Finding | None:
    """16-bit files that hold samples of fewer bits, here or in the reference."""
    found = depth_of(seen.facts)
    where, facts = ("", seen) if found is not None or reference is None else (" of the reference", reference)
    found = depth_of(facts.facts)
    if found is None:
        return None
    return Finding(
        "depth",
        "serious" if found.sure else "warning",
        found.images,
        facts.n,
        f"the largest value{where} {found.words}",
        f"{found.advice} Or scale the samples to 16 bits before saving.",
        facts.stems([i for i, fact in enumerate(facts.facts) if fact.peak is not None]),
    )


def without_depth(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings of a set whose white level the user stated."""
    return tuple(finding for finding in findings if finding.name != "depth")


DECODING_CHECKS: Final[tuple[Check[SetFacts], ...]] = tuple(
    Check(
        rule.note,
        f"Did the decoding rule {rule.note!r} apply?",
        f"{rule.severity} from one image on, or {LIKE:.0%} of the reference and none here; info where the shares are "
        f"within {LIKE:.0%}",
        f"such images {rule.says}",
        partial(converted, rule),
    )
    for rule in CONVERSIONS
)

DEPTH_CHECKS: Final[tuple[Check[SetFacts], ...]] = (
    Check(
        "depth",
        "Do 16-bit files hold samples of 16 bits?",
        f"no sample above 2^14: warning; the largest within {1 - FILLED:.0%} of the end of 8, 10, 12 or 14 bits, or at "
        f"most {BLACK}: serious",
        "samples of 12 bits in 16-bit files are nearly black pictures to every metric",
        depth,
    ),
)
