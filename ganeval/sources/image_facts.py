"""What decoding found out about one image: size, format, notes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageFacts:
    """What decoding said about one image; kept with its features so that a cached run can still report it.

    Attributes:
        height: In pixels.
        width: In pixels.
        format: Of the file, or "array", "generated".
        notes: Of the decode policy, sorted.
        peak: As in `Decoded`.
    """

    height: int
    width: int
    format: str
    notes: tuple[str, ...]
    peak: int | None = None
