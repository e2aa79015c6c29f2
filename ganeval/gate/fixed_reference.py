"""Standard errors with the reference held fixed: what a gate needs, because both of its sides share the reference.

The standard error of a row counts the reference as a random sample. In a difference of two rows against one reference
that part all but cancels, and adding it twice made the standard error of a kd difference 1.45 times too large (digits,
n = 599, 30 draws: spread of the difference .00089, this .00089, both parts .0013). A baseline and its candidate have
the same reference, image for image, or else another fingerprint: so the gate asks whether the candidate is worse
against this very reference, and the generated images alone are random.
"""

import dataclasses
import math
from collections.abc import Mapping

from ganeval.errors import DataError
from ganeval.gate.evidence import CAUTIOUS, DEGREES, GIVEN, SKEWNESS
from ganeval.metrics.base import SetMetric, too_many_copies
from ganeval.metrics.keys import declared
from ganeval.results.result import Result
from ganeval.scoring.evaluator import ScoreOutcome
from ganeval.stats.influence import SamplingError, sampling_error
from ganeval.summaries.base import SetSummary

Errors = Mapping[str, SamplingError]


def with_given_reference(outcome: ScoreOutcome) -> list[Result]:
    """The rows of a score, with this standard error, its slope with the value and its degrees in their provenance.

    A row stays as it is if the features are gone (a run without a cache), or if its metric declares neither influences
    nor `given_reference`.
    """
    known: dict[tuple[str, str], Errors] = {}
    return [_with(row, outcome, known) for row in outcome.results]


def _with(row: Result, outcome: ScoreOutcome, known: dict[tuple[str, str], Errors]) -> Result:
    """A row with its error; `known` holds those of metrics and networks that were met before."""
    protocol, summary, real = row.protocol, outcome.summary, outcome.real
    if protocol is None or protocol.backbone is None or summary is None or real is None:
        return row
    if protocol.backbone not in summary.sets or protocol.backbone not in real.sets:
        return row
    metric, output = declared(protocol.metric) or (None, None)
    if not isinstance(metric, SetMetric) or output is None or row.value is None:
        return row
    if metric.influences is not None and row.stderr is None:
        return row
    key = metric.name, protocol.backbone
    if key not in known:
        try:
            known[key] = errors_given_reference(metric, real.sets[key[1]], summary.sets[key[1]])
        except DataError:
            known[key] = {}
    error = known[key].get(output.name)
    return row if error is None else dataclasses.replace(row, provenance={**row.provenance, **stored(error)})


def stored(error: SamplingError) -> dict[str, float | bool]:
    """An error as rows hold it."""
    degrees = {} if math.isinf(error.degrees) else {DEGREES: error.degrees}
    cautious = {CAUTIOUS: True} if error.cautious else {}
    return {GIVEN: error.stderr, SKEWNESS: error.skewness, **degrees, **cautious}


def errors_given_reference(metric: SetMetric, real: SetSummary, fake: SetSummary) -> Errors:
    """Output -> error over the generated images alone; {} for a metric without a formula or images that are copies.

    From the influence of each generated image, where the metric has one, else by the metric's own formula.

    Args:
        metric: Its declaration.
        real: The reference.
        fake: The generated set.

    Raises:
        DataError: feature rows that are needed are not there any more.
    """
    if too_many_copies([("generated", fake)]):
        return {}
    if metric.influences is not None:
        influences = metric.influences(real, fake, metric.params)[0]
        second = metric.second_influence
        slope = 0.0 if second is None else second(real, fake, influences, metric.params)
        return {metric.outputs[0].name: sampling_error(influences, slope)}
    if metric.given_reference is not None:
        return metric.given_reference(real.canonical, fake.canonical, metric.params)
    return {}
