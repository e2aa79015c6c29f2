"""Pairs of images: matched by name, read ahead and decoded by a few threads, of equal size."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from ganeval.errors import BadImageError, DataError
from ganeval.sources.base import ImageSource, Pixels
from ganeval.sources.decoding_differences import Both, Seen
from ganeval.sources.read_ahead import WORKERS, read_ahead

Size = tuple[int, int]  # height, width

WAITING_PIXELS = 2**24  # 6 bytes a pixel of a pair: 100 MB for images that were decoded and wait


def match_by_stem(fake: ImageSource, real: ImageSource) -> list[tuple[int, int]]:
    """Pairs of indices (fake, real) whose names agree but for the extension, in the order of the fakes.

    Never by position: with one file missing, that would compare each image with its neighbour. Two single images are a
    pair under any names.

    Raises:
        DataError: a name is there twice (a.png and a.jpg), nothing agrees, or some image has no partner.
    """
    if fake.single and real.single:
        return [(0, 0)]
    if fake.single or real.single:
        one, many = (fake, real) if fake.single else (real, fake)
        raise DataError(
            f"{one.name} is a single image, and {many.name} is a set of {len(many):,}. A single image pairs with "
            "another single image: name two images, or two sets."
        )
    fakes, reals = _by_stem(fake), _by_stem(real)
    common = fakes.keys() & reals.keys()
    if not common:
        raise DataError(
            f"No image of {fake.name} ({len(fakes)} images) has its name in {real.name} ({len(reals)} images); the "
            f"first are {_first(fakes)} and {_first(reals)}. Pairs are made by path without extension: rename one side."
        )
    lonely = [
        f"{len(alone)} of {len(own)} images of {source.name} have no partner ({_first(alone)})"
        for source, own in ((fake, fakes), (real, reals))
        if (alone := [stem for stem in own if stem not in common])
    ]
    if lonely:
        raise DataError(
            f"{' and '.join(lonely)}; {len(common)} pairs agree. Pairs are made by path without extension: add what "
            "is missing, or move aside what has no partner."
        )
    return [(index, reals[stem]) for stem, index in fakes.items()]


def _by_stem(source: ImageSource) -> dict[str, int]:
    if not len(source):
        raise DataError(f"{source.name} holds no image to pair. Check the path.")
    counts = Counter(item.stem for item in source.items)
    doubled = [item.name for item in source.items if counts[item.stem] > 1]
    if doubled:
        raise DataError(
            f"{source.name} has {len(doubled)} images whose names differ in the extension alone ({_first(doubled)}): "
            "which of them to pair is open. Keep one of each."
        )
    return {item.stem: index for index, item in enumerate(source.items)}


def _first(names: Sequence[str] | Mapping[str, int]) -> str:
    """The first three names, for a message."""
    shown = list(names)[:3]
    return ", ".join(map(repr, shown)) + (", …" if len(names) > 3 else "")


@dataclass(frozen=True)
class Pair:
    """Two decoded images of one name.

    Attributes:
        position: Place in the list of pairs.
        stem: Their name without extension.
        fake: uint8 (3, H, W).
        real: The same shape.
        digests: sha256 of the stored bytes, fake and real.
        seen: What decoding did to the fake and to the real image.
    """

    position: int
    stem: str
    fake: Pixels
    real: Pixels
    digests: tuple[bytes, bytes]
    seen: Both

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.fake.shape[1], self.fake.shape[2]

    @property
    def area(self) -> int:
        """Pixels of one of the two."""
        return self.size[0] * self.size[1]


def _load(position: int, fake: ImageSource, real: ImageSource, indices: tuple[int, int]) -> Pair | BadImageError:
    """Reads and decodes both images and compares their sizes."""
    try:
        raws = fake.read(indices[0]), real.read(indices[1])
        images = raws[0].decode(), raws[1].decode()
    except BadImageError as error:
        return error
    pair = Pair(
        position,
        fake.items[indices[0]].stem,
        images[0].pixels,
        images[1].pixels,
        (raws[0].digest, raws[1].digest),
        (Seen.of(raws[0], images[0]), Seen.of(raws[1], images[1])),
    )
    if pair.fake.shape != pair.real.shape:
        raise DataError(_unequal(pair.stem, pair.seen))
    return pair


def read_pairs(
    fake: ImageSource, real: ImageSource, indices: Sequence[tuple[int, int]], ahead: int
) -> Generator[Pair | BadImageError, None, None]:
    """Decoded pairs in order, or the error where an image cannot be decoded.

    Args:
        fake: The images to score.
        real: Their originals.
        indices: What `match_by_stem` gives.
        ahead: Pairs in memory at most; fewer of large images (`WAITING_PIXELS`, and one more a thread).

    Raises:
        DataError: two images of a pair differ in size.
    """
    return read_ahead(
        lambda position: _load(position, fake, real, indices[position]),
        len(indices),
        ahead=max(WORKERS, ahead),
        pixels=lambda loaded: 0 if isinstance(loaded, BadImageError) else loaded.area,
        limit=WAITING_PIXELS,
    )


def wide(size: Size) -> str:
    """A size as people write it: width x height."""
    return f"{size[1]}x{size[0]}"


def _unequal(stem: str, seen: Both) -> str:
    """What is wrong with two sizes, and the likely cause where the images give it away."""
    fake, real = ((image.facts.height, image.facts.width) for image in seen)
    text = f"Pair {stem!r}: the fake is {wide(fake)}, the real {wide(real)} (width x height); expected equal sizes."
    if fake == (real[1], real[0]):
        return f"{text} {_turned(seen)}"
    for one, other, word in ((fake, real, "smaller"), (real, fake, "larger")):
        factor = other[0] // one[0]
        if factor > 1 and other == (one[0] * factor, one[1] * factor):
            return (
                f"{text} The fake is exactly {factor} times {word}: one side may be the low-resolution input. "
                "Give the images that the model wrote, and originals of their size."
            )
    return f"{text} Crop or resize one side, the whole set in the same way."


def _turned(seen: Both) -> str:
    """Why width and height are exchanged."""
    rotated = ["exif" in image.facts.notes for image in seen]
    if rotated[0] == rotated[1]:
        return "Width and height are exchanged: one of the two was turned by 90 degrees. Turn the whole set back."
    one, other = ("fake", "real image") if rotated[0] else ("real image", "fake")
    return (
        f"The {one} has an EXIF rotation and was turned upright; the {other} has none, so it was probably made from "
        f"the pixels as they are stored. Write the {'fakes' if rotated[0] else 'originals'} upright without the tag "
        "(PIL.ImageOps.exif_transpose, or `mogrify -auto-orient`)"
        + (" and compare again." if rotated[0] else " and run the model on those, or turn the fakes the same way.")
    )
