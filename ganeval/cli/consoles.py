"""Where commands print: one way to open a console, so that text of the user's stays text everywhere."""

from typing import IO

from rich.console import Console


def open_console(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    """A console that colours no numbers and replaces no `:train:` by a picture.

    Args:
        stderr: Prints there instead of stdout.
        file: Prints there instead.
    """
    return Console(stderr=stderr, file=file, highlight=False, emoji=False)
