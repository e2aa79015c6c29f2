"""What tells a set of images from another one without reading it whole: count, names, classes, the bytes of a few."""

import hashlib
from dataclasses import dataclass
from typing import Final

from ganeval.errors import DataError
from ganeval.generators.source import GeneratorSource
from ganeval.sources.base import ImageSource

PROBES: Final = 16  # images whose bytes are looked at, spread over the set


@dataclass(frozen=True)
class Listing:
    """A set of images as several processes or machines compare it.

    Attributes:
        images: How many there are.
        first: Name of the first.
        last: Name of the last.
        names_sha256: Hash of all names and classes in their order.
        bytes_sha256: Hash of the stored content of a few images.
    """

    images: int
    first: str
    last: str
    names_sha256: str
    bytes_sha256: str

    def __str__(self) -> str:
        return (
            f"{self.images} images from {self.first} to {self.last}, names {self.names_sha256[:8]}, bytes "
            f"{self.bytes_sha256[:8]}"
        )


def list_source(source: ImageSource) -> Listing:
    """The listing of a source; an image that cannot be read is left to the pass over all of them."""
    n = len(source)
    names, seen = hashlib.sha256(), hashlib.sha256()
    for item in source.items:
        names.update(f"{item.name}\0{item.label or ''}\0".encode())
    # A generator draws whole blocks: of its first image alone, which the first process draws anyway.
    spread = sorted({i * (n - 1) // (PROBES - 1) for i in range(PROBES)})
    for index in [0] if isinstance(source, GeneratorSource) else spread:
        try:
            seen.update(source.read(index).digest if n else b"")
        except DataError as error:
            seen.update(str(error).encode())
    first, last = (source.items[0].name, source.items[-1].name) if n else ("none", "none")
    return Listing(n, first, last, names.hexdigest(), seen.hexdigest())
