"""What an image source is: a replayable, sized, content-addressed sequence of uint8 RGB images.

A source lists its items in one fixed order (sorted by name), and `read(i)` gives the raw bytes of one item once: its
digest (for the cache and the protocol) and its pixels (decoded only when the cache does not already know them).
"""

import abc
import hashlib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ganeval.sources.groups import Mixture

Pixels = npt.NDArray[np.uint8]  # (3, H, W), RGB


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a source.

    Attributes:
        name: Path inside the source, "/" between folders; unique; the sort key.
        label: Class name where the source has classes (folder of the image, label file), else None.
    """

    name: str
    label: str | None = None

    @property
    def stem(self) -> str:
        """The name without its extension: what pairs two files ("a/b.png" -> "a/b").

        In Unicode's composed form: macOS writes an accent as a letter of its own, and others do not.
        """
        path = PurePosixPath(self.name)
        stem = str(path.with_suffix("")) if path.suffix else self.name
        return stem if stem.isascii() else unicodedata.normalize("NFC", stem)


@dataclass(frozen=True)
class Decoded:
    """Pixels and what had to be done to get them.

    Attributes:
        pixels: uint8 (3, H, W), RGB, 0..255.
        notes: Conversions of the decode policy that applied ("grey", "alpha", "16-bit", "exif", "animated", ...).
        peak: The largest 16-bit sample of its colours; None for samples of 8 bits, also if stored twice (v·257).
        profile: The embedded colour profile: "sRGB" where it names itself so, else its sha256; None without one.
    """

    pixels: Pixels
    notes: frozenset[str] = frozenset()
    peak: int | None = None
    profile: str | None = None


@dataclass(frozen=True)
class Raw:
    """The stored bytes of one item: hashed now, decoded later (maybe never).

    Attributes:
        digest: sha256 of the stored content, 32 bytes.
        decode: Gives the pixels; raises BadImageError when they cannot be decoded.
        format: "png", "jpeg", "array", ...: what doctor and provenance report.
        stored: The stored file where there is one, for what its header says beside the pixels.
    """

    digest: bytes
    decode: Callable[[], Decoded] = field(repr=False)
    format: str = "array"
    stored: bytes | None = field(repr=False, default=None)


class ImageSource(abc.ABC):
    """A replayable sequence of images: same items, same order, each time.

    Attributes:
        name: What the user typed; goes into the row as `subject`, never into a cache key.
        items: All items, sorted by name.
        origin: What is known of where the images come from (model, recipe, training seed, step, ... of a checkpoint);
            goes into the row's provenance as "subject". Empty for files. A "remark" goes into the row's note.
        skipped: Reason -> how many entries of the folder or archive aren't images of the set ("hidden", "broken
            link"); what has an image's name and cannot be decoded is not among them.
        notes: What the user should know of how the set was listed: what was left out, which folders name no classes.
        mixture: The groups of a set that seems to hold several versions of each picture, None for one version.
        single: True for one image that was named by itself and not as a set: it pairs with another such image under any
            two names.
        is_folder: True for the files of a folder, in which other tools look for images by rules of their own.
    """

    name: str
    items: Sequence[Item]
    origin: Mapping[str, object] = MappingProxyType({})
    skipped: Mapping[str, int] = MappingProxyType({})
    notes: tuple[str, ...] = ()
    mixture: Mixture | None = None
    single: bool = False
    is_folder: bool = False

    def __len__(self) -> int:
        return len(self.items)

    @property
    def whole(self) -> Sequence[Item]:
        """All items of the set that this one was cut from; its own if it isn't a part of another."""
        return self.items

    def place(self, index: int) -> int:
        """The position of item `index` in `whole`."""
        return index

    @abc.abstractmethod
    def read(self, index: int) -> Raw:
        """Reads the stored bytes of item `index`. Safe to call from several threads.

        Raises:
            BadImageError: the item cannot be read.
        """

    def shard(self, index: int) -> int | None:
        """Number of the archive that holds item `index`, of a set in several archives; None for other sets."""
        del index
        return None

    def keep(self) -> None:  # noqa: B027 - most sources learn nothing
        """Writes down what was learnt of the files, and reads what other processes learnt."""

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Releases what the source holds open (an archive's handle)."""


class Subset(ImageSource):
    """Some items of a source, in the source's order.

    Args:
        source: The whole.
        indices: Which items; sorted here, so that the order of drawing does not matter.
    """

    def __init__(self, source: ImageSource, indices: Sequence[int]) -> None:
        self.name = source.name
        self.origin = source.origin
        self.skipped = source.skipped
        self.notes = source.notes
        self.mixture = source.mixture
        self.single = source.single
        self.is_folder = source.is_folder
        self._source = source
        self._indices = sorted(indices)
        self.items = [source.items[i] for i in self._indices]

    @property
    def whole(self) -> Sequence[Item]:
        """That of the source."""
        return self._source.whole

    def place(self, index: int) -> int:
        """By the source."""
        return self._source.place(self._indices[index])

    def read(self, index: int) -> Raw:
        """Reads item `index` of the subset."""
        return self._source.read(self._indices[index])

    def shard(self, index: int) -> int | None:
        """That of the whole source."""
        return self._source.shard(self._indices[index])

    def keep(self) -> None:
        """Keeps what the whole source learnt."""
        self._source.keep()

    def close(self) -> None:
        """Closes the source it was cut from."""
        self._source.close()


def seeded_subset(source: ImageSource, num_samples: int | None, seed: int) -> ImageSource:
    """Draws `num_samples` items without replacement; the whole source when None or when it has no more than that.

    The draw depends on (len(source), num_samples, seed) alone: numpy's PCG64 permutation, first n, then sorted.
    """
    if num_samples is None or num_samples >= len(source):
        return source
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(source))
    return Subset(source, [int(i) for i in order[:num_samples]])


def content_hash(digests: Sequence[bytes]) -> str:
    """sha256 over the sorted item digests: the same images under other names or in another order hash the same."""
    total = hashlib.sha256()
    for digest in sorted(digests):
        total.update(digest)
    return total.hexdigest()
