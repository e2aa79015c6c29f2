"""ganeval scores generative image models: every number with its exact protocol."""

from ganeval._version import __version__

__all__ = ["__version__"]
