"""The pass over a set of images: each is decoded once, failures are counted, and only numbers are kept."""

import contextlib
import itertools
from collections.abc import Mapping
from typing import Final

import numpy as np

from ganeval.doctor.facts import Look, Looks, SetFacts, Traces, Values
from ganeval.doctor.grid import find_grid
from ganeval.doctor.jpeg_quality import jpeg_quality
from ganeval.doctor.sharpness import fine_detail, repeated_pixels
from ganeval.doctor.thumbnails import thumbnail
from ganeval.errors import BadImageError, DataError
from ganeval.formatting import counted
from ganeval.progress import Reporter
from ganeval.sources.arrays import pixels_digest
from ganeval.sources.base import ImageSource, Pixels
from ganeval.sources.decoding_differences import facts_of
from ganeval.sources.read_ahead import read_ahead

TRACED: Final = 256  # images whose pixels are looked at closely: a share of one half is known to 6 points then
TRACED_SEED: Final = 0
GREY_SPREAD: Final = 2  # grey levels between channels that rounding in a colour JPEG of a grey picture leaves
_BLOCK: Final = 512  # images whose histograms are held at a time: 1.5 MB

# ITU-R BT.601: luma of R'G'B'.
LUMA: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def look_at(source: ImageSource, reporter: Reporter) -> Looks:
    """Looks at every image of a source.

    Args:
        source: The images; those that cannot be decoded are counted and left out.
        reporter: Where progress goes.

    Raises:
        DataError: no image can be decoded.
    """
    n = len(source)
    closely = set(np.random.Generator(np.random.PCG64(TRACED_SEED)).permutation(n)[:TRACED].tolist())
    names: list[str] = []
    bad: list[str] = []
    looks: list[Look] = []
    values: list[Values] = []
    ahead = read_ahead(
        lambda i: _look(source, i, i in closely), n, ahead=_BLOCK, pixels=lambda _: 0, limit=0
    )  # a look holds no pixels
    with reporter.stage(source.name, n) as advance, contextlib.closing(ahead):
        for start in range(0, n, _BLOCK):
            found: list[Look] = []
            for index, look in enumerate(itertools.islice(ahead, _BLOCK), start):
                if isinstance(look, BadImageError):
                    bad.append(f"{source.items[index].stem}: {look}")
                else:
                    names.append(source.items[index].name)
                    found.append(look)
                advance(1)
            if found:
                values.append(Values.of(np.stack([look.histogram for look in found])))
            looks += [_without_histogram(look) for look in found]
    if not values:
        raise DataError(f"No image of {source.name} can be decoded ({counted(n, 'image')}); first: {bad[0]}")
    skipped: object = getattr(source, "skipped", {})
    facts = SetFacts(
        name=source.name,
        names=tuple(names),
        digests=tuple(look.digest for look in looks),
        facts=tuple(look.facts for look in looks),
        grey=tuple(look.grey for look in looks),
        qualities=tuple(look.quality for look in looks),
        bad=tuple(bad),
        left_out=dict(skipped) if isinstance(skipped, Mapping) else {},
        mixture=source.mixture,
    )
    traces = {i: look.traces for i, look in enumerate(looks) if look.traces is not None}
    return Looks(facts, Values.joined(values), np.stack([look.thumbnail for look in looks]), traces)


def _look(source: ImageSource, index: int, closely: bool) -> Look | BadImageError:
    """One image, in a worker thread."""
    try:
        raw = source.read(index)
        decoded = raw.decode()
    except BadImageError as error:
        return error
    pixels = decoded.pixels
    luma = np.tensordot(LUMA, pixels.astype(np.float32), axes=1)
    spread = pixels.max(axis=0).astype(np.int16) - pixels.min(axis=0)
    return Look(
        digest=pixels_digest(pixels),
        facts=facts_of(raw, decoded),
        quality=None if raw.stored is None else jpeg_quality(raw.stored),
        grey=bool(spread.max() <= GREY_SPREAD),
        histogram=np.stack([np.bincount(channel.reshape(-1), minlength=256) for channel in pixels]).astype(np.int32),
        thumbnail=thumbnail(luma).astype(np.float16),
        traces=_traces(pixels, luma) if closely else None,
    )


def _traces(pixels: Pixels, luma: np.ndarray) -> Traces:
    grid = find_grid(luma)
    if grid is None:
        return Traces(float("nan"), None, fine_detail(luma), repeated_pixels(pixels))
    return Traces(grid.excess, grid.quality, fine_detail(luma), repeated_pixels(pixels))


def _without_histogram(look: Look) -> Look:
    """The same without its histogram, which takes 3 KiB."""
    return Look(look.digest, look.facts, look.quality, look.grey, _EMPTY, look.thumbnail, look.traces)


_EMPTY: Final = np.empty(0, dtype=np.int32)
