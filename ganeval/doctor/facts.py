"""What one pass over a set measures of each image: file facts, value statistics, a thumbnail, traces of processing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from ganeval.doctor.thumbnails import Thumbnails, nearly_same
from ganeval.sources.base import Item
from ganeval.sources.groups import Mixture
from ganeval.sources.image_facts import ImageFacts

OWN_ROWS: Final = 5000  # a share of 1% is known to 0.14 points then

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SetFacts:
    """Facts that listing and decoding give anyway: the input of the cheap checks of `score`.

    Attributes:
        name: What the user typed.
        names: Item name of each image that could be decoded.
        digests: Of each: stored bytes in a score, pixels in doctor.
        facts: Size, format and decode notes of each.
        grey: True for each that has no colours, as far as known.
        qualities: JPEG quality of each, None for other formats; empty where headers were not looked at.
        bad: "name: reason" of images that cannot be decoded.
        left_out: Reason -> files that are no images of the set.
        mixture: Its groups, where it seems to hold several versions of each picture.
    """

    name: str
    names: tuple[str, ...]
    digests: tuple[bytes, ...]
    facts: tuple[ImageFacts, ...]
    grey: tuple[bool, ...]
    qualities: tuple[int | None, ...] = ()
    bad: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    mixture: Mixture | None = None

    @property
    def n(self) -> int:
        """Number of images that could be decoded."""
        return len(self.names)

    def stems(self, chosen: Sequence[int] | npt.NDArray[np.int64], most: int = 8) -> tuple[str, ...]:
        """Names without extension of some images, the first `most`."""
        return tuple(Item(self.names[int(i)]).stem for i in chosen[:most])


@dataclass(frozen=True)
class Traces:
    """What the pixels of one image say about how it was made.

    Attributes:
        grid: Excess of `grid.find_grid`, NaN if unknown.
        grid_quality: The JPEG quality that it found.
        detail: `sharpness.fine_detail`, dB, NaN if unknown.
        repeats: `sharpness.repeated_pixels`.
    """

    grid: float
    grid_quality: int | None
    detail: float
    repeats: int


@dataclass(frozen=True)
class Look:
    """One image.

    Attributes:
        digest: Of its pixels.
        facts: Size, format, notes.
        quality: Of a JPEG file.
        grey: No pixel has a colour.
        histogram: (3, 256) int32 counts of values by channel; freed once the set has its sums.
        thumbnail: (16, 16) float16 grey levels.
        traces: Traces of processing, if the image is in the closely examined subset.
    """

    digest: bytes
    facts: ImageFacts
    quality: int | None
    grey: bool
    histogram: npt.NDArray[np.int32]
    thumbnail: npt.NDArray[np.float16]
    traces: Traces | None


@dataclass(frozen=True)
class Values:
    """Statistics of pixel values of n images.

    Attributes:
        mean: (n, 3) mean of each channel, 0 to 255.
        sd: (n, 3) standard deviation of each channel.
        low: (n,) smallest value.
        high: (n,) largest value.
        at_low: (n,) share of values that are exactly 0.
        at_high: (n,) share of values that are exactly 255.
        histogram: (256,) counts over all images.
    """

    mean: Float64
    sd: Float64
    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    at_low: Float64
    at_high: Float64
    histogram: npt.NDArray[np.int64]

    @staticmethod
    def of(histograms: npt.NDArray[np.int32]) -> "Values":
        """From (n, 3, 256) counts."""
        levels = np.arange(256.0)
        counts = histograms.sum(axis=2).astype(np.float64)
        mean = histograms @ levels / counts
        sd = np.sqrt(np.maximum(histograms @ levels**2 / counts - mean**2, 0.0))
        whole = histograms.sum(axis=1, dtype=np.int64)
        present = whole > 0
        total = whole.sum(axis=1)
        return Values(
            mean,
            sd,
            present.argmax(axis=1),
            255 - present[:, ::-1].argmax(axis=1),
            whole[:, 0] / total,
            whole[:, 255] / total,
            whole.sum(axis=0),
        )

    @staticmethod
    def joined(parts: Sequence["Values"]) -> "Values":
        """One after the other; at least one."""
        return Values(
            np.concatenate([part.mean for part in parts]),
            np.concatenate([part.sd for part in parts]),
            np.concatenate([part.low for part in parts]),
            np.concatenate([part.high for part in parts]),
            np.concatenate([part.at_low for part in parts]),
            np.concatenate([part.at_high for part in parts]),
            np.sum([part.histogram for part in parts], axis=0),
        )


@dataclass(frozen=True)
class Looks:
    """A whole set.

    Attributes:
        facts: What listing and decoding know.
        values: Statistics of pixel values.
        small: (n, 16, 16) float16 thumbnails.
        traces: Image index -> traces, of a seeded subset.
    """

    facts: SetFacts
    values: Values
    small: npt.NDArray[np.float16]
    traces: Mapping[int, Traces]

    @property
    def n(self) -> int:
        """Number of images that could be decoded."""
        return self.facts.n

    @cached_property
    def thumbnails(self) -> Thumbnails:
        """Ready to compare."""
        return Thumbnails.of(self.small.astype(np.float32))

    @cached_property
    def twin_share(self) -> float:
        """Share of images that have a near-copy in the set, from at most OWN_ROWS of them against all."""
        chosen = np.sort(np.random.Generator(np.random.PCG64(0)).permutation(self.n)[:OWN_ROWS])
        return float((nearly_same(self.thumbnails.rows(chosen), self.thumbnails, chosen) >= 0).mean())

    @cached_property
    def traced(self) -> npt.NDArray[np.int64]:
        """Indices of the images with traces, ascending."""
        return np.asarray(sorted(self.traces), dtype=np.int64)

    @property
    def colourful(self) -> bool:
        """True where at least half of the images have colours."""
        return 2 * sum(self.facts.grey) <= self.n
