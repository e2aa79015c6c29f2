"""The images of each class of two labelled sets, for metrics that are computed class by class."""

from dataclasses import dataclass

import numpy as np

from ganeval.errors import DataError, TooFewSamplesError
from ganeval.metrics.uncertainty import join
from ganeval.summaries.base import SetSummary


@dataclass(frozen=True)
class ByClass:
    """Feature rows of the classes that both sets have.

    Attributes:
        rows: Label -> (rows of the reference, rows of the generated set), in the order of the labels.
        note: How many of the reference's classes these are, and what was left out.
    """

    rows: dict[str, tuple[np.ndarray, np.ndarray]]
    note: str


def by_class(name: str, real: SetSummary | None, fake: SetSummary, least: int) -> ByClass:
    """Splits two sets by their labels.

    Args:
        name: The metric, for messages.
        real: The reference, with feature rows and labels.
        fake: The generated set, with both.
        least: A class with fewer images in either set is left out.

    Raises:
        DataError: most generated images are of classes that the reference lacks: the names do not match.
        TooFewSamplesError: no class has enough images in both sets.
    """
    if real is None or real.bank is None or fake.bank is None or real.labels is None or fake.labels is None:
        raise ValueError(f"{name} needs feature rows and labels on both sides")
    real_rows, real_labels = real.bank.rows(), np.asarray(real.labels)
    fake_rows, fake_labels = fake.bank.rows(), np.asarray(fake.labels)
    known, made = set(real_labels.tolist()), set(fake_labels.tolist())
    strange = [label for label in fake_labels.tolist() if label not in known]
    if 2 * len(strange) > len(fake_labels):
        first = sorted(known)[:5]
        raise DataError(
            f"{name}: {len(strange)} of {len(fake_labels)} generated images are of classes that the reference "
            f"does not have ({sorted(set(strange))[:3]}); it has {first}{', ...' if len(known) > 5 else ''}. Name "
            "the classes alike on both sides, or drop the labels with --no-labels."
        )
    pairs = {
        label: (real_rows[real_labels == label], fake_rows[fake_labels == label]) for label in sorted(known & made)
    }
    enough = {label: pair for label, pair in pairs.items() if min(map(len, pair)) >= least}
    if not enough:
        raise TooFewSamplesError(
            f"{name} needs a class with at least {least} images on both sides; the reference has classes "
            f"{sorted(known)[:5]}, the generated set {sorted(made)[:5]}."
        )
    every = f" of {len(known)}" if len(enough) < len(known) else ""
    left = f"{len(strange)} of {len(fake_labels)} generated images are of other classes" if strange else ""
    return ByClass(enough, join(f"mean over {len(enough)}{every} classes", left))
