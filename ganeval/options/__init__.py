"""The options of a score: one table, from which command line, Python and settings file are made."""

from ganeval.options.table import ScoreOptions

__all__ = ["ScoreOptions"]
