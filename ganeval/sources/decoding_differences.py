"""What decoding did to the images of two sets, and where it did something else to one of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ganeval.errors import DataError
from ganeval.sources.base import Decoded, Pixels, Raw
from ganeval.sources.decoding.loss import is_lossy
from ganeval.sources.decoding.sixteen_bit import FULL
from ganeval.sources.image_facts import ImageFacts


@dataclass(frozen=True)
class Seen:
    """One decoded image of a pair.

    Attributes:
        facts: Size, format and decode notes.
        colourless: True where R = G = B everywhere.
        low: Smallest value of its pixels.
        high: Largest value of its pixels.
        profile: As in `Decoded`.
        lossy: True for a file that was compressed with loss.
    """

    facts: ImageFacts
    colourless: bool
    low: int
    high: int
    profile: str | None = None
    lossy: bool = False

    @property
    def one_channel(self) -> bool:
        """True where the image is stored in one channel (grey, grey with alpha, 1 bit)."""
        return "grey" in self.facts.notes

    @staticmethod
    def of(raw: Raw, decoded: Decoded) -> "Seen":
        """Looks at an image that was just decoded."""
        pixels = decoded.pixels
        lossy = raw.stored is not None and is_lossy(raw.format, raw.stored)
        ends = int(pixels.min()), int(pixels.max())
        return Seen(facts_of(raw, decoded), _colourless(pixels), *ends, decoded.profile, lossy)


DEPTHS: Final = (8, 10, 12, 14)  # bits of samples that cameras, scanners and models store in 16
FILLED: Final = 0.98  # of the range of so many bits
BLACK: Final = 128  # 16-bit samples up to here are 0 on 8 bits
ALIKE: Final = 0.1  # fractions of two sets that differ by less count as the same
NEAR: Final = 2  # grey levels that rounding and one conversion of colours leave at the ends of a range

Both = tuple[Seen, Seen]  # the fake and the real image of a pair


def facts_of(raw: Raw, decoded: Decoded) -> ImageFacts:
    """What is worth knowing of one image once it is decoded."""
    _, height, width = decoded.pixels.shape
    return ImageFacts(height, width, raw.format, tuple(sorted(decoded.notes)), decoded.peak)


@dataclass(frozen=True)
class Depth:
    """16-bit samples that use a small part of their range, as samples of fewer bits do.

    Attributes:
        peak: The largest of them.
        bits: The fewest of `DEPTHS` that hold it.
        images: 16-bit images that were looked at.
    """

    peak: int
    bits: int
    images: int

    @property
    def sure(self) -> bool:
        """True where the samples end where those of `bits` bits end, or so low that every pixel would be black.

        Dark pictures end anywhere: at the top 2% of one of four ranges by chance in 1 of 70 sets, if every order of
        magnitude is as likely.
        """
        return self.peak >= FILLED * (2**self.bits - 1) or self.peak <= BLACK

    @property
    def words(self) -> str:
        """What follows "the largest value of ..."."""
        looks = f"this looks like {self.bits}-bit data" if self.sure else f"dark pictures, or {self.bits}-bit data"
        count = "1 16-bit image" if self.images == 1 else f"{self.images:,} 16-bit images"
        return f"is {self.peak:,} of 65,535 ({count}): {looks}"

    @property
    def advice(self) -> str:
        """How to state what the samples mean."""
        return f"State the value of white with --peak {2**self.bits - 1} (--peak 65535: the pictures are that dark)."


def depth_of(facts: Iterable[ImageFacts]) -> Depth | None:
    """Whether the 16-bit images of a set look like samples of fewer bits; None where they don't, or there are none."""
    peaks = [fact.peak for fact in facts if fact.peak is not None]
    bits = next((bits for bits in DEPTHS if max(peaks, default=FULL) < 2**bits), None)
    return None if bits is None else Depth(max(peaks), bits, len(peaks))


