"""Errors speak to Python as Python: what a message calls `--value-range` is the keyword `value_range=` there.

Messages are written once, for the command line; here, at the border of `ganeval.api`, options become keywords.
"""

import contextlib
import re
from collections.abc import Collection, Iterator
from typing import Final

from ganeval.errors import GanevalError

# An option, and what a message shows as its value: a placeholder (REF, Z), literals ("0..1 | -1..1", "cpu", 4095), or
# a text in quotes, maybe of one set ("'reference=*.png'").
_OPTION: Final = re.compile(
    r"--(?P<no>no-)?(?P<name>[a-z][a-z-]*[a-z])"
    r"(?: (?P<value>[A-Z]+(?:[=:][A-Z]+)?\b(?!\.\w)|(?:-?\d\.\.\d)(?: \| -?\d\.\.\d)*|\d+\b(?!\.\d)"
    r"|cpu\b|torch\b|skip\b|'(?:(?P<set>[a-z]+)=)?(?P<quoted>[^']*)'))?"
)
_COMMAND: Final = re.compile(r"(`[^`]*`)")  # what is to be typed in a shell stays as it is
_OTHER_NAMES: Final = {"num-samples": "n"}
_FLAGS: Final = {"labels": "labels=True", "follow-links": "follow_links=True"}
_ANYWHERE: Final = "follow-links-anywhere"


def in_python(text: str, keywords: Collection[str]) -> str:
    """A message with the options of the command line as keywords; options that are none of them stay.

    Args:
        text: As on the command line.
        keywords: Names that the called function takes.
    """

    def keyword(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if name == _ANYWHERE and "follow_links" in keywords:
            return "follow_links='anywhere'"
        named = _OTHER_NAMES.get(name, name.replace("-", "_"))
        if named not in keywords:
            return found[0]
        if found["no"]:
            return f"{named}=False" + (f" {value}" if value else "")
        if value is None:
            return _FLAGS.get(name, f"{named}=")
        if found["quoted"] is not None:
            quoted = f"'{found['quoted']}'"
            return f"{named}={{'{found['set']}': {quoted}}}" if found["set"] else f"{named}={quoted}"
        literals = (
            value if value.isupper() or value.isdecimal() else " or ".join(f"{each!r}" for each in value.split(" | "))
        )
        return f"{named}={literals}"

    parts = _COMMAND.split(text)
    return "".join(part if part.startswith("`") else _OPTION.sub(keyword, part) for part in parts)


@contextlib.contextmanager
def python_words(keywords: Collection[str]) -> Iterator[None]:
    """Errors from inside name keywords.

    Args:
        keywords: Names that the called function takes.
    """
    try:
        yield
    except GanevalError as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (in_python(error.args[0], keywords), *error.args[1:])
        raise
