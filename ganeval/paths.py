"""Where ganeval keeps files of its own: one cache folder, by the platform's rule, with one override."""

import os
import sys
from pathlib import Path


def cache_home() -> Path:
    """`$GANEVAL_CACHE`, else `ganeval` in the user's cache folder (`$XDG_CACHE_HOME`, `%LOCALAPPDATA%`, `~/.cache`)."""
    if own := os.environ.get("GANEVAL_CACHE"):
        return Path(own)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "ganeval"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "ganeval" / "Cache"
    return Path.home() / ".cache" / "ganeval"
