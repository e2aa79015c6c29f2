"""Same weights, new code: are the images themselves still the same? Byte for byte, or else by how many grey levels."""

from dataclasses import dataclass

import numpy as np

from ganeval.sources.base import ImageSource, content_hash

DECODED = 256  # differing images whose pixels are looked at; the bytes of all are
FEW = 3  # images with a neighbour to compare with, below which nothing is said of chance
# Of images of the same weights under new code, that have to be nearer to their namesake than to the next image: all but
# a few. Unrelated sets have half; two models given the same latents or classes, something between.
NEARER = 0.9


@dataclass(frozen=True)
class Outputs:
    """How two sets of images differ, image by image of the same stem.

    Attributes:
        n: Images a side.
        differing: Pairs whose bytes differ; None where the stems are not the same, so that nothing can be paired.
        largest: Largest difference of a pixel value among the pairs looked at, 0..255; None where sizes differ.
        mean: Mean absolute difference of pixel values among them.
        baseline_sha256: Content hash of the baseline's images.
        candidate_sha256: Content hash of the candidate's.
        nearer: Of how many images the one of the same stem is nearer than the next one, out of how many; (0, 0) where
            sizes differ. Two unrelated sets whose files are both called 000 to 999 have half.
    """

    n: int
    differing: int | None
    largest: int | None
    mean: float | None
    baseline_sha256: str
    candidate_sha256: str
    nearer: tuple[int, int] = (0, 0)

    @property
    def related(self) -> bool:
        """False if fewer than nine in ten images are nearer to the one of the same stem than to the next one."""
        wins, looked = self.nearer
        if self.differing is None or self.differing < self.n or looked < FEW:
            return True
        return wins >= NEARER * looked

    @property
    def same(self) -> bool:
        """True where every pair is the same byte for byte."""
        return self.differing == 0

    @property
    def said(self) -> str:
        """One line for people."""
        if self.differing is None:
            return "the two sides have other names, so images are not paired"
        if self.same:
            return f"all {self.n} images are the same, byte for byte"
        head = f"{self.differing} of {self.n} images differ"
        if not self.related:
            wins, looked = self.nearer
            return f"{head}: other pictures, {wins} of {looked} nearer to the one of the same name than to the next"
        if self.largest is None or self.mean is None:
            return f"{head}, some in size"
        return f"{head}, by at most {self.largest} of 255 (mean {self.mean:.3g})"


def compare_outputs(baseline: ImageSource, candidate: ImageSource) -> Outputs:
    """Reads both sides once.

    Args:
        baseline: Old images, or a generator with its latents.
        candidate: New ones.

    Raises:
        BadImageError: an image cannot be read or decoded.
    """
    theirs = {item.stem: index for index, item in enumerate(baseline.items)}
    pairs = [(theirs.get(item.stem), index) for index, item in enumerate(candidate.items)]
    paired = len(theirs) == len(pairs) == len(baseline) and all(there is not None for there, _ in pairs)
    digests: tuple[list[bytes], list[bytes]] = ([], [])
    if not paired:
        for source, found in zip((baseline, candidate), digests, strict=True):
            found += [source.read(index).digest for index in range(len(source))]
        return Outputs(len(candidate), None, None, None, content_hash(digests[0]), content_hash(digests[1]))
    differing, looked, largest, total, sizes = 0, 0, 0, 0.0, True
    wins, tried, before = 0, 0, None
    step = max(1, len(pairs) // DECODED)
    for there, here in pairs:
        a, b = baseline.read(there or 0), candidate.read(here)
        digests[0].append(a.digest)
        digests[1].append(b.digest)
        if a.digest == b.digest:
            continue
        differing += 1
        if differing % step and looked:
            continue
        old, new = a.decode().pixels, b.decode().pixels
        if old.shape != new.shape:
            sizes = False
            continue
        gap = np.abs(old.astype(np.int16) - new.astype(np.int16))
        largest, total, looked = max(largest, int(gap.max())), total + float(gap.mean()), looked + 1
        if before is not None and before.shape == new.shape:
            other = float(np.abs(before.astype(np.int16) - new.astype(np.int16)).mean())
            wins, tried = wins + (float(gap.mean()) < other), tried + 1
        before = old
    hashes = content_hash(digests[0]), content_hash(digests[1])
    if not sizes or not looked:
        return Outputs(len(pairs), differing, None, None, *hashes)
    return Outputs(len(pairs), differing, largest, total / looked, *hashes, (wins, tried))