def refuse_shallow(name: str, facts: Iterable[ImageFacts]) -> None:
    """Refuses a set of 16-bit files that hold samples of fewer bits: it would be scored as nearly black pictures.

    Raises:
        DataError: with what was seen, and the option that states the value of white.
    """
    depth = depth_of(facts)
    if depth is not None and depth.sure:
        raise DataError(
            f"The largest value of {name} {depth.words}, which would be scored as nearly black pictures. {depth.advice}"
        )


def pair_depth_words(pairs: Sequence[Both]) -> str:
    """Samples of pairs that use a small part of their range, with the option that states it; "" where none do.

    Raises:
        DataError: it is as good as sure that they hold fewer bits than their files.
    """
    sets = {"the fakes": [fake.facts for fake, _ in pairs], "the originals": [real.facts for _, real in pairs]}
    deep = [name for name, facts in sets.items() if any(fact.peak is not None for fact in facts)]
    joined = depth_of(fact for facts in sets.values() for fact in facts)
    if joined is None:
        for name, facts in sets.items():
            refuse_shallow(name, facts)
        high = max(image.high for pair in pairs for image in pair)
        if 0 < high < 64 and not deep:
            return f"the largest value of both sets is {high} of 255: dark pictures, or samples of fewer bits"
        return ""
    whose = "both sets" if len(deep) == 2 else deep[0]
    if joined.sure:
        raise DataError(
            f"The largest value of {whose} {joined.words}, which would be scored as nearly black pictures. "
            f"{joined.advice}"
        )
    return f"the largest value of {whose} {joined.words}. {joined.advice}"


@dataclass(frozen=True)
class Treatment:
    """One thing that decoding may do to one image of a pair and not to the other.

    Attributes:
        name: The decoder's note, or "jpeg" and "lossy" for the compression.
        words: What was done, as in "... in 5 of 5 originals".
        advice: What to do where the two differ.
        in_sets: False for what real photos usually have and generated images have not: not told of sets.
    """

    name: str
    words: str
    advice: str
    in_sets: bool = True


TREATMENTS: Final = (
    Treatment("alpha", "alpha composited on white", "composite both on one background and save them without alpha"),
    Treatment("exif", "EXIF rotation applied", "write the originals upright, and run the model on those"),
    Treatment("16-bit", "16 bits reduced to 8", "save both with the same depth"),
    Treatment("palette", "palette looked up", "save both in true colour"),
    Treatment("grey", "one channel", "save both in one channel, or both as RGB"),
    Treatment("cmyk", "CMYK converted without a profile", "convert to RGB with the right profile"),
    Treatment("ycbcr", "YCbCr converted by JFIF's matrix", "save both as RGB"),
    Treatment("icc", "colour profile ignored", "convert both to sRGB", in_sets=False),
    Treatment("gamma", "PNG gamma ignored", "save both as sRGB without a gAMA chunk", in_sets=False),
    Treatment("animated", "first frame taken", "save the frame that is meant"),
    Treatment("jpeg", "stored as JPEG", "compare lossless files, or say it beside the number", in_sets=False),
    Treatment("lossy", "compressed with loss", "compare lossless files, or say it beside the number", in_sets=False),
)
"""In the order in which they are told: what moves a number most comes first."""


def treatments_of(seen: Seen) -> frozenset[str]:
    """Names of the rows of `TREATMENTS` that apply to an image."""
    notes = frozenset(seen.facts.notes)
    if seen.facts.format == "jpeg":
        return notes | {"jpeg"}
    return notes | {"lossy"} if seen.lossy else notes


def decoded_counts(images: Iterable[Seen]) -> dict[str, int]:
    """Format and decode note -> images of one set: what a row's provenance holds."""
    counts: Counter[str] = Counter()
    for image in images:
        counts.update({image.facts.format, *image.facts.notes})
    return dict(sorted(counts.items()))


