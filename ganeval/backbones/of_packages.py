"""What is asked of a backbone that another package adds."""

from collections.abc import Mapping

from ganeval.backbones.base import BackboneInfo


def why_unusable(name: str, found: object, there: Mapping[str, BackboneInfo]) -> str:
    """Why an object cannot be used as a backbone, "" where it can.

    Args:
        name: Of its entry point.
        found: The object.
        there: The backbones that are there already, by name.
    """
    if not isinstance(found, BackboneInfo):
        return f"it is a {type(found).__name__}, no BackboneInfo (ganeval.backbones.base)"
    if found.name != name:
        return f"its declaration is called {found.name!r}"
    if found.canonical:
        return "it says that the field publishes numbers with it, which ganeval states of its own alone"
    taken = {file: other for other, info in there.items() for file in _files(info)}
    if twice := sorted(_files(found) & taken.keys()):
        return f"its weights file {twice[0]!r} has the name of one of the backbone {taken[twice[0]]!r}"
    return ""


def _files(info: BackboneInfo) -> set[str]:
    return {file.name for file in (*([] if info.weights is None else [info.weights]), *info.heads)}
