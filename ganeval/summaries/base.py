"""The bundle of summaries that one pass over a set of images leaves for one backbone."""

import functools
from dataclasses import dataclass, replace

from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.copies import distinct_rows
from ganeval.summaries.moments import Moments


@dataclass(frozen=True)
class SetSummary:
    """All that set metrics may ask of one set of images under one backbone.

    Attributes:
        moments: Count, mean and scatter of the features.
        bank: Every feature row by image index; None when only statistics are known (a peer's mu/sigma file).
        logits: Every logit row by image index; None for a backbone without classifier.
        labels: Class name of every image by index, where the source has classes.
        counted: False if the number of images behind the moments is unknown; their count is then only a large number.
        digests: sha256 of every image's stored content by index, where it is known.
    """

    moments: Moments
    bank: FeatureBank | None = None
    logits: FeatureBank | None = None
    labels: tuple[str, ...] | None = None
    counted: bool = True
    digests: tuple[bytes, ...] | None = None

    @functools.cached_property
    def distinct(self) -> int:
        """Number of distinct images: of distinct feature rows, or of distinct digests where there are no rows."""
        if self.bank is not None:
            return len(distinct_rows(self.bank.rows())[0])
        return self.moments.n if self.digests is None else len(set(self.digests))

    @functools.cached_property
    def canonical(self) -> "SetSummary":
        """The same images in the order of their digests (of equal ones, of their labels).

        Random splits and subsets are drawn by position. In this order they are the same for the same images, under
        any names. Without digests the order stays as it is.
        """
        if self.digests is None or self.bank is None:
            return self
        digests, labels = self.digests, self.labels
        order = sorted(range(len(digests)), key=lambda i: (digests[i], labels[i] if labels else ""))
        return replace(
            self,
            bank=self.bank.reordered(order),
            logits=None if self.logits is None else self.logits.reordered(order),
            labels=None if labels is None else tuple(labels[i] for i in order),
            digests=tuple(digests[i] for i in order),
        )
