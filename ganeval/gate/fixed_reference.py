"""Standard errors with the reference held fixed: what a gate needs, because both of its sides share the reference.

The standard error of a row counts the reference as a random sample. In a difference of two rows against one reference
that part all but cancels, and adding it twice made the standard error of a kd difference 1.45 times too large (digits,
n = 599, 30 draws: spread of the difference .00089, this .00089, both parts .0013). A baseline and its candidate have
the same reference, image for image, or else another fingerprint: so the gate asks whether the candidate is worse
against this very reference, and the generated images alone are random.
"""

import dataclasses

from ganeval.errors import DataError
from ganeval.gate.evidence import GIVEN, SKEWNESS
from ganeval.metrics.base import SetMetric, too_many_copies
from ganeval.metrics.keys import declared
from ganeval.results.result import Result
from ganeval.scoring.evaluator import ScoreOutcome
from ganeval.stats.influence import SamplingError, sampling_error
from ganeval.summaries.base import SetSummary


def with_given_reference(outcome: ScoreOutcome) -> list[Result]:
    """The rows of a score, with this standard error and its slope with the value in their provenance.

    A row stays as it is if the features are gone (a run without a cache), or if its metric declares neither influences
    nor `given_reference`.
    """
    return [_with(row, outcome) for row in outcome.results]


def _with(row: Result, outcome: ScoreOutcome) -> Result:
    protocol, summary, real = row.protocol, outcome.summary, outcome.real
    if protocol is None or protocol.backbone is None or summary is None or real is None:
        return row
    if protocol.backbone not in summary.sets or protocol.backbone not in real.sets:
        return row
    try:
        error = error_given_reference(row, real.sets[protocol.backbone], summary.sets[protocol.backbone])
    except DataError:
        return row
    if error is None:
        return row
    known = {GIVEN: error.stderr, SKEWNESS: error.skewness}
    return dataclasses.replace(row, provenance={**row.provenance, **known})


def error_given_reference(row: Result, real: SetSummary, fake: SetSummary) -> SamplingError | None:
    """Error over the generated images alone, None for a metric without a formula or images that are copies.

    From the influence of each generated image, where the metric has one, else by its output's own formula.

    Args:
        row: Of any metric.
        real: The reference.
        fake: The generated set.

    Raises:
        DataError: feature rows that are needed are not there any more.
    """
    if too_many_copies([("generated", fake)]):
        return None
    metric, output = (None if row.protocol is None else declared(row.protocol.metric)) or (None, None)
    if row.stderr is not None and isinstance(metric, SetMetric) and metric.influences is not None:
        influences = metric.influences(real, fake, metric.params)[0]
        known = metric.second_influence
        return sampling_error(influences, 0.0 if known is None else known(real, fake, influences, metric.params))
    if output is not None and output.given_reference is not None and row.value is not None:
        return output.given_reference(real, fake, metric.params if isinstance(metric, SetMetric) else {})
    return None
