"""What is asked of a metric that another package adds."""

from collections.abc import Mapping
from typing import get_args

from ganeval.metrics.base import Metric


def why_unusable(name: str, found: object, there: Mapping[str, Metric]) -> str:
    """Why an object cannot be used as a metric, "" where it can.

    Args:
        name: Of its entry point.
        found: The object.
        there: The metrics that are there already, by name.
    """
    if not isinstance(found, get_args(Metric)):
        return f"it is a {type(found).__name__}, no declaration of a metric (ganeval.metrics.base)"
    if found.name != name:
        return f"its declaration is called {found.name!r}"
    taken = {known: other for other, metric in there.items() for known in _names(metric)}
    if twice := sorted(_names(found) & taken.keys()):
        return f"{twice[0]!r}, which it prints or takes, is of the metric {taken[twice[0]]!r}"
    return ""


def _names(metric: Metric) -> set[str]:
    return {metric.name, *metric.aliases, *(output.name for output in metric.outputs)}
