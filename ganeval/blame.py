"""Which images raise a distance: each image's influence, most harmful first."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ganeval.engine import SourceSummary
from ganeval.errors import DataError
from ganeval.metrics.frechet import frechet_influences
from ganeval.metrics.kernel import cubic_kernel, kernel_sums
from ganeval.sources.base import Item
from ganeval.summaries.base import SetSummary

if TYPE_CHECKING:
    import pandas as pd


def blame(fake: SourceSummary, real: Mapping[str, SetSummary]) -> "pd.DataFrame":
    """Influence of each generated image on fd and kd, on every backbone that both sides have.

    Divided by n, an influence is to first order what the distance would lose without that image; they sum to zero.

    Args:
        fake: What the pass over the subject left.
        real: Backbone name -> summary of the reference.

    Returns:
        Columns `image` (the stem), `fd@<backbone>`, `kd@<backbone>`; sorted by the first distance, worst first.

    Raises:
        DataError: no backbone is on both sides with feature rows.
    """
    columns: dict[str, np.ndarray] = {}
    for name, summary in fake.sets.items():
        other = real.get(name)
        if other is None or summary.bank is None:
            continue
        columns[f"fd@{name}"] = frechet_influences(other, summary)[0]
        if other.bank is not None:
            sums = kernel_sums(other.bank.rows(), summary.bank.rows(), cubic_kernel)
            columns[f"kd@{name}"] = sums.fake_influence()
    if not columns:
        raise DataError("--blame needs a set metric with a reference, such as fd or kd; none of this run has one.")
    import pandas as pd  # half a second that most scores need not pay

    table = pd.DataFrame({"image": [Item(image).stem for image in fake.names], **columns})
    return table.sort_values(next(iter(columns)), ascending=False, kind="stable", ignore_index=True)
