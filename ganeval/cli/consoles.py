"""Where commands print: one way to open a console, so that text of the user's stays text everywhere.

An output that cannot encode a character, as a terminal or a CI log in ASCII, gets a plain one and never an error.
"""

import codecs
import io
import os
import sys
from typing import IO

from rich.console import Console

PLAIN = {"↓": "v", "↑": "^", "→": "->", "±": "+-", "×": "x", "…": "...", "Δ": "d", "−": "-", "•": "*"}
"""Characters of our own words; others become backslash escapes, which JSON also reads."""
_HANDLER = "ganeval.plain"
PIPED_WIDTH = 1000  # characters: one line an entry, to be searched


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    escaped = (
        PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in error.object[error.start : error.end]
    )
    return "".join(escaped), error.end


codecs.register_error(_HANDLER, _plain)


def encodable(text: str, encoding: str) -> str:
    """The text as an output of this encoding can show it: é is e where there is no é."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        known = text if _fits("é", encoding) else text.replace("é", "e")
        return known.encode(encoding, _HANDLER).decode(encoding)
    return text


def _fits(character: str, encoding: str) -> bool:
    try:
        return bool(character.encode(encoding))
    except UnicodeEncodeError:
        return False


def print_what_can_be_encoded() -> None:
    """From here on stdout takes any character."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors=_HANDLER)


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is, or that COLUMNS names; None for a pipe or a file."""
    console = open_console()
    return console.width if console.is_terminal or "COLUMNS" in os.environ else None


def open_list_console() -> Console:
    """A console for tables of words: in a terminal cells are wrapped to its width, a pipe gets one line an entry."""
    console = open_console()
    if terminal_width() is None:
        console.width = PIPED_WIDTH
    return console


class _Console(Console):
    """A console that leaves a closed pipe (`ganeval list metrics | head`) to the root command, which exits with 0."""

    def on_broken_pipe(self) -> None:
        """In place of rich's exit with 1."""
        raise BrokenPipeError


def open_console(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    """A console that colours no numbers and replaces no `:train:` by a picture.

    Args:
        stderr: Prints there instead of stdout.
        file: Prints there instead.
    """
    return _Console(stderr=stderr, file=file, highlight=False, emoji=False)
