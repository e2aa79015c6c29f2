"""ganeval scores generative image models: every number with its exact protocol."""

import importlib
from typing import TYPE_CHECKING, Any

from ganeval._version import __version__
from ganeval.former import present_name

if TYPE_CHECKING:
    from ganeval import errors, leaderboard
    from ganeval.api import Comparisons, Evaluator, GateReport, Scores, check, compare, score

__all__ = [
    "Comparisons",
    "Evaluator",
    "GateReport",
    "Scores",
    "__version__",
    "check",
    "compare",
    "errors",
    "leaderboard",
    "score",
]

# Imported when first asked for: `import ganeval` loads no torch.
_LAZY = {
    "Comparisons": "ganeval.api:Comparisons",
    "Evaluator": "ganeval.api:Evaluator",
    "GateReport": "ganeval.api:GateReport",
    "Scores": "ganeval.api:Scores",
    "check": "ganeval.api:check",
    "compare": "ganeval.api:compare",
    "errors": "ganeval.errors",
    "leaderboard": "ganeval.leaderboard",
    "score": "ganeval.api:score",
}


def __getattr__(name: str) -> Any:
    name = present_name(__name__, name)
    if name not in _LAZY:
        hint = "" if name.startswith("_") else importlib.import_module("ganeval.metrics.keys").as_call(name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    module, _, attribute = _LAZY[name].partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    """What can be asked for, for completion in a shell or a notebook."""
    return sorted({*globals(), *__all__})
