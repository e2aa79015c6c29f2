"""What is asked of a data set that another package adds."""

from collections.abc import Mapping

from ganeval.sources.datasets.table import DatasetInfo


def why_unusable(name: str, found: object, there: Mapping[str, DatasetInfo]) -> str:
    """Why an object cannot be used as a data set, "" where it can.

    Args:
        name: Of its entry point.
        found: The object.
        there: The data sets that are there already; the entry point's name is none of theirs.
    """
    del there
    if not isinstance(found, DatasetInfo):
        return f"it is a {type(found).__name__}, no DatasetInfo (ganeval.sources.datasets.table)"
    if found.name != name:
        return f"its declaration is called {found.name!r}"
    if found.default_split not in found.splits:
        return f"its default split {found.default_split!r} is none of its splits"
    return ""
