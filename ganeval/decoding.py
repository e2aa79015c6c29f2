"""What decoding did to the images of two sets, and where it did something else to one of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ganeval.cache import ImageFacts
from ganeval.sources.base import Decoded, Pixels, Raw


@dataclass(frozen=True)
class Seen:
    """One decoded image of a pair.

    Attributes:
        facts: Size, format and decode notes.
        colourless: True where R = G = B everywhere.
        low: Smallest value of its pixels.
        high: Largest value of its pixels.
    """

    facts: ImageFacts
    colourless: bool
    low: int
    high: int

    @property
    def one_channel(self) -> bool:
        """True where the image is stored in one channel (grey, grey with alpha, 1 bit)."""
        return "grey" in self.facts.notes

    @staticmethod
    def of(raw: Raw, decoded: Decoded) -> "Seen":
        """Looks at an image that was just decoded."""
        pixels = decoded.pixels
        return Seen(facts_of(raw, decoded), _colourless(pixels), int(pixels.min()), int(pixels.max()))


Both = tuple[Seen, Seen]  # the fake and the real image of a pair


def facts_of(raw: Raw, decoded: Decoded) -> ImageFacts:
    """What is worth knowing of one image once it is decoded."""
    _, height, width = decoded.pixels.shape
    return ImageFacts(height, width, raw.format, tuple(sorted(decoded.notes)))


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
            f"{equal} grey {'original is' if equal == 1 else 'originals are'} stored as RGB: BT.601, 16..235, "
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
