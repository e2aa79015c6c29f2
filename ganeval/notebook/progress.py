"""Progress in a notebook: a bar under the cell, in place of the silence of a program."""

import contextlib
import html
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from ganeval.escaping import printable
from ganeval.progress import Reporter, Silent

EVERY = 0.2  # seconds between two updates of a bar
SHELL = "ZMQInteractiveShell"  # of Jupyter, VS Code and Colab; a terminal's IPython has another one


class NotebookReporter:
    """Draws stages as bars under the cell, which disappear when done, and prints messages to stderr.

    Args:
        display: IPython's `display`.
        page: IPython's `HTML`.
    """

    def __init__(self, display: Callable[..., Any], page: Callable[[str], Any]) -> None:
        self._display = display
        self._page = page

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar of `total` steps."""
        done, shown = 0, time.monotonic()
        handle = self._display(self._bar(title, 0, total), display_id=True)

        def advance(steps: int) -> None:
            nonlocal done, shown
            done += steps
            if time.monotonic() - shown >= EVERY:
                shown = time.monotonic()
                handle.update(self._bar(title, done, total))

        try:
            yield advance
        finally:
            handle.update(self._page(""))

    def message(self, text: str) -> None:
        """One line."""
        sys.stderr.write(f"{printable(text)}\n")

    def _bar(self, title: str, done: int, total: int) -> Any:
        bar = f'<progress value="{done}" max="{max(total, 1)}"></progress>'
        return self._page(f"<div>{html.escape(printable(title))} {bar} {done}/{total}</div>")


def default_reporter() -> Reporter:
    """A bar under the cell in a notebook, elsewhere nothing; IPython is asked only where something else loaded it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if type(shell).__name__ != SHELL:
        return Silent()
    shown = importlib.import_module("IPython.display")
    return NotebookReporter(shown.display, shown.HTML)