def difference_words(pairs: Sequence[Both]) -> tuple[str, str]:
    """Where the two images of pairs were decoded differently, with counts, and what to do; ("", "") where nowhere.

    What a network made has no file, so that it isn't held against its original that it is a JPEG.
    """
    told, advice = [], []
    generated = any("generated" in (fake.facts.format, real.facts.format) for fake, real in pairs)
    treated = [(treatments_of(fake), treatments_of(real)) for fake, real in pairs]
    apart = frozenset(name for fake, real in treated for name in fake ^ real)
    for row in TREATMENTS:
        if row.name in apart and not (row.name in ("jpeg", "lossy") and generated):
            fakes, reals = (sum(row.name in names for names in one) for one in zip(*treated, strict=True))
            told.append(f"{row.words} in {fakes} of {len(pairs)} fakes and {reals} of {len(pairs)} originals")
            advice.append(row.advice)
    profiles = sum(None not in (fake.profile, real.profile) and fake.profile != real.profile for fake, real in pairs)
    if profiles:
        told.append(f"two different colour profiles, both ignored, in {profiles} of {len(pairs)} pairs")
        advice.append("convert both to sRGB")
    if limited := _limited_range(pairs):
        told.append(limited)
        advice.append("write both in full range")
    return "; ".join(told), "; ".join(advice)


def set_difference_words(fake: Sequence[ImageFacts], real: Sequence[ImageFacts], called: str = "reference") -> str:
    """Where a generated set was decoded otherwise than a real one, with counts; "" where the fractions are alike.

    Also where one of the two is a statistics file, which holds nothing of how its images were decoded.

    Args:
        fake: Of the generated images.
        real: Of the others.
        called: What the others are.
    """
    if not fake or not real:
        return ""
    counts = [Counter(note for fact in facts for note in fact.notes) for facts in (fake, real)]
    return "; ".join(
        f"{row.words} in {counts[0][row.name]} of {len(fake)} generated and {counts[1][row.name]} of {len(real)} "
        f"{called} images"
        for row in TREATMENTS
        if row.in_sets and abs(counts[0][row.name] / len(fake) - counts[1][row.name] / len(real)) >= ALIKE
    )


def _limited_range(pairs: Sequence[Both]) -> str:
    """Video levels (16..235) in one of two sets of which the other fills 0..255; "" where there are none."""
    spans = [
        (min(image.low for image in images), max(image.high for image in images)) for images in zip(*pairs, strict=True)
    ]
    for (low, high), (least, most), one, other in (
        (spans[0], spans[1], "fakes", "originals"),
        (spans[1], spans[0], "originals", "fakes"),
    ):
        if abs(low - 16) <= NEAR and abs(high - 235) <= NEAR and least <= NEAR and most >= 255 - NEAR:
            return f"the {one} span {low}..{high} and the {other} {least}..{most}, as limited-range video would"
    return ""


def luma_words(pairs: Sequence[Both]) -> str:
    """How the luma of pairs was taken, with counts; "" where all are in colour and went through BT.601."""
    own = [pair for pair in pairs if pair[1].one_channel]
    others = [pair for pair in pairs if not pair[1].one_channel]
    told = []
    if own:
        coloured = sum(not fake.colourless for fake, _ in own)
        rest = f" ({coloured} of them against a fake in colour, weighted over the same range)" if coloured else ""
        told.append(f"{len(own)} of {len(pairs)} originals are stored in one channel: their own luma, 0..255{rest}")
    equal = sum(real.colourless for _, real in others)
    if equal:
        told.append(
            f"{equal} grey {'original is' if equal == 1 else 'originals are'} stored in colour: BT.601, 16..235, "
            "which raises PSNR by 1.32 dB over a file of one channel"
        )
    if own and len(others) > equal:
        told.append(f"{len(others) - equal} in colour: BT.601, 16..235")
    grey_fakes = sum(fake.one_channel and not real.colourless for fake, real in others)
    if grey_fakes:
        told.append(f"{grey_fakes} grey fakes of colour originals: BT.601, 16..235, as their originals")
    return f"luma: {'; '.join(told)}" if told else ""


def _colourless(pixels: Pixels) -> bool:
    red, green, blue = pixels
    return bool((red == green).all() and (green == blue).all())
