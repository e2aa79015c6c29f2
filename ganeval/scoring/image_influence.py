"""Which images raise a distance: each image's influence, most harmful first."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganeval.errors import DataError
from ganeval.metrics import METRICS
from ganeval.metrics.base import SetMetric
from ganeval.metrics.keys import Request
from ganeval.scoring.feature_pass import SourceSummary
from ganeval.sources.base import Item
from ganeval.summaries.base import SetSummary

if TYPE_CHECKING:
    import pandas as pd


def blame(
    fake: SourceSummary, real: Mapping[str, SetSummary], requests: Sequence[Request] | None = None
) -> "pd.DataFrame":
    """Influence of each generated image on distances to the reference.

    Divided by n, an influence is to first order what the distance would lose without that image; they sum to zero.

    Args:
        fake: Summary of the subject.
        real: Backbone name -> summary of the reference.
        requests: The requested metrics, in order; None for all that have influences, on every backbone.

    Returns:
        Columns `image` (the stem) and `<metric>@<backbone>` for each metric that has an influence and both sets' rows;
        sorted by the first of them, worst first.

    Raises:
        DataError: no metric of the run has influences.
    """
    if requests is None:
        asked = [(METRICS.get(metric), backbone) for backbone in fake.sets for metric in METRICS]
    else:
        asked = [(request.metric, request.backbone or "") for request in requests]
    columns: dict[str, np.ndarray] = {}
    for metric, backbone in asked:
        own, other = fake.sets.get(backbone), real.get(backbone)
        if not isinstance(metric, SetMetric) or metric.influences is None or own is None or other is None:
            continue
        if own.bank is None or (other.bank is None and "bank" in metric.needs):
            continue
        columns[f"{metric.name}@{backbone}"] = metric.influences(other, own, metric.params)[0]
    if not columns:
        raise DataError("--blame needs a set metric with a reference, such as fd or kd; none of this run has one.")
    import pandas as pd  # half a second that most scores can save

    table = pd.DataFrame({"image": [Item(image).stem for image in fake.names], **columns})
    return table.sort_values(next(iter(columns)), ascending=False, kind="stable", ignore_index=True)
