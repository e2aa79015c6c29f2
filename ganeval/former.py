"""Former names: each works until the next minor version, and warns with the present one.

To rename something, rename it and add a line here, which goes with the next minor version. What is promised is in
docs/api.md, under "What is kept".
"""

import warnings
from typing import Final

NAMES: Final[dict[str, str]] = {}
"""Former name of something public -> its present name in the same module, as in "ganeval.grade": "score"."""

OPTIONS: Final[dict[str, str]] = {}
"""Former name of an option -> its present name in the table of options: on the command line, in Python, in settings."""


def present_name(module: str, name: str) -> str:
    """The present name of something public; a former one warns.

    Args:
        module: Where it is looked up.
        name: As it was asked for.
    """
    now = NAMES.get(f"{module}.{name}")
    if now is None:
        return name
    warnings.warn(told(f"{module}.{name}", f"{module}.{now}"), DeprecationWarning, stacklevel=3)
    return now


def told(former: str, now: str) -> str:
    """The words of a warning."""
    return f"{former} is deprecated and goes with the next minor version. Use {now}."
