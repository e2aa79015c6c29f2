"""What several trainings of one recipe differ by: the images that were drawn of each, and training itself."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ganeval.stats.counts import check_count


class Components(NamedTuple):
    """Standard deviations, in the unit of the values.

    Attributes:
        mean: Over the trainings.
        total: Of one training's value: what was seen.
        sampling: Of one training's value over draws of its images.
        training: What is left for training: the root of total^2 less sampling^2, 0 where sampling explains all.
    """

    mean: float
    total: float
    sampling: float
    training: float


def components(values: Sequence[float], errors: Sequence[float]) -> Components:
    """The two components by the method of moments (one-way random effects; Searle, Casella & McCulloch 1992, ch. 3).

    Args:
        values: One a training, two at least.
        errors: Standard error of each over its images.

    Raises:
        TooFewSamplesError: fewer than two values.
    """
    check_count("The spread of trainings", len(values), 2, "trainings")
    mean = math.fsum(values) / len(values)
    total = math.hypot(*(value - mean for value in values)) / math.sqrt(len(values) - 1)
    sampling = math.hypot(*errors) / math.sqrt(len(errors))
    training = math.sqrt(max(total - sampling, 0.0)) * math.sqrt(total + sampling)
    return Components(mean, total, sampling, training)
