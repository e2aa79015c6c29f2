"""Where progress and messages go: an interface, and the silent one for use as a library."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol as Interface


class Reporter(Interface):
    """Where progress goes; the command line draws a bar, the library is silent."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A piece of work of `total` steps; the callable takes the number of steps done."""
        ...

    def message(self, text: str) -> None:
        """One line that the user should read."""
        ...


class Silent:
    """A reporter that says nothing."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Ignores progress."""
        del title, total
        return contextlib.nullcontext(lambda _: None)

    def message(self, text: str) -> None:
        """Ignores the message."""
        del text
