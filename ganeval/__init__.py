"""ganeval scores generative image models: every number with its exact protocol."""

import importlib
from typing import TYPE_CHECKING, Any

from ganeval._version import __version__

if TYPE_CHECKING:
    from ganeval import leaderboard
    from ganeval.api import Evaluator, check, compare, score

__all__ = ["Evaluator", "__version__", "check", "compare", "leaderboard", "score"]

# Imported when first asked for: `import ganeval` loads no torch.
_LAZY = {
    "Evaluator": "ganeval.api:Evaluator",
    "check": "ganeval.api:check",
    "compare": "ganeval.api:compare",
    "leaderboard": "ganeval.leaderboard",
    "score": "ganeval.api:score",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found
