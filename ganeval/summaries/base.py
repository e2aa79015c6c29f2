"""The bundle of summaries that one pass over a set of images leaves for one backbone."""

from dataclasses import dataclass

from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.moments import Moments


@dataclass(frozen=True)
class SetSummary:
    """All that set metrics may ask of one set of images under one backbone.

    Attributes:
        moments: Count, mean and scatter of the features.
        bank: Every feature row by image index; None when only statistics are known (a peer's mu/sigma file).
        logits: Every logit row by image index; None for a backbone without classifier.
        labels: Class name of every image by index, where the source has classes.
        counted: False where nobody knows how many images the moments are of; their count is then only a large number.
    """

    moments: Moments
    bank: FeatureBank | None = None
    logits: FeatureBank | None = None
    labels: tuple[str, ...] | None = None
    counted: bool = True
