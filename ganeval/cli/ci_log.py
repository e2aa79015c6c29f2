"""The log of a CI obeys lines that it finds in it; text of strangers in there must stay text.

GitHub's runner takes a line that begins with `::` for a command (set a variable, stop masking a secret), and `##[` at
any place; Azure Pipelines takes `##vso[`, TeamCity `##teamcity[`. Names and notes are escaped where they are put into
messages (`ganeval.escaping.printable`); here the streams themselves are guarded, so that no message can forget it.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from typing import Any, Final, TextIO

from ganeval.escaping import inert_lines

_SERVERS: Final = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")


class Guarded:
    """A stream of text whose lines command no CI.

    Args:
        stream: Where the text goes.

    Attributes:
        commands: The stream itself, for commands that are meant as such.
    """

    def __init__(self, stream: TextIO) -> None:
        self.commands = stream
        self._begun = ""  # what the present line holds so far, as long as it is blank

    def write(self, text: str) -> int:
        """Writes text, escaped where a CI would obey it."""
        # Of a line that was written in parts, a blank beginning is looked at again together with what follows.
        whole = inert_lines(self._begun + text)[len(self._begun) :]
        last = (self._begun + text).replace("\r", "\n").rpartition("\n")[2]
        self._begun = last if not last.strip(" \t:") and last.count(":") < 2 else "-"
        self.commands.write(whole)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.commands, name)


@contextlib.contextmanager
def guarded_streams() -> Iterator[None]:
    """Guards stdout and stderr in a CI; a stream that goes into a file is data and stays as it is.

    Where a bug ends the block, stderr stays guarded: its traceback may quote anything.
    """
    before = sys.stdout, sys.stderr
    if any(os.environ.get(name) for name in _SERVERS):
        sys.stdout, sys.stderr = (_guard(stream) for stream in before)
    try:
        yield
    except SystemExit:
        sys.stdout, sys.stderr = before
        raise
    else:
        sys.stdout, sys.stderr = before


def _guard(stream: TextIO) -> Any:
    try:
        is_file = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):
        is_file = False
    return stream if is_file else Guarded(stream)


def for_commands(stream: object) -> Any:
    """The stream under its guard, for lines that a CI is to obey."""
    return stream.commands if isinstance(stream, Guarded) else stream
